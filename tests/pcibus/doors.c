/* SPDX-License-Identifier: MIT
 *
 * Every routine is a door in the trace, with what went in and what came back.
 */
#include "bus.h"

#define KEPT 256

struct recording {
    struct trace_sink sink;
    struct trace_record records[KEPT];
    unsigned count;
};

static void keep(struct trace_sink *sink, const struct trace_record *record)
{
    struct recording *recording = (struct recording *)sink;
    recording->records[recording->count++ % KEPT] = *record;
}

static const struct trace_record *door(const struct recording *recording, const char *name)
{
    for (unsigned i = 0; i < recording->count; i++)
        if (recording->records[i].kind == TRACE_SPAN && strcmp(recording->records[i].door, name) == 0)
            return &recording->records[i];
    fail_msg("no door %s", name);
    return NULL;
}

static void each_routine_is_a_door(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    struct recording *recording = calloc(1, sizeof(*recording));
    recording->sink.record = keep;
    struct trace *trace = trace_create(&recording->sink, 2, "host");
    struct trace *before = trace_enter_thread(trace);
    ULONG command = 6, bars[6];
    UINT16 segment;
    UINT8 number, function;
    PVOID context = bus->virt.Context;

    bus_enable(bus, 1);
    bus->virt.SetVirtualFunctionData(context, 0, &command, 4, 4);
    bus->virt.GetVirtualFunctionData(context, 0, &command, 4, 2);
    bus->virt.GetLocation(context, 0, &segment, &number, &function);
    bus->virt.GetResources(context, &number);
    bus->virt.GetVirtualFunctionProbedBars(context, bars);
    bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &command, 0, 4);
    bus->standard.SetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &command, 0, 4);
    trace_enter_thread(before);

    const struct trace_record *set = door(recording, "SetVirtualFunctionData");
    assert_string_equal(set->room, "pcibus");
    assert_string_equal(set->detail, "VF 0: 4 bytes at 0x004 <- 00000006");
    assert_string_equal(set->result, "4");
    assert_string_equal(door(recording, "GetVirtualFunctionData")->detail, "VF 0: 2 bytes at 0x004");
    assert_string_equal(door(recording, "GetVirtualFunctionData")->result, "2: 0004");
    assert_string_equal(door(recording, "GetLocation")->result, "0000:01:10.0");
    assert_string_equal(door(recording, "GetResources")->result, "0 captured buses");
    assert_string_equal(door(recording, "EnableVirtualization")->detail, "enable, NumVFs 1");
    assert_string_equal(door(recording, "GetVirtualFunctionProbedBars")->result, "SUCCESS");
    assert_string_equal(door(recording, "GetBusData")->result, "4: 10c98086");
    assert_string_equal(door(recording, "SetBusData")->detail, "4 bytes at 0x000 <- 10c98086");

    bool described = false; /* the device says below the door what changed */
    for (unsigned i = 0; i < recording->count; i++)
        described |= recording->records[i].kind == TRACE_NOTE &&
                     strstr(recording->records[i].detail, "Command 0000 -> 0004 Bus Master") != NULL;
    assert_true(described);
    trace_destroy(trace);
    free(recording);
    bus_finish(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_routine_is_a_door),
    };
    return cmocka_run_group_tests_name("doors", tests, NULL, NULL);
}
