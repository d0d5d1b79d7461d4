/* SPDX-License-Identifier: MIT
 *
 * The guests of a run.
 */
#include "life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/internal.h"

#define COMMAND    0x04
#define BUS_MASTER 0x0004

/* A guest waits less long than 30 seconds for an answer. */
int __real_vsc_connect(struct nt_partition *partition, int socket, struct vsc **vsc);
WRAPPED(int, vsc_connect, struct nt_partition *partition, int socket, struct vsc **vsc)
{
    struct vsc_options options = {.timeout_ms = ANSWER_MS, .spin = vmbus_spin_default()};
    return vsc_connect_with(partition, socket, &options, vsc);
}

/* A guest's partition, in which its driver's calls are made to fail. */
static struct nt_partition *partition_made;
WRAPPED(struct nt_partition *, nt_partition_create, const struct nt_partition_options *options)
{
    return partition_made = __real_nt_partition_create(options);
}

/* True: the guest can use its VF through the window. */
static bool use_vf(struct vfp_guest *guest)
{
    uint32_t vendor = vfp_guest_config_read(guest, 0, 0, 2);
    if (vendor == 0xFFFF)
        return false;
    HOLDS(vendor == 0x8086, "vendor ID %04x", vendor);
    uint32_t command = vfp_guest_config_read(guest, 0, COMMAND, 2);
    vfp_guest_config_write(guest, 0, COMMAND, 2, command | BUS_MASTER);
    return vfp_guest_config_read(guest, 0, COMMAND, 2) == (command | BUS_MASTER);
}

static bool bring_up(struct vfp_guest *guest, int socket)
{
    int result = vfp_guest_connect(guest, socket);
    if (result) {
        failed("vfp_guest_connect", result, vfp_guest_error(guest));
        return false;
    }
    result = vfp_guest_start(guest, getenv("REFNIC_VF"));
    if (result)
        failed("vfp_guest_start", result, vfp_guest_error(guest));
    return result == 0;
}

/* ---- the victim ----------------------------------------------------------------------------------------------------
 */

static void note_driver_calls(void)
{
    struct way *way = &shared->way;
    bool did = false;
    way->guest_calls = nt_fault_sites(partition_made, &did);
    way->driver_failed |= did;
    for (unsigned i = 0; i < way->guest_calls && i < DRIVER_CALLS; i++)
        nt_fault_site_name(partition_made, i + 1, shared->calls.name[1][i], sizeof shared->calls.name[1][i]);
    nt_fault_disarm(partition_made);
}

static bool live_with(struct vfp_guest *guest, int socket)
{
    bool counts = shared->way.counts || shared->way.guest_fault;
    if (counts)
        nt_fault_arm(partition_made, shared->way.guest_fault);
    bool up = bring_up(guest, socket) && use_vf(guest);
    vfp_guest_stop(guest);
    if (counts)
        note_driver_calls();
    vfp_guest_destroy(guest);
    return up;
}

void guest_life(struct talk *talk)
{
    if (hear(talk->guest_line[1]) != 'g') {
        close(talk->guest[1]);
        return;
    }
    unsigned fds = sites_open_fds(), maps = sites_shared_maps();
    sites_begin(ROLE_GUEST);
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = 1});
    bool up = guest && live_with(guest, talk->guest[1]);
    if (!guest) {
        failed_without_error("vfp_guest_create", "NULL");
        close(talk->guest[1]);
    }
    unsigned leaks = sites_leaks("guest");
    sites_end();
    HOLDS(!leaks, "%u allocations leaked", leaks);
    HOLDS(sites_open_fds() == fds - 1, "%u descriptors, %u before", sites_open_fds(), fds - 1);
    HOLDS(sites_shared_maps() == maps, "%u mappings of shared memory, %u before", sites_shared_maps(), maps);
    say(talk->guest_line[1], up ? 'k' : 'f');
}

/* ---- the other guest -----------------------------------------------------------------------------------------------
 */

/* A request of each kind must succeed, but with a fault of this time, and without a host. */
static void ask_again(struct vfp_guest *guest, int line)
{
    vfp_guest_stop(guest);
    int result = vfp_guest_start(guest, getenv("REFNIC_VF"));
    bool works = result == 0 && use_vf(guest);
    bool may_fail = over_fails() || (shared->way.host_killed && sites->done);
    if (result && may_fail)
        failed("vfp_guest_start", result, vfp_guest_error(guest));
    HOLDS(works || may_fail, "its next request fails: %s", result ? vfp_guest_error(guest) : "no window answers");
    say(line, works ? 'k' : 'f');
}

/* Comes up, then does what it is told: 'c' a request of each kind must succeed. */
void other_life(struct talk *talk)
{
    if (hear(talk->other_line[1]) != 'g') {
        close(talk->other[1]);
        return;
    }
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "other", .number = 2});
    bool up = guest && bring_up(guest, talk->other[1]) && use_vf(guest);
    say(talk->other_line[1], up ? 'k' : 'f');
    char told;
    while ((told = hear(talk->other_line[1])) == 'c')
        ask_again(guest, talk->other_line[1]);
    if (up && !told) { /* the host is gone */
        HOLDS(vfp_guest_wait(guest, RUN_MS / 2) == -EPIPE, "it does not learn of the host's end");
        HOLDS(vfp_guest_config_read(guest, 0, 0, 4) == UINT32_MAX, "a window answers that is no more");
    }
    vfp_guest_destroy(guest);
}
