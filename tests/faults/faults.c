/* SPDX-License-Identifier: MIT
 *
 * What goes wrong below: every call into libc and the kernel that can fail, every call of a driver that can fail, death
 * by kill -9, wake-ups that are late, doubled or lost, and a PF driver that keeps its requests for ever. Over the whole
 * way (way.h), each in processes of its own. Prints TAP.
 *
 *     faults                   a fixed slice of each; with VFP_FAULTS=all in the environment everything; VFP_SEED
 *                              chooses where processes are killed
 *     faults all               everything (`make faults`)
 *     faults list              the sites and the drivers' calls, each as it is made to fail again
 *     faults fail SITE         that site fails, once
 *     faults routine NAME [CALLER]
 *                              each site of that routine fails (with CALLER in its stack); some failure is noticed
 *     faults kill SITE NTH     the process is killed when it reaches that site for the NTH time
 *     faults kills COUNT       so many, where VFP_SEED has them
 *     faults machine STEP      the VMM is killed there, from 1 (connected) to 6 (its guest's VF works)
 *     faults driver WAY host|guest N
 *                              the Nth call of the drivers in the host, or of the VF driver, fails
 *     faults wake lose|twice|late SEED
 *     faults pend
 *
 * Exit status: 0, 1 when something was not as documented, 2 when what is asked for was not reached or is unknown.
 */
#include "documented.h"
#include "way.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEARNED       3u /* runs in which the sites are learned */
#define MACHINE_STEPS 6u
#define TRIES         3u /* threads do not meet in every run as they did then */

static unsigned ran, broken, tried, unreached;

static void comment(const char *lines)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        printf("# %.*s\n", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

static void result(const char *why, const char *name)
{
    ran++;
    comment(why);
    broken += why != NULL;
    printf("%sok %u %s\n", why ? "not " : "", ran, name);
    fflush(stdout);
}

/* ---- sites ---------------------------------------------------------------------------------------------------------
 */

/* What was reached, by way. */
struct known {
    struct site *site;
    unsigned count;
};

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
static struct known learn(enum road road, bool naming)
{
    struct known known;
    sites->count = 0;
    sites->naming = naming;
    for (unsigned i = 0; i < LEARNED; i++) {
        struct way plain = {.road = road};
        const char *why = way_run(&plain);
        if (!why && road == ROAD_VMM && !plain.mitigated)
            why = "no mitigated page was touched";
        if (why) {
            result(why, "the_way_without_a_fault");
            exit(1);
        }
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
        result(why, name);
    sites->action = ACTION_NONE;
    return reached;
}

static bool try_site(enum road road, const struct site *site, enum action action, unsigned nth)
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

/* One site of each `every`. */
static void fail_sites(enum road road, const struct known *known, unsigned every)
{
    for (unsigned i = 0, failing = 0; i < known->count; i++) {
        const struct site *site = &known->site[i];
        if (!site->can_fail || failing++ % every)
            continue;
        bool reached = is_wait(site) ? try_once(road, site, ACTION_FAIL, 1) : try_site(road, site, ACTION_FAIL, 1);
        tried += !is_wait(site);
        unreached += !reached && !is_wait(site);
    }
}

static bool fail_routine(const char *routine, const char *caller)
{
    unsigned reached = 0;
    for (enum road road = 0; road < ROADS; road++) {
        struct known known = learn(road, caller != NULL);
        for (unsigned i = 0; i < known.count; i++) {
            const struct site *site = &known.site[i];
            if (site->can_fail && strcmp(site->routine, routine) == 0 && (!caller || strstr(site->text, caller)))
                reached += try_site(road, site, ACTION_FAIL, 1);
        }
        free(known.site);
    }
    if (reached)
        result(documented_print() ? NULL : "no call noticed", "a_failure_is_noticed");
    return reached != 0;
}

/* Points that a seed chooses, among all calls of the victim and of the host while they serve it, and of the host's
 * afterwards. */
static void kill_at_random(enum road road, const struct known *known, unsigned times)
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
                             1 + (unsigned)(seed >> 20) % ((site->reached + LEARNED - 1) / LEARNED));
    }
    result(done == times ? NULL : "too few were reached", "as_many_were_killed_as_were_to_be");
}

