/* SPDX-License-Identifier: MIT
 *
 * Many guests and several adapters on one VSP: few threads serve them all, and a PF driver that does not return keeps
 * nobody waiting but its own guests.
 */
#include "raw_guest.h"

#include <dirent.h>
#include <sched.h>

#define GUESTS  256u
#define WORKERS 2u

static unsigned entries(const char *path)
{
    DIR *directory = opendir(path);
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void *nothing(void *context)
{
    return context;
}

/* After a first thread: a sanitizer starts one of its own with it. */
static unsigned threads_now(void)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, nothing, NULL), 0);
    pthread_join(thread, NULL);
    return entries("/proc/self/task");
}

/* A joined thread may still stand in /proc for a moment. */
static void wait_for_threads(unsigned count)
{
    while (entries("/proc/self/task") > count)
        sched_yield();
}

static void post_block_read(struct raw_guest *raw, uint64_t id)
{
    struct vpci_read_block read = {.type = VPCI_READ_BLOCK_MESSAGE, .block_id = 1, .bytes_requested = 8};
    raw_send(raw, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, &read, sizeof read);
}

/* ---- many --------------------------------------------------------------------------------------------------- */

static void two_hundred_and_fifty_six_channels_are_served_by_two_workers(void **state)
{
    static struct raw_guest *guests[GUESTS];
    unsigned threads = threads_now(), files = entries("/proc/self/fd");
    struct raw_host *host = raw_host_create_large(&fake_82576, GUESTS, WORKERS);
    struct reply reply;
    (void)state;
    for (unsigned i = 0; i < GUESTS; i++) {
        guests[i] = raw_guest_open(host, i + 1);
        raw_up(guests[i]);
    }
    assert_true(entries("/proc/self/task") <= threads + WORKERS + 1);
    for (unsigned turn = 0; turn < 3; turn++) { /* all at once */
        for (unsigned i = 0; i < GUESTS; i++) {
            for (unsigned k = 0; k < 4; k++)
                post_block_read(guests[i], 1000 + k);
        }
        for (unsigned i = 0; i < GUESTS; i++) {
            for (unsigned k = 0, seen = 0; k < 4; k++) {
                uint64_t id = raw_next_completion(guests[i], &reply) - 1000;
                assert_true(id < 4 && !(seen >> id & 1));
                assert_int_equal(reply.dwords[0], VPCI_STATUS_SUCCESS);
                seen |= 1u << id;
            }
        }
    }
    for (unsigned i = 0; i < GUESTS; i++)
        fake_pf_invalidate(host->pf, vstack_vf_id(guests[i]->vf), 1ull << i % 64);
    for (unsigned i = 0; i < GUESTS; i++) {
        struct vpci_invalidate_block block;
        raw_in_band(guests[i], VPCI_INVALIDATE_BLOCK, &reply);
        memcpy(&block, reply.bytes, sizeof block);
        assert_true(block.block_mask == 1ull << i % 64);
        assert_true(raw_alive(guests[i]));
    }
    for (unsigned i = 0; i < GUESTS; i += 2) /* half of them leave, the others notice nothing */
        raw_guest_destroy(guests[i]);
    for (unsigned i = 1; i < GUESTS; i += 2) {
        assert_true(raw_alive(guests[i]));
        raw_guest_destroy(guests[i]);
    }
    raw_host_destroy(host);
    wait_for_threads(threads);
    assert_int_equal(entries("/proc/self/fd"), files);
}

/* ---- idle --------------------------------------------------------------------------------------------------- */

#define IDLE    64u
#define THREADS 32u

struct threads {
    long id[THREADS];
    unsigned count;
};

static bool among(const struct threads *threads, long id)
{
    for (unsigned i = 0; i < threads->count; i++) {
        if (threads->id[i] == id)
            return true;
    }
    return false;
}

/* Those of this process that are not among `others`. */
static struct threads threads_beside(const struct threads *others)
{
    struct threads threads = {0};
    DIR *directory = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        long id = strtol(entry->d_name, NULL, 10);
        if (id && !among(others, id) && threads.count < THREADS)
            threads.id[threads.count++] = id;
    }
    closedir(directory);
    return threads;
}

/* How often they were given a processor. */
static unsigned long runs(const struct threads *threads)
{
    unsigned long sum = 0, value;
    for (unsigned i = 0; i < threads->count; i++) {
        char line[128];
        snprintf(line, sizeof line, "/proc/self/task/%ld/status", threads->id[i]);
        FILE *status = fopen(line, "r");
        while (status && fgets(line, sizeof line, status))
            sum += sscanf(line, "voluntary_ctxt_switches: %lu", &value) == 1 ||
                           sscanf(line, "nonvoluntary_ctxt_switches: %lu", &value) == 1
                       ? value
                       : 0;
        if (status)
            fclose(status);
    }
    return sum;
}

static void make_requests(struct raw_guest *guest, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_true(raw_alive(guest));
}

/* However long another adapter's guest works meanwhile. */
static void the_workers_of_idle_guests_do_not_run(void **state)
{
    static struct raw_guest *guests[IDLE];
    struct raw_host *host = raw_host_create_large(&fake_82576, IDLE, WORKERS), *other = raw_host_beside(host);
    struct raw_guest *busy = raw_guest_open(other, IDLE + 1);
    struct threads before = threads_beside(&(struct threads){0}), workers;
    unsigned long ran;
    (void)state;
    raw_up(busy);
    for (unsigned i = 0; i < IDLE; i++) {
        guests[i] = raw_guest_open(host, i + 1);
        raw_up(guests[i]);
        assert_true(raw_alive(guests[i]));
    }
    workers = threads_beside(&before);
    assert_true(workers.count >= WORKERS);
    do { /* until the spinning is over */
        ran = runs(&workers);
        make_requests(busy, 100);
    } while (runs(&workers) != ran);
    make_requests(busy, 2000);
    assert_true(runs(&workers) == ran);
    for (unsigned i = 0; i < IDLE; i++) {
        assert_true(raw_alive(guests[i]));
        raw_guest_destroy(guests[i]);
    }
    raw_guest_destroy(busy);
    raw_host_destroy(other);
    raw_host_destroy(host);
}

