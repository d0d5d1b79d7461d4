/* SPDX-License-Identifier: MIT
 *
 * vfplane check: a PF driver is driven through every state of an adapter's life, every SR-IOV and NIC switch OID, good
 * and bad arguments, calls that fail, and removal of the card; what the contracts and the answers say is a table of
 * rules.
 */
#include "cli/check.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_CHILD = 256, KEY_KNOWN };

static const struct argp_option options[] = {
    {"profile", 'p', "FILE", 0, "the card: an lspci -vvvxxxx capture of a PF and one VF (default: the Intel 82576)", 0},
    {"vf", 'V', "FILE", 0, "VF driver image: also run a guest with it", 0},
    {"rule", 'r', "NAME", 0, "only what puts this rule to the test", 0},
    {"case", 'c', "ID", 0, "only this case; what the driver prints goes to standard error", 0},
    {"report", 'R', "KIND", 0, "text, json or junit (default text)", 0},
    {"timeout", 't', "S", 0, "seconds that a case may take (default 10)", 0},
    {"child", KEY_CHILD, "FD", OPTION_HIDDEN, NULL, 0},
    {"known", KEY_KNOWN, "RULES", OPTION_HIDDEN, NULL, 0},
    {0},
};

static error_t refuse(const char *what, const char *text, const char *why)
{
    complain("%s %s: %s", what, text, why);
    return EINVAL;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct check_arguments *arguments = state->input;
    switch (key) {
    case 'p':
        arguments->profile = text;
        arguments->own_profile = true;
        return 0;
    case 'V':
        arguments->vf = text;
        return 0;
    case 'r':
        arguments->rule = text;
        return vfp_rule_find(text) ? 0 : refuse("--rule", text, "there is no such rule");
    case 'c':
        arguments->one = text;
        return 0;
    case 'R':
        arguments->report = text;
        return check_report_known(text) ? 0 : refuse("--report", text, "one of text, json, junit");
    case 't':
        return parse_count("--timeout", text, 1, &arguments->timeout);
    case KEY_CHILD:
        arguments->child = atoi(text);
        return 0;
    case KEY_KNOWN:
        arguments->known = text;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->pf)
            return refuse("check", text, "one PF driver image at a time");
        arguments->pf = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        complain("check: which PF driver image?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The cases that are wanted: one, those that put a rule to the test, or all. A rule that no case is made for is tested
 * by every case. */
static bool choose(struct check_list *list, const struct check_arguments *arguments)
{
    struct check_list all = {0};
    bool chosen = check_list_all(&all, arguments), probed = false;
    for (size_t i = 0; i < all.count && arguments->rule; i++)
        probed = probed || (all.cases[i].rule && strcmp(all.cases[i].rule, arguments->rule) == 0);
    for (size_t i = 0; chosen && i < all.count; i++) {
        const struct check_case *one = &all.cases[i];
        bool wanted = arguments->one ? strcmp(one->id, arguments->one) == 0
                                     : !probed || (one->rule && strcmp(one->rule, arguments->rule) == 0);
        if (wanted || i == 0)
            chosen = check_list_add(list, one->rule, NULL, "%s", one->id);
    }
    if (chosen && arguments->one && list->count == 1 && strcmp(arguments->one, list->cases[0].id) != 0)
        chosen = check_list_add(list, NULL, NULL, "%s", arguments->one);
    check_list_free(&all);
    return chosen;
}

/* The first case says whether the driver starts; what crashes or hangs there does so in every case. */
static int run_cases(struct check_results *results, struct check_list *list)
{
    if (check_run(results, list, 0, 1))
        return -1;
    for (size_t i = 0; i < results->row_count; i++)
        if (results->rows[i].broken && (strcmp(results->rows[i].rule->name, "DRIVER_CRASH") == 0 ||
                                        strcmp(results->rows[i].rule->name, "DRIVER_HANG") == 0))
            return 0;
    if (list->count == 1)
        return 0;
    if (results->arguments->one) /* asked for one case, not for two */
        check_results_forget(results);
    return check_run(results, list, 1, list->count);
}

static int check_all(const struct check_arguments *arguments)
{
    struct check_list list = {0};
    struct check_results results = {0};
    int result = EXIT_CANNOT;
    if (!choose(&list, arguments) || !check_results_init(&results, arguments, &list)) {
        complain("out of memory");
    } else if (run_cases(&results, &list) && !(results.cannot[0] && check_results_broken(&results, VFP_VIOLATION))) {
        if (results.cannot[0])
            complain("%s", results.cannot);
    } else { /* a driver that cannot be started because it breaks a rule is a driver that breaks a rule */
        result = close_output(check_report(&results, stdout));
        if (result == EXIT_OK && check_results_broken(&results, VFP_VIOLATION))
            result = EXIT_WRONG;
    }
    check_results_free(&results);
    check_list_free(&list);
    return result;
}

int check_main(int argc, char **argv)
{
    struct check_arguments arguments = {.report = "text", .timeout = 10, .child = -1};
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "PF.so",
        .doc = "Checks a PF driver against the rules of its contracts.\v"
               "Exit status: 0 no rule violated, 1 one or more violated, 2 could not run.",
    };
    argp_err_exit_status = EXIT_CANNOT;
    if (parse_arguments(&argp, argc, argv, &arguments))
        return EXIT_CANNOT;
    char *profile = arguments.own_profile ? NULL : find_profile("intel-82576.lspci");
    if (profile)
        arguments.profile = profile;
    int result = !arguments.profile     ? EXIT_CANNOT
                 : arguments.child >= 0 ? check_child(&arguments)
                                        : check_all(&arguments);
    free(profile);
    return result;
}
