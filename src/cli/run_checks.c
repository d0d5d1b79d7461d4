/* SPDX-License-Identifier: MIT
 *
 * Did every guest do what it should? Judged by the doors its requests went through.
 */
#include "cli/run.h"

#include <time.h>

#define PATIENCE_MS 10000

/* What the reference VF driver does in a run, and the door that shows it. */
static const struct {
    const char *what, *door, *result;
    bool after_change; /* counts only since the PF changed the link */
} expected[] = {
    {"read its configuration space", "NdisMGetBusData", NULL, false},
    {"wrote its configuration space", "NdisMSetBusData", NULL, false},
    {"read a configuration block", "NdisMReadConfigBlock", "SUCCESS", false},
    {"wrote a configuration block", "NdisMWriteConfigBlock", "SUCCESS", false},
    {"was told that a block changed", "OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK", "SUCCESS", true},
    {"read the block again", "NdisMReadConfigBlock", "SUCCESS", true},
};

uint64_t run_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool seen(struct run *run, const struct run_guest *guest, size_t row)
{
    uint64_t since = expected[row].after_change ? run->link_changed_ns : 0;
    return vfp_trace_doors(run->trace, guest->child.name, expected[row].door, expected[row].result, since) > 0;
}

static bool has_ended(struct run_guest *guest)
{
    pthread_mutex_lock(&guest->lock);
    bool ended = guest->ended[0] != 0;
    pthread_mutex_unlock(&guest->lock);
    return ended;
}

static bool all_reread(struct run *run)
{
    for (unsigned i = 0; i < run->guest_count; i++) {
        struct run_guest *guest = &run->guests[i];
        for (size_t row = 0; row < sizeof(expected) / sizeof(expected[0]); row++) {
            if (expected[row].after_change && guest->running && !has_ended(guest) && !seen(run, guest, row))
                return false;
        }
    }
    return true;
}

/* The reference PF driver asks every VF driver once for its statistics: it is told, acknowledges, and writes them. With
 * the two control blocks of its start these are four writes at least. */
static bool all_settled(struct run *run)
{
    for (unsigned i = 0; i < run->guest_count; i++) {
        struct run_guest *guest = &run->guests[i];
        const char *name = guest->child.name;
        if (guest->running && !has_ended(guest) &&
            (vfp_trace_doors(run->trace, name, "OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK", "SUCCESS", 0) < 1 ||
             vfp_trace_doors(run->trace, name, "NdisMWriteConfigBlock", "SUCCESS", 0) < 4))
            return false;
    }
    return true;
}

static void wait_until(struct run *run, bool (*done)(struct run *run))
{
    const struct timespec step = {.tv_nsec = 1000000};
    for (unsigned i = 0; i < PATIENCE_MS && !done(run); i++)
        nanosleep(&step, NULL);
}

void run_wait_settled(struct run *run)
{
    wait_until(run, all_settled);
}

void run_wait_for_rereads(struct run *run)
{
    wait_until(run, all_reread);
}

static bool check_guest(struct run *run, const struct run_guest *guest, FILE *out)
{
    bool good = guest->running && !guest->failed;
    fprintf(out, "  %-8s VF %u: driver %s", guest->child.name, guest->vf_index,
            guest->running ? "started" : "did not start");
    /* A driver of the user's own may want none of this. */
    for (size_t row = 0; row < sizeof(expected) / sizeof(expected[0]) && !run->arguments->vf_count; row++) {
        bool did = seen(run, guest, row);
        good = good && did;
        fprintf(out, "%s%s%s", row % 2 ? ", " : ",\n                ", did ? "" : "NOT: ", expected[row].what);
    }
    fprintf(out, "\n");
    return good;
}

bool run_checks(struct run *run, FILE *out)
{
    bool good = true;
    fprintf(out, "what each guest did\n");
    for (unsigned i = 0; i < run->guest_count; i++)
        good = check_guest(run, &run->guests[i], out) && good;
    return good;
}
