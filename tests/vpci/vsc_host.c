/* SPDX-License-Identifier: MIT
 *
 * What a hostile, slow or dying host can do to the VSC (vpci-wire.md 5.3, 9.2).
 */
#include "vsc_rig.h"

#include <errno.h>

/* ---- a hostile host: one answer is replaced --------------------------------------------------------------------- */

struct forgery {
    uint32_t type; /* the answer to this message ... */
    bool silent;   /* ... is none at all */
    uint8_t bytes[256];
    uint32_t length; /* ... or these bytes */
    uint64_t id_offset;
    uint16_t packet_type; /* 0: completion */
};

static bool forge(struct script *script, const struct script_packet *packet)
{
    struct forgery *forgery = script->context;
    if (packet->type != forgery->type)
        return false;
    if (!forgery->silent)
        script_send(script, forgery->packet_type ? forgery->packet_type : VMBUS_PACKET_COMPLETION,
                    packet->id + forgery->id_offset, forgery->bytes, forgery->length);
    return true;
}

static int connect_with_forgery(struct forgery *forgery, int timeout_ms)
{
    struct rig rig;
    rig_prepare(&rig);
    rig.script.hook = forge;
    rig.script.context = forgery;
    int result = rig_connect(&rig, timeout_ms);
    if (result)
        rig.vsc = NULL;
    rig_down(&rig);
    return result;
}

static void short_completions_are_refused(void **state)
{
    static const struct {
        uint32_t type, length;
    } rows[] = {{VPCI_QUERY_PROTOCOL_VERSION, 0},
                {VPCI_QUERY_RESOURCE_REQUIREMENTS, 8},
                {VPCI_QUERY_RESOURCE_REQUIREMENTS, 24},
                {VPCI_BUS_D0ENTRY, 0},
                {VPCI_RESOURCES_ASSIGNED2, 0}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct forgery forgery = {.type = rows[i].type, .length = rows[i].length};
        assert_int_equal(connect_with_forgery(&forgery, 0), -EPROTO);
    }
}

static void failing_statuses_end_the_connection(void **state)
{
    static const uint32_t types[] = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_BUS_D0ENTRY, VPCI_RESOURCES_ASSIGNED2};
    static const uint32_t statuses[] = {VPCI_STATUS_BAD_DATA, 0x80000005};
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct forgery forgery = {.type = types[i / 2], .length = 8};
        memcpy(forgery.bytes, &statuses[i % 2], 4);
        assert_int_equal(connect_with_forgery(&forgery, 0), -EPROTO);
    }
}

static void requirements_that_fail_leave_a_function_without_bars(void **state)
{
    (void)state;
    struct forgery forgery = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS, .length = 28};
    memset(forgery.bytes, 0xFF, 28);
    memcpy(forgery.bytes, &(uint32_t){VPCI_STATUS_BAD_DATA}, 4);
    assert_int_equal(connect_with_forgery(&forgery, 0), 0);
}

static void impossible_bars_are_refused(void **state)
{
    static const uint32_t bars[][VPCI_BARS] = {
        {0xFFFFFF01},                /* ports */
        {0, 0, 0, 0, 0, 0xFFFFC004}, /* the last one 64 bits wide */
        {0xFFFF8F00},                /* no power of two */
        {0x0000C000},                /* not up to the top */
        {0xFFFFC006, 0xFFFFFFFF},    /* reserved type */
        {0x00000004, 0x12345678},    /* high half no mask */
        {0xFFFFC004, 0x7FFFFFFF},
        {0x0000000C, 0x00000000}, /* nothing but type bits */
    };
    (void)state;
    for (unsigned i = 0; i < sizeof bars / sizeof bars[0]; i++) {
        struct rig rig;
        rig_prepare(&rig);
        memcpy(rig.script.probed, bars[i], sizeof bars[i]);
        assert_int_equal(rig_connect(&rig, 0), -EPROTO);
        rig_down(&rig);
    }
}