static void the_workers_of_an_adapter_come_and_go_with_its_guests(void **state)
{
    unsigned threads = threads_now(), files = entries("/proc/self/fd");
    struct raw_host *host = raw_host_create_large(&fake_82576, FAKE_VFS, 3);
    unsigned before = entries("/proc/self/task");
    (void)state;
    for (unsigned turn = 0; turn < 5; turn++) {
        struct raw_guest *guest = raw_guest_open(host, 1), *second = raw_guest_open(host, 2);
        assert_true(entries("/proc/self/task") >= before + 3);
        raw_up(guest);
        raw_up(second);
        raw_guest_destroy(guest);
        assert_true(raw_alive(second));
        raw_guest_destroy(second);
    }
    raw_host_destroy(host);
    wait_for_threads(threads);
    assert_int_equal(entries("/proc/self/fd"), files);
}

/* ---- a PF driver that does not return ----------------------------------------------------------------------- */

struct adapters {
    struct raw_host *slow, *quick;
    struct raw_guest *stuck, *other; /* of the slow one */
    struct raw_guest *guest;         /* of the quick one */
};

static int set_up(void **state)
{
    struct adapters *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->quick = raw_host_create_large(&fake_82576, FAKE_VFS, 1);
    f->slow = raw_host_beside(f->quick);
    f->stuck = raw_guest_open(f->slow, 1);
    f->other = raw_guest_open(f->slow, 2);
    f->guest = raw_guest_open(f->quick, 3);
    raw_up(f->stuck);
    raw_up(f->other);
    raw_up(f->guest);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct adapters *f = *state;
    fake_pf_unblock(f->slow->pf);
    assert_true(raw_alive(f->guest));
    raw_guest_destroy(f->stuck);
    raw_guest_destroy(f->other);
    raw_guest_destroy(f->guest);
    raw_host_destroy(f->slow);
    raw_host_destroy(f->quick);
    free(f);
    return 0;
}

static void a_pf_driver_that_blocks_in_a_block_read_stalls_no_other_adapters_guest(void **state)
{
    struct adapters *f = *state;
    struct reply reply;
    f->slow->pf->block_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    post_block_read(f->stuck, 77);
    fake_pf_wait_blocked(f->slow->pf);
    for (unsigned i = 0; i < 200; i++) /* everything a guest does; each would hang */
        assert_true(raw_alive(f->guest));
    fake_pf_invalidate(f->quick->pf, vstack_vf_id(f->guest->vf), 4);
    raw_in_band(f->guest, VPCI_INVALIDATE_BLOCK, &reply);
    fake_pf_unblock(f->slow->pf);
    raw_completion(f->stuck, 77, &reply);
    assert_int_equal(reply.dwords[0], VPCI_STATUS_SUCCESS);
    assert_true(raw_alive(f->stuck));
    assert_true(raw_alive(f->other));
}

static void a_pf_driver_that_blocks_in_a_config_access_stalls_no_other_adapters_guest(void **state)
{
    struct adapters *f = *state;
    struct vpci_window_access access = {.address = WINDOW + 0x1004, .size = 4};
    uint64_t answer;
    raw_window(f->stuck, true, WINDOW, 4, 0);
    f->slow->pf->block_oid = OID_SRIOV_READ_VF_CONFIG_SPACE;
    if (vpci_window_post(&f->stuck->window, &access))
        vmbus_guest_signal(f->stuck->guest);
    fake_pf_wait_blocked(f->slow->pf);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(raw_config_read(f->guest, 0x04, 4), 0x00100000);
    fake_pf_unblock(f->slow->pf);
    assert_int_equal(vpci_window_wait(&f->stuck->window, 100, 20000, &answer), 0);
    assert_int_equal((uint32_t)answer, 0x00100000);
}

/* Ending a channel resets the VF, which a PF driver may take as long for. */
static void a_pf_driver_that_blocks_in_a_reset_stalls_no_other_adapters_guest(void **state)
{
    struct adapters *f = *state;
    struct raw_guest *late;
    f->slow->pf->block_oid = OID_SRIOV_RESET_VF;
    raw_send(f->stuck, VMBUS_PACKET_GPADL, 0, 1, "12345678", 8); /* breaks its ring */
    fake_pf_wait_blocked(f->slow->pf);
    assert_int_equal(raw_ended(f->stuck), 0);
    for (unsigned i = 0; i < 50; i++)
        assert_true(raw_alive(f->guest));
    late = raw_guest_open(f->quick, 4); /* guests come and go meanwhile */
    raw_up(late);
    assert_true(raw_alive(late));
    raw_guest_destroy(late);
    fake_pf_unblock(f->slow->pf);
    raw_wait_ended(f->stuck);
}

int main(void)
{
#define SLOW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_and_fifty_six_channels_are_served_by_two_workers),
        cmocka_unit_test(the_workers_of_idle_guests_do_not_run),
        cmocka_unit_test(the_workers_of_an_adapter_come_and_go_with_its_guests),
        SLOW(a_pf_driver_that_blocks_in_a_block_read_stalls_no_other_adapters_guest),
        SLOW(a_pf_driver_that_blocks_in_a_config_access_stalls_no_other_adapters_guest),
        SLOW(a_pf_driver_that_blocks_in_a_reset_stalls_no_other_adapters_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
