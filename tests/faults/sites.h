/* SPDX-License-Identifier: MIT
 *
 * Where a call into libc or the kernel can fail. The linker puts the routines of wraps.c and wakes.c in the place of
 * libc's for all rooms of this program (not for libc itself). Each call is a site: one unique call stack, known by a
 * hash of the routine and of where each frame lies in its image, so that it is the same site on every run of one build,
 * whatever the order of the threads. A site can be made to fail once, or to kill the process as kill -9 does.
 *
 * What is known lies in memory that all processes of a run share, and outlives those that are killed.
 */
#ifndef VFPLANE_TESTS_FAULTS_SITES_H
#define VFPLANE_TESTS_FAULTS_SITES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SITES_MAX  8192u
#define SITE_DEPTH 14u

enum role { ROLE_NONE, ROLE_HOST, ROLE_GUEST };

/* The guest's and the host's calls before the victim is served (the other guest's coming up included), while it is, and
 * after. */
enum phase { PHASE_START = 1, PHASE_SERVED = 2, PHASE_OVER = 3 };

struct site {
    uint32_t hash;
    uint8_t role, phase;
    bool can_fail; /* else only a point to be killed at */
    char routine[24];
    unsigned reached;
    unsigned runs, reached_before; /* those that reached it, of the runs that learn the sites */
    char text[400];                /* who called, innermost first; filled in when asked for */
};

enum action { ACTION_NONE, ACTION_FAIL, ACTION_KILL };
enum wake_mode { WAKE_ALL, WAKE_LOSE, WAKE_TWICE, WAKE_LATE };

/* Wake-ups that were to be sent, those that were sent, and those of them that came late. */
struct wakes {
    unsigned asked, sent, late;
};

struct sites {
    pthread_mutex_t lock; /* of all processes; outlives who is killed in it */
    _Atomic int phase;
    unsigned count;
    struct site site[SITES_MAX];
    /* armed before a run */
    enum action action;
    uint8_t role, at_phase;
    uint32_t hash;
    unsigned nth; /* time it is reached, from 1 */
    unsigned seen;
    _Atomic bool done; /* it has failed, or killed */
    bool naming;
    char where[400]; /* of the one that failed */
    enum wake_mode wake_mode;
    uint64_t wake_seed;
    struct wakes wakes;
    /* what a process leaves behind */
    unsigned leaks;
    char leak[2048];
};
extern struct sites *sites;

void sites_create(void);          /* before the first fork */
void sites_begin(enum role role); /* in a process: from now on its calls are sites */
void sites_end(void);
enum role sites_role(void);
/* What the calling thread calls in between is no site: it is the harness's own. */
void sites_pause(void);
void sites_resume(void);
/* Memory allocated since sites_begin and not freed; the first few are described in sites->leak. */
unsigned sites_leaks(const char *who);
unsigned sites_open_fds(void);
unsigned sites_shared_maps(void); /* mappings of memory files */

/* For the routines that stand in for others. True: this call is to fail. */
bool site(const char *routine, bool can_fail);
void *sites_note(void *memory); /* allocated; passes it through */
void sites_forget(const void *memory);
void sites_wake(void (*send)(void *context), void *context); /* wakes.c: as often as the mode has it */

/* Routines as the linker renames them (meson.build). */
#define WRAPPED(result, name, ...)                                                                                     \
    result __real_##name(__VA_ARGS__);                                                                                 \
    result __wrap_##name(__VA_ARGS__);                                                                                 \
    result __wrap_##name(__VA_ARGS__)

#endif
