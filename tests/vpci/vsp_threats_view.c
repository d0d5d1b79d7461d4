/* SPDX-License-Identifier: MIT
 *
 * vpci-wire.md 6.5 and 6.6, row by row: the configuration window, BARs, and what passes between guest and PF driver.
 */
#include "threat.h"

#define CONFIG (WINDOW + VPCI_WINDOW_CONFIG)
#define GONE   UINT64_MAX

/* ---- 6.5: accesses ------------------------------------------------------------------------------------------ */

static void selector(struct raw_guest *guest)
{
    fake_pf_clear_log(guest->host->pf);
    raw_window(guest, true, WINDOW, 2, 1);
    raw_window(guest, true, WINDOW + 1, 1, 1);
    raw_window(guest, true, WINDOW + 4, 4, 1);
    assert_true(raw_window(guest, false, WINDOW, 4, 0) == GONE);
    raw_window(guest, true, WINDOW, 4, 0);
    assert_true(raw_window(guest, false, CONFIG, 4, 0) == 0x10CA8086); /* still slot 0 */
    raw_window(guest, true, WINDOW, 4, 1);
    assert_true(raw_window(guest, false, CONFIG + 4, 4, 0) == GONE);
    raw_window(guest, true, CONFIG + 4, 2, 6);
    assert_int_equal(fake_pf_logged(guest->host->pf), 0);
}

static void sizes(struct raw_guest *guest)
{
    static const struct {
        uint64_t address;
        uint32_t size;
    } rows[] = {{CONFIG, 8},         {CONFIG, 0},     {CONFIG, 3},     {CONFIG + 2, 4},      {CONFIG + 3, 2},
                {CONFIG + 0xFFE, 4}, {CONFIG - 1, 2}, {CONFIG - 2, 4}, {CONFIG, 0xFFFFFFFF}, {CONFIG + 0x1000, 4},
                {WINDOW - 4, 4},     {UINT64_MAX, 1}, {0, 4},          {UINT64_MAX - 3, 4}};
    raw_window(guest, true, WINDOW, 4, 0);
    fake_pf_clear_log(guest->host->pf);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(raw_window(guest, false, rows[i].address, rows[i].size, 0) == GONE);
        raw_window(guest, true, rows[i].address, rows[i].size, UINT64_MAX);
    }
    assert_int_equal(fake_pf_logged(guest->host->pf), 0);
}

/* Two virtual processors share the mailbox without a lock: each access is one of theirs, whole. */
static void interleaved(struct raw_guest *guest)
{
    struct vpci_window_access one = {.address = CONFIG + 0x2C, .size = 4}, two = {.address = CONFIG, .size = 4};
    raw_window(guest, true, WINDOW, 4, 0);
    for (unsigned i = 0; i < 300; i++) {
        uint64_t value = 0;
        if (vpci_window_post(&guest->window, &one))
            vmbus_guest_signal(guest->guest);
        if (vpci_window_post(&guest->window, &two))
            vmbus_guest_signal(guest->guest);
        assert_int_equal(vpci_window_wait(&guest->window, 100, 20000, &value), 0);
        assert_true(value == 0x10CA8086 || value == 0x11001AF4);
    }
    raw_window(guest, false, CONFIG, 4, 0); /* the last answer was its own */
}

static void after_d0_exit(struct raw_guest *guest)
{
    raw_window(guest, true, WINDOW, 4, 0);
    assert_int_equal(raw_d0_exit(guest), VPCI_STATUS_SUCCESS);
    fake_pf_clear_log(guest->host->pf);
    assert_true(raw_window(guest, false, CONFIG + 4, 4, 0) == GONE);
    raw_window(guest, true, CONFIG + 4, 2, 6);
    assert_int_equal(fake_pf_logged(guest->host->pf), 0);
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
}

static void after_close(struct raw_guest *guest)
{
    raw_window(guest, true, WINDOW, 4, 0);
    vmbus_guest_close(guest->guest);
    guest->queued = 0;
    assert_true(raw_window(guest, false, CONFIG + 4, 4, 0) == GONE);
    raw_open(guest, 5, 5);
    raw_up(guest);
}

