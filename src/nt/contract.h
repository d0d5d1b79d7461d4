/* SPDX-License-Identifier: MIT
 *
 * The contracts of drivers, as the rooms see them: rules are rows of a room's contract.def, one const table a room, and
 * a name without a row does not compile. What a broken rule leaves is a finding of the partition (vfplane/contract.h):
 * one for every (rule, driver, routine), with the request and the stack of the first time.
 *
 * Threads: any. IRQL: any; nothing here waits for a driver.
 */
#ifndef VFPLANE_NT_CONTRACT_H
#define VFPLANE_NT_CONTRACT_H

#include <vfplane/contract.h>

#include "nt/nt.h"

enum nt_rule {
#define ROW(severity, name, source, text) NT_RULE_##name,
#include "nt/contract.def"
#undef ROW
    NT_RULES
};
extern const struct vfp_rule nt_rules[NT_RULES];
#define NT_RULE(name) (&nt_rules[NT_RULE_##name])

/* A driver broke a rule: traced as TRACE_REFUSE and recorded in the thread's partition. What was seen is said by the
 * format. The routine is the calling function when drivers know it by its name (it begins with a capital), else the
 * handler of the driver that this thread runs; nt_violation_in names it. */
#define nt_violation(rule, ...) nt_broken(rule, __func__, __VA_ARGS__)
#define nt_violation_in         nt_broken
void nt_broken(const struct vfp_rule *rule, const char *routine, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What a partition does with a broken rule; without, it counts. A violation stops the process under VFP_STOP; what is
 * only suspicious or not portable is printed. To be called before drivers are loaded. */
void nt_contracts_mode(struct nt_partition *partition, enum vfp_contracts mode);
enum vfp_contracts nt_contracts(const struct nt_partition *partition);
/* At once for each new finding, on the thread that broke the rule; NULL: nobody. Before drivers are loaded. */
void nt_on_finding(struct nt_partition *partition, void (*visit)(const struct vfp_finding *finding, void *context),
                   void *context);
/* Each finding so far, oldest first. */
void nt_findings(struct nt_partition *partition, void (*visit)(const struct vfp_finding *finding, void *context),
                 void *context);
/* How many rows of a severity were broken, each time counted. */
uint64_t nt_broken_count(const struct nt_partition *partition, enum vfp_severity severity);

/* "function+0x12 (mynic.so) at pf_main.c:120" as far as the image says, while it is loaded; snprintf rule. For several
 * frames open the symbols once, it takes milliseconds; NULL symbols: without source lines. */
int nt_frame_name(void *frame, char *text, size_t size);
struct nt_symbols;
struct nt_symbols *nt_symbols_open(void);
void nt_symbols_close(struct nt_symbols *symbols);
int nt_symbols_name(struct nt_symbols *symbols, void *frame, char *text, size_t size);

/* ---- a driver's routine runs on this thread --------------------------------------------------------------------- */

/* Stands on the caller's stack from before the call until after it. Strings are borrowed. */
struct nt_callback {
    const char *driver;                        /* image or name */
    const char *routine;                       /* "MiniportOidRequest" */
    const char *request;                       /* OID in flight on this thread, NULL = none */
    const char *(*state)(const void *subject); /* of the adapter, for the report; may be NULL */
    const void *subject;
    /* filled in by nt_callback_begin */
    struct nt_callback *outer;
    KIRQL irql;
    unsigned locks;
};

extern _Thread_local struct nt_callback *nt_callback_current __attribute__((tls_model("initial-exec")));
/* Spin locks that this thread holds. */
extern _Thread_local unsigned nt_locks_held __attribute__((tls_model("initial-exec")));

static inline void nt_callback_begin(struct nt_callback *callback)
{
    callback->outer = nt_callback_current;
    callback->irql = nt_irql;
    callback->locks = nt_locks_held;
    nt_callback_current = callback;
}
void nt_callback_left(struct nt_callback *callback); /* reports and repairs */
/* The driver has returned: reports a lock that the routine kept (and releases it), or an IRQL that it did not restore
 * (and restores it). What is reported from now on until the end is still the routine's. */
static inline void nt_callback_returned(struct nt_callback *callback)
{
    if (__builtin_expect(nt_locks_held > callback->locks || nt_irql != callback->irql, 0))
        nt_callback_left(callback);
}
static inline void nt_callback_end(struct nt_callback *callback)
{
    nt_callback_returned(callback);
    nt_callback_current = callback->outer;
}

#endif
