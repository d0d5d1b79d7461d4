/* SPDX-License-Identifier: MIT
 *
 * Fault injection (include/vfplane/fault.h): which calls of drivers can fail, told apart by the driver's part of the
 * call stack, and the one that shall.
 *
 * Only what a driver itself called is a site: what our own rooms allocate between two drivers is not the driver's to
 * handle. A frame is known by its image and its place in it, so that a site is the same one wherever the image lies.
 */
#include "nt/contract.h"
#include "nt/internal.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH     48u /* frames looked at */
#define KEPT      16u /* driver frames that make a site */
#define NAME_SIZE 160u

struct frame {
    uintptr_t place; /* in the image */
    const void *image;
};

struct site {
    const char *routine;
    unsigned count;
    struct frame frames[KEPT];
    char name[NAME_SIZE]; /* made at once: the image may be gone when somebody asks */
};

struct nt_faults {
    pthread_mutex_t lock;
    atomic_bool armed; /* there is something to do for nt_fault */
    struct site *sites;
    unsigned count, capacity;
    unsigned fail;
    bool failed;
};

static bool is_driver_image(struct nt_partition *partition, const void *base)
{
    bool found = false;
    pthread_mutex_lock(&partition->lock);
    for (PLIST_ENTRY entry = partition->drivers.Flink; entry != &partition->drivers && !found; entry = entry->Flink) {
        const struct nt_driver *driver = CONTAINING_RECORD(entry, struct nt_driver, entry);
        struct link_map *map;
        found = driver->image && dlinfo(driver->image, RTLD_DI_LINKMAP, &map) == 0 && (const void *)map->l_addr == base;
    }
    pthread_mutex_unlock(&partition->lock);
    return found;
}

/* The image a frame lies in when it is a driver's, else NULL. Calls out of one function mostly lie in one image, so the
 * last answer is tried first. */
static const void *driver_image(struct nt_partition *partition, void *frame, const void **last)
{
    Dl_info where;
    if (!dladdr(frame, &where))
        return NULL;
    if (where.dli_fbase != *last && !is_driver_image(partition, where.dli_fbase))
        return NULL;
    return *last = where.dli_fbase;
}

/* Fills in the driver's frames; false: the routine was not called by a driver. */
static bool find_frames(struct nt_partition *partition, void *const *frames, unsigned depth, struct site *site)
{
    Dl_info own, where;
    const void *last = NULL;
    unsigned at = 0;
    if (!dladdr((void *)nt_fault, &own))
        return false;
    while (at < depth && dladdr(frames[at], &where) && where.dli_fbase != own.dli_fbase)
        at++; /* a sanitizer's backtrace() */
    while (at < depth && dladdr(frames[at], &where) && where.dli_fbase == own.dli_fbase)
        at++;
    if (at == depth || !driver_image(partition, frames[at], &last))
        return false;
    for (; at < depth && site->count < KEPT; at++) {
        const void *image = driver_image(partition, frames[at], &last);
        if (image)
            site->frames[site->count++] = (struct frame){(uintptr_t)frames[at] - (uintptr_t)image, image};
    }
    return true;
}

static bool is_same(const struct site *a, const struct site *b)
{
    return a->count == b->count && strcmp(a->routine, b->routine) == 0 &&
           memcmp(a->frames, b->frames, a->count * sizeof(a->frames[0])) == 0;
}

static unsigned find_site(const struct nt_faults *faults, const struct site *site)
{
    unsigned i = 0;
    while (i < faults->count && !is_same(&faults->sites[i], site))
        i++;
    return i;
}

static bool add_site(struct nt_faults *faults, const struct site *site)
{
    if (faults->count == faults->capacity) {
        unsigned capacity = faults->capacity ? faults->capacity * 2 : 64;
        struct site *grown = realloc(faults->sites, capacity * sizeof(*grown));
        if (!grown)
            return false;
        faults->sites = grown;
        faults->capacity = capacity;
    }
    faults->sites[faults->count++] = *site;
    return true;
}

