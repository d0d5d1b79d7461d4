/* SPDX-License-Identifier: MIT
 *
 * docs/registers.md says of each register of a VF what the mask tables say, row by row, and nothing of a register that
 * no table has.
 */
#include <ctype.h>

#include "fixture.h"
#include "pci/tables.h"

static const char *page;

/* The part of the page under "### title (..". */
static const char *section(const char *title, size_t *length)
{
    char heading[96];
    snprintf(heading, sizeof heading, "\n### %s (", title);
    const char *at = strstr(page, heading);
    *length = 0;
    if (!at) {
        fail_msg("docs/registers.md has no section \"### %s (\"", title);
        return "";
    }
    const char *end = strstr(at + 1, "\n##");
    *length = end ? (size_t)(end - at) : strlen(at);
    return at;
}

/* As many digits as the register has; "-" for none. */
static const char *bits(uint32_t mask, unsigned size, char text[12])
{
    char digits[12];
    snprintf(digits, sizeof digits, "%08x", mask);
    strcpy(text, mask ? digits + 8 - 2 * size : "-");
    return text;
}

/* The start of a register's row; the rest of it is for people. */
static void row_of(const struct pci_rule *rule, char row[160])
{
    char keep[12], rw[12], w1c[12], trigger[12], sticky[12];
    uint32_t changes = rule->vf.rw | rule->vf.w1c;
    snprintf(row, 160, "\n| %02x | %s | %u | %s | %s | %s | %s | %s |", rule->offset, rule->name, rule->size,
             bits(rule->vf.keep, rule->size, keep), bits(rule->vf.rw, rule->size, rw),
             bits(rule->vf.w1c, rule->size, w1c), bits(rule->trigger, rule->size, trigger),
             bits(rule->sticky & changes, rule->size, sticky));
}

static void check_rules(const char *title, const struct pci_rule *rules, unsigned count)
{
    char row[160];
    size_t length;
    const char *text = section(title, &length);
    for (unsigned i = 0; i < count; i++) {
        row_of(&rules[i], row);
        if (!memmem(text, length, row, strlen(row)))
            fail_msg("docs/registers.md, %s: no row that begins with%s", title, row);
    }
}

static void every_register_of_a_vf_has_its_row(void **state)
{
    (void)state;
    check_rules("Header", pci_header_rules, pci_header_rule_count);
    for (unsigned i = 0; i < pci_capability_count; i++)
        check_rules(pci_capabilities[i].name, pci_capabilities[i].rules, pci_capabilities[i].count);
    for (unsigned i = 0; i < pci_extended_capability_count; i++) {
        const struct pci_capability *capability = &pci_extended_capabilities[i];
        if (!capability->vf_refusal)
            check_rules(capability->name, capability->rules, capability->count);
    }
}

static void every_capability_a_vf_must_not_have_is_named_with_its_reason(void **state)
{
    (void)state;
    for (unsigned i = 0; i < pci_extended_capability_count; i++) {
        const struct pci_capability *capability = &pci_extended_capabilities[i];
        char row[160];
        if (!capability->vf_refusal)
            continue;
        snprintf(row, sizeof row, "\n| %04x | %s | %s |", capability->id & 0xffff, capability->name,
                 capability->vf_refusal);
        if (!strstr(page, row))
            fail_msg("docs/registers.md: no row that begins with%s", row);
    }
}

static bool rules_have(const struct pci_rule *rules, unsigned count, const char *row, size_t length)
{
    char own[160];
    for (unsigned i = 0; i < count; i++) {
        row_of(&rules[i], own);
        if (strlen(own) <= length && memcmp(own, row, strlen(own)) == 0)
            return true;
    }
    return false;
}

static bool any_has(const struct pci_capability *table, unsigned count, const char *row, size_t length)
{
    for (unsigned i = 0; i < count; i++)
        if (!table[i].vf_refusal && rules_have(table[i].rules, table[i].count, row, length))
            return true;
    return false;
}

/* A register's row begins with an offset of two hexadecimal digits. */
static bool is_register_row(const char *line)
{
    return line[1] == '|' && line[2] == ' ' && isxdigit((unsigned char)line[3]) && isxdigit((unsigned char)line[4]) &&
           line[5] == ' ';
}

static void no_row_is_of_a_register_that_is_not_there(void **state)
{
    (void)state;
    unsigned rows = 0;
    for (const char *line = page; (line = strchr(line, '\n')); line++) {
        size_t length = 1 + strcspn(line + 1, "\n");
        if (!is_register_row(line))
            continue;
        rows++;
        if (!rules_have(pci_header_rules, pci_header_rule_count, line, length) &&
            !any_has(pci_capabilities, pci_capability_count, line, length) &&
            !any_has(pci_extended_capabilities, pci_extended_capability_count, line, length))
            fail_msg("docs/registers.md: no table has%.*s", (int)length, line);
    }
    assert_true(rows > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_register_of_a_vf_has_its_row),
        cmocka_unit_test(every_capability_a_vf_must_not_have_is_named_with_its_reason),
        cmocka_unit_test(no_row_is_of_a_register_that_is_not_there),
    };
    size_t length;
    page = file_text("PCI_DOCS", "registers.md", &length);
    return cmocka_run_group_tests_name("documented", tests, NULL, NULL);
}
