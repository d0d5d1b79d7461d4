/* SPDX-License-Identifier: MIT
 *
 * What a store sets off, once each: resets, power, the host's events, readiness (pci.md 4.3, 4.10).
 */
#include "fixture.h"

#define PF PCI_FUNCTION_PF

struct log {
    unsigned count;
    struct pci_event event[32];
    uint64_t now;
};

static void record(void *context, const struct pci_event *event)
{
    struct log *log = context;
    assert_in_range(log->count, 0, 31);
    log->event[log->count++] = *event;
}

static uint64_t clock_of(void *context)
{
    return ((struct log *)context)->now;
}

static struct pci_device *listened(enum card card, struct log *log)
{
    struct capture_page page;
    page_load(&page, card);
    *log = (struct log){0};
    return page_device(&page, &(struct pci_device_options){.context = log, .on_event = record});
}

static void assert_event(const struct log *log, unsigned index, enum pci_event_kind kind, int function, uint32_t before,
                         uint32_t after)
{
    assert_true(index < log->count);
    assert_int_equal(log->event[index].kind, kind);
    assert_int_equal(log->event[index].function, function);
    assert_int_equal(log->event[index].before, before);
    assert_int_equal(log->event[index].after, after);
}

static void each_change_is_reported_once_and_only_changes(void **state)
{
    (void)state;
    struct log log;
    struct pci_device *device = listened(CARD_82576, &log);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    assert_event(&log, 0, PCI_EVENT_VF_ENABLE, PF, 0x00, 0x09);
    assert_int_equal(log.count, 1);
    set(device, 0, 0x04, 2, 6);
    set(device, 0, 0x04, 2, 4);
    set(device, 0, 0x04, 4, 0xffffffff);
    assert_event(&log, 1, PCI_EVENT_COMMAND, 0, 0, 4);
    assert_int_equal(log.count, 2);
    set(device, 1, 0x72, 2, 0x8000);
    set(device, 1, 0x73, 1, 0xc0);
    set(device, 1, 0x73, 1, 0xc0);
    assert_event(&log, 2, PCI_EVENT_MSIX, 1, 0, 0x80000000);
    assert_event(&log, 3, PCI_EVENT_MSIX, 1, 0x80000000, 0xc0000000);
    assert_int_equal(log.count, 4);
    set(device, 1, 0xa8, 2, 0x8000);
    assert_event(&log, 4, PCI_EVENT_RESET, 1, 0, 0x8000);
    assert_int_equal(pci_vf_reset(device, 0), PCI_OK);
    assert_event(&log, 5, PCI_EVENT_RESET, 0, 0, 0x8000);
    set(device, PF, 0x04, 2, 0x0546);
    assert_event(&log, 6, PCI_EVENT_COMMAND, PF, 0, 6);
    assert_int_equal(pci_sriov_disable(device), PCI_OK);
    assert_event(&log, 7, PCI_EVENT_VF_ENABLE, PF, 9, 0);
    assert_int_equal(log.count, 8);
    pci_device_destroy(device);
}

static void pieces_of_one_call_that_meet_in_a_dword_are_one_event(void **state)
{
    (void)state;
    struct log log;
    struct pci_device *device = listened(CARD_82576, &log);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    uint8_t bytes[3] = {0x00, 0x04, 0x00}; /* Device ID + 1, Command, Command + 1 */
    assert_int_equal(pci_config_write(device, 0, 0x03, bytes, 3), 3);
    assert_int_equal(log.count, 2);
    assert_event(&log, 1, PCI_EVENT_COMMAND, 0, 0, 4);
    pci_device_destroy(device);
}

