/* SPDX-License-Identifier: MIT
 *
 * The bit law against its sentence, bit by bit: every kind of bit, every old and new value, every set of byte enables;
 * and the tables' masks against each other.
 */
#include "test.h"
#include "pci/bits.h"
#include "pci/tables.h"

/* One bit of a byte that takes part. */
static unsigned bit_after(unsigned kind, unsigned old, unsigned value)
{
    switch (kind) {
    case 0:
        return old; /* read-only */
    case 1:
        return value; /* writable */
    case 2:
        return value ? 0 : old; /* write-1-to-clear */
    default:
        return old; /* trigger: never stored */
    }
}

static void every_bit_of_every_lane_follows_its_kind(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++)
        for (unsigned enables = 0; enables < 16; enables++)
            for (unsigned kind = 0; kind < 4; kind++)
                for (unsigned combination = 0; combination < 16; combination++) {
                    uint32_t one = 1u << bit;
                    unsigned old = combination & 1, value = combination >> 1 & 1;
                    /* the other 31 bits: what they hold and what is written to them must not matter */
                    uint32_t around = combination & 4 ? ~one : 0, written = combination & 8 ? ~one : 0;
                    struct pci_masks masks = {kind == 1 ? one : 0, kind == 2 ? one : 0, kind == 3 ? one : 0};
                    unsigned takes_part = enables >> bit / 8 & 1;
                    uint32_t after = pci_law(around | old << bit, written | value << bit, enables, masks);
                    assert_int_equal(after, around | (takes_part ? bit_after(kind, old, value) : old) << bit);
                    uint32_t pulled = pci_law_triggered(written | value << bit, enables, masks);
                    assert_int_equal(pulled, takes_part && kind == 3 && value ? one : 0);
                }
}

static void lanes_are_whole_bytes(void **state)
{
    (void)state;
    for (unsigned enables = 0; enables < 16; enables++)
        for (unsigned byte = 0; byte < 4; byte++)
            assert_int_equal(pci_lanes(enables) >> 8 * byte & 0xff, enables >> byte & 1 ? 0xff : 0);
}

static void check_column(const struct pci_rule *rule, struct pci_column column)
{
    uint32_t width = rule->size == 4 ? 0xffffffffu : (1u << 8 * rule->size) - 1;
    if (column.rw & column.w1c || (column.rw | column.w1c) & rule->trigger || column.keep & column.w1c ||
        (column.keep | column.rw | column.w1c | rule->trigger) & ~width)
        fail_msg("%s: impossible masks", rule->name);
}

static void check_rules(const char *name, const struct pci_rule *rules, unsigned count, unsigned length)
{
    uint8_t taken[64] = {0};
    for (unsigned i = 0; i < count; i++) {
        const struct pci_rule *rule = &rules[i];
        if ((rule->size != 1 && rule->size != 2 && rule->size != 4) || rule->offset % rule->size)
            fail_msg("%s, %s: not naturally aligned", name, rule->name);
        check_column(rule, rule->pf);
        check_column(rule, rule->vf);
        for (unsigned j = 0; j < rule->size; j++) {
            if (!rule->repeats && (rule->offset + j >= length || taken[rule->offset + j]++))
                fail_msg("%s, %s: outside or twice", name, rule->name);
        }
    }
}

static void no_table_contradicts_itself(void **state)
{
    (void)state;
    check_rules("header", pci_header_rules, pci_header_rule_count, 0x40);
    for (unsigned i = 0; i < pci_capability_count; i++)
        check_rules(pci_capabilities[i].name, pci_capabilities[i].rules, pci_capabilities[i].count,
                    pci_capabilities[i].id == 0x09 ? 4 : pci_capabilities[i].length);
    for (unsigned i = 0; i < pci_extended_capability_count; i++)
        check_rules(pci_extended_capabilities[i].name, pci_extended_capabilities[i].rules,
                    pci_extended_capabilities[i].count, pci_extended_capabilities[i].length);
}

static void every_gate_opens_bits_that_a_table_has(void **state)
{
    (void)state;
    for (unsigned i = 0; i < pci_gate_count; i++) {
        const struct pci_gate *gate = &pci_gates[i];
        const uint8_t version_2[8] = {0, 0, 2, 0};
        const struct pci_capability *capability = pci_capability_find(gate->id, version_2);
        assert_non_null(capability);
        uint32_t there = 0;
        for (unsigned j = 0; j < capability->count; j++) {
            const struct pci_rule *rule = &capability->rules[j];
            if (rule->offset / 4 == gate->target / 4)
                there |= (rule->pf.rw | rule->pf.w1c | rule->trigger) << 8 * (rule->offset % 4);
        }
        assert_int_equal(gate->bits & ~there, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_every_lane_follows_its_kind),
        cmocka_unit_test(lanes_are_whole_bytes),
        cmocka_unit_test(no_table_contradicts_itself),
        cmocka_unit_test(every_gate_opens_bits_that_a_table_has),
    };
    return cmocka_run_group_tests_name("law", tests, NULL, NULL);
}
