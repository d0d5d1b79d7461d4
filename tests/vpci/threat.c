/* SPDX-License-Identifier: MIT */
#include "threat.h"

#include <dirent.h>
#include <unistd.h>

#define TURNS       4u
#define ROWS_MAX    64u
#define PATIENCE_US 10000000u

/* ---- memory: blocks that are allocated now, counted by --wrap ----------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static _Atomic long blocks;

static void *counted(void *block)
{
    blocks += block != NULL;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    return block ? __real_realloc(block, size) : counted(__real_malloc(size));
}

void __wrap_free(void *block)
{
    blocks -= block != NULL;
    __real_free(block);
}

/* ---- what the host has -------------------------------------------------------------------------------------- */

struct belongings {
    unsigned files, threads;
    long blocks;
};

static unsigned entries(const char *path)
{
    DIR *directory = opendir(path);
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static struct belongings count_all(void)
{
    return (struct belongings){entries("/proc/self/fd"), entries("/proc/self/task"), blocks};
}

/* The PF driver's work items and ended threads take their time; what is left for good is a leak. */
static void assert_no_more_than(struct belongings first)
{
    struct belongings now = count_all();
    for (unsigned waited = 0; waited < PATIENCE_US; waited += 1000) {
        if (now.files <= first.files && now.threads <= first.threads && now.blocks <= first.blocks)
            return;
        usleep(1000);
        now = count_all();
    }
    fail_msg("left: %d files, %d threads, %ld blocks of memory", (int)(now.files - first.files),
             (int)(now.threads - first.threads), now.blocks - first.blocks);
}

static void threat_turn(struct raw_host *host, const struct threat *threat)
{
    struct raw_guest *guest = raw_guest_open(host, 3);
    if (threat->end != THREAT_BARE)
        raw_up(guest);
    threat->attack(guest);
    if (threat->end == THREAT_ENDS) {
        raw_wait_ended(guest);
        assert_false(guest->orderly);
        assert_int_equal(guest->bars_mapped_at_end, 0);
    } else {
        assert_int_equal(raw_ended(guest), 0);
        assert_true(raw_alive(guest));
    }
    raw_guest_destroy(guest);
}

static void run_threat(void **state)
{
    const struct threat *threat = *state;
    struct belongings first = {0};
    struct raw_host *host = raw_host_create(&fake_82576);
    struct raw_guest *other = raw_guest_open(host, 2);
    raw_up(other);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        threat_turn(host, threat);
        assert_true(raw_alive(other));
        if (!turn)
            first = count_all(); /* what is made once and kept is there now */
        assert_no_more_than(first);
    }
    raw_guest_destroy(other);
    raw_host_destroy(host);
}

int threats_run(const struct threat *rows, size_t count)
{
    static struct CMUnitTest tests[ROWS_MAX];
    assert_true(count <= ROWS_MAX);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){
            .name = rows[i].row, .test_func = run_threat, .initial_state = (void *)(uintptr_t)&rows[i]};
    return _cmocka_run_group_tests("threats", tests, count, NULL, NULL);
}

void threat_message(struct raw_guest *guest, uint32_t status, const uint32_t *dwords, uint32_t length)
{
    uint32_t answered = raw_request(guest, dwords, length, NULL);
    if (answered != status)
        fail_msg("%08x, not %08x", answered, status);
    raw_post(guest, dwords, length); /* not flagged: the same, and nothing is sent */
}