static void pf_flr_takes_all_vfs_and_leaves_sticky_bits(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    struct pci_counters counters;
    set(device, PF, 0x04, 2, 0x0007);
    set(device, PF, 0xa8, 2, 0x0027); /* error reporting, Max Payload Size 1 */
    set(device, PF, 0x108, 4, 0x00100000);
    set(device, PF, 0x3c, 1, 5);
    assert_true(pci_raise_status(device, PF, 0x104, 0x00100000));
    assert_int_equal(pci_sriov_enable(device, 4), PCI_OK);
    set(device, PF, 0xa9, 1, 0x80);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x08, 2), 0);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x10, 2), 0);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x20, 4), 1);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x24, 4), 0x0000000c);
    assert_int_equal(get(device, PF, 0x04, 2), 0);
    assert_int_equal(get(device, PF, 0x10, 4), 0);
    assert_int_equal(get(device, PF, 0xa8, 2), 0x0020); /* Max Payload Size is retained */
    assert_int_equal(get(device, PF, 0x104, 4), 0x00100000);
    assert_int_equal(get(device, PF, 0x108, 4), 0x00100000);
    uint8_t byte;
    assert_int_equal(pci_config_read(device, 0, 0, &byte, 1), 0);
    pci_counters(device, &counters);
    assert_int_equal(counters.pf_resets, 1);
    assert_int_equal(counters.vf_resets, 0);
    assert_int_equal(counters.disables, 1);
    pci_pf_reset(device);
    pci_counters(device, &counters);
    assert_int_equal(counters.pf_resets, 2);
    assert_int_equal(counters.disables, 1);
    pci_device_destroy(device);
}

static void vf_flr_leaves_pf_and_neighbours_alone(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    uint8_t before[2][PCI_CONFIG_SIZE], after[2][PCI_CONFIG_SIZE];
    assert_int_equal(pci_sriov_enable(device, 3), PCI_OK);
    for (int vf = 0; vf < 3; vf++)
        set(device, vf, 0x04, 2, 4);
    pci_config_read(device, PF, 0, before[0], PCI_CONFIG_SIZE);
    pci_config_read(device, 2, 0, before[1], PCI_CONFIG_SIZE);
    assert_int_equal(pci_vf_reset(device, 1), PCI_OK);
    pci_config_read(device, PF, 0, after[0], PCI_CONFIG_SIZE);
    pci_config_read(device, 2, 0, after[1], PCI_CONFIG_SIZE);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(get(device, 1, 0x04, 2), 0);
    assert_int_equal(pci_vf_reset(device, 3), PCI_BAD_PARAMETER);
    assert_int_equal(pci_vf_reset(device, 8), PCI_BAD_PARAMETER);
    assert_int_equal(pci_sriov_disable(device), PCI_OK);
    assert_int_equal(pci_vf_reset(device, 1), PCI_BAD_STATE);
    pci_device_destroy(device);
}

static void waking_without_no_soft_reset_resets_the_pf(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576); /* NoSoftRst- */
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    set(device, PF, 0x04, 2, 6);
    set(device, PF, 0x44, 2, 3);
    uint8_t byte;
    assert_int_equal(pci_config_read(device, 0, 0, &byte, 1), 0);
    set(device, PF, 0x44, 2, 0);
    assert_int_equal(get(device, PF, 0x04, 2), 0);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    pci_device_destroy(device);
}

static void waking_with_no_soft_reset_keeps_everything(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_NVME); /* NoSoftRst+ */
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    set(device, 0, 0x04, 2, 4);
    pci_device_set_power(device, 3);
    assert_int_equal(get(device, PF, 0x64, 2), 0x000b);
    set(device, PF, 0x64, 1, 0);
    assert_int_equal(get(device, 0, 0x04, 2), 4);
    set(device, 0, 0x64, 1, 3); /* the VF's own power state */
    set(device, 0, 0x64, 1, 0);
    assert_int_equal(get(device, 0, 0x04, 2), 4);
    pci_device_destroy(device);
    struct capture_page page;
    page_load(&page, CARD_NVME);
    put32(page.vf.space, 0x64, 0);
    device = page_device(&page, NULL);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    set(device, 0, 0x04, 2, 4);
    set(device, 0, 0x64, 1, 3);
    assert_int_equal(get(device, 0, 0x04, 2), 4);
    set(device, 0, 0x64, 1, 0);
    assert_int_equal(get(device, 0, 0x04, 2), 0);
    pci_device_destroy(device);
}

