/* SPDX-License-Identifier: MIT
 *
 * What goes wrong below: every call into libc and the kernel that can fail, every call of a driver that can fail, death
 * by kill -9, wake-ups that are late, doubled or lost, and a PF driver that keeps its requests for ever. Over the whole
 * way (way.h), each in processes of its own. Prints TAP.
 *
 *     faults                     a fixed slice of each; with VFP_FAULTS=all in the environment everything; VFP_SEED
 *                                chooses where processes are killed
 *     faults all                 everything (`make faults`)
 *     faults list                the sites: role.phase.hash, routine, who called
 *     faults fail SITE           that site fails, once
 *     faults routine NAME        each site of that routine fails
 *     faults kill SITE NTH       the process is killed when it reaches that site for the NTH time
 *     faults driver host|guest N the Nth call of the PF or VF driver fails
 *     faults wake lose|twice|late SEED
 */
#include "way.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEARNED 3u /* runs in which the sites are learned */

static unsigned ran, broken, unreached;

static void result(const char *why, const char *name)
{
    ran++;
    for (const char *line = why; line && *line;) {
        size_t length = strcspn(line, "\n");
        printf("# %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    broken += why != NULL;
    printf("%sok %u %s\n", why ? "not " : "", ran, name);
    fflush(stdout);
}

/* ---- sites ---------------------------------------------------------------------------------------------------------
 */

static int by_identity(const void *a, const void *b)
{
    const struct site *left = a, *right = b;
    if (left->role != right->role)
        return left->role < right->role ? -1 : 1;
    if (left->phase != right->phase)
        return left->phase < right->phase ? -1 : 1;
    return left->hash < right->hash ? -1 : left->hash > right->hash;
}

/* Runs the way as it is and keeps what was reached; three times, for threads differ. */
static struct site *learn(unsigned *count, bool naming)
{
    struct way plain = {0};
    sites->count = 0;
    sites->naming = naming;
    for (unsigned i = 0; i < LEARNED; i++) {
        const char *why = way_run(&plain);
        if (why) {
            result(why, "the_way_without_a_fault");
            exit(1);
        }
    }
    sites->naming = false;
    *count = sites->count;
    struct site *kept = malloc((*count + 1) * sizeof(*kept));
    if (!kept)
        abort();
    memcpy(kept, sites->site, *count * sizeof(*kept));
    qsort(kept, *count, sizeof(*kept), by_identity);
    return kept;
}

static void arm(const struct site *site, enum action action, unsigned nth)
{
    sites->action = action;
    sites->role = site->role;
    sites->at_phase = site->phase;
    sites->hash = site->hash;
    sites->nth = nth;
    sites->count = 0;
}

/* False: threads did not meet as they did when the site was learned, and nothing happened. */
static bool try_site(const struct site *site, enum action action, unsigned nth)
{
    char name[128];
    struct way way = {0};
    bool kills = action == ACTION_KILL;
    way.host_killed = kills && site->role == ROLE_HOST;
    way.guest_killed = kills && site->role == ROLE_GUEST;
    arm(site, action, nth);
    snprintf(name, sizeof name, "%s_%u.%u.%08x_%s", kills ? "killed_at" : "fails", site->role, site->phase, site->hash,
             site->routine);
    const char *why = way_run(&way);
    bool reached = sites->done;
    if (why || reached)
        result(why, name);
    sites->action = ACTION_NONE;
    return reached;
}

/* Whether a thread comes to sleep there is the scheduler's choice. */
static bool is_wait(const struct site *site)
{
    return strcmp(site->routine, "futex") == 0 || strcmp(site->routine, "poll") == 0 ||
           strcmp(site->routine, "epoll_wait") == 0;
}

/* One site of each `every`. */
static void fail_sites(const struct site *known, unsigned count, unsigned every)
{
    for (unsigned i = 0, failing = 0; i < count; i++)
        if (known[i].can_fail && known[i].phase != PHASE_OVER && failing++ % every == 0)
            unreached += !try_site(&known[i], ACTION_FAIL, 1) && !is_wait(&known[i]);
}

static void fail_routine(const char *routine)
{
    unsigned count, tried = 0;
    struct site *known = learn(&count, false);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(known[i].routine, routine) == 0 && known[i].can_fail && known[i].phase != PHASE_OVER)
            tried += try_site(&known[i], ACTION_FAIL, 1);
    result(tried ? NULL : "no site of it was reached", "a_site_of_the_routine_is_reached");
    free(known);
}

/* Points that a seed chooses, among all calls of the victim and of the host while they serve it. */
static void kill_at_random(const struct site *known, unsigned count, unsigned times)
{
    const char *chosen = getenv("VFP_SEED");
    uint64_t seed = chosen ? strtoull(chosen, NULL, 10) : 1;
    printf("# seed of the kills: %llu\n", (unsigned long long)seed);
    for (unsigned done = 0, tried = 0; done < times && tried < 3 * times;) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const struct site *site = &known[(seed >> 33) % count];
        if (site->phase != PHASE_SERVED)
            continue;
        done += try_site(site, ACTION_KILL, 1 + (unsigned)(seed >> 20) % ((site->reached + LEARNED - 1) / LEARNED));
        tried++;
    }
}

