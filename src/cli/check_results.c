/* SPDX-License-Identifier: MIT
 *
 * What `vfplane check` has found so far, a row a rule.
 */
#include "cli/check.h"

#include <stdlib.h>
#include <string.h>

static struct check_row *row_of(struct check_results *results, const char *rule)
{
    for (size_t i = 0; i < results->row_count; i++)
        if (strcmp(results->rows[i].rule->name, rule) == 0)
            return &results->rows[i];
    return NULL;
}

bool check_results_init(struct check_results *results, const struct check_arguments *arguments,
                        const struct check_list *list)
{
    size_t count;
    const struct vfp_rule *rules = vfp_rules(&count);
    *results = (struct check_results){.arguments = arguments, .list = list, .row_count = count};
    results->rows = calloc(count, sizeof(*results->rows));
    if (!results->rows)
        return false;
    for (size_t i = 0; i < count; i++)
        results->rows[i].rule = &rules[i];
    for (size_t i = 0; i < list->count; i++) {
        struct check_row *row = list->cases[i].rule ? row_of(results, list->cases[i].rule) : NULL;
        if (row)
            row->probed = true;
    }
    return true;
}

void check_results_free(struct check_results *results)
{
    for (size_t i = 0; i < results->row_count; i++)
        free(results->rows[i].seen);
    free(results->rows);
}

void check_results_forget(struct check_results *results)
{
    results->cases = 0;
    for (size_t i = 0; i < results->row_count; i++) {
        free(results->rows[i].seen);
        results->rows[i] = (struct check_row){.rule = results->rows[i].rule, .probed = results->rows[i].probed};
    }
}

static bool puts_to_test(const struct check_results *results, const struct check_row *row, size_t index)
{
    const char *rule = results->list->cases[index].rule;
    return !row->probed || (rule && strcmp(rule, row->rule->name) == 0);
}

void check_results_case(struct check_results *results, size_t index)
{
    results->cases++;
    for (size_t i = 0; i < results->row_count; i++)
        results->rows[i].cases += puts_to_test(results, &results->rows[i], index);
}

/* True when the case had not broken the rule before. A row without memory counts one case too often. */
static bool mark(struct check_row *row, size_t index, size_t count)
{
    if (index >= row->seen_size) {
        bool *grown = realloc(row->seen, count * sizeof(*grown));
        if (!grown)
            return true;
        memset(grown + row->seen_size, 0, (count - row->seen_size) * sizeof(*grown));
        row->seen = grown;
        row->seen_size = count;
    }
    bool before = row->seen[index];
    row->seen[index] = true;
    return !before;
}

void check_results_add(struct check_results *results, size_t index, const struct check_message *finding)
{
    struct check_row *row = row_of(results, finding->rule);
    char report[CHECK_REPORT];
    if (!row)
        return;
    bool earlier = !row->broken || index < row->first;
    if (mark(row, index, results->list->count)) {
        row->broken++;
        row->cases += !puts_to_test(results, row, index);
    }
    /* Only one finding of a rule has the report: the first that a child made, which need not be the first case. */
    memcpy(report, finding->report[0] ? finding->report : row->finding.report, sizeof(report));
    if (earlier) {
        row->first = index;
        row->finding = *finding;
    }
    memcpy(row->finding.report, report, sizeof(report));
}

unsigned check_results_broken(const struct check_results *results, enum vfp_severity severity)
{
    unsigned rules = 0;
    for (size_t i = 0; i < results->row_count; i++)
        rules += check_results_shows(results, &results->rows[i]) && results->rows[i].broken &&
                 results->rows[i].rule->severity == severity;
    return rules;
}

bool check_results_shows(const struct check_results *results, const struct check_row *row)
{
    return !results->arguments->rule || strcmp(results->arguments->rule, row->rule->name) == 0;
}

const char *check_verdict_name(const struct check_row *row)
{
    static const char *const names[] = {
        [VFP_VIOLATION] = "violated", [VFP_SUSPICIOUS] = "suspicious", [VFP_PORTABILITY] = "not portable"};
    return row->broken ? names[row->rule->severity] : row->cases ? "pass" : "not run";
}

void check_command(const struct check_results *results, const struct check_row *row, char *text, size_t size)
{
    const struct check_arguments *given = results->arguments;
    snprintf(text, size, "vfplane check %s%s%s%s%s --case %s", given->pf, given->own_profile ? " --profile " : "",
             given->own_profile ? given->profile : "", given->vf ? " --vf " : "", given->vf ? given->vf : "",
             results->list->cases[row->first].id);
}
