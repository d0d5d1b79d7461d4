/* SPDX-License-Identifier: MIT
 *
 * The PDO of a VF beside PnP: power, requests nobody knows, memory that is refused, what is in the trace; and the gate
 * that keeps a function's memory while a request is inside.
 */
#include "vsc_rig.h"

#include "scarce.h"
#include "vpci/vsc/internal.h"

#include <errno.h>
#include <sched.h>

static NTSTATUS send_irp(struct rig *rig, IO_STACK_LOCATION stack)
{
    PIRP irp = IoAllocateIrp(rig->pdo->StackSize, FALSE);
    assert_non_null(irp);
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    *IoGetNextIrpStackLocation(irp) = stack;
    NTSTATUS status = nt_call_driver_and_wait(rig->pdo, irp);
    IoFreeIrp(irp);
    return status;
}

/* ---- power and the unknown -----------------------------------------------------------------------------------------
 */

/* The host keeps the VF in D0 while the bus is there: a power state is agreed to and nothing is sent. */
static void power_irps_are_agreed_to_and_reach_nobody(void **state)
{
    static const struct {
        UCHAR minor;
        NTSTATUS status;
    } rows[] = {{IRP_MN_SET_POWER, STATUS_SUCCESS},
                {IRP_MN_QUERY_POWER, STATUS_SUCCESS},
                {IRP_MN_WAIT_WAKE, STATUS_NOT_SUPPORTED},
                {IRP_MN_POWER_SEQUENCE, STATUS_NOT_SUPPORTED}};
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    unsigned accesses = window_accesses(&rig), sent = messages(&rig);
    for (unsigned i = 0; i < RTL_NUMBER_OF(rows); i++) {
        IO_STACK_LOCATION stack = {.MajorFunction = IRP_MJ_POWER, .MinorFunction = rows[i].minor};
        stack.Parameters.Power.Type = DevicePowerState;
        stack.Parameters.Power.State.DeviceState = PowerDeviceD3;
        assert_int_equal(send_irp(&rig, stack), rows[i].status);
    }
    assert_int_equal(window_accesses(&rig), accesses);
    assert_int_equal(messages(&rig), sent);
    uint32_t value;
    assert_int_equal(get_config(&rig, &value, 0, 4), 4); /* it is awake */
    rig_down(&rig);
}

static void an_irp_nobody_knows_keeps_its_status(void **state)
{
    static const UCHAR majors[] = {IRP_MJ_CREATE, IRP_MJ_READ, IRP_MJ_WRITE, IRP_MJ_SYSTEM_CONTROL};
    static const UCHAR minors[] = {IRP_MN_EJECT, IRP_MN_QUERY_ID, IRP_MN_QUERY_DEVICE_RELATIONS, 0x19, 0xFF};
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < RTL_NUMBER_OF(majors); i++)
        assert_int_equal(send_irp(&rig, (IO_STACK_LOCATION){.MajorFunction = majors[i]}), STATUS_NOT_SUPPORTED);
    for (unsigned i = 0; i < RTL_NUMBER_OF(minors); i++)
        assert_int_equal(send_irp(&rig, (IO_STACK_LOCATION){.MajorFunction = IRP_MJ_PNP, .MinorFunction = minors[i]}),
                         STATUS_NOT_SUPPORTED);
    rig_down(&rig);
}

/* ---- the trace -----------------------------------------------------------------------------------------------------
 */

struct doors {
    struct trace_sink sink;
    struct trace_record records[16]; /* under the trace's lock */
    unsigned count;
};

static void keep(struct trace_sink *sink, const struct trace_record *record)
{
    struct doors *doors = (struct doors *)sink;
    if (strcmp(record->room, "vsc") == 0 && strstr(record->door, "_BLOCK") && doors->count < 16)
        doors->records[doors->count++] = *record;
}

static const struct trace_record *door(const struct doors *doors, const char *name)
{
    for (unsigned i = 0; i < doors->count; i++)
        if (strcmp(doors->records[i].door, name) == 0)
            return &doors->records[i];
    fail_msg("no door %s", name);
    return NULL;
}

