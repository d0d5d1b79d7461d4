/* SPDX-License-Identifier: MIT
 *
 * Many machines on one host, each with its VMM, socket and VF, all at once; some of them go without a word.
 */
#include "far.h"

#include <dirent.h>
#include <sched.h>

#define MACHINES 40
#define TURNS    25

static unsigned entries(const char *path)
{
    DIR *directory = opendir(path);
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Comes up, works; every third goes in the middle of a request, the others close in order. */
static void *run(void *context)
{
    struct far *far = context;
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    far_up(far);
    for (unsigned i = 0; i < TURNS; i++)
        assert_true(far_alive(far));
    if (far->relid % 3 == 0) {
        far_packet(far, VFP_VMM_PACKET_DATA, VFP_VMM_COMPLETION_REQUESTED, 1, &query, sizeof query);
        far_disconnect(far);
        return NULL;
    }
    far_send(far, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
    far_hear(far, VFP_VMM_CLOSED);
    return NULL;
}

static void turn(struct far_host *host, struct far *machines)
{
    pthread_t threads[MACHINES];
    for (uint32_t i = 0; i < MACHINES; i++)
        far_make(host, &machines[i], i + 1);
    for (uint32_t i = 0; i < MACHINES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &machines[i]), 0);
    for (uint32_t i = 0; i < MACHINES; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < MACHINES; i++) {
        if (machines[i].relid % 3 == 0)
            far_wait_ended(&machines[i]);
        else
            assert_int_equal(far_ended(&machines[i]), 0);
        far_unmake(&machines[i]);
    }
}

static void forty_machines_work_at_once_and_leave_nothing(void **state)
{
    struct far_host *host = calloc(1, sizeof *host);
    struct far *machines = calloc(MACHINES, sizeof *machines);
    (void)state;
    assert_true(host && machines);
    far_host_start(host, raw_host_create_large(&fake_82576, MACHINES, 2));
    turn(host, machines);
    unsigned files = entries("/proc/self/fd");
    memset(machines, 0, MACHINES * sizeof *machines);
    turn(host, machines);
    while (entries("/proc/self/fd") > files) /* ends with the test's time limit when something is left */
        sched_yield();
    far_host_stop(host);
    free(machines);
    free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forty_machines_work_at_once_and_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