static void power_states_that_are_not_supported_are_ignored(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_NVME);
    for (unsigned d = 1; d <= 2; d++) {
        set(device, PF, 0x64, 1, d);
        assert_int_equal(get(device, PF, 0x64, 1), 0x08);
    }
    pci_device_destroy(device);
    struct capture_page page;
    page_load(&page, CARD_NVME);
    put16(page.pf.space, 0x62, 0x0603);
    device = page_device(&page, NULL);
    for (unsigned d = 1; d <= 2; d++) {
        set(device, PF, 0x64, 1, d);
        assert_int_equal(get(device, PF, 0x64, 1), 0x08 | d);
    }
    pci_device_destroy(device);
}

static void accesses_before_the_time_are_counted_and_under_strict_timing_refused(void **state)
{
    (void)state;
    for (int strict = 0; strict < 2; strict++) {
        struct log log = {.now = 1000};
        struct capture_page page;
        page_load(&page, CARD_82576);
        struct pci_device_options options = {
            .now_ns = clock_of, .context = &log, .ready_delay_ns = 100000000, .strict_timing = strict};
        struct pci_device *device = page_device(&page, &options);
        struct pci_counters counters;
        uint16_t value = 4;
        assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
        assert_int_equal(pci_config_write(device, 0, 0x04, &value, 2), strict ? 0 : 2);
        assert_int_equal(pci_config_read(device, 1, 0x04, &value, 2), strict ? 0 : 2);
        pci_counters(device, &counters);
        assert_int_equal(counters.early_accesses, 2);
        log.now += 100000000 - 1;
        assert_int_equal(pci_config_read(device, 0, 0x00, &value, 2), strict ? 0 : 2);
        log.now += 1;
        assert_int_equal(get(device, 0, 0x04, 2), strict ? 0 : 4);
        set(device, 0, 0xa8, 2, 0x8000);
        assert_int_equal(pci_config_read(device, 0, 0x00, &value, 2), strict ? 0 : 2);
        assert_int_equal(get(device, 1, 0x00, 2), 0xffff); /* the neighbour is ready */
        log.now += 100000000;
        assert_int_equal(get(device, 0, 0x04, 2), 0);
        pci_counters(device, &counters);
        assert_int_equal(counters.early_accesses, 4);
        assert_int_equal(counters.vf_resets, 1);
        pci_device_destroy(device);
    }
}

/* pci.md 4.3: FLR of a PF takes as long as that of a VF. */
static void the_pf_answers_when_its_own_flr_is_over(void **state)
{
    (void)state;
    for (int strict = 0; strict < 2; strict++) {
        struct log log = {.now = 1000};
        struct capture_page page;
        page_load(&page, CARD_82576);
        struct pci_device_options options = {
            .now_ns = clock_of, .context = &log, .ready_delay_ns = 100000000, .strict_timing = strict};
        struct pci_device *device = page_device(&page, &options);
        struct pci_counters counters;
        uint8_t line = 0x5a, bytes[8] = {0};
        set(device, PF, 0x3c, 1, 0x11);
        set(device, PF, 0xa8, 2, 0x8000);
        assert_int_equal(pci_config_write(device, PF, 0x3c, &line, 1), strict ? 0 : 1);
        assert_int_equal(pci_config_write(device, PF, 0x3a, bytes, 8), strict ? 0 : 8);
        assert_int_equal(pci_config_read(device, PF, 0x00, bytes, 2), strict ? 0 : 2);
        assert_int_equal(pci_sriov_enable(device, 2), strict ? PCI_BAD_STATE : PCI_OK);
        assert_int_equal(pci_sriov_num_vfs(device), strict ? 0 : 2);
        log.now += 100000000 - 1;
        assert_int_equal(pci_config_read(device, PF, 0x00, bytes, 8), strict ? 0 : 8);
        log.now += 1;
        pci_counters(device, &counters);
        assert_int_equal(counters.early_accesses, 4);
        assert_int_equal(counters.pf_resets, 1);
        assert_int_equal(get(device, PF, 0x3c, 1), 0); /* its reset value, and nothing was written since but zeroes */
        assert_int_equal(pci_sriov_enable(device, 2), strict ? PCI_OK : PCI_BAD_STATE);
        log.now += 100000000;
        assert_int_equal(get(device, 1, 0x00, 2), 0xffff);
        pci_device_destroy(device);
    }
}

