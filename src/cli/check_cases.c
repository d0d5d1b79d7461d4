/* SPDX-License-Identifier: MIT
 *
 * The cases: which there are, and how an id is run.
 */
#include "cli/check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool check_list_add(struct check_list *list, const char *rule, const char *note, const char *format, ...)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4096;
        struct check_case *grown = realloc(list->cases, capacity * sizeof(*grown));
        if (!grown)
            return false;
        list->cases = grown;
        list->capacity = capacity;
    }
    struct check_case *one = &list->cases[list->count++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(one->id, sizeof(one->id), format, arguments);
    va_end(arguments);
    snprintf(one->note, sizeof(one->note), "%s", note ? note : "");
    one->rule = rule;
    return true;
}

void check_list_free(struct check_list *list)
{
    free(list->cases);
    *list = (struct check_list){0};
}

/* ---- what there is -------------------------------------------------------------------------------------------------
 */

static bool list_requests(struct check_list *list, enum check_state state, const struct check_oid *oid)
{
    struct check_change change;
    for (size_t i = 0; check_change_at(oid, i, &change); i++)
        if (!check_list_add(list, check_request_rule(state, oid, &change), NULL, "%s/%s/%s", check_state_names[state],
                            oid->name, change.name))
            return false;
    return true;
}

static bool list_matrix(struct check_list *list)
{
    for (enum check_state state = 0; state < CHECK_STATES; state++)
        for (size_t oid = 0; oid < check_oid_count; oid++)
            if (!list_requests(list, state, &check_oids[oid]))
                return false;
    return true;
}

/* What stands first is run first: it tells whether the driver can be checked at all. */
bool check_list_all(struct check_list *list, const struct check_arguments *arguments)
{
    bool listed = check_list_add(list, NULL, NULL, "scenario/start") &&
                  check_list_add(list, "OID_REFUSED", NULL, "scenario/once") &&
                  check_list_add(list, NULL, NULL, "fault/0") &&
                  check_list_add(list, "OID_REFUSED", NULL, "scenario/restart") &&
                  (!arguments->vf || check_list_add(list, NULL, NULL, "guest/run")) && list_matrix(list);
    for (size_t step = 1; listed && step <= check_steps(); step++)
        listed = check_list_add(list, NULL, NULL, "surprise/%zu", step);
    return listed;
}

/* ---- running one ---------------------------------------------------------------------------------------------------
 */

static enum check_state state_of(const char *text, size_t length)
{
    enum check_state state = 0;
    while (state < CHECK_STATES &&
           (strlen(check_state_names[state]) != length || strncmp(check_state_names[state], text, length) != 0))
        state++;
    return state;
}

static const struct check_oid *oid_of(const char *text, size_t length)
{
    for (size_t i = 0; i < check_oid_count; i++)
        if (strlen(check_oids[i].name) == length && strncmp(check_oids[i].name, text, length) == 0)
            return &check_oids[i];
    return NULL;
}

static bool change_of(const struct check_oid *oid, const char *name, struct check_change *change)
{
    for (size_t i = 0; check_change_at(oid, i, change); i++)
        if (strcmp(change->name, name) == 0)
            return true;
    return false;
}

static bool run_request(struct check_bench *bench, const char *id)
{
    const char *slash = strchr(id, '/'), *second = slash ? strchr(slash + 1, '/') : NULL;
    if (!second)
        return false;
    enum check_state state = state_of(id, (size_t)(slash - id));
    const struct check_oid *oid = oid_of(slash + 1, (size_t)(second - slash - 1));
    struct check_change change;
    if (state == CHECK_STATES || !oid || !change_of(oid, second + 1, &change))
        return false;
    bool reached = !check_bench_reach(bench, state);
    if (check_found_count())
        check_mute(); /* on the way already: what a request does in such a state says nothing of its own */
    else if (reached)
        check_request(bench, state, oid, &change);
    else
        check_verdict("OID_REFUSED", "state %s is not reached: %s", check_state_names[state], bench->error);
    return true;
}

static bool run_scenario(struct check_bench *bench, const char *id)
{
    unsigned number;
    if (strcmp(id, "scenario/once") == 0) {
        check_scenario(bench, CHECK_NEVER, true);
        return true;
    }
    if (strcmp(id, "scenario/restart") == 0) {
        check_start_stop(bench);
        return true;
    }
    if (strcmp(id, "guest/run") == 0 && bench->arguments->vf) {
        check_guest(bench);
        return true;
    }
    if (strncmp(id, "fault/", 6) == 0 && parse_number(id + 6, &number))
        return check_fault(bench, number);
    if (strncmp(id, "surprise/", 9) != 0 || !parse_number(id + 9, &number) || !number || number > check_steps())
        return false;
    check_scenario(bench, number, false);
    return true;
}

/* A driver that does not start cannot be checked. */
static void only_start(struct check_bench *bench)
{
    if (check_bench_start(bench))
        check_cannot(bench->error);
    check_bench_stop(bench);
}

bool check_run_case(const struct check_arguments *arguments, const char *id)
{
    struct check_bench bench;
    bool known = true;
    if (check_bench_open(&bench, arguments))
        check_cannot(bench.error);
    else if (strcmp(id, "scenario/start") == 0)
        only_start(&bench);
    else
        known = run_scenario(&bench, id) || run_request(&bench, id);
    if (bench.host)
        check_bench_close(&bench);
    return known;
}