/* The message is a door below the request's, its completion one below that, although on another thread. */
static void a_block_and_its_completion_are_doors_of_one_request(void **state)
{
    (void)state;
    struct doors doors = {.sink.record = keep};
    struct trace *trace = trace_create(&doors.sink, 1, "guest");
    struct rig rig;
    struct sent sent;
    rig_prepare(&rig);
    nt_enter(NULL);
    nt_partition_destroy(rig.partition);
    rig.partition =
        nt_partition_create(&(struct nt_partition_options){.name = "guest", .role = NT_CHILD, .trace = trace});
    nt_enter(rig.partition);
    assert_int_equal(rig_connect(&rig, 0), 0);
    rig.pdo = vsc_pdo(rig.vsc, 0);
    assert_int_equal(nt_pnp_start(rig.pdo), STATUS_SUCCESS);
    send_write(&rig, &sent, 9, "abcd", 4);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    uint32_t value;
    send_read(&rig, &sent, 9, &value, 4);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    send_read(&rig, &sent, 9, &value, 129); /* refused: no message */
    assert_int_equal(ioctl_end(&sent), STATUS_INVALID_PARAMETER);
    rig_down(&rig);
    const struct trace_record *message = door(&doors, "READ_BLOCK message");
    assert_string_equal(message->result, "sent");
    assert_int_not_equal(message->link_out, 0); /* the host goes on under this key */
    assert_string_equal(door(&doors, "WRITE_BLOCK message")->result, "sent");
    unsigned completions = 0;
    for (unsigned i = 0; i < doors.count; i++)
        completions += strstr(doors.records[i].door, "completion") != NULL && doors.records[i].parent != 0;
    assert_int_equal(completions, 2);
    trace_destroy(trace);
}

/* ---- no memory -----------------------------------------------------------------------------------------------------
 */

static bool writes_a_block(struct rig *rig)
{
    NTSTATUS status = write_block(rig, 9, "abcd", 4);
    if (!NT_SUCCESS(status))
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
    return NT_SUCCESS(status);
}

static bool asks_for_resources(struct rig *rig)
{
    IO_STACK_LOCATION stack = {.MajorFunction = IRP_MJ_PNP, .MinorFunction = IRP_MN_QUERY_RESOURCES};
    unsigned armed = scarce_countdown;
    scarce_countdown = 0;
    PIRP irp = IoAllocateIrp(rig->pdo->StackSize, FALSE);
    *IoGetNextIrpStackLocation(irp) = stack;
    scarce_countdown = armed;
    NTSTATUS status = nt_call_driver_and_wait(rig->pdo, irp);
    if (NT_SUCCESS(status))
        ExFreePool((PVOID)irp->IoStatus.Information);
    else
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
    IoFreeIrp(irp);
    return NT_SUCCESS(status);
}

struct block {
    ULONG code;
    void *input, *output;
    ULONG input_length, output_length;
};

/* As ioctl_send, with a request whose memory is the test's. */
static bool sends(struct rig *rig, const struct block *block)
{
    UCHAR memory[1024] __attribute__((aligned(16))) = {0};
    PIRP irp = (PIRP)memory;
    assert_true(IoSizeOfIrp(rig->pdo->StackSize) <= sizeof memory);
    IoInitializeIrp(irp, IoSizeOfIrp(rig->pdo->StackSize), rig->pdo->StackSize);
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = block->code;
    next->Parameters.DeviceIoControl.InputBufferLength = block->input_length;
    next->Parameters.DeviceIoControl.OutputBufferLength = block->output_length;
    next->Parameters.DeviceIoControl.Type3InputBuffer = block->input;
    irp->UserBuffer = block->output;
    NTSTATUS status = nt_call_driver_and_wait(rig->pdo, irp);
    if (!NT_SUCCESS(status))
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
    return NT_SUCCESS(status);
}

