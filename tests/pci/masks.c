/* SPDX-License-Identifier: MIT
 *
 * Masks that cannot be are found when a profile is loaded, and named: the dword and its capability. The tables have
 * none (law.c), so maps are made here by hand. This looks inside the room: nothing a capture says can get there.
 */
#include "fixture.h"
#include "pci/internal.h"

static const struct pci_rule rule = {.name = "Some Control", .offset = 0x04, .size = 4};

static struct pci_map *map_with(struct pci_named *named, uint32_t dword, struct pci_register reg)
{
    struct pci_map *map = calloc(1, sizeof *map);
    assert_non_null(map);
    *named = (struct pci_named){.rule = &rule, .capability = "Some Capability", .offset = dword * 4};
    map->named = named;
    map->named_count = 1;
    map->dword[dword] = reg;
    return map;
}

static void masks_that_contradict_each_other_are_named(void **state)
{
    (void)state;
    static const struct {
        struct pci_register reg;
        const char *words;
    } bad[] = {
        {{.rw = 0x00000003, .w1c = 0x00000006}, "dword 044 (Some Capability): bits 00000002 have two kinds of write"},
        {{.rw = 0x80000000, .trigger = 0x80000000}, "dword 044 (Some Capability): bits 80000000 have two kinds"},
        {{.w1c = 0x00008000, .trigger = 0x0000c000}, "dword 044 (Some Capability): bits 00008000 have two kinds"},
        {{.w1c = 0x00000010, .reset = 0x00000030},
         "dword 044 (Some Capability): status or trigger bits 00000010 are set"},
        {{.trigger = 0x00008000, .reset = 0x00008000}, "dword 044 (Some Capability): status or trigger bits 00008000"},
        {{.trigger = 0x00008000}, "dword 044 (Some Capability): bits 00008000 set something off, effect 0 is none"},
        {{.rw = 0x3, .watch = 0x1}, "dword 044 (Some Capability): bits 00000001 set something off, effect 0 is none"},
        {{.rw = 0x1, .effect = 200}, "dword 044 (Some Capability): bits 00000000 set something off, effect 200"},
    };
    struct pci_capture *capture = calloc(1, sizeof *capture);
    assert_non_null(capture);
    capture->row_line[0x44 / 16] = 17;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pci_named named;
        struct pci_error error = {0};
        struct pci_map *map = map_with(&named, 0x44 / 4, bad[i].reg);
        assert_int_equal(pci_map_seal(map, "card", capture, &error), -22);
        if (!strstr(error.text, bad[i].words))
            fail_msg("\"%s\" does not say \"%s\"", error.text, bad[i].words);
        assert_int_equal(error.line, 17);
        free(map);
    }
    free(capture);
}

static void masks_side_by_side_are_sealed(void **state)
{
    (void)state;
    struct pci_named named;
    struct pci_error error = {0};
    struct pci_capture *capture = calloc(1, sizeof *capture);
    assert_non_null(capture);
    struct pci_register sound = {.rw = 0x1, .w1c = 0x2, .trigger = 0x4, .effect = PCI_EFFECT_FLR, .reset = 0xf0000001};
    struct pci_map *map = map_with(&named, 0x44 / 4, sound);
    assert_int_equal(pci_map_seal(map, "card", capture, &error), 0);
    assert_int_equal(map->slots, 1);
    assert_int_equal(map->dword[0x44 / 4].kind, PCI_EXACT);
    assert_int_equal(map->dword[0x48 / 4].kind, PCI_FIXED);
    free(map);
    free(capture);
}

static void more_effects_than_a_call_can_carry_are_refused(void **state)
{
    (void)state;
    struct pci_map *map = calloc(1, sizeof *map);
    struct pci_capture *capture = calloc(1, sizeof *capture);
    struct pci_error error = {0};
    assert_non_null(map);
    assert_non_null(capture);
    for (unsigned i = 0; i <= PCI_EFFECTS_MAX; i++)
        map->dword[0x10 + i] = (struct pci_register){.rw = 1, .effect = PCI_EFFECT_MSI};
    assert_int_equal(pci_map_seal(map, "card", capture, &error), -22);
    assert_non_null(strstr(error.text, "17 registers with effects"));
    free(map);
    free(capture);
}

/* What the proofs of an access start from is looked at, register by register. */
static void a_map_that_no_access_could_trust_is_not_sound(void **state)
{
    (void)state;
    static const struct {
        struct pci_register reg;
        unsigned slots;
        bool sound;
    } rows[] = {
        {{.kind = PCI_FIXED, .slot = PCI_NO_SLOT}, 0, true},
        {{.kind = PCI_FIXED, .slot = 0}, 1, false},
        {{.kind = PCI_FIXED, .slot = PCI_NO_SLOT, .trigger = 1}, 0, false},
        {{.kind = PCI_PLAIN, .slot = 0}, 1, true},
        {{.kind = PCI_PLAIN, .slot = 1}, 1, false},
        {{.kind = PCI_PLAIN, .slot = PCI_NO_SLOT}, 1, false},
        {{.kind = PCI_PLAIN, .slot = 0, .watch = 1}, 1, false},
        {{.kind = PCI_PLAIN, .slot = 0, .effect = PCI_EFFECT_MSI}, 1, false},
        {{.kind = PCI_EXACT, .slot = 0, .watch = 1, .effect = PCI_EFFECT_MSI}, 1, true},
        {{.kind = PCI_EXACT + 1, .slot = 0}, 1, false},
        {{.kind = PCI_PLAIN, .slot = 0}, PCI_DWORDS + 1, false},
    };
    struct pci_map *map = calloc(1, sizeof *map);
    assert_non_null(map);
    for (unsigned i = 0; i < PCI_DWORDS; i++)
        map->dword[i] = (struct pci_register){.slot = PCI_NO_SLOT};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        map->dword[PCI_DWORDS - 1] = rows[i].reg;
        map->slots = rows[i].slots;
        if (pci_map_sound(map) != rows[i].sound)
            fail_msg("row %u", i);
    }
    free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_that_contradict_each_other_are_named),
        cmocka_unit_test(masks_side_by_side_are_sealed),
        cmocka_unit_test(more_effects_than_a_call_can_carry_are_refused),
        cmocka_unit_test(a_map_that_no_access_could_trust_is_not_sound),
    };
    return cmocka_run_group_tests_name("masks", tests, NULL, NULL);
}
