/* SPDX-License-Identifier: MIT
 *
 * Guests killed with SIGKILL at random points of their lives while others work. VFP_KILLS says how many (default 200),
 * VFP_SEED where the random numbers begin. What is left over at the end must be what was there after the first few.
 */
#include "raw_guest.h"

#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE   4u
#define WARM_UP   40u
#define HEAP_PLUS (256u * 1024) /* what the C library may keep for its caches, however many die */
#define POOL      32u           /* system worker threads of the partition, which come when they are needed */

static unsigned entries(const char *path)
{
    DIR *directory = opendir(path);
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static unsigned long option(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return *random >> 8;
}

/* All of a guest's life, over and over: it is killed somewhere in it. */
static _Noreturn void live(int socket)
{
    struct raw_guest raw = {0};
    if (vmbus_guest_connect(socket, &raw.guest))
        _exit(1);
    vpci_window_guest_init(&raw.window, vmbus_guest_window(raw.guest));
    for (;;) {
        if (vmbus_guest_open(raw.guest, 5, 5))
            _exit(1);
        raw.queued = 0;
        raw_up(&raw);
        raw_config_write(&raw, 0x10, 4, 0x4000);
        raw_config_write(&raw, 0x14, 4, 0x20);
        for (unsigned i = 0; i < 10; i++) {
            struct vpci_create_interrupt create = {.type = VPCI_CREATE_INTERRUPT,
                                                   .interrupt = {.vector = 0x30, .vector_count = 1, .cpu_mask = 1}};
            raw_request(&raw, &create, sizeof create, NULL);
            raw_config_write(&raw, 0x04, 2, i % 2 ? 6 : 4);
            raw_block_write(&raw, 1, "0123456789", 10);
            raw_block_read(&raw, 1, 128, NULL);
            raw.queued = 0;
        }
        raw_d0_exit(&raw);
        vmbus_guest_close(raw.guest);
    }
}

struct victim {
    struct raw_guest *raw;
    pid_t pid;
};

static struct victim start(struct raw_host *host, uint32_t relid)
{
    struct victim victim;
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    victim.pid = fork();
    assert_true(victim.pid >= 0);
    if (victim.pid == 0) {
        close(sockets[0]);
        live(sockets[1]);
    }
    close(sockets[1]);
    victim.raw = raw_guest_on(host, relid, sockets[0]);
    return victim;
}

static void kill_one(struct victim *victim)
{
    int status;
    assert_int_equal(kill(victim->pid, SIGKILL), 0);
    assert_int_equal(waitpid(victim->pid, &status, 0), victim->pid);
    assert_true(WIFSIGNALED(status)); /* not ended by itself: what it saw was sound until then */
    raw_wait_ended(victim->raw);
    assert_int_equal(victim->raw->bars_mapped_at_end, 0);
    raw_guest_destroy(victim->raw);
    victim->raw = NULL;
}

struct left {
    unsigned files, threads, shared; /* shared: mappings of memory that a guest has too */
    size_t heap;
};

static unsigned shared_mappings(void)
{
    char line[512];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        count += strstr(line, "/memfd:") != NULL;
    fclose(maps);
    return count;
}

static struct left count_left(void)
{
    return (struct left){entries("/proc/self/fd"), entries("/proc/self/task"), shared_mappings(), mallinfo2().uordblks};
}

/* `kills` guests, some at a time; all are dead afterwards. */
static void kill_many(struct raw_pair *f, unsigned long kills, uint32_t *random)
{
    struct victim victims[AT_ONCE];
    for (unsigned i = 0; i < AT_ONCE; i++)
        victims[i] = start(f->host, 3 + i);
    for (unsigned long killed = AT_ONCE; killed < kills; killed++) {
        unsigned which = next_random(random) % AT_ONCE, us = next_random(random) % 3000;
        fake_pf_invalidate(f->host->pf, vstack_vf_id(victims[which].raw->vf), 1ull << (*random & 63));
        nanosleep(&(struct timespec){.tv_nsec = us * 1000l}, NULL);
        kill_one(&victims[which]);
        if (killed % 16 == 0)
            assert_true(raw_alive(f->second) && raw_alive(f->guest));
        victims[which] = start(f->host, 3 + which);
    }
    for (unsigned i = 0; i < AT_ONCE; i++)
        kill_one(&victims[i]);
}

static void guests_killed_at_random_points_leave_nothing(void **state)
{
    struct raw_pair *f = *state;
    unsigned long kills = option("VFP_KILLS", 200);
    uint32_t seed = (uint32_t)option("VFP_SEED", 1), random = seed;
    struct left first, now;
    assert_true(kills >= 2 * WARM_UP);
    kill_many(f, WARM_UP, &random);
    first = count_left();
    kill_many(f, kills - WARM_UP, &random);
    now = count_left();
    print_message("# VFP_SEED=%u: after %u and after %lu killed: %u and %u files, %u and %u shared mappings, "
                  "%u and %u threads, %zu and %zu bytes of heap\n",
                  seed, WARM_UP, kills, first.files, now.files, first.shared, now.shared, first.threads, now.threads,
                  first.heap, now.heap);
    assert_int_equal(now.files, first.files);
    assert_int_equal(now.shared, first.shared);
    assert_true(now.threads <= first.threads + POOL);
    assert_true(now.heap <= first.heap + HEAP_PLUS);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no process is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(guests_killed_at_random_points_leave_nothing, raw_pair_set_up_d0,
                                        raw_pair_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