static bool sends_a_write(struct rig *rig)
{
    uint32_t input[3] = {9, 4, 0x64636261};
    return sends(rig, &(struct block){IOCTL_VPCI_WRITE_BLOCK, input, NULL, sizeof input, 0});
}

static bool sends_a_read(struct rig *rig)
{
    VPCI_READ_BLOCK_INPUT input = {9, 4};
    uint32_t output;
    return sends(rig, &(struct block){IOCTL_VPCI_READ_BLOCK, &input, &output, sizeof input, sizeof output});
}

static const struct row {
    const char *name;
    bool (*run)(struct rig *rig);
    unsigned calls;
} rows[] = {
    {"WriteVfConfigBlock", writes_a_block, 0},
    {"IRP_MN_QUERY_RESOURCES", asks_for_resources, 2},
    {"IOCTL_VPCI_WRITE_BLOCK", sends_a_write, 1},
    {"IOCTL_VPCI_READ_BLOCK", sends_a_read, 1},
};

static bool attempt(void *context)
{
    const struct row *row = context;
    unsigned armed = scarce_countdown;
    struct rig rig;
    scarce_countdown = 0;
    rig_up(&rig, 0);
    scarce_countdown = armed;
    bool succeeded = row->run(&rig);
    armed = scarce_countdown;
    scarce_countdown = 0;
    assert_true(row->run(&rig)); /* the function goes on */
    rig_down(&rig);
    scarce_countdown = armed;
    return succeeded;
}

static void each_call_that_can_fail_fails_once(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + RTL_NUMBER_OF(rows); row++) {
        unsigned calls = scarce_each(attempt, (void *)row);
        if (calls != row->calls)
            fail_msg("%s: %u calls failed, not %u", row->name, calls, row->calls);
    }
}

static bool connects(void *context)
{
    unsigned armed = scarce_countdown;
    struct rig rig;
    (void)context;
    scarce_countdown = 0;
    rig_prepare(&rig);
    struct vsc_options options = {.spin = 100};
    int socket = script_start(&rig.script, RIG_RELID);
    scarce_countdown = armed;
    int error = vsc_connect_with(rig.partition, socket, &options, &rig.vsc);
    armed = scarce_countdown;
    scarce_countdown = 0;
    if (error)
        assert_true(error == -ENOMEM || error == -EAGAIN);
    rig_down(&rig);
    scarce_countdown = armed;
    return !error;
}

static void a_bus_for_which_memory_ends_at_any_point_is_not_there(void **state)
{
    (void)state;
    assert_true(scarce_each(connects, NULL) > 4);
}

/* ---- the gate ------------------------------------------------------------------------------------------------------
 */

static void *close_gate(void *context)
{
    vsc_gate_close(context);
    return NULL;
}

static void a_gate_closes_when_the_last_inside_has_left(void **state)
{
    (void)state;
    struct vsc_gate gate = {0};
    pthread_t thread;
    sem_init(&gate.empty, 0, 0);
    assert_true(vsc_gate_enter(&gate));
    assert_true(vsc_gate_enter(&gate));
    assert_int_equal(pthread_create(&thread, NULL, close_gate, &gate), 0);
    while (vsc_gate_enter(&gate)) { /* until it is closing */
        vsc_gate_leave(&gate);
        sched_yield();
    }
    vsc_gate_leave(&gate);
    assert_false(vsc_gate_enter(&gate));
    vsc_gate_leave(&gate);
    pthread_join(thread, NULL); /* it has closed */
    assert_false(vsc_gate_enter(&gate));
    sem_destroy(&gate.empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_irps_are_agreed_to_and_reach_nobody),
        cmocka_unit_test(an_irp_nobody_knows_keeps_its_status),
        cmocka_unit_test(a_block_and_its_completion_are_doors_of_one_request),
        cmocka_unit_test(each_call_that_can_fail_fails_once),
        cmocka_unit_test(a_bus_for_which_memory_ends_at_any_point_is_not_there),
        cmocka_unit_test(a_gate_closes_when_the_last_inside_has_left),
    };
    return cmocka_run_group_tests_name("function", tests, NULL, NULL);
}