static void after_eject(struct raw_guest *guest)
{
    raw_window(guest, true, WINDOW, 4, 0);
    vsp_channel_eject(guest->channel, 0);
    raw_wait_ended(guest);
    fake_pf_clear_log(guest->host->pf);
    assert_true(raw_window(guest, false, CONFIG + 4, 4, 0) == GONE);
    raw_window(guest, true, CONFIG + 4, 2, 6);
    assert_int_equal(fake_pf_seen(guest->host->pf, OID_SRIOV_WRITE_VF_CONFIG_SPACE, NULL), 0);
}

/* ---- 6.5: BARs ---------------------------------------------------------------------------------------------- */

static void place(struct raw_guest *guest, unsigned bar, uint64_t address)
{
    raw_config_write(guest, 0x10 + bar * 4, 4, (uint32_t)address);
    raw_config_write(guest, 0x14 + bar * 4, 4, (uint32_t)(address >> 32));
}

static void misplaced_bars(struct raw_guest *guest)
{
    static const struct {
        uint64_t zero, three;
        bool zero_mapped, three_mapped;
    } rows[] = {
        {0x2000004000, 0x2000004000, true, false},        /* over another BAR */
        {WINDOW & ~0x3FFFull, 0x2000008000, false, true}, /* over the window */
        {0xFFFFFFFFFFFFC000, 0x2000008000, false, true},  /* wrapping */
        {1ull << 52, 0x2000008000, false, true},          /* beyond what can be addressed */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        place(guest, 0, rows[i].zero);
        place(guest, 3, rows[i].three);
        raw_config_write(guest, 0x04, 2, 2);
        assert_int_equal(raw_bar(guest, 0).mapped, rows[i].zero_mapped);
        assert_int_equal(raw_bar(guest, 3).mapped, rows[i].three_mapped);
        assert_int_equal(raw_config_read(guest, 0x10, 4), (uint32_t)rows[i].zero | 0xC); /* the register stays */
        raw_config_write(guest, 0x04, 2, 0);
        assert_false(raw_bar(guest, 0).mapped || raw_bar(guest, 3).mapped);
    }
}

static void memory_enable_toggled(struct raw_guest *guest)
{
    unsigned before = raw_bar(guest, 0).changes;
    place(guest, 0, 0x2000004000);
    for (unsigned i = 0; i < 300; i++) {
        raw_config_write(guest, 0x04, 2, 2);
        raw_config_write(guest, 0x04, 2, 0);
    }
    assert_int_equal(raw_bar(guest, 0).changes, before + 600);
    assert_false(raw_bar(guest, 0).mapped);
}

static void forbidden_registers(struct raw_guest *guest)
{
    static const struct {
        uint32_t offset, size, value;
    } rows[] = {{0x00, 4, 0xFFFFFFFF},
                {0x08, 4, 0xFFFFFFFF},
                {0x2C, 4, 0xFFFFFFFF},
                {0x30, 4, 0xFFFFFFFF},
                {0xB0, 2, 0xFFFF} /* Link Control */,
                {0xC8, 2, 0xFFFF} /* Device Control 2 */,
                {0xA8, 2, 0x7FFF} /* Device Control but Initiate FLR */,
                {0x40, 4, 0xFFFFFFFF},
                {0x150, 4, 0xFFFFFFFF},
                {0xFFC, 4, 0xFFFFFFFF}};
    raw_window(guest, true, WINDOW, 4, 0);
    fake_pf_clear_log(guest->host->pf);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        raw_config_write(guest, rows[i].offset, rows[i].size, rows[i].value);
    assert_int_equal(fake_pf_seen(guest->host->pf, OID_SRIOV_WRITE_VF_CONFIG_SPACE, NULL), 0);
    assert_int_equal(fake_pf_seen(guest->host->pf, OID_SRIOV_RESET_VF, NULL), 0);
}