/* No register written, no status bit cleared, no reset begun. */
static void an_early_access_under_strict_timing_changes_nothing(void **state)
{
    (void)state;
    struct log log = {.now = 7};
    struct capture_page page;
    page_load(&page, CARD_82576);
    struct pci_device_options options = {
        .now_ns = clock_of, .context = &log, .ready_delay_ns = 100000000, .strict_timing = true};
    struct pci_device *device = page_device(&page, &options);
    struct pci_counters counters;
    uint8_t bytes[0x100], before[2048], after[2048];
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    assert_true(pci_raise_status(device, 0, 0x04, 0xf9000000));
    size_t size = pci_device_save(device, before, sizeof before);
    static const uint32_t calls[][2] = {{0x04, 2}, {0x07, 1},     {0x73, 1}, {0xa8, 2},
                                        {0xa9, 1}, {0x00, 0x100}, {0x71, 3}};
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
        assert_int_equal(pci_config_write(device, 0, calls[i][0], bytes, calls[i][1]), 0);
    assert_int_equal(pci_device_save(device, after, sizeof after), size);
    assert_memory_equal(before, after, size);
    pci_counters(device, &counters);
    assert_int_equal(counters.vf_resets, 0);
    assert_int_equal(counters.early_accesses, sizeof calls / sizeof *calls);
    pci_device_destroy(device);
}

/* Sizing by all ones, and back. */
static void bars_of_the_pf_size_and_take_addresses(void **state)
{
    (void)state;
    static const uint32_t bars[][3] = {
        /* offset, as captured, after all ones */
        {0x10, 0xfe800000, 0xfffe0000},  {0x14, 0xfe820000, 0xfffe0000},  {0x18, 0x0000c001, 0xffffffe1},
        {0x1c, 0xfe840004, 0xffffc004},  {0x20, 0x00000000, 0xffffffff},  {0x24, 0x00000000, 0x00000000},
        {0x30, 0x00000000, 0x00000000},  {0x184, 0xfe00000c, 0xffffc00c}, {0x188, 0x00000000, 0xffffffff},
        {0x18c, 0x00000000, 0x00000000}, {0x190, 0xfe02000c, 0xffffc00c}, {0x194, 0x00000000, 0xffffffff}};
    struct pci_device *device = card_device(CARD_82576);
    for (unsigned i = 0; i < sizeof bars / sizeof *bars; i++) {
        assert_int_equal(get(device, PF, bars[i][0], 4), bars[i][1]);
        set(device, PF, bars[i][0], 4, 0xffffffff);
        assert_int_equal(get(device, PF, bars[i][0], 4), bars[i][2]);
        set(device, PF, bars[i][0], 4, bars[i][1]);
        assert_int_equal(get(device, PF, bars[i][0], 4), bars[i][1]);
    }
    pci_device_destroy(device);
}

static void bars_are_described_with_type_base_and_size(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    struct pci_bar bars[PCI_BAR_COUNT];
    pci_pf_bars(device, bars);
    assert_true(bars[0].base == 0xfe800000 && bars[0].size == 0x20000 && !bars[0].is_64 && !bars[0].io);
    assert_true(bars[2].base == 0xc000 && bars[2].size == 32 && bars[2].io && !bars[2].prefetchable);
    assert_true(bars[3].base == 0xfe840000 && bars[3].size == 0x4000 && bars[3].is_64 && !bars[3].prefetchable);
    assert_true(bars[4].size == 0 && bars[5].size == 0);
    pci_vf_bars(device, bars);
    assert_true(bars[0].base == 0xfe000000 && bars[0].size == 0x4000 && bars[0].is_64 && bars[0].prefetchable);
    assert_true(bars[1].size == 0 && bars[2].size == 0);
    assert_true(bars[3].base == 0xfe020000 && bars[3].size == 0x4000);
    set(device, PF, 0x188, 4, 0x00000012);
    pci_vf_bars(device, bars);
    assert_true(bars[0].base == 0x12fe000000ull);
    assert_int_equal(pci_msix_vectors(device, PF), 10);
    assert_int_equal(pci_msix_vectors(device, 0), 3);
    pci_device_destroy(device);
}

