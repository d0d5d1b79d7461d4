/* SPDX-License-Identifier: MIT
 *
 * vfplane vmm-check: plays the host end to a VMM that is being written, watches every frame, and says of each rule of
 * docs/vmm-integration.md whether the VMM keeps it. The VMM connects and runs its guest; the host offers it a VF, lets
 * it come up, changes the PF's link until the ring was filled twice over, raises the interrupts it asked for, ejects
 * the VF; then the same with a second one.
 */
#include "cli/vmm_check.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define VFS  2u
#define GBIT UINT64_C(1000000000)

struct vmm_check {
    const char *path, *profile, *pf;
    unsigned timeout; /* seconds for each step */
    struct vmm_judge judge;
    struct vfp_host *host;
    struct vfp_adapter *adapter;
    struct vfp_vmm *vmm;
    pthread_t thread;
    int stop;
    struct vfp_channel *channel;
    unsigned wanted, opens; /* of the last channel: invalidations waited for, and how often it was opened until then */
    unsigned ended;         /* under the judge's lock: channels that ended */
    char reason[160];
};

static const struct argp_option options[] = {
    {"profile", 'p', "FILE", 0, "the card: an lspci -vvvxxxx capture of a PF and one VF (default: the Intel 82576)", 0},
    {"pf", 'P', "FILE", 0, "PF driver image (default: refgen.so)", 0},
    {"timeout", 's', "SECONDS", 0, "how long each step of the VMM's may take (default 60)", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct vmm_check *check = state->input;
    switch (key) {
    case 'p':
        check->profile = text;
        return 0;
    case 'P':
        check->pf = text;
        return 0;
    case 's':
        return parse_count("--timeout", text, 1, &check->timeout);
    case ARGP_KEY_ARG:
        if (check->path) {
            complain("vmm-check %s: one SOCKET at a time", text);
            return EINVAL;
        }
        check->path = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        complain("vmm-check: which SOCKET, the path the VMM connects to?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- waiting for the VMM ----------------------------------------------------------------------------------------- */

typedef bool condition(const struct vmm_check *check);

/* False: it did not become true: in time, before a rule was broken, before the channel ended. */
static bool wait_for(struct vmm_check *check, condition *until)
{
    struct timespec deadline;
    unsigned ended;
    int result = 0;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += check->timeout;
    pthread_mutex_lock(&check->judge.lock);
    ended = check->ended;
    while (!until(check) && !check->judge.broken && check->ended == ended && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&check->judge.changed, &check->judge.lock, &deadline);
    bool became = until(check);
    pthread_mutex_unlock(&check->judge.lock);
    return became;
}

static const struct seen_channel *last(const struct vmm_check *check)
{
    static const struct seen_channel none;
    return check->judge.channel_count ? &check->judge.channels[check->judge.channel_count - 1] : &none;
}

static bool is_offered(const struct vmm_check *check)
{
    return check->judge.channel_count;
}

static bool is_open(const struct vmm_check *check)
{
    return last(check)->opens;
}

/* Its driver works: it has enabled the VF's memory. */
static bool is_up(const struct vmm_check *check)
{
    return last(check)->window && last(check)->bar;
}

static bool is_ended(const struct vmm_check *check)
{
    return check->ended;
}

static void on_ended(void *context, bool orderly, const char *reason)
{
    struct vmm_check *check = context;
    (void)orderly;
    pthread_mutex_lock(&check->judge.lock);
    check->ended++;
    snprintf(check->reason, sizeof(check->reason), "%s", reason);
    if (strstr(reason, "NOT_READING"))
        vmm_judge_breach(&check->judge, VFP_VMM_RULE_NOT_READING, "%s", reason);
    pthread_cond_broadcast(&check->judge.changed);
    pthread_mutex_unlock(&check->judge.lock);
}

/* ---- the steps --------------------------------------------------------------------------------------------------- */

static bool offer(struct vmm_check *check)
{
    const struct vfp_channel_options channel = {.name = "machine", .context = check, .ended = on_ended};
    struct vfp_vf *vf;
    if (!vfp_vf_allocate(check->adapter, &vf) && !vfp_channel_offer(check->vmm, vf, &channel, &check->channel))
        return true;
    complain("%s", vfp_host_error(check->host));
    return false;
}

static bool comes_up(struct vmm_check *check)
{
    if (!wait_for(check, is_offered)) {
        complain("no VMM said HELLO within %u s", check->timeout);
        return false;
    }
    if (!wait_for(check, is_open)) {
        pthread_mutex_lock(&check->judge.lock);
        if (!check->judge.broken)
            vmm_judge_breach(&check->judge, VMM_CHECK_OPENS, "channel %u was not opened", last(check)->id);
        pthread_mutex_unlock(&check->judge.lock);
        return false;
    }
    if (wait_for(check, is_up))
        return true;
    pthread_mutex_lock(&check->judge.lock);
    if (!check->judge.broken)
        complain("the guest did not come up: it is %s D0 and did not enable the VF's memory",
                 last(check)->window ? "in" : "not in");
    pthread_mutex_unlock(&check->judge.lock);
    return false;
}

static bool is_told(const struct vmm_check *check)
{
    return last(check)->invalidations >= check->wanted || !last(check)->open || last(check)->opens != check->opens;
}

static bool is_read(const struct vmm_check *check)
{
    return !last(check)->open || last(check)->taken <= last(check)->ring / 2;
}

static bool ring_was_filled_twice(struct vmm_check *check)
{
    pthread_mutex_lock(&check->judge.lock);
    const struct seen_channel *channel = last(check);
    bool filled = channel->sent > 2 * (uint64_t)channel->ring;
    check->wanted = channel->invalidations + 1;
    check->opens = channel->opens;
    pthread_mutex_unlock(&check->judge.lock);
    return filled;
}

/* Until the ring to the guest was filled twice over, or the host has no credit left. */
static void fill_ring(struct vmm_check *check)
{
    bool up = false;
    while (!ring_was_filled_twice(check)) { /* a guest that closes the channel may open it again */
        if (!wait_for(check, is_up) || vfp_link_set(check->adapter, up, 10 * GBIT) || !wait_for(check, is_told))
            break;
        up = !up;
    }
    wait_for(check, is_read);
    pthread_mutex_lock(&check->judge.lock);
    vmm_judge_credit(&check->judge);
    pthread_mutex_unlock(&check->judge.lock);
}

static void raise_interrupts(struct vmm_check *check)
{
    struct seen_channel seen;
    pthread_mutex_lock(&check->judge.lock);
    seen = *last(check);
    pthread_mutex_unlock(&check->judge.lock);
    for (unsigned i = 0; i < seen.pair_count; i++) /* those that the guest gave back are not delivered */
        vfp_channel_interrupt(check->channel, seen.pairs[i].address, seen.pairs[i].data);
}

static bool take_back(struct vmm_check *check)
{
    vfp_channel_eject(check->channel, check->timeout * 1000);
    bool ended = wait_for(check, is_ended);
    vfp_channel_close(check->channel);
    check->channel = NULL;
    pthread_mutex_lock(&check->judge.lock);
    check->ended = 0;
    ended &= !check->judge.broken;
    pthread_mutex_unlock(&check->judge.lock);
    return ended;
}

static void play(struct vmm_check *check)
{
    for (unsigned i = 0; i < VFS; i++) {
        if (!offer(check) || !comes_up(check))
            return;
        fill_ring(check);
        raise_interrupts(check);
        if (!take_back(check))
            return;
    }
}

/* ---- the host ---------------------------------------------------------------------------------------------------- */

static void *serve(void *context)
{
    struct vmm_check *check = context;
    vfp_host_run(check->host, check->stop);
    return NULL;
}

static bool start(struct vmm_check *check)
{
    struct vfp_driver *driver;
    struct vfp_pf *pf = check->profile ? vfp_pf_add(check->host, check->profile, NULL) : NULL;
    if (!pf || !(driver = vfp_driver_load(check->host, check->pf)) ||
        !(check->adapter = vfp_adapter_start(driver, pf)) || vfp_switch_create(check->adapter, VFS) ||
        !(check->vmm = vfp_channel_listen(check->host, check->path))) {
        complain("%s", vfp_host_error(check->host));
        return false;
    }
    vfp_vmm_observe(check->vmm, vmm_judge_observe, &check->judge);
    return pthread_create(&check->thread, NULL, serve, check) == 0;
}

static int judge_vmm(struct vmm_check *check)
{
    printf("# waiting for a VMM on %s\n", check->path);
    fflush(stdout);
    play(check);
    vfp_vmm_close(check->vmm);
    uint64_t one = 1;
    if (write(check->stop, &one, sizeof(one)) == sizeof(one))
        pthread_join(check->thread, NULL);
    if (check->reason[0])
        printf("# the last channel: %s\n", check->reason);
    unsigned broken = vmm_judge_print(&check->judge, stdout);
    return broken || !check->judge.occasions[VMM_CHECK_OPENS] ? EXIT_WRONG : EXIT_OK;
}

int vmm_check_main(int argc, char **argv)
{
    static struct vmm_check check = {.timeout = 60};
    static const struct argp argp = {options, parse, "SOCKET", "Plays the host end to a VMM and judges it.", 0, 0, 0};
    char *profile = NULL, *pf = NULL;
    if (parse_arguments(&argp, argc, argv, &check))
        return EXIT_CANNOT;
    if (!check.profile)
        check.profile = profile = find_profile("intel-82576.lspci");
    if (!check.pf)
        check.pf = pf = find_driver("refgen.so");
    vmm_judge_init(&check.judge);
    check.host = vfp_host_create(&(struct vfp_host_options){0});
    check.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = EXIT_CANNOT;
    if (check.host && check.stop >= 0 && check.profile && check.pf && start(&check))
        result = judge_vmm(&check);
    if (close_output(0))
        result = EXIT_CANNOT;
    vfp_host_destroy(check.host);
    free(profile);
    free(pf);
    return result;
}