/* ---- drivers' calls ------------------------------------------------------------------------------------------------
 */

static void try_driver(bool host, unsigned number)
{
    char name[64];
    struct way way = {.host_fault = host ? number : 0, .guest_fault = host ? 0 : number};
    snprintf(name, sizeof name, "call_%u_of_the_%s_driver_fails", number, host ? "PF" : "VF");
    const char *why = way_run(&way);
    result(why, name);
    unreached += !why && !way.driver_failed;
}

static void fail_driver_calls(unsigned every)
{
    struct way way = {.counts = true};
    result(way_run(&way), "drivers_calls_are_counted");
    for (unsigned i = 1; i <= way.host_calls; i += every)
        try_driver(true, i);
    for (unsigned i = 1; i <= way.guest_calls; i += every)
        try_driver(false, i);
}

/* ---- wake-ups, a PF driver that pends ------------------------------------------------------------------------------
 */

static void try_wakes(enum wake_mode mode, unsigned seed)
{
    static const char *const names[] = {"", "lost", "doubled", "late"};
    char name[64];
    struct way way = {.lossy = mode == WAKE_LOSE};
    sites->wake_mode = mode;
    sites->wake_seed = seed;
    const char *why = way_run(&way);
    sites->wake_mode = WAKE_ALL;
    snprintf(name, sizeof name, "wake_ups_are_%s_seed_%u", names[mode], seed);
    result(why ? why : sites->wakes_changed ? NULL : "no wake-up was changed", name);
}

static void wakes(unsigned seeds)
{
    for (unsigned seed = 1; seed <= seeds; seed++)
        for (enum wake_mode mode = WAKE_LOSE; mode <= WAKE_LATE; mode++)
            try_wakes(mode, seed);
}

static void pends(void)
{
    struct way guest = {.pf_driver = getenv("PENDING_PF")}, all = {.pf_driver = getenv("PENDING_PF_READS")};
    result(way_run(&guest), "a_PF_driver_pends_what_a_guest_asks_for_ever");
    result(way_run(&all), "a_PF_driver_pends_what_the_host_asks_for_ever");
}

/* ---- the program ---------------------------------------------------------------------------------------------------
 */

static void run_all(bool all)
{
    unsigned count;
    struct site *known = learn(&count, false);
    fail_sites(known, count, all ? 1 : 16);
    fail_driver_calls(all ? 1 : 8);
    kill_at_random(known, count, all ? 200 : 12);
    wakes(all ? 20 : 2);
    pends();
    free(known);
    printf("# %u sites known, %u could not be reached again\n", count, unreached);
    result(unreached <= count / 20 ? NULL : "too many sites could not be reached again", "what_was_learned_is_reached");
}

static void list(void)
{
    unsigned count;
    struct site *known = learn(&count, true);
    for (unsigned i = 0; i < count; i++)
        printf("%u.%u.%08x %-18s %4u %s%s\n", known[i].role, known[i].phase, known[i].hash, known[i].routine,
               known[i].reached, known[i].can_fail ? "" : "(only killed) ", known[i].text);
    free(known);
}

static struct site parse_site(const char *text)
{
    unsigned role = 0, phase = 0, hash = 0;
    if (sscanf(text, "%u.%u.%x", &role, &phase, &hash) != 3) {
        fprintf(stderr, "a site is role.phase.hash, as `faults list` prints it\n");
        exit(2);
    }
    return (struct site){.hash = hash, .role = (uint8_t)role, .phase = (uint8_t)phase};
}

int main(int argc, char **argv)
{
    const char *environment = getenv("VFP_FAULTS"), *what = argc > 1 ? argv[1] : environment ? environment : "";
    sites_create();
    if (strcmp(what, "list") == 0) {
        list();
        return 0;
    }
    if (argc == 3 && strcmp(what, "fail") == 0) {
        struct site site = parse_site(argv[2]);
        try_site(&site, ACTION_FAIL, 1);
    } else if (argc == 3 && strcmp(what, "routine") == 0) {
        fail_routine(argv[2]);
    } else if (argc == 4 && strcmp(what, "kill") == 0) {
        struct site site = parse_site(argv[2]);
        try_site(&site, ACTION_KILL, (unsigned)strtoul(argv[3], NULL, 10));
    } else if (argc == 4 && strcmp(what, "driver") == 0) {
        try_driver(strcmp(argv[2], "host") == 0, (unsigned)strtoul(argv[3], NULL, 10));
    } else if (argc == 4 && strcmp(what, "wake") == 0) {
        enum wake_mode mode = argv[2][0] == 't' ? WAKE_TWICE : strcmp(argv[2], "late") == 0 ? WAKE_LATE : WAKE_LOSE;
        try_wakes(mode, (unsigned)strtoul(argv[3], NULL, 10));
    } else if (strcmp(what, "pend") == 0) {
        pends();
    } else {
        run_all(strcmp(what, "all") == 0);
    }
    printf("1..%u\n", ran);
    return broken != 0;
}