static void sensitive_state(struct raw_guest *guest)
{
    USHORT vf = vstack_vf_id(guest->vf);
    static const unsigned hidden[] = {0x40, 0x60, 0x200, 0x800, 0xFFC};
    for (unsigned i = 0; i < 5; i++) {
        fake_pf_poke(guest->host->pf, vf, hidden[i], 0x5EC4E7);
        assert_int_equal(raw_config_read(guest, hidden[i], 4), 0);
    }
}

static const struct fake_dword nothing[] = {{0, 0, 0, 0}};
static const struct fake_device hostile_masks[] = {
    {"not a power of two", 0x8086, 0x10CA, {0xFFF0C004}, nothing, 1},
    {"I/O space", 0x8086, 0x10CA, {0xFFFFFF01}, nothing, 1},
    {"64 bits at the last", 0x8086, 0x10CA, {0, 0, 0, 0, 0, 0xFFFFC004}, nothing, 1},
    {"type 1", 0x8086, 0x10CA, {0xFFFFC002}, nothing, 1},
};

/* Masks come from the PF; a guest cannot forge them, and the host does not believe what no BAR can be. */
static void forged_masks(struct raw_guest *guest)
{
    const struct vstack_vf_options options = {.vm_name = "guest"};
    const struct fake_device *honest = guest->host->pf->device;
    struct vstack_vf *vf = NULL;
    for (unsigned i = 0; i < sizeof hostile_masks / sizeof hostile_masks[0]; i++) {
        guest->host->pf->device = &hostile_masks[i];
        assert_int_not_equal(vstack_vf_allocate(guest->host->stack, &options, &vf), NDIS_STATUS_SUCCESS);
        assert_null(vf);
    }
    guest->host->pf->device = honest;
    raw_config_write(guest, 0x10, 4, 0xFFFFFFFF);
    assert_int_equal(raw_config_read(guest, 0x10, 4), 0xFFFFC00C);
}

/* ---- 6.6 ---------------------------------------------------------------------------------------------------- */

static void only_its_own_vf(struct raw_guest *guest)
{
    struct fake_oid oid;
    assert_int_equal(raw_block_write(guest, 1, "mine", 4), VPCI_STATUS_SUCCESS);
    fake_pf_seen(guest->host->pf, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, &oid);
    assert_int_equal(oid.vf, vstack_vf_id(guest->vf));
    for (uint32_t slot = 0; slot < 64; slot++) { /* whatever it selects */
        raw_window(guest, true, WINDOW, 4, slot);
        raw_window(guest, false, CONFIG + 4, 4, 0);
        fake_pf_seen(guest->host->pf, OID_SRIOV_READ_VF_CONFIG_SPACE, &oid);
        assert_int_equal(oid.vf, vstack_vf_id(guest->vf));
    }
}

/* A PF driver that fills nothing and claims everything: the guest gets zeros, not what the buffer held before. */
static void no_residue(struct raw_guest *guest)
{
    struct fake_pf *pf = guest->host->pf;
    struct reply reply;
    uint8_t secret[128];
    memset(secret, 0x5E, sizeof secret);
    assert_int_equal(raw_block_write(guest, 1, secret, sizeof secret), VPCI_STATUS_SUCCESS);
    pf->long_claim = true;
    pf->short_by = 8;
    assert_int_equal(raw_block_read(guest, 2, 8, &reply), VPCI_STATUS_SUCCESS);
    for (uint32_t i = 4; i < reply.length; i++)
        assert_int_equal(reply.bytes[i], 0);
    pf->long_claim = false;
    pf->short_by = 0;
}

static void invalidation_without_guest(struct raw_guest *guest)
{
    for (unsigned vf = 0; vf < 65536; vf += 4096 - 1) {
        if (vf != vstack_vf_id(guest->vf) && vf != 0)
            fake_pf_invalidate(guest->host->pf, (USHORT)vf, ~0ull);
    }
    fake_pf_invalidate(guest->host->pf, 0xFFFF, ~0ull);
    assert_true(raw_nothing(guest, VPCI_INVALIDATE_BLOCK));
}