/* Where it is connected, has an offer, a channel, a VF in D0, one that sleeps, one that works. */
static bool kill_machine(unsigned step)
{
    char name[64];
    struct way way = {.road = ROAD_VMM, .machine_killed = step};
    const char *why = way_run(&way);
    if (!why && !sites->done)
        return false;
    snprintf(name, sizeof name, "the_VMM_is_killed_step_%u", step);
    result(why, name);
    return true;
}

static void kill_machines(void)
{
    unsigned killed = 0;
    for (unsigned step = 1; step <= MACHINE_STEPS; step++)
        killed += kill_machine(step);
    result(killed == MACHINE_STEPS ? NULL : "some were not reached", "a_VMM_is_killed_at_each_step");
}

/* ---- drivers' calls ------------------------------------------------------------------------------------------------
 */

static bool try_driver(enum road road, bool host, unsigned number)
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
    comment(called);
    result(why, name);
    return true;
}

static void fail_calls(enum road road, bool host, unsigned count, unsigned every)
{
    char name[64];
    for (unsigned i = 1; i <= count; i += every) {
        if (try_driver(road, host, i))
            continue;
        snprintf(name, sizeof name, "call_%u_of_the_%s", i, host ? "host's_drivers" : "VF_driver");
        result("it was counted, and is not reached again", name);
    }
}

static struct way count_driver_calls(enum road road)
{
    struct way way = {.road = road, .counts = true};
    const char *why = way_run(&way);
    if (!why && (!way.host_calls || (road == ROAD_SOCKET && !way.guest_calls)))
        why = "there are none";
    result(why, "drivers_calls_are_counted");
    return way;
}

static void fail_driver_calls(enum road road, unsigned every)
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

static void try_wakes(enum wake_mode mode, unsigned seed)
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
    result(why ? why : is_changed(mode, wakes) ? NULL : none, name);
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
    const char *why = way_run(&guest);
    result(why                ? why
           : !guest.kept      ? "no request was kept"
           : guest.kept_reads ? "reads were kept as well"
                              : NULL,
           "a_PF_driver_pends_what_a_guest_asks_for_ever");
    why = way_run(&all);
    result(why ? why : all.kept_reads ? NULL : "no read was kept", "a_PF_driver_pends_what_the_host_asks_for_ever");
}

/* ---- the program ---------------------------------------------------------------------------------------------------
 */

static void run_road(enum road road, bool all)
{
    struct known known = learn(road, false);
    printf("# %s: %u sites\n", road_names[road], known.count);
    fail_sites(road, &known, all ? 1 : 16);
    fail_driver_calls(road, all ? 1 : 8);
    kill_at_random(road, &known, all ? 200 : 8);
    free(known.site);
}

static void run_all(bool all)
{
    for (enum road road = 0; road < ROADS; road++)
        run_road(road, all);
    kill_machines();
    wakes(all ? 20 : 2);
    pends();
    printf("# %u of %u sites could not be reached again\n", unreached, tried);
    result(unreached <= 1 + tried / 20 ? NULL : "too many sites could not be reached again",
           "what_was_learned_is_reached");
    result(documented_print() ? NULL : "no call noticed", "a_failure_is_noticed");
}

static void list_calls(enum road road, bool host, unsigned count)
{
    for (unsigned i = 0; i < count && i < DRIVER_CALLS; i++)
        printf("driver %s %s %u   %s\n", road_names[road], host ? "host" : "guest", i + 1,
               way_driver_calls()->name[!host][i]);
}

static void list(void)
{
    for (enum road road = 0; road < ROADS; road++) {
        struct known known = learn(road, true);
        for (unsigned i = 0; i < known.count; i++) {
            const struct site *site = &known.site[i];
            printf("%s %s.%u.%u.%08x   %s from %s (%u times)\n", site->can_fail ? "fail" : "kill", road_names[road],
                   site->role, site->phase, site->hash, site->routine, site->text,
                   (site->reached + LEARNED - 1) / LEARNED);
        }
        free(known.site);
        struct way way = {.road = road, .counts = true};
        const char *why = way_run(&way);
        comment(why);
        broken += why != NULL;
        list_calls(road, true, way.host_calls);
        list_calls(road, false, way.guest_calls);
    }
}

/* ---- one again -----------------------------------------------------------------------------------------------------
 */

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "faults: %s\n", why);
    exit(2);
}