static void a_bar_that_fits_nowhere_stays_without_an_address(void **state)
{
    (void)state;
    struct rig rig;
    rig_prepare(&rig);
    rig.script.probed[0] = 0x00000004;
    rig.script.probed[1] = 0xFFFFFF00; /* 1 TiB */
    assert_int_equal(rig_connect(&rig, 0), 0);
    uint64_t bar;
    memcpy(&bar, &script_config(&rig.script)[0][0x10], 8);
    assert_true(bar == 0);
    rig_down(&rig);
}

/* ---- relations -------------------------------------------------------------------------------------------------- */

struct snapshot {
    struct vpci_relations head;
    struct vpci_function2 entry[4];
};

static struct snapshot a_snapshot(void)
{
    struct snapshot snapshot = {.head = {VPCI_BUS_RELATIONS2, 2}};
    for (uint32_t i = 0; i < 4; i++)
        snapshot.entry[i].function =
            (struct vpci_function){.vendor_id = 0x8086, .device_id = 0x10CA, .slot = i, .serial = 0x1000 + i};
    return snapshot;
}

static void malformed_relations_end_the_connection(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 7; row++) {
        struct snapshot snapshot = a_snapshot();
        struct forgery forgery = {.type = VPCI_QUERY_BUS_RELATIONS, .packet_type = VMBUS_PACKET_DATA};
        forgery.length = 8 + 2 * sizeof(struct vpci_function2);
        switch (row) {
        case 0:
            snapshot.head.count = 3;
            break;
        case 1:
            snapshot.head.count = UINT32_MAX;
            break;
        case 2: /* 28 * 0x24924925 wraps to 4 */
            snapshot.head.count = 0x24924925;
            break;
        case 3:
            snapshot.entry[1].function.slot = 0;
            break;
        case 4:
            snapshot.entry[1].function.slot = 256;
            break;
        case 5:
            snapshot.entry[0].function.slot = UINT32_MAX;
            break;
        case 6:
            snapshot.head.count = 257;
            break;
        }
        memcpy(forgery.bytes, &snapshot, forgery.length);
        assert_int_equal(connect_with_forgery(&forgery, 0), -EPROTO);
    }
}

static bool answer_relations_thrice(struct script *script, const struct script_packet *packet)
{
    uint32_t unknown = 0x42490099;
    if (packet->type == VPCI_QUERY_RESOURCE_REQUIREMENTS) {
        script_relations(script);
        script_send(script, VMBUS_PACKET_DATA, 0, &unknown, 4);
        script_send(script, VMBUS_PACKET_GPA_DIRECT, 0, &unknown, 4);
        script_status(script, 0xFFFF, 0);
        script_relations(script);
    }
    return false;
}

static void repeated_relations_unknown_messages_and_unknown_ids_do_no_harm(void **state)
{
    (void)state;
    struct rig rig;
    rig_prepare(&rig);
    rig.script.hook = answer_relations_thrice;
    assert_int_equal(rig_connect(&rig, 0), 0);
    assert_int_equal(vsc_function_count(rig.vsc), 1);
    rig_down(&rig);
}

static void a_function_that_is_no_longer_listed_is_removed_by_surprise(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct rig rig;
        struct sent pended;
        uint32_t value = 0x55;
        VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
        rig_up(&rig, 0);
        send_invalidate(&rig, &pended, &output);
        if (how == 0)
            rig.script.count = 0;
        else
            rig.script.function[0].function.serial++; /* another one in the same slot */
        script_relations(&rig.script);
        assert_int_equal(ioctl_end(&pended), STATUS_CANCELLED);
        assert_int_equal(rig.vpci.WriteVfConfigBlock(rig.vpci.Context, 1, &value, 4), STATUS_DEVICE_REMOVED);
        assert_int_equal(rig.bus.GetBusData(rig.bus.Context, 0, &value, 0, 4), 0);
        assert_int_equal(value, 0xFFFFFFFF);
        assert_int_equal(nt_pnp_start(rig.pdo), STATUS_NO_SUCH_DEVICE);
        assert_false(vsc_gone(rig.vsc));
        rig_down(&rig);
    }
}