/* "NdisMQueryProbedBars from pf_enable+0x42 (mynic.so) at pf_hardware.c:90", then who called that function. */
static void name_site(struct site *site)
{
    int used = snprintf(site->name, NAME_SIZE, "%s", site->routine);
    for (unsigned i = 0; i < site->count && i < 2 && used > 0 && (unsigned)used < NAME_SIZE; i++) {
        char frame[96];
        nt_frame_name((char *)site->frames[i].image + site->frames[i].place, frame, sizeof(frame));
        used += snprintf(site->name + used, NAME_SIZE - (unsigned)used, "%s%s", i ? " < " : " from ", frame);
    }
}

static bool reach(struct nt_partition *partition, struct nt_faults *faults, const char *routine)
{
    void *frames[DEPTH];
    struct site site = {.routine = routine};
    int depth = backtrace(frames, DEPTH);
    if (depth <= 0 || !find_frames(partition, frames, (unsigned)depth, &site))
        return false;
    pthread_mutex_lock(&faults->lock);
    unsigned found = find_site(faults, &site);
    bool fails = false;
    if (found == faults->count) {
        fails = found + 1 == faults->fail;
        if (fails || !faults->fail) /* a name is looked up in the image's debug information: not for nothing */
            name_site(&site);
        fails = add_site(faults, &site) && fails;
    }
    if (fails) {
        faults->failed = true;
        TRACE_NOTE("nt", "fault %u: %s", found + 1, site.name);
    }
    pthread_mutex_unlock(&faults->lock);
    return fails;
}

bool nt_fault(const char *routine)
{
    struct nt_partition *partition = nt_partition_current;
    struct nt_faults *faults = partition ? atomic_load_explicit(&partition->faults, memory_order_acquire) : NULL;
    return faults && atomic_load_explicit(&faults->armed, memory_order_relaxed) && reach(partition, faults, routine);
}

bool nt_fault_arm(struct nt_partition *partition, unsigned fail)
{
    struct nt_faults *faults = atomic_load(&partition->faults);
    if (!faults) {
        faults = calloc(1, sizeof(*faults));
        if (!faults)
            return false;
        pthread_mutex_init(&faults->lock, NULL);
    }
    pthread_mutex_lock(&faults->lock);
    faults->count = 0;
    faults->fail = fail;
    faults->failed = false;
    pthread_mutex_unlock(&faults->lock);
    atomic_store(&faults->armed, true);
    atomic_store(&partition->faults, faults);
    return true;
}

void nt_fault_disarm(struct nt_partition *partition)
{
    struct nt_faults *faults = atomic_load(&partition->faults);
    if (faults)
        atomic_store(&faults->armed, false);
}

unsigned nt_fault_sites(struct nt_partition *partition, bool *failed)
{
    struct nt_faults *faults = atomic_load(&partition->faults);
    unsigned count = 0;
    *failed = false;
    if (faults) {
        pthread_mutex_lock(&faults->lock);
        count = faults->count;
        *failed = faults->failed;
        pthread_mutex_unlock(&faults->lock);
    }
    return count;
}

int nt_fault_site_name(struct nt_partition *partition, unsigned site, char *text, size_t size)
{
    struct nt_faults *faults = atomic_load(&partition->faults);
    int length = 0;
    if (size)
        text[0] = '\0';
    if (!faults)
        return 0;
    pthread_mutex_lock(&faults->lock);
    if (site && site <= faults->count)
        length = snprintf(text, size, "%s", faults->sites[site - 1].name);
    pthread_mutex_unlock(&faults->lock);
    return length;
}

void nt_faults_free(struct nt_faults *faults)
{
    if (!faults)
        return;
    pthread_mutex_destroy(&faults->lock);
    free(faults->sites);
    free(faults);
}