static void invalidations_coalesce(struct raw_guest *guest)
{
    USHORT vf = vstack_vf_id(guest->vf);
    uint64_t sent = raw_stats(guest).invalidates_sent;
    ULONG64 all = 0;
    for (unsigned i = 0; i < 5000; i++)
        fake_pf_invalidate(guest->host->pf, vf, 1ull << i % 64);
    while (all != ~0ull) {
        struct vpci_invalidate_block block;
        struct reply reply;
        raw_in_band(guest, VPCI_INVALIDATE_BLOCK, &reply);
        memcpy(&block, reply.bytes, sizeof block);
        assert_true(block.block_mask != 0);
        all |= block.block_mask;
    }
    assert_true(raw_stats(guest).invalidates_sent - sent <= 65);
}

static void ejecting_vf_is_not_told(struct raw_guest *guest)
{
    struct reply reply;
    vsp_channel_eject(guest->channel, 60000);
    raw_in_band(guest, VPCI_EJECT, &reply);
    fake_pf_invalidate(guest->host->pf, vstack_vf_id(guest->vf), ~0ull);
    assert_true(raw_nothing(guest, VPCI_INVALIDATE_BLOCK));
    raw_send(guest, VMBUS_PACKET_GPADL, 0, 1, "12345678", 8);
}

static void one_at_the_pf_driver(struct raw_guest *guest)
{
    struct fake_pf *pf = guest->host->pf;
    uint32_t read[4] = {VPCI_READ_BLOCK_MESSAGE, 1, 0, 8};
    struct reply reply;
    fake_pf_clear_log(pf);
    pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    for (unsigned i = 0; i < 3; i++)
        raw_send(guest, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 900 + i, read, sizeof read);
    for (unsigned i = 1; i <= 3; i++) {
        fake_pf_wait_pended(pf);
        assert_int_equal(fake_pf_seen(pf, OID_SRIOV_READ_VF_CONFIG_BLOCK, NULL), i);
        fake_pf_complete(pf, NDIS_STATUS_SUCCESS);
    }
    pf->pend_oid = 0;
    for (unsigned i = 0; i < 3; i++)
        raw_next_completion(guest, &reply);
}

static const struct threat rows[] = {
    {"6_5_selector_other_size_offset_or_slot", THREAT_SURVIVES, selector},
    {"6_5_access_size_8_straddling_or_unaligned", THREAT_SURVIVES, sizes},
    {"6_5_concurrent_processors_interleaving", THREAT_SURVIVES, interleaved},
    {"6_5_access_after_d0_exit", THREAT_SURVIVES, after_d0_exit},
    {"6_5_access_after_close", THREAT_SURVIVES, after_close},
    {"6_5_access_after_eject", THREAT_ENDS, after_eject},
    {"6_5_bar_over_another_bar_the_window_or_wrapping", THREAT_SURVIVES, misplaced_bars},
    {"6_5_memory_enable_toggled_at_high_rate", THREAT_SURVIVES, memory_enable_toggled},
    {"6_5_writes_to_forbidden_registers", THREAT_SURVIVES, forbidden_registers},
    {"6_5_reads_of_pf_sensitive_state", THREAT_SURVIVES, sensitive_state},
    {"6_5_huge_or_forged_bar_masks", THREAT_SURVIVES, forged_masks},
    {"6_6_vf_bound_to_the_channel", THREAT_SURVIVES, only_its_own_vf},
    {"6_6_no_residue_in_data_or_padding", THREAT_SURVIVES, no_residue},
    {"6_6_single_outstanding_request", THREAT_SURVIVES, one_at_the_pf_driver},
    {"6_6_invalidation_for_a_vf_without_guest", THREAT_SURVIVES, invalidation_without_guest},
    {"6_6_invalidations_coalesce_in_one_mask", THREAT_SURVIVES, invalidations_coalesce},
    {"6_6_invalidation_of_an_ejecting_vf", THREAT_ENDS, ejecting_vf_is_not_told},
};

int main(void)
{
    return threats_run(rows, sizeof rows / sizeof rows[0]);
}
