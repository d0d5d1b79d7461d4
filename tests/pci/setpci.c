/* SPDX-License-Identifier: MIT
 *
 * What setpci wrote to raw VFs of two emulated cards, written again to ours. QEMU is not the specification: where it
 * differs from pci.md the row below says what we answer and by which rule; every other line must be as captured.
 */
#include "fixture.h"

struct known_register {
    const char *name;
    uint32_t length, offset[2]; /* of the 82576 and of the NVMe card */
};

static const struct known_register registers[] = {
    {"COMMAND", 2, {0x04, 0x04}},        {"STATUS", 2, {0x06, 0x06}},         {"VENDOR_ID", 2, {0x00, 0x00}},
    {"DEVICE_ID", 2, {0x02, 0x02}},      {"REVISION", 1, {0x08, 0x08}},       {"CACHE_LINE_SIZE.b", 1, {0x0c, 0x0c}},
    {"LATENCY_TIMER", 1, {0x0d, 0x0d}},  {"HEADER_TYPE", 1, {0x0e, 0x0e}},    {"BIST.b", 1, {0x0f, 0x0f}},
    {"BASE_ADDRESS_0", 4, {0x10, 0x10}}, {"BASE_ADDRESS_1", 4, {0x14, 0x14}}, {"SUBSYSTEM_ID", 2, {0x2e, 0x2e}},
    {"ROM_ADDRESS", 4, {0x30, 0x30}},    {"INTERRUPT_LINE", 1, {0x3c, 0x3c}}, {"INTERRUPT_PIN", 1, {0x3d, 0x3d}},
    {"CAP_MSIX+2.w", 2, {0x72, 0x42}},   {"CAP_MSIX+4.l", 4, {0x74, 0x44}},   {"CAP_EXP+8.w", 2, {0xa8, 0x88}},
    {"CAP_EXP+a.w", 2, {0xaa, 0x8a}},    {"CAP_EXP+10.w", 2, {0xb0, 0x90}},   {"CAP_EXP+28.w", 2, {0xc8, 0xa8}},
    {"CAP_PM+4.w", 2, {0, 0x64}},
};

static const struct {
    const char *name;
    uint32_t wrote, qemu, ours;
    const char *rule;
} differences[] = {
    {"COMMAND", 0xffff, 0x0507, 0x0004, "4.5: I/O, Memory, SERR and INTx Disable are fixed 0 in a VF"},
    {"COMMAND", 0x0400, 0x0400, 0x0000, "4.5: INTx Disable is fixed 0 in a VF"},
    {"CACHE_LINE_SIZE.b", 0x10, 0x10, 0x00, "4.5: fixed 0 in a VF"},
    {"INTERRUPT_LINE", 0x0b, 0x0b, 0x00, "4.5: fixed 0 in a VF"},
    {"INTERRUPT_PIN", 0xff, 0x01, 0x00, "4.5: a VF has no INTx"},
    {"CAP_EXP+28.w", 0xffff, 0x8000, 0x0000, "4.6: Device Control 2 is the PF's"},
};

static const struct known_register *find(const char *name)
{
    for (unsigned i = 0; i < sizeof registers / sizeof *registers; i++)
        if (strcmp(registers[i].name, name) == 0)
            return &registers[i];
    return NULL;
}

static uint32_t expected(const char *name, uint32_t wrote, uint32_t qemu)
{
    for (unsigned i = 0; i < sizeof differences / sizeof *differences; i++)
        if (strcmp(differences[i].name, name) == 0 && differences[i].wrote == wrote && differences[i].qemu == qemu)
            return differences[i].ours;
    return qemu;
}

static void replay(enum card card, const char *file)
{
    size_t length;
    unsigned lines = 0;
    char *text = file_text("PCI_DATA", file, &length);
    struct pci_device *device = card_device(card);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char name[32];
        unsigned before, wrote, after;
        if (sscanf(line, "WR %31s before=%x write=%x rc=0 after=%x", name, &before, &wrote, &after) != 4)
            continue;
        const struct known_register *reg = find(name);
        assert_non_null(reg);
        set(device, 0, reg->offset[card], reg->length, wrote);
        uint32_t ours = get(device, 0, reg->offset[card], reg->length);
        if (ours != expected(name, wrote, after))
            fail_msg("%s <- %x: %x, captured %x", name, wrote, ours, after);
        lines++;
    }
    assert_int_equal(lines, card == CARD_82576 ? 30 : 32);
    pci_device_destroy(device);
    free(text);
}

static void the_82576_answers_as_captured_but_for_named_rules(void **state)
{
    (void)state;
    replay(CARD_82576, "82576-vf-setpci-writes.txt");
}

static void the_nvme_card_answers_as_captured_but_for_named_rules(void **state)
{
    (void)state;
    replay(CARD_NVME, "nvme-vf-setpci-writes.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_82576_answers_as_captured_but_for_named_rules),
        cmocka_unit_test(the_nvme_card_answers_as_captured_but_for_named_rules),
    };
    return cmocka_run_group_tests_name("setpci", tests, NULL, NULL);
}
