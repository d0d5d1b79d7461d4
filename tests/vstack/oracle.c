/* SPDX-License-Identifier: MIT
 *
 * The guest's view against an independent one: the same VFs through Linux VFIO (captures). Where we differ, the row
 * says why.
 */
#include "guest_view.h"

/* ---- the captures of Linux VFIO as oracle ------------------------------------------------------------------- */

/* Reset values as VFIO shows them (82576-vf-through-linux-vfio.log, nvme-...). `difference`: what we show instead. */
struct shown {
    unsigned offset;
    uint32_t vfio;
    uint32_t ours;
    const char *difference;
};
#define SAME(offset, value)                                                                                            \
    {                                                                                                                  \
        offset, value, value, NULL                                                                                     \
    }

static const struct shown shown_82576[] = {
    SAME(0x00, 0x10CA8086),
    {0x04, 0x00100002, 0x00100000, "VFIO starts with Memory Enable set; here a guest sets it (vpci-wire.md 2.3)"},
    SAME(0x08, 0x02000001),
    SAME(0x0C, 0),
    SAME(0x10, 0x0000000C),
    SAME(0x14, 0),
    SAME(0x18, 0),
    SAME(0x1C, 0x0000000C),
    SAME(0x20, 0),
    SAME(0x24, 0),
    SAME(0x2C, 0x11001AF4),
    SAME(0x30, 0),
    SAME(0x34, 0x000000A0),
    SAME(0x3C, 0),
    SAME(0x70, 0x00020011),
    SAME(0x74, 0x00000003),
    SAME(0x78, 0x00002003),
    SAME(0xA0, 0x00027010),
    SAME(0xA4, 0x10008020),
    SAME(0xA8, 0),
    SAME(0xAC, 0x00000411),
    SAME(0xB0, 0x00110000),
    SAME(0xC4, 0x00300000),
    SAME(0x100, 0x15010001),
    SAME(0x104, 0),
    SAME(0x108, 0x02400000),
    SAME(0x10C, 0x00462030),
};
static const struct shown shown_nvme[] = {
    SAME(0x00, 0x00101B36),
    {0x04, 0x00100002, 0x00100000, "as above, and the raw Memory Enable of that card is not a VF's"},
    SAME(0x08, 0x01080202),
    SAME(0x10, 0x00000004),
    SAME(0x14, 0),
    SAME(0x2C, 0x11001AF4),
    SAME(0x30, 0),
    SAME(0x34, 0x00000040),
    SAME(0x3C, 0),
    SAME(0x40, 0x00008011),
    SAME(0x44, 0x00002000),
    SAME(0x48, 0x00003000),
    SAME(0x60, 0x00030001),
    SAME(0x64, 0x00000008),
    SAME(0x80, 0x00026010),
    SAME(0x84, 0x10008000),
    SAME(0x88, 0),
    SAME(0x8C, 0x00000411),
    SAME(0x90, 0x00110000),
    SAME(0xA4, 0x00300000),
    SAME(0x100, 0x0001000E),
    SAME(0x104, 0x00000100),
};

static void check_shown(struct fixture *f, const struct shown *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if ((rows[i].vfio != rows[i].ours) != (rows[i].difference != NULL))
            fail_msg("0x%03x: a difference without a reason", rows[i].offset);
        if (rd(f, rows[i].offset, 4) != rows[i].ours)
            fail_msg("0x%03x reads %08x, not %08x", rows[i].offset, rd(f, rows[i].offset, 4), rows[i].ours);
    }
}

static void reset_values_of_82576_are_those_of_vfio(void **state)
{
    check_shown(*state, shown_82576, sizeof shown_82576 / sizeof shown_82576[0]);
}

static void reset_values_of_nvme_are_those_of_vfio(void **state)
{
    check_shown(*state, shown_nvme, sizeof shown_nvme / sizeof shown_nvme[0]);
}

/* The writes of the logs. */
struct written {
    const char *name;
    unsigned offset, size;
    ULONG value, vfio, ours;
    const char *difference;
};
#define WRITES(name, offset, size, value, after)                                                                       \
    {                                                                                                                  \
        name, offset, size, value, after, after, NULL                                                                  \
    }

