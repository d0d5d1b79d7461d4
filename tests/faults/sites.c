/* SPDX-License-Identifier: MIT */
#include "sites.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nt/contract.h"

#define SKIPPED 3 /* frames: the two routines below, and the one that stands in */

struct sites *sites;
static enum role own_role;
static _Thread_local int inside; /* what the bookkeeping itself calls is no site */

/* ---- locks and shared memory ---------------------------------------------------------------------------------------
 */

/* Who holds it may be killed: the next one goes on. */
static void lock_sites(void)
{
    if (pthread_mutex_lock(&sites->lock) == EOWNERDEAD)
        pthread_mutex_consistent(&sites->lock);
}

static void unlock_sites(void)
{
    pthread_mutex_unlock(&sites->lock);
}

static void create_lock(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&sites->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void sites_create(void)
{
    void *frames[2];
    sites = mmap(NULL, sizeof(*sites), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sites == MAP_FAILED)
        abort();
    create_lock();
    backtrace(frames, 2); /* loads the unwinder */
}

/* ---- what a call stack is ------------------------------------------------------------------------------------------
 */

static uint32_t mix(uint32_t hash, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        hash = (hash ^ (uint8_t)(value >> 8 * i)) * 16777619u;
    return hash;
}

static uint64_t place(void *frame)
{
    Dl_info where;
    return dladdr(frame, &where) ? (uint64_t)frame - (uint64_t)where.dli_fbase : 0;
}

static void name_frames(void *const *frames, int depth, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < depth && i < 6 && used < size; i++) {
        char frame[160];
        nt_frame_name(frames[i], frame, sizeof frame);
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " < " : "", frame);
    }
}

static struct site *find(uint32_t hash, int phase)
{
    for (unsigned i = 0; i < sites->count; i++)
        if (sites->site[i].hash == hash && sites->site[i].role == own_role && sites->site[i].phase == phase)
            return &sites->site[i];
    if (sites->count == SITES_MAX)
        return NULL;
    struct site *made = &sites->site[sites->count++];
    *made = (struct site){.hash = hash, .role = own_role, .phase = (uint8_t)phase};
    return made;
}

static void name_reached(const char *routine, void *const *frames, int depth)
{
    size_t used = (size_t)snprintf(sites->where, sizeof sites->where, "%s from ", routine);
    name_frames(frames, depth, sites->where + used, sizeof sites->where - used);
}

/* True: this call is to fail. */
__attribute__((noinline)) static bool reach(const char *routine, bool can_fail)
{
    void *frames[SITE_DEPTH + SKIPPED];
    int phase = sites->phase, depth = backtrace(frames, SITE_DEPTH + SKIPPED) - SKIPPED;
    uint32_t hash = 2166136261u;
    for (const char *c = routine; *c; c++)
        hash = mix(hash, (uint64_t)*c);
    for (int i = 0; i < depth; i++)
        hash = mix(hash, place(frames[i + SKIPPED]));
    lock_sites();
    struct site *site = find(hash, phase);
    bool armed = false;
    if (site) {
        if (!site->reached++) {
            snprintf(site->routine, sizeof site->routine, "%s", routine);
            site->can_fail = can_fail;
            if (sites->naming)
                name_frames(frames + SKIPPED, depth, site->text, sizeof site->text);
        }
        armed = sites->action && !sites->done && sites->role == own_role && sites->at_phase == phase &&
                sites->hash == hash && ++sites->seen == sites->nth;
    }
    if (armed) {
        sites->done = true;
        name_reached(routine, frames + SKIPPED, depth);
    }
    if (armed && sites->action == ACTION_KILL)
        kill(getpid(), SIGKILL); /* locked: no other thread of it is in the middle of what is shared */
    unlock_sites();
    return armed;
}

__attribute__((noinline)) bool site(const char *routine, bool can_fail)
{
    if (own_role == ROLE_NONE || inside)
        return false;
    inside++;
    int error = errno;
    bool fails = reach(routine, can_fail);
    errno = error;
    inside--;
    return fails;
}

/* ---- what was allocated --------------------------------------------------------------------------------------------
 */

#define SLOTS (1u << 17)
#define GONE  ((void *)1)

#define FAREWELL_MS 2000
#define NAMED       3u

struct slot {
    void *memory;
    void *caller[4];
};
static struct slot slots[SLOTS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned slot_of(const void *memory)
{
    return (unsigned)(((uintptr_t)memory >> 4) * 2654435761u) % SLOTS;
}

void *sites_note(void *memory)
{
    if (!memory || own_role == ROLE_NONE || inside)
        return memory;
    void *frames[6];
    inside++;
    int depth = backtrace(frames, 6);
    pthread_mutex_lock(&slots_lock);
    unsigned at = slot_of(memory);
    while (slots[at].memory && slots[at].memory != GONE)
        at = (at + 1) % SLOTS;
    slots[at].memory = memory;
    for (int i = 0; i < 4; i++)
        slots[at].caller[i] = i + 2 < depth ? frames[i + 2] : NULL;
    pthread_mutex_unlock(&slots_lock);
    inside--;
    return memory;
}

void sites_forget(const void *memory)
{
    if (!memory || own_role == ROLE_NONE)
        return;
    pthread_mutex_lock(&slots_lock);
    for (unsigned at = slot_of(memory); slots[at].memory; at = (at + 1) % SLOTS)
        if (slots[at].memory == memory)
            slots[at].memory = GONE;
    pthread_mutex_unlock(&slots_lock);
}

void sites_begin(enum role role)
{
    own_role = role;
}

void sites_end(void)
{
    own_role = ROLE_NONE;
}

enum role sites_role(void)
{
    return own_role;
}

void sites_pause(void)
{
    inside++;
}

void sites_resume(void)
{
    inside--;
}

/* The first few into `found`: to name them takes memory, and this lock. */
static unsigned count_leaks(struct slot found[NAMED])
{
    unsigned leaks = 0;
    pthread_mutex_lock(&slots_lock);
    for (unsigned at = 0; at < SLOTS; at++) {
        if (!slots[at].memory || slots[at].memory == GONE)
            continue;
        if (leaks < NAMED)
            found[leaks] = slots[at];
        leaks++;
    }
    pthread_mutex_unlock(&slots_lock);
    return leaks;
}

static void name_leaks(const char *who, const struct slot *found, unsigned count)
{
    size_t used = strlen(sites->leak);
    for (unsigned i = 0; i < count && i < NAMED && used < sizeof sites->leak; i++) {
        char text[600];
        name_frames(found[i].caller, 4, text, sizeof text);
        used += (size_t)snprintf(sites->leak + used, sizeof sites->leak - used, "%s leaks %s\n", who, text);
    }
}

/* A descriptor that may be of any kind is closed by a thread of its own (vmbus/foreign.c), which may not be done yet.
 */
unsigned sites_leaks(const char *who)
{
    struct slot found[NAMED];
    unsigned leaks;
    sites_pause();
    for (unsigned waited = 0; (leaks = count_leaks(found)) != 0 && waited < FAREWELL_MS; waited++)
        usleep(1000);
    name_leaks(who, found, leaks);
    sites_resume();
    return leaks;
}

unsigned sites_open_fds(void)
{
    unsigned count = 0;
    inside++;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    inside--;
    return count;
}

unsigned sites_shared_maps(void)
{
    unsigned count = 0;
    char line[512];
    inside++;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        count += strstr(line, "/memfd:") != NULL;
    if (maps)
        fclose(maps);
    inside--;
    return count;
}
