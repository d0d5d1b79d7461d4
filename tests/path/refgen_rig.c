/* SPDX-License-Identifier: MIT */
#include <initguid.h>

#include "refgen_rig.h"

void rig_create(struct rig *rig)
{
    struct pci_error what = {0};
    struct nt_load_error error = {0};
    memset(rig, 0, sizeof(*rig));
    if (pci_profile_load(getenv("REFNIC_PROFILE"), &rig->profile, &what))
        fail_msg("line %u: %s", what.line, what.text);
    rig->partition = nt_partition_create(&(struct nt_partition_options){.name = "host", .role = NT_PARENT});
    assert_non_null(rig->partition);
    nt_device_values(rig->partition, ndis_keyword);
    nt_enter(rig->partition);
    if (!NT_SUCCESS(nt_driver_load(rig->partition, getenv("REFGEN"), &rig->driver, &error)))
        fail_msg("%s", error.text);
}

static uint64_t now(void *context)
{
    return nt_clock_ns(context);
}

NTSTATUS rig_start(struct rig *rig)
{
    struct pci_device_options options = {.routing_id = 0x100, .has_address = true};
    if (rig->ready_delay_ns) {
        options.now_ns = now;
        options.context = rig->partition;
        options.ready_delay_ns = rig->ready_delay_ns;
        options.strict_timing = true;
    }
    assert_int_equal(pci_device_create(rig->profile, &options, &rig->device), 0);
    assert_int_equal(pcibus_add_device(rig->partition, rig->device, &rig->pdo), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_add_device(rig->driver, rig->pdo), STATUS_SUCCESS);
    assert_int_equal(nt_query_interface(rig->pdo, &GUID_SRIOV_DEVICE_INTERFACE_STANDARD, sizeof(rig->sriov), 1,
                                        (PINTERFACE)&rig->sriov),
                     STATUS_SUCCESS);
    assert_int_equal(nt_query_interface(rig->pdo, &GUID_MITIGABLE_DEVICE_INTERFACE, sizeof(rig->mitigable), 1,
                                        (PINTERFACE)&rig->mitigable),
                     STATUS_SUCCESS);
    return nt_pnp_start(rig->pdo);
}

void rig_remove(struct rig *rig)
{
    nt_pnp_simple(rig->pdo, IRP_MN_REMOVE_DEVICE);
    rig->sriov.InterfaceDereference(rig->sriov.Context);
    rig->mitigable.InterfaceDereference(rig->mitigable.Context);
    pcibus_remove_device(rig->pdo);
    pci_device_destroy(rig->device);
    rig->pdo = NULL;
}

void rig_destroy(struct rig *rig)
{
    if (rig->pdo)
        rig_remove(rig);
    nt_driver_unload(rig->driver);
    ndis_clear_keywords(rig->partition);
    assert_int_equal(nt_violations(rig->partition), 0);
    nt_enter(NULL);
    assert_int_equal(nt_partition_destroy(rig->partition), 0);
    pci_profile_unref(rig->profile);
}

/* ---- IOCTLs -------------------------------------------------------------------------------------------------------
 */

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct sent *sent = context;
    (void)device;
    pthread_mutex_lock(&sent->lock);
    sent->completions++;
    sent->status = irp->IoStatus.Status;
    sent->information = irp->IoStatus.Information;
    pthread_cond_broadcast(&sent->changed);
    pthread_mutex_unlock(&sent->lock);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

NTSTATUS sent_start(struct sent *sent, struct rig *rig, ULONG code, ULONG input, ULONG output, struct sent_how how)
{
    PDEVICE_OBJECT top = nt_stack_top(rig->pdo);
    PIO_STACK_LOCATION next;
    sent->irp = IoAllocateIrp(top->StackSize, FALSE);
    sent->completions = 0;
    pthread_mutex_init(&sent->lock, NULL);
    pthread_cond_init(&sent->changed, NULL);
    sent->irp->RequestorMode = how.user ? UserMode : KernelMode;
    sent->irp->AssociatedIrp.SystemBuffer = how.no_buffer ? NULL : sent->buffer;
    next = IoGetNextIrpStackLocation(sent->irp);
    next->MajorFunction = how.major ? how.major : IRP_MJ_INTERNAL_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = code;
    next->Parameters.DeviceIoControl.InputBufferLength = input;
    next->Parameters.DeviceIoControl.OutputBufferLength = output;
    IoSetCompletionRoutine(sent->irp, completed, sent, TRUE, TRUE, TRUE);
    return IoCallDriver(top, sent->irp);
}

bool sent_is_done(struct sent *sent)
{
    pthread_mutex_lock(&sent->lock);
    bool done = sent->completions != 0;
    pthread_mutex_unlock(&sent->lock);
    return done;
}

NTSTATUS sent_wait(struct sent *sent)
{
    pthread_mutex_lock(&sent->lock);
    while (!sent->completions)
        pthread_cond_wait(&sent->changed, &sent->lock);
    pthread_mutex_unlock(&sent->lock);
    assert_int_equal(sent->completions, 1);
    return sent->status;
}

void sent_free(struct sent *sent)
{
    assert_int_equal(sent->completions, 1);
    IoFreeIrp(sent->irp);
    pthread_cond_destroy(&sent->changed);
    pthread_mutex_destroy(&sent->lock);
}

NTSTATUS rig_control(struct rig *rig, ULONG code, void *buffer, ULONG input, ULONG output, ULONG_PTR *information)
{
    struct sent sent;
    memset(sent.buffer, 0xAA, sizeof(sent.buffer));
    if (input && buffer)
        memcpy(sent.buffer, buffer, input);
    sent_start(&sent, rig, code, input, output, (struct sent_how){.no_buffer = !buffer});
    NTSTATUS status = sent_wait(&sent);
    if (information)
        *information = sent.information;
    if (buffer && NT_SUCCESS(status))
        memcpy(buffer, sent.buffer, sent.information);
    sent_free(&sent);
    return status;
}

/* ---- PnP ----------------------------------------------------------------------------------------------------------
 */

static void *pnp_main(void *context)
{
    struct pnp *pnp = context;
    nt_enter(pnp->rig->partition);
    pnp->status = nt_pnp_simple(pnp->rig->pdo, pnp->minor);
    nt_enter(NULL);
    atomic_store(&pnp->done, true);
    return NULL;
}

void pnp_start(struct pnp *pnp, struct rig *rig, UCHAR minor)
{
    pnp->rig = rig;
    pnp->minor = minor;
    atomic_init(&pnp->done, false);
    assert_int_equal(pthread_create(&pnp->thread, NULL, pnp_main, pnp), 0);
}

NTSTATUS pnp_wait(struct pnp *pnp)
{
    pthread_join(pnp->thread, NULL);
    return pnp->status;
}
