/* SPDX-License-Identifier: MIT
 *
 * The report of `vfplane check`: a table of rules, then each broken one with its first case.
 */
#include "cli/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define COMMAND_SIZE 1024

/* ---- text ----------------------------------------------------------------------------------------------------------
 */

static void print_row(const struct check_results *results, const struct check_row *row, FILE *out)
{
    fprintf(out, "%-32s %-12s %6u  %s\n", row->rule->name, check_verdict_name(row), row->cases,
            row->broken ? results->list->cases[row->first].id : "");
}

static void print_indented(const char *text, FILE *out)
{
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = strchrnul(text, '\n');
        fprintf(out, "    %.*s\n", (int)(end - text), text);
    }
}

static void print_broken(const struct check_results *results, const struct check_row *row, FILE *out)
{
    const struct check_case *first = &results->list->cases[row->first];
    char command[COMMAND_SIZE];
    check_command(results, row, command, sizeof(command));
    fprintf(out, "\n%s %s in %u of %u cases, first in %s\n", row->rule->name, check_verdict_name(row), row->broken,
            row->cases, first->id);
    if (!row->finding.report[0]) /* which says the same, and more */
        fprintf(out, "    %s (%s)\n    %s\n", row->rule->text, row->rule->source, row->finding.text);
    print_indented(row->finding.report, out);
    if (first->note[0])
        fprintf(out, "    failing call: %s\n", first->note);
    fprintf(out, "    again: %s\n", command);
}

/* Of a single case that broke nothing it is still said which call failed. */
static const char *note_of_one(const struct check_results *results)
{
    const struct check_list *list = results->list;
    return results->arguments->one ? list->cases[list->count - 1].note : "";
}

static int report_text(const struct check_results *results, FILE *out)
{
    fprintf(out, "%-32s %-12s %6s  %s\n", "rule", "verdict", "cases", "first case that breaks it");
    for (size_t i = 0; i < results->row_count; i++)
        if (check_results_shows(results, &results->rows[i]))
            print_row(results, &results->rows[i], out);
    for (size_t i = 0; i < results->row_count; i++)
        if (check_results_shows(results, &results->rows[i]) && results->rows[i].broken)
            print_broken(results, &results->rows[i], out);
    fprintf(out, "\n%s: %u cases, %u rules violated, %u suspicious, %u not portable\n", results->arguments->pf,
            results->cases, check_results_broken(results, VFP_VIOLATION), check_results_broken(results, VFP_SUSPICIOUS),
            check_results_broken(results, VFP_PORTABILITY));
    if (note_of_one(results)[0])
        fprintf(out, "failing call: %s\n", note_of_one(results));
    if (results->cannot[0])
        fprintf(out, "no further case was run: %s\n", results->cannot);
    if (results->left_out)
        fprintf(out, "%u cases were left out: the driver hung %u times\n", results->left_out, results->hangs);
    return 0;
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------
 */

static const char *severity_name(const struct vfp_rule *rule)
{
    static const char *const names[] = {
        [VFP_VIOLATION] = "violation", [VFP_SUSPICIOUS] = "suspicious", [VFP_PORTABILITY] = "portability"};
    return names[rule->severity];
}

/* A driver's text may be anything; JSON is UTF-8. */
static json_t *string(const char *text)
{
    json_t *made = json_string(text);
    char *plain = made ? NULL : strdup(text);
    for (char *at = plain; at && *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    if (plain)
        made = json_string(plain);
    free(plain);
    return made;
}

static json_t *json_first(const struct check_results *results, const struct check_row *row)
{
    const struct check_case *first = &results->list->cases[row->first];
    char command[COMMAND_SIZE];
    check_command(results, row, command, sizeof(command));
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "case", first->id, "note", string(first->note), "text",
                     string(row->finding.text), "report", string(row->finding.report), "command", string(command));
}

static json_t *json_row(const struct check_results *results, const struct check_row *row)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "rule", row->rule->name, "severity",
                               severity_name(row->rule), "source", row->rule->source, "text", row->rule->text,
                               "verdict", check_verdict_name(row), "cases", row->cases, "broken", row->broken);
    if (object && row->broken)
        json_object_set_new(object, "first", json_first(results, row));
    return object;
}

