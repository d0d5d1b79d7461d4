/* SPDX-License-Identifier: MIT
 *
 * Each kind of fault, tried.
 */
#include "kinds.h"

#include "documented.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MACHINE_STEPS 6u
#define TRIES         3u /* threads do not meet in every run as they did then */

unsigned kinds_ran, kinds_broken, kinds_tried, kinds_unreached;

void kinds_comment(const char *lines)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        printf("# %.*s\n", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void kinds_result(const char *why, const char *name)
{
    kinds_ran++;
    kinds_comment(why);
    kinds_broken += why != NULL;
    printf("%sok %u %s\n", why ? "not " : "", kinds_ran, name);
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

static void count_run(void)
{
    for (unsigned i = 0; i < sites->count; i++) {
        struct site *site = &sites->site[i];
        site->runs += site->reached > site->reached_before;
        site->reached_before = site->reached;
    }
}

/* Runs the way as it is and keeps what was reached; three times, for threads differ. */
struct known kinds_learn(enum road road, bool naming)
{
    struct known known;
    sites->count = 0;
    sites->naming = naming;
    for (unsigned i = 0; i < KINDS_LEARNED; i++) {
        struct way plain = {.road = road};
        const char *why = way_run(&plain);
        if (!why && road == ROAD_VMM && !plain.mitigated)
            why = "no mitigated page was touched";
        if (why) {
            kinds_result(why, "the_way_without_a_fault");
            exit(1);
        }
        count_run();
    }
    sites->naming = false;
    known.count = sites->count;
    known.site = malloc((known.count + 1) * sizeof(*known.site));
    if (!known.site)
        abort();
    memcpy(known.site, sites->site, known.count * sizeof(*known.site));
    qsort(known.site, known.count, sizeof(*known.site), by_identity);
    return known;
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

/* False: the site was not reached, and nothing happened. */
static bool try_once(enum road road, const struct site *site, enum action action, unsigned nth)
{
    char name[128];
    bool kills = action == ACTION_KILL;
    struct way way = {.road = road,
                      .host_killed = kills && site->role == ROLE_HOST,
                      .guest_killed = kills && site->role == ROLE_GUEST};
    arm(site, action, nth);
    snprintf(name, sizeof name, "%s_%s.%u.%u.%08x_%s", kills ? "killed_at" : "fails", road_names[road], site->role,
             site->phase, site->hash, site->routine);
    const char *why = way_run(&way);
    bool reached = sites->done;
    if (why || reached)
        kinds_result(why, name);
    sites->action = ACTION_NONE;
    return reached;
}

bool kinds_try_site(enum road road, const struct site *site, enum action action, unsigned nth)
{
    for (unsigned i = 0; i < TRIES; i++)
        if (try_once(road, site, action, nth))
            return true;
    return false;
}

/* Whether a thread comes to sleep there is the scheduler's choice. */
static bool is_wait(const struct site *site)
{
    static const char *const waits[] = {"futex", "poll", "epoll_wait", "sem_clockwait"};
    for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++)
        if (strcmp(site->routine, waits[i]) == 0)
            return true;
    return false;
}

/* One site of each `every`. What not each run reached that learned them is the scheduler's choice as well. */
void kinds_fail_sites(enum road road, const struct known *known, unsigned every)
{
    for (unsigned i = 0, failing = 0; i < known->count; i++) {
        const struct site *site = &known->site[i];
        if (!site->can_fail || failing++ % every)
            continue;
        bool counts = !is_wait(site) && site->runs == KINDS_LEARNED;
        bool reached =
            is_wait(site) ? try_once(road, site, ACTION_FAIL, 1) : kinds_try_site(road, site, ACTION_FAIL, 1);
        kinds_tried += counts;
        kinds_unreached += counts && !reached;
        if (!reached)
            printf("# not reached again: %s.%u.%u.%08x %s, which %u of %u runs had reached\n", road_names[road],
                   site->role, site->phase, site->hash, site->routine, site->runs, KINDS_LEARNED);
    }
}

bool kinds_fail_routine(const char *routine, const char *caller)
{
    unsigned reached = 0;
    for (enum road road = 0; road < ROADS; road++) {
        struct known known = kinds_learn(road, caller != NULL);
        for (unsigned i = 0; i < known.count; i++) {
            const struct site *site = &known.site[i];
            if (site->can_fail && strcmp(site->routine, routine) == 0 && (!caller || strstr(site->text, caller)))
                reached += kinds_try_site(road, site, ACTION_FAIL, 1);
        }
        free(known.site);
    }
    if (reached)
        kinds_result(documented_print() ? NULL : "no call noticed", "a_failure_is_noticed");
    return reached != 0;
}

/* Points that a seed chooses, among all calls of the victim and of the host while they serve it, and of the host's
 * afterwards. */
void kinds_kill_at_random(enum road road, const struct known *known, unsigned times)
{
    const char *chosen = getenv("VFP_SEED");
    uint64_t seed = chosen ? strtoull(chosen, NULL, 10) : 1;
    unsigned done = 0;
    printf("# seed of the kills: %llu\n", (unsigned long long)seed);
    for (unsigned i = 0; done < times && i < 8 * times; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const struct site *site = &known->site[(seed >> 33) % known->count];
        if (site->phase != PHASE_START)
            done += try_once(road, site, ACTION_KILL,
                             1 + (unsigned)(seed >> 20) % ((site->reached + KINDS_LEARNED - 1) / KINDS_LEARNED));
    }
    kinds_result(done == times ? NULL : "too few were reached", "as_many_were_killed_as_were_to_be");
}

/* Where it is connected, has an offer, a channel, a VF in D0, one that sleeps, one that works. */
bool kinds_kill_machine(unsigned step)
{
    char name[64];
    struct way way = {.road = ROAD_VMM, .machine_killed = step};
    const char *why = way_run(&way);
    if (!why && !sites->done)
        return false;
    snprintf(name, sizeof name, "the_VMM_is_killed_step_%u", step);
    kinds_result(why, name);
    return true;
}

void kinds_kill_machines(void)
{
    unsigned killed = 0;
    for (unsigned step = 1; step <= MACHINE_STEPS; step++)
        killed += kinds_kill_machine(step);
    kinds_result(killed == MACHINE_STEPS ? NULL : "some were not reached", "a_VMM_is_killed_at_each_step");
}

/* ---- drivers' calls ------------------------------------------------------------------------------------------------
 */

bool kinds_try_driver(enum road road, bool host, unsigned number)
{
    char name[128];
    struct way way = {0};
    const char *why = NULL, *called = "";
    for (unsigned i = 0; i < TRIES && !why && !way.driver_failed; i++) {
        way = (struct way){.road = road, .host_fault = host ? number : 0, .guest_fault = host ? 0 : number};
        why = way_run(&way);
    }
    if (way.driver_failed && number <= DRIVER_CALLS)
        called = way_driver_calls()->name[!host][number - 1];
    if (!why && !way.driver_failed)
        return false;
    snprintf(name, sizeof name, "call_%u_of_the_%s_fails_%s_%.*s", number, host ? "host's_drivers" : "VF_driver",
             road_names[road], (int)strcspn(called, " "), called);
    kinds_comment(called);
    kinds_result(why, name);
    return true;
}

static void fail_calls(enum road road, bool host, unsigned count, unsigned every)
{
    char name[64];
    for (unsigned i = 1; i <= count; i += every) {
        if (kinds_try_driver(road, host, i))
            continue;
        snprintf(name, sizeof name, "call_%u_of_the_%s", i, host ? "host's_drivers" : "VF_driver");
        kinds_result("it was counted, and is not reached again", name);
    }
}

static struct way count_driver_calls(enum road road)
{
    struct way way = {.road = road, .counts = true};
    const char *why = way_run(&way);
    if (!why && (!way.host_calls || (road == ROAD_SOCKET && !way.guest_calls)))
        why = "there are none";
    kinds_result(why, "drivers_calls_are_counted");
    return way;
}

void kinds_fail_driver_calls(enum road road, unsigned every)
{
    struct way way = count_driver_calls(road);
    fail_calls(road, true, way.host_calls, every);
    fail_calls(road, false, way.guest_calls, every);
}

/* ---- wake-ups, a PF driver that pends ------------------------------------------------------------------------------
 */

/* Whether that happened to wake-ups which was to. */
static bool is_changed(enum wake_mode mode, const struct wakes *wakes)
{
    return mode == WAKE_LOSE    ? wakes->sent < wakes->asked
           : mode == WAKE_TWICE ? wakes->sent > wakes->asked
                                : wakes->late > 0;
}

void kinds_try_wakes(enum wake_mode mode, unsigned seed)
{
    static const char *const names[] = {"", "lost", "doubled", "late"};
    char name[64], none[128];
    struct way way = {.lossy = mode == WAKE_LOSE};
    sites->wake_mode = mode;
    sites->wake_seed = seed;
    const char *why = way_run(&way);
    const struct wakes *wakes = &sites->wakes;
    sites->wake_mode = WAKE_ALL;
    snprintf(name, sizeof name, "wake_ups_are_%s_seed_%u", names[mode], seed);
    snprintf(none, sizeof none, "no wake-up was changed: %u were to be sent, %u were, %u late", wakes->asked,
             wakes->sent, wakes->late);
    kinds_result(why ? why : is_changed(mode, wakes) ? NULL : none, name);
}

void kinds_wakes(unsigned seeds)
{
    for (unsigned seed = 1; seed <= seeds; seed++)
        for (enum wake_mode mode = WAKE_LOSE; mode <= WAKE_LATE; mode++)
            kinds_try_wakes(mode, seed);
}

void kinds_pends(void)
{
    struct way guest = {.pf_driver = getenv("PENDING_PF")}, all = {.pf_driver = getenv("PENDING_PF_READS")};
    const char *why = way_run(&guest);
    kinds_result(why                ? why
                 : !guest.kept      ? "no request was kept"
                 : guest.kept_reads ? "reads were kept as well"
                                    : NULL,
                 "a_PF_driver_pends_what_a_guest_asks_for_ever");
    why = way_run(&all);
    kinds_result(why              ? why
                 : all.kept_reads ? NULL
                                  : "no read was kept",
                 "a_PF_driver_pends_what_the_host_asks_for_ever");
}