static void a_malformed_snapshot_of_a_running_bus_changes_nothing(void **state)
{
    (void)state;
    struct rig rig;
    struct snapshot snapshot = a_snapshot();
    uint32_t value;
    rig_up(&rig, 0);
    snapshot.head.count = 9;
    script_send(&rig.script, VMBUS_PACKET_DATA, 0, &snapshot, 8 + 2 * 28);
    assert_int_equal(rig.vpci.ReadVfConfigBlock(rig.vpci.Context, 1, &value, 4), STATUS_SUCCESS);
    rig_down(&rig);
}

/* ---- silence, rescind, death ------------------------------------------------------------------------------------ */

static const uint32_t steps[] = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_QUERY_BUS_RELATIONS,
                                 VPCI_QUERY_RESOURCE_REQUIREMENTS, VPCI_BUS_D0ENTRY, VPCI_RESOURCES_ASSIGNED2};

static void silence_at_any_step_costs_only_the_limit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct forgery forgery = {.type = steps[i], .silent = true};
        assert_int_equal(connect_with_forgery(&forgery, 20), -ETIMEDOUT);
    }
}

static void a_completion_with_another_id_is_no_completion(void **state)
{
    (void)state;
    struct forgery forgery = {.type = VPCI_QUERY_PROTOCOL_VERSION, .length = 8, .id_offset = 1};
    assert_int_equal(connect_with_forgery(&forgery, 20), -ETIMEDOUT);
}

static bool rescind_at(struct script *script, const struct script_packet *packet)
{
    if (packet->type != *(const uint32_t *)script->context)
        return false;
    script_rescind(script);
    return true;
}

static void a_rescind_at_any_step_ends_the_connection_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct rig rig;
        rig_prepare(&rig);
        rig.script.hook = rescind_at;
        rig.script.context = (void *)&steps[i];
        assert_int_equal(rig_connect(&rig, 0), -EPIPE);
        script_wait_closed(&rig.script);
        rig_down(&rig);
    }
}

static bool break_ring(struct script *script, const struct script_packet *packet)
{
    if (packet->type != *(const uint32_t *)script->context)
        return false;
    vmbus_host_out(script->host)->header->write_index = 3;
    vmbus_host_signal(script->host);
    return true;
}

static void a_ring_the_host_breaks_ends_the_connection(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct rig rig;
        rig_prepare(&rig);
        rig.script.hook = break_ring;
        rig.script.context = (void *)&steps[i];
        assert_int_equal(rig_connect(&rig, 0), -EPIPE);
        rig_down(&rig);
    }
}

static void a_host_that_dies_ends_everything_that_waits(void **state)
{
    (void)state;
    struct rig rig;
    struct sent pended[2];
    uint8_t data[4] = {0};
    uint32_t value = 0;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0x77};
    struct forgery silence = {.type = VPCI_WRITE_BLOCK_MESSAGE, .silent = true};
    rig_up(&rig, 0);
    rig.script.context = &silence;
    rig.script.hook = forge;
    send_invalidate(&rig, &pended[0], &output);
    send_write(&rig, &pended[1], 3, data, 4);
    script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 1);
    script_stop(&rig.script);
    assert_int_equal(vsc_wait_event(rig.vsc, -1), -EPIPE);
    assert_int_equal(ioctl_end(&pended[0]), STATUS_DEVICE_NOT_CONNECTED);
    assert_true(output.BlockMask == 0x77);
    assert_int_equal(ioctl_end(&pended[1]), STATUS_DEVICE_NOT_CONNECTED);
    assert_true(vsc_gone(rig.vsc));
    assert_int_equal(rig.vpci.WriteVfConfigBlock(rig.vpci.Context, 1, data, 4), STATUS_DEVICE_NOT_CONNECTED);
    assert_int_equal(rig.bus.GetBusData(rig.bus.Context, 0, &value, 4, 4), 0);
    assert_int_equal(value, 0xFFFFFFFF);
    assert_int_equal(rig.bus.SetBusData(rig.bus.Context, 0, &value, 4, 4), 0);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 0, 2), 0xFFFF);
    send_write(&rig, &pended[1], 3, data, 4);
    assert_int_equal(ioctl_end(&pended[1]), STATUS_DEVICE_NOT_CONNECTED);
    rig_down(&rig);
}

