/* SPDX-License-Identifier: MIT
 *
 * What broken rules leave: findings of a partition, and the driver's routine that a thread is in.
 */
#include "nt/internal.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct vfp_rule nt_rules[NT_RULES] = {
#define ROW(severity, name, source, text) {#name, text, source, VFP_##severity},
#include "nt/contract.def"
#undef ROW
};

_Thread_local struct nt_callback *nt_callback_current __attribute__((tls_model("initial-exec")));

/* Beyond so many findings of one partition new ones are counted only: a driver may not fill the memory. */
#define NT_FINDINGS_MAX 4096u

struct nt_finding {
    struct nt_finding *next;
    struct vfp_finding finding;
};

void nt_contracts_init(struct nt_contracts *contracts)
{
    pthread_mutex_init(&contracts->lock, NULL);
    contracts->last = &contracts->first;
}

void nt_contracts_destroy(struct nt_contracts *contracts)
{
    while (contracts->first) {
        struct nt_finding *finding = contracts->first;
        contracts->first = finding->next;
        free(finding);
    }
    pthread_mutex_destroy(&contracts->lock);
}

void nt_contracts_mode(struct nt_partition *partition, enum vfp_contracts mode)
{
    partition->contracts.mode = mode;
}

enum vfp_contracts nt_contracts(const struct nt_partition *partition)
{
    return partition->contracts.mode;
}

void nt_on_finding(struct nt_partition *partition, void (*visit)(const struct vfp_finding *finding, void *context),
                   void *context)
{
    partition->contracts.visit = visit;
    partition->contracts.context = context;
}

/* ---- who, where, when -------------------------------------------------------------------------------------------- */

/* The loaded driver whose image has the frame. */
static const struct nt_driver *driver_at(struct nt_partition *partition, void *frame)
{
    const struct nt_driver *found = NULL;
    struct link_map *image = NULL, *map;
    Dl_info where;
    if (!dladdr1(frame, &where, (void **)&image, RTLD_DL_LINKMAP) || !image)
        return NULL;
    pthread_mutex_lock(&partition->lock);
    for (PLIST_ENTRY entry = partition->drivers.Flink; entry != &partition->drivers && !found; entry = entry->Flink) {
        const struct nt_driver *driver = CONTAINING_RECORD(entry, struct nt_driver, entry);
        if (driver->image && dlinfo(driver->image, RTLD_DI_LINKMAP, &map) == 0 && map == image)
            found = driver;
    }
    pthread_mutex_unlock(&partition->lock);
    return found;
}

static void name_driver(struct nt_partition *partition, struct vfp_finding *finding)
{
    const struct nt_callback *callback = nt_callback_current;
    for (unsigned i = 0; i < finding->frame_count; i++) {
        const struct nt_driver *driver = driver_at(partition, finding->frames[i]);
        if (driver) {
            snprintf(finding->driver, sizeof(finding->driver), "%.47s", driver->name);
            return;
        }
    }
    snprintf(finding->driver, sizeof(finding->driver), "%s", callback && callback->driver ? callback->driver : "");
}

/* What drivers call begins with a capital; our own names do not. */
static const char *routine_name(const char *given)
{
    const struct nt_callback *callback = nt_callback_current;
    bool theirs = (given[0] >= 'A' && given[0] <= 'Z') || !callback || !callback->routine;
    return theirs ? given : callback->routine;
}

static void describe(struct nt_partition *partition, struct vfp_finding *finding, const char *routine)
{
    const struct nt_callback *callback = nt_callback_current;
    void *frames[VFP_FRAMES + 2];
    int count = backtrace(frames, VFP_FRAMES + 2);
    finding->frame_count = count > 2 ? (unsigned)count - 2 : 0; /* without ourselves */
    memcpy(finding->frames, frames + 2, finding->frame_count * sizeof(frames[0]));
    snprintf(finding->routine, sizeof(finding->routine), "%s", routine_name(routine));
    if (callback && callback->request)
        snprintf(finding->request, sizeof(finding->request), "%s", callback->request);
    if (callback && callback->state)
        snprintf(finding->state, sizeof(finding->state), "%s", callback->state(callback->subject));
    name_driver(partition, finding);
}

/* ---- findings ---------------------------------------------------------------------------------------------------- */

static bool same(const struct vfp_finding *a, const struct vfp_finding *b)
{
    return a->rule == b->rule && strcmp(a->driver, b->driver) == 0 && strcmp(a->routine, b->routine) == 0;
}

/* True when it is the first of its (rule, driver, routine). */
static bool record(struct nt_contracts *contracts, const struct vfp_finding *finding)
{
    struct nt_finding *entry, *made = NULL;
    pthread_mutex_lock(&contracts->lock);
    for (entry = contracts->first; entry && !same(&entry->finding, finding); entry = entry->next)
        ;
    if (entry)
        entry->finding.count++;
    else if (contracts->count < NT_FINDINGS_MAX && (made = calloc(1, sizeof(*made)))) {
        made->finding = *finding;
        *contracts->last = made;
        contracts->last = &made->next;
        contracts->count++;
    }
    pthread_mutex_unlock(&contracts->lock);
    return made;
}

void nt_broken(const struct vfp_rule *rule, const char *routine, const char *format, ...)
{
    struct nt_partition *partition = nt_partition_current;
    struct vfp_finding finding = {.rule = rule, .count = 1};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding.text, sizeof(finding.text), format, arguments);
    va_end(arguments);
    TRACE_REFUSE("nt", rule->name, "%s", finding.text);
    if (!partition)
        return;
    struct nt_contracts *contracts = &partition->contracts;
    atomic_fetch_add(&contracts->broken[rule->severity], 1);
    describe(partition, &finding, routine);
    if (record(contracts, &finding) && contracts->visit)
        contracts->visit(&finding, contracts->context);
}

void nt_findings(struct nt_partition *partition, void (*visit)(const struct vfp_finding *finding, void *context),
                 void *context)
{
    struct nt_contracts *contracts = &partition->contracts;
    pthread_mutex_lock(&contracts->lock);
    struct nt_finding *entry = contracts->first;
    while (entry) {
        struct vfp_finding finding = entry->finding;
        pthread_mutex_unlock(&contracts->lock); /* entries are added at the end and never removed */
        visit(&finding, context);
        pthread_mutex_lock(&contracts->lock);
        entry = entry->next;
    }
    pthread_mutex_unlock(&contracts->lock);
}

uint64_t nt_broken_count(const struct nt_partition *partition, enum vfp_severity severity)
{
    return atomic_load(&partition->contracts.broken[severity]);
}

uint64_t nt_violations(const struct nt_partition *partition)
{
    return nt_broken_count(partition, VFP_VIOLATION);
}

/* ---- a driver's routine ------------------------------------------------------------------------------------------ */

void nt_callback_left(struct nt_callback *callback)
{
    if (nt_locks_held > callback->locks) {
        nt_violation_in(NT_RULE(SPIN_LOCK_KEPT), callback->routine, "%s returns and holds %u spin locks it took",
                        callback->routine, nt_locks_held - callback->locks);
        nt_locks_release(callback->locks);
        nt_irql = callback->irql;
    }
    nt_irql_expect(callback->irql, callback->routine);
}