static void a_larger_system_page_size_makes_larger_apertures(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    struct pci_bar bars[PCI_BAR_COUNT];
    set(device, PF, SRIOV_82576 + 0x20, 4, 0x10); /* 64 KiB */
    set(device, PF, 0x184, 4, 0xffffffff);
    assert_int_equal(get(device, PF, 0x184, 4), 0xffff000c);
    pci_vf_bars(device, bars);
    assert_int_equal(bars[0].size, 0x10000);
    set(device, PF, SRIOV_82576 + 0x20, 4, 0x1);
    pci_vf_bars(device, bars);
    assert_int_equal(bars[0].size, 0x4000);
    pci_device_destroy(device);
}

static void probed_bars_are_one_vf_s_size_masks(void **state)
{
    (void)state;
    uint32_t probed[PCI_BAR_COUNT + 1];
    memset(probed, 0xcc, sizeof probed);
    struct pci_device *device = card_device(CARD_82576);
    static const uint32_t expected[] = {0xffffc00c, 0xffffffff, 0, 0xffffc00c, 0xffffffff, 0, 0xcccccccc};
    assert_int_equal(pci_vf_probed_bars(device, probed), PCI_OK);
    assert_memory_equal(probed, expected, sizeof expected);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    set(device, PF, 0x184, 4, 0xffffffff);
    assert_int_equal(pci_vf_probed_bars(device, probed), PCI_OK);
    assert_memory_equal(probed, expected, sizeof expected);
    pci_device_destroy(device);
}

static void vf_bars_of_every_shape(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    uint8_t *bar = page.pf.space + SRIOV_82576 + 0x24;
    memset(bar, 0, 24);
    put32(bar, 0, 0xf0000000);                      /* 32-bit, 1K: a page at least */
    put32(bar, 4, 0x0000000c), put32(bar, 8, 0x40); /* 64-bit prefetchable, 8G */
    put32(bar, 20, 0xe0000008);                     /* the last one, 32-bit prefetchable, 64K */
    memset(page.vf.size, 0, sizeof page.vf.size);
    page.vf.size[0] = "1K";
    page.vf.size[1] = "8G";
    page.vf.size[5] = "64K";
    struct pci_device *device = page_device(&page, NULL);
    static const uint32_t expected[] = {0xfffff000, 0x0000000c, 0xfffffffe, 0, 0, 0xffff0008};
    uint32_t probed[PCI_BAR_COUNT];
    struct pci_bar bars[PCI_BAR_COUNT];
    assert_int_equal(pci_vf_probed_bars(device, probed), PCI_OK);
    assert_memory_equal(probed, expected, sizeof expected);
    pci_vf_bars(device, bars);
    assert_true(bars[1].base == 0x4000000000ull && bars[1].size == 8ull << 30 && bars[2].size == 0);
    set(device, PF, SRIOV_82576 + 0x28, 4, 0xffffffff);
    set(device, PF, SRIOV_82576 + 0x2c, 4, 0xffffffff);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x28, 4), 0x0000000c);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x2c, 4), 0xfffffffe);
    pci_device_destroy(device);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_change_is_reported_once_and_only_changes),
        CASE(pieces_of_one_call_that_meet_in_a_dword_are_one_event),
        CASE(pf_flr_takes_all_vfs_and_leaves_sticky_bits),
        CASE(vf_flr_leaves_pf_and_neighbours_alone),
        CASE(waking_without_no_soft_reset_resets_the_pf),
        CASE(waking_with_no_soft_reset_keeps_everything),
        CASE(power_states_that_are_not_supported_are_ignored),
        CASE(accesses_before_the_time_are_counted_and_under_strict_timing_refused),
        CASE(the_pf_answers_when_its_own_flr_is_over),
        CASE(an_early_access_under_strict_timing_changes_nothing),
        CASE(bars_of_the_pf_size_and_take_addresses),
        CASE(bars_are_described_with_type_base_and_size),
        CASE(a_larger_system_page_size_makes_larger_apertures),
        CASE(probed_bars_are_one_vf_s_size_masks),
        CASE(vf_bars_of_every_shape),
    };
    return cmocka_run_group_tests_name("effects", tests, NULL, NULL);
}
