/* SPDX-License-Identifier: MIT */
#include <initguid.h>

#include "vsc_rig.h"

#include <dirent.h>

static unsigned open_fds(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

void rig_prepare(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    rig->fds = open_fds();
    rig->partition = nt_partition_create(&(struct nt_partition_options){.name = "guest", .role = NT_CHILD});
    assert_non_null(rig->partition);
    nt_enter(rig->partition);
    script_init(&rig->script);
}

int rig_connect(struct rig *rig, int timeout_ms)
{
    struct vsc_options options = {.timeout_ms = timeout_ms, .spin = 100};
    return vsc_connect_with(rig->partition, script_start(&rig->script, RIG_RELID), &options, &rig->vsc);
}

void rig_up(struct rig *rig, int timeout_ms)
{
    rig_prepare(rig);
    assert_int_equal(rig_connect(rig, timeout_ms), 0);
    rig->pdo = vsc_pdo(rig->vsc, 0);
    assert_non_null(rig->pdo);
    assert_int_equal(nt_pnp_start(rig->pdo), STATUS_SUCCESS);
    assert_int_equal(
        nt_query_interface(rig->pdo, &GUID_BUS_INTERFACE_STANDARD, sizeof rig->bus, 1, (PINTERFACE)&rig->bus),
        STATUS_SUCCESS);
    assert_int_equal(
        nt_query_interface(rig->pdo, &GUID_VPCI_INTERFACE_STANDARD, sizeof rig->vpci, 1, (PINTERFACE)&rig->vpci),
        STATUS_SUCCESS);
}

static void dereference(PINTERFACE interface)
{
    if (interface->Context)
        interface->InterfaceDereference(interface->Context);
    interface->Context = NULL;
}

void rig_down(struct rig *rig)
{
    vsc_disconnect(rig->vsc);
    dereference((PINTERFACE)&rig->bus);
    dereference((PINTERFACE)&rig->vpci);
    script_stop(&rig->script);
    nt_enter(NULL);
    assert_int_equal(nt_partition_destroy(rig->partition), 0);
    assert_int_equal(open_fds(), rig->fds);
}

/* ---- IRPs ------------------------------------------------------------------------------------------------------- */

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct sent *sent = context;
    (void)device;
    sent->status = irp->IoStatus.Status;
    sent->information = irp->IoStatus.Information;
    sent->irql = KeGetCurrentIrql();
    sent->completions++;
    sem_post(&sent->ended);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

void ioctl_send_as(struct rig *rig, struct sent *sent, UCHAR major, KPROCESSOR_MODE mode, ULONG code, void *input,
                   ULONG input_length, void *output, ULONG output_length)
{
    memset(sent, 0, sizeof *sent);
    sem_init(&sent->ended, 0, 0);
    sent->irp = IoAllocateIrp(rig->pdo->StackSize, FALSE);
    assert_non_null(sent->irp);
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(sent->irp);
    next->MajorFunction = major;
    next->Parameters.DeviceIoControl.IoControlCode = code;
    next->Parameters.DeviceIoControl.InputBufferLength = input_length;
    next->Parameters.DeviceIoControl.OutputBufferLength = output_length;
    next->Parameters.DeviceIoControl.Type3InputBuffer = input;
    sent->irp->UserBuffer = output;
    sent->irp->RequestorMode = mode;
    sent->irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    IoSetCompletionRoutine(sent->irp, completed, sent, TRUE, TRUE, TRUE);
    sent->returned = IoCallDriver(rig->pdo, sent->irp);
}

void ioctl_send(struct rig *rig, struct sent *sent, ULONG code, void *input, ULONG input_length, void *output,
                ULONG output_length)
{
    ioctl_send_as(rig, sent, IRP_MJ_INTERNAL_DEVICE_CONTROL, KernelMode, code, input, input_length, output,
                  output_length);
}

NTSTATUS ioctl_end(struct sent *sent)
{
    while (sem_wait(&sent->ended) < 0)
        continue;
    assert_int_equal(sent->completions, 1);
    assert_int_equal(sent->irql, DISPATCH_LEVEL);
    if (sent->returned != STATUS_PENDING)
        assert_int_equal(sent->returned, sent->status);
    assert_int_equal(sent->irp->PendingReturned != 0, sent->returned == STATUS_PENDING);
    IoFreeIrp(sent->irp);
    sem_destroy(&sent->ended);
    return sent->status;
}

void send_write(struct rig *rig, struct sent *sent, ULONG id, const void *data, ULONG length)
{
    uint8_t input[8 + 256] = {0};
    memcpy(input, &id, 4);
    memcpy(input + 4, &length, 4);
    memcpy(input + 8, data, length < 256 ? length : 256);
    ioctl_send(rig, sent, IOCTL_VPCI_WRITE_BLOCK, input, length < 4 ? 12 : 8 + length, NULL, 0);
}

void send_read(struct rig *rig, struct sent *sent, ULONG id, void *data, ULONG length)
{
    VPCI_READ_BLOCK_INPUT input = {id, length};
    ioctl_send(rig, sent, IOCTL_VPCI_READ_BLOCK, &input, sizeof input, data, length);
}

void send_invalidate(struct rig *rig, struct sent *sent, VPCI_INVALIDATE_BLOCK_OUTPUT *output)
{
    ioctl_send(rig, sent, IOCTL_VPCI_INVALIDATE_BLOCK, NULL, 0, output, sizeof *output);
}

/* ---- blocks and configuration space --------------------------------------------------------------------------------
 */

static bool misbehave(struct script *script, const struct script_packet *packet)
{
    struct manners *manners = script->context;
    if (!manners || packet->type != manners->type)
        return false;
    if (!manners->hold)
        script_complete(script, packet->id, manners->bytes, manners->length);
    return true;
}

void rig_up_with(struct rig *rig, struct manners *manners, int timeout_ms)
{
    rig_up(rig, timeout_ms);
    pthread_mutex_lock(&rig->script.lock);
    rig->script.context = manners;
    rig->script.hook = misbehave;
    pthread_mutex_unlock(&rig->script.lock);
}

NTSTATUS write_block(struct rig *rig, ULONG id, void *buffer, ULONG length)
{
    return rig->vpci.WriteVfConfigBlock(rig->vpci.Context, id, buffer, length);
}

NTSTATUS read_block(struct rig *rig, ULONG id, void *buffer, ULONG length)
{
    return rig->vpci.ReadVfConfigBlock(rig->vpci.Context, id, buffer, length);
}

unsigned messages(struct rig *rig)
{
    return script_seen(&rig->script, VPCI_READ_BLOCK_MESSAGE) + script_seen(&rig->script, VPCI_WRITE_BLOCK_MESSAGE);
}

/* Everything the host sent so far has been taken in when this returns. */
void settle(struct rig *rig)
{
    uint32_t value;
    struct manners *manners = rig->script.context;
    assert_true(!manners || manners->type != VPCI_READ_BLOCK_MESSAGE);
    assert_int_equal(read_block(rig, 1, &value, 4), STATUS_SUCCESS);
}

ULONG get_config(struct rig *rig, void *buffer, ULONG offset, ULONG length)
{
    return rig->bus.GetBusData(rig->bus.Context, PCI_WHICHSPACE_CONFIG, buffer, offset, length);
}

ULONG set_config(struct rig *rig, void *buffer, ULONG offset, ULONG length)
{
    return rig->bus.SetBusData(rig->bus.Context, PCI_WHICHSPACE_CONFIG, buffer, offset, length);
}

unsigned window_accesses(struct rig *rig)
{
    pthread_mutex_lock(&rig->script.lock);
    unsigned count = rig->script.accesses;
    pthread_mutex_unlock(&rig->script.lock);
    return count;
}
