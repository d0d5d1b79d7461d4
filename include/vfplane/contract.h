/* SPDX-License-Identifier: MIT
 *
 * Contracts: the documented rules a driver must keep, as rows, and what was found to break them.
 *
 * A rule has a stable name ("SRIOV_VF_NOT_ALLOCATED"), its meaning in our words, its source, and a severity. A finding
 * says which rule, which driver, in which routine, during which request, in which state of the adapter, and from where.
 */
#ifndef VFP_CONTRACT_H
#define VFP_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vfp_severity {
    VFP_VIOLATION,   /* a documented rule is broken */
    VFP_SUSPICIOUS,  /* allowed or unsettled, and most often a mistake */
    VFP_PORTABILITY, /* works here, not on every Windows */
};

struct vfp_rule {
    const char *name;
    const char *text;   /* the rule, one or two sentences */
    const char *source; /* "ndis.md 4.5" */
    enum vfp_severity severity;
};
/* All rules of this build, in the order of docs/contracts.md. */
const struct vfp_rule *vfp_rules(size_t *count);
const struct vfp_rule *vfp_rule_find(const char *name); /* NULL: no such rule */

/* What a broken rule does in a host (struct vfp_host_options.contracts). */
enum vfp_contracts {
    VFP_COUNT,     /* recorded */
    VFP_LOG,       /* recorded, and the first of each (rule, driver, routine) printed on standard error */
    VFP_STOP,      /* as VFP_LOG; after a VFP_VIOLATION the process is stopped by abort(), so that a debugger or a parent
                    * sees where. What is suspicious or not portable is printed only. */
    VFP_UNCHECKED, /* as VFP_COUNT, without the checks that cost time: no guard page behind information buffers, no look
                    * at the device after a request. What the other rules find is still recorded. */
};

#define VFP_FRAMES 24

struct vfp_finding {
    const struct vfp_rule *rule;
    char driver[48];   /* image, e.g. "mynic.so" */
    char routine[64];  /* the routine called or returned from */
    char request[64];  /* "OID_SRIOV_WRITE_VF_CONFIG_SPACE", "" when none */
    char state[32];    /* of the adapter: "Running" */
    char text[200];    /* what was seen: values */
    void *frames[VFP_FRAMES];
    unsigned frame_count;
    uint64_t count; /* times this rule was broken by this driver in this routine */
};

struct vfp_host;
/* Calls `visit` for each finding so far, oldest first, one a (rule, driver, routine). What vfp_host_destroy finds (leaks)
 * is heard by vfp_host_options.on_finding only. */
void vfp_findings(struct vfp_host *host, void (*visit)(const struct vfp_finding *finding, void *context), void *context);
/* One frame as "function+0x12 (mynic.so)", with source file and line when the image has them:
 * "pf_enable+0x12 (mynic.so) at pf_main.c:120". While the driver is loaded; afterwards the address. snprintf rule. */
int vfp_frame_name(void *frame, char *text, size_t size);
/* The whole report: rule, driver, routine, request, state, text, stack. Some ten lines; the source lines of all frames
 * are looked up at once, which is much faster than vfp_frame_name for each. 0 or -EIO. */
int vfp_finding_print(const struct vfp_finding *finding, FILE *stream);

/* True when a fault at `address` means that a driver left the information buffer of a request: OID_BUFFER_BOUNDS. For a
 * SIGSEGV handler: async-signal-safe, any thread, any address. */
bool vfp_is_guard_address(const void *address);

#ifdef __cplusplus
}
#endif
#endif