/* Each notification that is taken brings the next, on the receiver's own thread: its ring is never found empty. */
struct talk {
    struct rig *rig;
    PIRP irp;
    VPCI_INVALIDATE_BLOCK_OUTPUT output;
    atomic_bool stop;
    sem_t ended;
};

static void listen_again(struct talk *talk);

static NTSTATUS heard(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct talk *talk = context;
    (void)device;
    if (atomic_load(&talk->stop) || irp->IoStatus.Status != STATUS_SUCCESS) {
        sem_post(&talk->ended);
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    script_invalidate(&talk->rig->script, 0, 1);
    listen_again(talk);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void listen_again(struct talk *talk)
{
    IoReuseIrp(talk->irp, STATUS_NOT_SUPPORTED);
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(talk->irp);
    next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = IOCTL_VPCI_INVALIDATE_BLOCK;
    next->Parameters.DeviceIoControl.OutputBufferLength = sizeof talk->output;
    talk->irp->UserBuffer = &talk->output;
    IoSetCompletionRoutine(talk->irp, heard, talk, TRUE, TRUE, TRUE);
    IoCallDriver(talk->rig->pdo, talk->irp);
}

static void a_host_that_never_stops_talking_holds_up_no_deadline(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent;
    struct talk talk = {.rig = &rig};
    uint8_t data[4] = {0};
    struct forgery silence = {.type = VPCI_WRITE_BLOCK_MESSAGE, .silent = true};
    rig_up(&rig, 50);
    rig.script.context = &silence;
    rig.script.hook = forge;
    sem_init(&talk.ended, 0, 0);
    talk.irp = IoAllocateIrp(rig.pdo->StackSize, FALSE);
    assert_non_null(talk.irp);
    listen_again(&talk);
    script_invalidate(&rig.script, 0, 1);
    send_write(&rig, &sent, 3, data, 4);
    assert_int_equal(ioctl_end(&sent), STATUS_IO_TIMEOUT);
    atomic_store(&talk.stop, true);
    while (sem_wait(&talk.ended) < 0)
        continue;
    IoFreeIrp(talk.irp);
    sem_destroy(&talk.ended);
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_completions_are_refused),
        cmocka_unit_test(failing_statuses_end_the_connection),
        cmocka_unit_test(requirements_that_fail_leave_a_function_without_bars),
        cmocka_unit_test(impossible_bars_are_refused),
        cmocka_unit_test(a_bar_that_fits_nowhere_stays_without_an_address),
        cmocka_unit_test(malformed_relations_end_the_connection),
        cmocka_unit_test(repeated_relations_unknown_messages_and_unknown_ids_do_no_harm),
        cmocka_unit_test(a_function_that_is_no_longer_listed_is_removed_by_surprise),
        cmocka_unit_test(a_malformed_snapshot_of_a_running_bus_changes_nothing),
        cmocka_unit_test(a_host_that_never_stops_talking_holds_up_no_deadline),
        cmocka_unit_test(silence_at_any_step_costs_only_the_limit),
        cmocka_unit_test(a_completion_with_another_id_is_no_completion),
        cmocka_unit_test(a_rescind_at_any_step_ends_the_connection_at_once),
        cmocka_unit_test(a_ring_the_host_breaks_ends_the_connection),
        cmocka_unit_test(a_host_that_dies_ends_everything_that_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
