/* SPDX-License-Identifier: MIT
 *
 * With a trace on: every access is a door, its change is a note in words, a refusal names its rule; and the trace
 * itself changes nothing.
 */
#include "fixture.h"
#include "trace/trace.h"

struct tape {
    struct trace_sink sink; /* first: the sink's address is the tape's */
    unsigned count;
    struct trace_record record[64];
};

static void keep(struct trace_sink *sink, const struct trace_record *record)
{
    struct tape *tape = (struct tape *)sink;
    if (tape->count < 64)
        tape->record[tape->count++] = *record;
}

static bool has(const struct tape *tape, enum trace_kind kind, const char *door_or_rule, const char *words)
{
    for (unsigned i = 0; i < tape->count; i++) {
        const struct trace_record *record = &tape->record[i];
        const char *name = kind == TRACE_SPAN ? record->door : record->rule;
        if (record->kind == kind && strstr(name, door_or_rule) &&
            (strstr(record->detail, words) || strstr(record->result, words)))
            return true;
    }
    return false;
}

static uint64_t zero_clock(void *context)
{
    (void)context;
    return 0;
}

static void doors_notes_and_refusals_are_traced(void **state)
{
    (void)state;
    struct tape *tape = calloc(1, sizeof *tape);
    tape->sink.record = keep;
    struct trace *trace = trace_create(&tape->sink, 1, "host");
    struct pci_device *device = card_device(CARD_82576);
    uint8_t bytes[PCI_CONFIG_SIZE] = {7, 0};
    struct trace *outer = trace_enter_thread(trace);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    assert_int_equal(pci_config_write(device, 1, 0x04, bytes, 2), 2);
    assert_int_equal(pci_config_read(device, 1, 0x04, bytes, 4), 4);
    assert_int_equal(pci_config_write(device, 1, 4095, bytes, 2), 0);
    assert_int_equal(pci_config_write(device, 2, 0x04, bytes, 2), 0);
    assert_int_equal(pci_config_write(device, PCI_FUNCTION_PF, 0x200, bytes, 0x100), 0x100);
    assert_int_equal(pci_sriov_enable(device, 9), PCI_BAD_PARAMETER);
    set(device, PCI_FUNCTION_PF, SRIOV_82576 + 0x10, 2, 5);
    set(device, 1, 0xa8, 2, 0x8000);
    pci_device_surprise_remove(device);
    assert_int_equal(pci_config_read(device, 1, 0x04, bytes, 2), 0);
    trace_enter_thread(outer);
    trace_destroy(trace);
    assert_true(has(tape, TRACE_SPAN, "configuration write", "VF 1: 2 bytes at 0x004 <- 0007"));
    assert_true(has(tape, TRACE_NOTE, "", "Command 0000 -> 0004 Bus Master; I/O, Memory: not writable in a VF"));
    assert_true(has(tape, TRACE_SPAN, "configuration read", "4: 00100004"));
    assert_true(has(tape, TRACE_REFUSED, "CONFIG_RANGE pci.md 5.1", "2 bytes at fff"));
    assert_true(has(tape, TRACE_REFUSED, "NO_SUCH_VF pci.md 5.1", "VF 2 of 2"));
    assert_true(has(tape, TRACE_REFUSED, "ENABLE_VIRTUALIZATION pci.md 5.3", "NumVFs 9 of 8"));
    assert_true(has(tape, TRACE_REFUSED, "NUM_VFS_WHILE_ENABLED pci.md 4.1", "2 VFs exist of 8"));
    assert_true(has(tape, TRACE_NOTE, "", "function 1 has been reset (FLR)"));
    assert_true(has(tape, TRACE_REFUSED, "DEVICE_GONE pci.md 5.1", ""));
    pci_device_destroy(device);
    free(tape);
}

static void tracing_neither_counts_nor_changes_anything(void **state)
{
    (void)state;
    struct tape *tape = calloc(1, sizeof *tape);
    tape->sink.record = keep;
    struct trace *trace = trace_create(&tape->sink, 1, "host");
    struct capture_page page;
    page_load(&page, CARD_82576);
    struct pci_device *device =
        page_device(&page, &(struct pci_device_options){.now_ns = zero_clock, .ready_delay_ns = 100});
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    struct trace *outer = trace_enter_thread(trace);
    set(device, 0, 0x04, 2, 4);
    trace_enter_thread(outer);
    trace_destroy(trace);
    struct pci_counters counters;
    pci_counters(device, &counters);
    assert_int_equal(counters.early_accesses, 1);
    assert_true(has(tape, TRACE_REFUSED, "READY_TIME pci.md 4.3", "VF 0 accessed 100 ns too early"));
    pci_device_destroy(device);
    free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doors_notes_and_refusals_are_traced),
        cmocka_unit_test(tracing_neither_counts_nor_changes_anything),
    };
    return cmocka_run_group_tests_name("tracing", tests, NULL, NULL);
}
