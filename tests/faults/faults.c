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
#include "kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the program ---------------------------------------------------------------------------------------------------
 */

static void run_road(enum road road, bool all)
{
    struct known known = kinds_learn(road, false);
    printf("# %s: %u sites\n", road_names[road], known.count);
    kinds_fail_sites(road, &known, all ? 1 : 16);
    kinds_fail_driver_calls(road, all ? 1 : 8);
    kinds_kill_at_random(road, &known, all ? 200 : 8);
    free(known.site);
}

static void run_all(bool all)
{
    for (enum road road = 0; road < ROADS; road++)
        run_road(road, all);
    kinds_kill_machines();
    kinds_wakes(all ? 20 : 2);
    kinds_pends();
    printf("# %u of %u sites could not be reached again\n", kinds_unreached, kinds_tried);
    kinds_result(kinds_unreached <= 1 + kinds_tried / 20 ? NULL : "too many sites could not be reached again",
                 "what_was_learned_is_reached");
    kinds_result(documented_print() ? NULL : "no call noticed", "a_failure_is_noticed");
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
        struct known known = kinds_learn(road, true);
        for (unsigned i = 0; i < known.count; i++) {
            const struct site *site = &known.site[i];
            printf("%s %s.%u.%u.%08x   %s from %s (%u times)\n", site->can_fail ? "fail" : "kill", road_names[road],
                   site->role, site->phase, site->hash, site->routine, site->text,
                   (site->reached + KINDS_LEARNED - 1) / KINDS_LEARNED);
        }
        free(known.site);
        struct way way = {.road = road, .counts = true};
        const char *why = way_run(&way);
        kinds_comment(why);
        kinds_broken += why != NULL;
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
    bool reached = kinds_try_site(parse_road(road), &site, action, nth);
    kinds_comment(sites->where);
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
    return kinds_fail_routine(words[0], words[1]);
}

static bool kills_again(char **words)
{
    for (enum road road = 0; road < ROADS; road++) {
        struct known known = kinds_learn(road, false);
        kinds_kill_at_random(road, &known, (unsigned)strtoul(words[0], NULL, 10));
        free(known.site);
    }
    return true;
}

static bool machine_again(char **words)
{
    return kinds_kill_machine((unsigned)strtoul(words[0], NULL, 10));
}

static bool driver_again(char **words)
{
    bool host = strcmp(words[1], "host") == 0;
    if (!host && strcmp(words[1], "guest") != 0)
        give_up("a driver is the `host`'s or the `guest`'s");
    return kinds_try_driver(parse_road(words[0]), host, (unsigned)strtoul(words[2], NULL, 10));
}

static bool wake_again(char **words)
{
    static const char *const modes[] = {"", "lose", "twice", "late"};
    for (enum wake_mode mode = WAKE_LOSE; mode <= WAKE_LATE; mode++) {
        if (strcmp(words[0], modes[mode]) == 0) {
            kinds_try_wakes(mode, (unsigned)strtoul(words[1], NULL, 10));
            return true;
        }
    }
    give_up("a wake-up is one to `lose`, `twice` or `late`");
}

static bool pend_again(char **words)
{
    (void)words;
    kinds_pends();
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
        printf("1..%u\n", kinds_ran);
        return kinds_broken != 0;
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
        return kinds_broken != 0;
    }
    if (argc > 1 && strcmp(what, "all") != 0)
        return run_one(argc - 1, argv + 1);
    run_all(strcmp(what, "all") == 0);
    printf("1..%u\n", kinds_ran);
    return kinds_broken != 0;
}