static enum road parse_road(const char *text)
{
    for (enum road road = 0; road < ROADS; road++)
        if (strcmp(text, road_names[road]) == 0)
            return road;
    give_up("a way is `socket` or `vmm`");
}

static bool again_at(const char *text, enum action action, unsigned nth)
{
    char road[8];
    unsigned role = 0, phase = 0, hash = 0;
    if (sscanf(text, "%7[a-z].%u.%u.%x", road, &role, &phase, &hash) != 4)
        give_up("a site is way.role.phase.hash, as `faults list` prints it");
    struct site site = {.hash = hash, .role = (uint8_t)role, .phase = (uint8_t)phase};
    bool reached = try_site(parse_road(road), &site, action, nth);
    comment(sites->where);
    return reached;
}

static bool fail_again(char **words)
{
    return again_at(words[0], ACTION_FAIL, 1);
}

static bool kill_again(char **words)
{
    return again_at(words[0], ACTION_KILL, (unsigned)strtoul(words[1], NULL, 10));
}

static bool routine_again(char **words)
{
    return fail_routine(words[0], words[1]);
}

static bool kills_again(char **words)
{
    for (enum road road = 0; road < ROADS; road++) {
        struct known known = learn(road, false);
        kill_at_random(road, &known, (unsigned)strtoul(words[0], NULL, 10));
        free(known.site);
    }
    return true;
}

static bool machine_again(char **words)
{
    return kill_machine((unsigned)strtoul(words[0], NULL, 10));
}

static bool driver_again(char **words)
{
    bool host = strcmp(words[1], "host") == 0;
    if (!host && strcmp(words[1], "guest") != 0)
        give_up("a driver is the `host`'s or the `guest`'s");
    return try_driver(parse_road(words[0]), host, (unsigned)strtoul(words[2], NULL, 10));
}

static bool wake_again(char **words)
{
    static const char *const modes[] = {"", "lose", "twice", "late"};
    for (enum wake_mode mode = WAKE_LOSE; mode <= WAKE_LATE; mode++) {
        if (strcmp(words[0], modes[mode]) == 0) {
            try_wakes(mode, (unsigned)strtoul(words[1], NULL, 10));
            return true;
        }
    }
    give_up("a wake-up is one to `lose`, `twice` or `late`");
}

static bool pend_again(char **words)
{
    (void)words;
    pends();
    return true;
}

static const struct {
    const char *name;
    int least, most;           /* words that follow */
    bool (*run)(char **words); /* false: nothing was reached */
} commands[] = {
    {"fail", 1, 1, fail_again},   {"kill", 2, 2, kill_again},       {"routine", 1, 2, routine_again},
    {"kills", 1, 1, kills_again}, {"driver", 3, 3, driver_again},   {"wake", 2, 2, wake_again},
    {"pend", 0, 0, pend_again},   {"machine", 1, 1, machine_again},
};

static int run_one(int words, char **arguments)
{
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(arguments[0], commands[i].name) != 0 || words <= commands[i].least || words > commands[i].most + 1)
            continue;
        if (!commands[i].run(arguments + 1))
            give_up("nothing was reached by that name: nothing failed");
        printf("1..%u\n", ran);
        return broken != 0;
    }
    give_up("all, list, fail SITE, routine NAME [CALLER], kill SITE NTH, kills COUNT, machine STEP, driver WAY "
            "host|guest N, "
            "wake lose|twice|late SEED, or pend");
}

/* The drivers and the card that were built with it, where the environment names no others. */
static void set_defaults(void)
{
    static const char *const paths[][2] = {FAULTS_PATHS};
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++)
        setenv(paths[i][0], paths[i][1], 0);
}

int main(int argc, char **argv)
{
    const char *wanted = getenv("VFP_FAULTS"), *what = argc > 1 ? argv[1] : wanted ? wanted : "";
    set_defaults();
    sites_create();
    documented_create();
    if (argc == 2 && strcmp(what, "list") == 0) {
        list();
        return broken != 0;
    }
    if (argc > 1 && strcmp(what, "all") != 0)
        return run_one(argc - 1, argv + 1);
    run_all(strcmp(what, "all") == 0);
    printf("1..%u\n", ran);
    return broken != 0;
}
