/* SPDX-License-Identifier: MIT
 *
 * A guest with the VF driver that is given beside the PF driver: it starts, uses its VF as it likes, is told of a
 * change of the link, and gives the VF back.
 */
#include "cli/check.h"

#include <string.h>

#define START_MS 4000 /* together less than a case may take */
#define EJECT_MS 2000
#define FAILED   "failed: " /* how a guest's last line begins */

struct guest {
    struct check_bench *bench;
    struct vfp_trace *trace;
    struct vfp_vf *vf;
    struct vfp_channel *channel;
    struct child child;
    char refusal[240]; /* what it said instead of "running" */
};

/* How the guest's process ended, as a rule of its driver: it reports a broken one as "rule NAME: what". */
static void judge_end(bool good, const char *why)
{
    char rule[64];
    int length = 0;
    if (good)
        return;
    if (sscanf(why, "rule %63[A-Z0-9_]: %n", rule, &length) == 1 && vfp_rule_find(rule))
        check_verdict(rule, "in the guest: %s", why + length);
    else if (strncmp(why, "killed by", 9) == 0 || strncmp(why, "exited", 6) == 0)
        check_verdict("DRIVER_CRASH", "the guest with the VF driver was %s", why);
    else if (strncmp(why, "did not end", 11) == 0)
        check_verdict("DRIVER_HANG", "the guest with the VF driver %s", why);
    else
        check_cannot(why); /* it is no VF driver, or not one for this VF */
}

static bool start(struct guest *guest)
{
    const uint64_t gigabit = UINT64_C(1000000000);
    if (vfp_vf_allocate(guest->bench->adapter, &guest->vf)) {
        check_verdict("OID_REFUSED", "VF allocate: %s", vfp_host_error(guest->bench->host));
        return false;
    }
    if (child_start(&guest->child, 1, guest->bench->arguments->vf, NULL, guest->trace))
        return false;
    int socket = guest->child.socket;
    guest->child.socket = -1;
    if (vfp_channel_attach(guest->vf, socket, guest->child.name, NULL, NULL, &guest->channel)) {
        check_verdict("OID_REFUSED", "the VF is not given to the guest: %s", vfp_host_error(guest->bench->host));
        return false;
    }
    if (!child_report(&guest->child, guest->refusal, sizeof(guest->refusal), START_MS) ||
        strcmp(guest->refusal, "running") != 0)
        return false;
    vfp_link_set(guest->bench->adapter, true, gigabit);
    vfp_link_set(guest->bench->adapter, true, 10 * gigabit);
    return true;
}

static void stop(struct guest *guest, bool started)
{
    const char *refusal = started ? "" : guest->refusal;
    char why[240];
    if (started)
        vfp_channel_eject(guest->channel, EJECT_MS);
    bool good = child_wait(&guest->child, 2 * EJECT_MS, why, sizeof(why));
    if (refusal[0])
        judge_end(false, strncmp(refusal, FAILED, strlen(FAILED)) == 0 ? refusal + strlen(FAILED) : refusal);
    else
        judge_end(good && started, why);
    if (guest->channel)
        vfp_channel_close(guest->channel);
}

void check_guest(struct check_bench *bench)
{
    struct guest guest = {.bench = bench, .trace = vfp_trace_count(), .child = {.socket = -1, .report = -1}};
    if (!guest.trace || check_bench_reach(bench, STATE_SWITCH)) {
        check_verdict("OID_REFUSED", "state switch is not reached: %s", bench->error);
    } else {
        bool started = start(&guest);
        if (guest.child.pid)
            stop(&guest, started);
        if (guest.vf)
            vfp_vf_free(guest.vf);
    }
    check_bench_stop(bench);
    vfp_trace_destroy(guest.trace);
}