static int report_json(const struct check_results *results, FILE *out)
{
    json_t *rules = json_array();
    for (size_t i = 0; i < results->row_count; i++)
        if (check_results_shows(results, &results->rows[i]))
            json_array_append_new(rules, json_row(results, &results->rows[i]));
    json_t *report = json_pack(
        "{s:o, s:o, s:i, s:i, s:i, s:i, s:o, s:o, s:o}", "driver", string(results->arguments->pf), "profile",
        string(results->arguments->profile), "cases", results->cases, "left_out", results->left_out, "violated",
        check_results_broken(results, VFP_VIOLATION), "suspicious", check_results_broken(results, VFP_SUSPICIOUS),
        "note", string(note_of_one(results)), "cannot", string(results->cannot), "rules", rules);
    int result = !report ? -ENOMEM : json_dumpf(report, out, JSON_INDENT(2)) || fputc('\n', out) == EOF ? -EIO : 0;
    json_decref(report);
    return result;
}

/* ---- JUnit ---------------------------------------------------------------------------------------------------------
 */

static void print_xml(const char *text, FILE *out)
{
    static const char *const names[] = {['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;"};
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < sizeof(names) / sizeof(names[0]) && names[c])
            fputs(names[c], out);
        else
            fputc((c < ' ' && c != '\n' && c != '\t') || c >= 0x7F ? '?' : c, out);
    }
}

static void print_failure(const struct check_results *results, const struct check_row *row, FILE *out)
{
    char command[COMMAND_SIZE];
    check_command(results, row, command, sizeof(command));
    fprintf(out, "<failure type=\"%s\" message=\"", severity_name(row->rule));
    print_xml(row->rule->text, out);
    fputs("\">", out);
    print_xml(row->finding.text, out);
    fputc('\n', out);
    print_xml(row->finding.report, out);
    print_xml(command, out);
    fputs("</failure>", out);
}

/* One test case a rule; what is only suspicious, or was not put to the test, does not fail. */
static int report_junit(const struct check_results *results, FILE *out)
{
    unsigned tests = 0;
    for (size_t i = 0; i < results->row_count; i++)
        tests += check_results_shows(results, &results->rows[i]);
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"vfplane check ");
    print_xml(results->arguments->pf, out);
    fprintf(out, "\" tests=\"%u\" failures=\"%u\">\n", tests, check_results_broken(results, VFP_VIOLATION));
    for (size_t i = 0; i < results->row_count; i++) {
        const struct check_row *row = &results->rows[i];
        if (!check_results_shows(results, row))
            continue;
        fprintf(out, "  <testcase classname=\"%s\" name=\"%s\">", severity_name(row->rule), row->rule->name);
        if (row->broken && row->rule->severity == VFP_VIOLATION)
            print_failure(results, row, out);
        else if (!row->cases)
            fputs("<skipped/>", out);
        else if (row->broken)
            fprintf(out, "<system-out>%s in %s</system-out>", check_verdict_name(row),
                    results->list->cases[row->first].id);
        fputs("</testcase>\n", out);
    }
    fputs("</testsuite>\n", out);
    return 0;
}

/* --------------------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    int (*print)(const struct check_results *results, FILE *out);
} formats[] = {{"text", report_text}, {"json", report_json}, {"junit", report_junit}};

bool check_report_known(const char *format)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, format) == 0)
            return true;
    return false;
}

int check_report(const struct check_results *results, FILE *out)
{
    size_t i = 0;
    while (strcmp(formats[i].name, results->arguments->report) != 0)
        i++;
    int result = formats[i].print(results, out);
    return result ? result : ferror(out) ? -EIO : 0;
}
