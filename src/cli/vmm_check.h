/* SPDX-License-Identifier: MIT
 *
 * What the files of `vfplane vmm-check` share: every frame between a VMM and the host, judged.
 */
#ifndef VFPLANE_CLI_VMM_CHECK_H
#define VFPLANE_CLI_VMM_CHECK_H

#include <pthread.h>

#include <vfplane/vmm.h>

#include "cli/cli.h"

#define VMM_CHECK_CHANNELS 8
#define VMM_CHECK_WINDOWS  16
#define VMM_CHECK_PAIRS    64
#define VMM_CHECK_RANGES   64

/* Rules beyond those that the host answers with ERROR. */
#define VMM_CHECK_RULES(X)                                                                                             \
    X(OPENS, "a channel that was offered is opened")                                                                   \
    X(PACKET_TYPE, "a guest's packets are in-band data")                                                               \
    X(CREDIT_RETURNED, "of the credit to the guest no more than half a ring is kept back")                             \
    X(WINDOW_MAPPED, "an access is to an address where the window was mapped")                                         \
    X(REGISTER_MITIGATED, "an access handed over is to pages that were mitigated for it")                              \
    X(RESCIND_HEARD, "nothing of a channel comes once its RESCIND was read")

enum vmm_check_rule {
    VMM_CHECK_FIRST = 100, /* beside enum vfp_vmm_rule */
#define VMM_CHECK_NUMBER(name, text) VMM_CHECK_##name,
    VMM_CHECK_RULES(VMM_CHECK_NUMBER)
#undef VMM_CHECK_NUMBER
        VMM_CHECK_END,
};

struct seen_channel {
    uint32_t id;
    unsigned opens;
    bool open, rescinded, rescind_heard;
    uint32_t ring, taken; /* to the guest; taken: sent and not given back */
    uint64_t sent;        /* all that was sent, in credit */
    bool window, bar;     /* mapped now */
    uint64_t windows[VMM_CHECK_WINDOWS];
    unsigned window_count, invalidations;
    uint64_t creates[VMM_CHECK_PAIRS]; /* transaction ids of CREATE_INTERRUPTs under way */
    unsigned create_count;
    struct {
        uint64_t address;
        uint32_t data;
    } pairs[VMM_CHECK_PAIRS];
    unsigned pair_count;
    /* All that were told since it was opened: a list may change while an access is on its way. */
    struct {
        uint32_t region;
        struct vfp_vmm_range range;
    } ranges[VMM_CHECK_RANGES];
    unsigned range_count;
};

struct vmm_judge {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* all under lock */
    unsigned frames[32]; /* from the VMM, by type; 0: all */
    unsigned broken;
    char breaches[VMM_CHECK_END][120]; /* how a rule was broken first, "" = was not */
    bool occasions[VMM_CHECK_END];
    struct seen_channel channels[VMM_CHECK_CHANNELS];
    unsigned channel_count;
};

void vmm_judge_init(struct vmm_judge *judge);
vfp_vmm_observer vmm_judge_observe; /* its context is the judge */
/* Under the judge's lock. */
void vmm_judge_breach(struct vmm_judge *judge, unsigned rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void vmm_judge_credit(struct vmm_judge *judge); /* when all is said */
/* One line a rule; how many are broken. */
unsigned vmm_judge_print(struct vmm_judge *judge, FILE *out);

#endif