static const struct written writes_82576[] = {
    WRITES("VENDOR", 0x00, 2, 0xDEAD, 0x8086),
    {"COMMAND", 0x04, 2, 0xFFFF, 0x507, 0x006, "I/O Space, SERR and Interrupt Disable are not a VF's (pci.md 4.5)"},
    WRITES("COMMAND", 0x04, 2, 0, 0),
    WRITES("STATUS", 0x06, 2, 0xFFFF, 0x10),
    WRITES("BAR0", 0x10, 4, 0xFFFFFFFF, 0xFFFFC00C),
    WRITES("BAR1", 0x14, 4, 0xFFFFFFFF, 0xFFFFFFFF),
    WRITES("BAR0", 0x10, 4, 0xFEBF0000, 0xFEBF000C),
    WRITES("SUBSYS", 0x2C, 4, 0xFFFFFFFF, 0x11001AF4),
    WRITES("ROM", 0x30, 4, 0xFFFFFFFF, 0),
    WRITES("CAPPTR", 0x34, 1, 0xFF, 0xA0),
    WRITES("INTLINE", 0x3C, 1, 0x0B, 0x0B),
    WRITES("INTPIN", 0x3D, 1, 0xFF, 0),
    {"DEVCTL", 0xA8, 2, 0x7FFF, 0x70E0, 0, "VFIO serves PFs too: MPS and MRRS of a VF are the PF's (pci.md 4.6)"},
    {"MSIX ctl", 0x72, 2, 0xFFFF, 2, 0xC002, "VFIO has its own call for MSI-X (decisions.md)"},
    WRITES("MSIX ctl", 0x72, 2, 0, 2),
    WRITES("COMMAND", 0x04, 2, 6, 6),
};
static const struct written writes_nvme[] = {
    WRITES("VENDOR", 0x00, 2, 0xDEAD, 0x1B36),
    WRITES("STATUS", 0x06, 2, 0xFFFF, 0x10),
    WRITES("BAR0", 0x10, 4, 0xFFFFFFFF, 0xFFFFC004),
    WRITES("BAR1", 0x14, 4, 0xFFFFFFFF, 0xFFFFFFFF),
    WRITES("BAR0", 0x10, 4, 0xFEBF0000, 0xFEBF0004),
    WRITES("ROM", 0x30, 4, 0xFFFFFFFF, 0),
    WRITES("INTLINE", 0x3C, 1, 0x0B, 0x0B),
    WRITES("INTPIN", 0x3D, 1, 0xFF, 0),
    {"MSIX ctl", 0x42, 2, 0xFFFF, 0, 0xC000, "as above"},
    WRITES("PMCSR", 0x64, 2, 3, 0xB),
    WRITES("PMCSR", 0x64, 2, 0, 8),
};

static void check_writes(struct fixture *f, const struct written *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct written *row = &rows[i];
        assert_true((row->vfio != row->ours) == (row->difference != NULL));
        assert_int_equal(wr(f, row->offset, row->size, row->value), STATUS_SUCCESS);
        if (rd(f, row->offset, row->size) != row->ours)
            fail_msg("row %u, %s: %x after writing %x, not %x", i, row->name, rd(f, row->offset, row->size), row->value,
                     row->ours);
    }
}

static void writes_to_82576_end_as_under_vfio(void **state)
{
    check_writes(*state, writes_82576, sizeof writes_82576 / sizeof writes_82576[0]);
}

static void writes_to_nvme_end_as_under_vfio(void **state)
{
    check_writes(*state, writes_nvme, sizeof writes_nvme / sizeof writes_nvme[0]);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(reset_values_of_82576_are_those_of_vfio),
        cmocka_unit_test_setup_teardown(reset_values_of_nvme_are_those_of_vfio, set_up_nvme, tear_down),
        CASE(writes_to_82576_end_as_under_vfio),
        cmocka_unit_test_setup_teardown(writes_to_nvme_end_as_under_vfio, set_up_nvme, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
