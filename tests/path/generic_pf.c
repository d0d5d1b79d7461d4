/* SPDX-License-Identifier: MIT */
#include <initguid.h>

#include "generic_pf.h"

#include <sched.h>

void generic_pf_wait(const atomic_uint *counter, unsigned value)
{
    while (atomic_load(counter) < value)
        sched_yield();
}

/* ---- callbacks ------------------------------------------------------------------------------------------------------
 */

void generic_pf_enter(struct generic_pf *pf)
{
    if (atomic_fetch_add(&pf->inside, 1))
        atomic_fetch_add(&pf->overlaps, 1);
    if (KeGetCurrentIrql() != PASSIVE_LEVEL)
        atomic_fetch_add(&pf->above_passive, 1);
    atomic_fetch_add(&pf->calls, 1);
    if (atomic_load(&pf->hold))
        atomic_fetch_add(&pf->held, 1);
    while (atomic_load(&pf->hold))
        sched_yield();
}

NTSTATUS generic_pf_leave(struct generic_pf *pf)
{
    NTSTATUS status = pf->answer;
    atomic_fetch_sub(&pf->inside, 1);
    return status;
}

static NTSTATUS read_config(PVOID context, PVOID data, USHORT vf, ULONG offset, ULONG length)
{
    struct generic_pf *pf = context;
    if (vf >= PF_VFS)
        return STATUS_INVALID_PARAMETER;
    generic_pf_enter(pf);
    memcpy(data, pf->space[vf] + offset, length);
    return generic_pf_leave(pf);
}

static NTSTATUS write_config(PVOID context, CONST VOID *data, USHORT vf, ULONG offset, ULONG length)
{
    struct generic_pf *pf = context;
    generic_pf_enter(pf);
    memcpy(pf->space[vf] + offset, data, length);
    return generic_pf_leave(pf);
}

static NTSTATUS read_block(PVOID context, USHORT vf, ULONG id, PVOID buffer, ULONG length)
{
    struct generic_pf *pf = context;
    (void)id;
    generic_pf_enter(pf);
    memcpy(buffer, pf->block[vf], length);
    return generic_pf_leave(pf);
}

static NTSTATUS write_block(PVOID context, USHORT vf, ULONG id, PVOID buffer, ULONG length)
{
    struct generic_pf *pf = context;
    (void)id;
    generic_pf_enter(pf);
    memcpy(pf->block[vf], buffer, length);
    return generic_pf_leave(pf);
}

static NTSTATUS bars(PVOID context, PULONG values)
{
    struct generic_pf *pf = context;
    generic_pf_enter(pf);
    memset(values, 0, 24);
    values[0] = 0xFFFFC000;
    return generic_pf_leave(pf);
}

static NTSTATUS bars_of(PVOID context, USHORT vf, PULONG values)
{
    (void)vf;
    NTSTATUS status = bars(context, values);
    values[0] = 0xFFFF8000; /* so that one can tell which was asked */
    return status;
}

static VOID ids(PVOID context, USHORT vf, PUSHORT vendor, PUSHORT device)
{
    struct generic_pf *pf = context;
    generic_pf_enter(pf);
    *vendor = vf == PF_VFS - 1 ? 0xFFFF : 0x8086; /* the last has none */
    *device = 0x10CA;
    generic_pf_leave(pf);
}

static VOID location(PVOID context, USHORT vf, PUINT16 segment, PUINT8 bus, PUINT8 function)
{
    struct generic_pf *pf = context;
    generic_pf_enter(pf);
    *segment = 0;
    *bus = 1;
    *function = (UINT8)(0x80 + vf);
    generic_pf_leave(pf);
}

static NTSTATUS reset(PVOID context, USHORT vf)
{
    struct generic_pf *pf = context;
    (void)vf;
    generic_pf_enter(pf);
    atomic_fetch_add(&pf->resets, 1);
    return generic_pf_leave(pf);
}

static NTSTATUS power(PVOID context, USHORT vf, DEVICE_POWER_STATE state, BOOLEAN wake)
{
    struct generic_pf *pf = context;
    (void)vf, (void)state;
    generic_pf_enter(pf);
    assert_false(wake);
    return generic_pf_leave(pf);
}

static NTSTATUS resource(PVOID context, USHORT vf, USHORT bar, PCM_PARTIAL_RESOURCE_DESCRIPTOR descriptor)
{
    struct generic_pf *pf = context;
    generic_pf_enter(pf);
    memset(descriptor, 0, sizeof(*descriptor));
    descriptor->Type = bar ? CmResourceTypeNull : CmResourceTypeMemory;
    descriptor->u.Memory.Start.QuadPart = 0x80000000ll + 0x8000 * vf;
    descriptor->u.Memory.Length = 0x8000;
    return generic_pf_leave(pf);
}

static VOID reference(PVOID context)
{
    atomic_fetch_add(&((struct generic_pf *)context)->references, 1);
}

static VOID dereference(PVOID context)
{
    atomic_fetch_sub(&((struct generic_pf *)context)->references, 1);
}

/* ---- IOCTLs and PnP
 * -------------------------------------------------------------------------------------------------- */

static struct generic_pf *pf_of(PDEVICE_OBJECT device)
{
    return *(struct generic_pf **)device->DeviceExtension;
}

NTSTATUS generic_pf_complete(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static void cancel(PDEVICE_OBJECT device, PIRP irp)
{
    struct generic_pf *pf = pf_of(device);
    IoReleaseCancelSpinLock(irp->CancelIrql);
    pthread_mutex_lock(&pf->lock);
    for (unsigned i = 0; i < PF_PLACES; i++)
        if (pf->waiting[i] == irp)
            pf->waiting[i] = NULL;
    pthread_mutex_unlock(&pf->lock);
    generic_pf_complete(irp, STATUS_CANCELLED, 0);
}

NTSTATUS generic_pf_keep(struct generic_pf *pf, unsigned which, PIRP irp)
{
    bool cancelled;
    KIRQL irql;
    IoMarkIrpPending(irp);
    pthread_mutex_lock(&pf->lock);
    IoSetCancelRoutine(irp, cancel);
    IoAcquireCancelSpinLock(&irql);
    cancelled = irp->Cancel && IoSetCancelRoutine(irp, NULL);
    IoReleaseCancelSpinLock(irql);
    if (!cancelled)
        pf->waiting[which] = irp;
    pthread_mutex_unlock(&pf->lock);
    if (cancelled)
        generic_pf_complete(irp, STATUS_CANCELLED, 0);
    return STATUS_PENDING;
}

static NTSTATUS control(PDEVICE_OBJECT device, PIRP irp)
{
    const ULONG code = IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode;
    struct generic_pf *pf = pf_of(device);
    const NTSTATUS says = atomic_load(&pf->says);
    if (code == atomic_load(&pf->keeps)) {
        if (says == STATUS_PENDING)
            IoMarkIrpPending(irp);
        atomic_store(&pf->kept, irp);
        return says;
    }
    switch (code) {
    case IOCTL_SRIOV_ATTACH:
        atomic_fetch_add(&pf->attaches, 1);
        return generic_pf_complete(irp, pf->attach, 0);
    case IOCTL_SRIOV_DETACH:
        atomic_fetch_add(&pf->detaches, 1);
        return generic_pf_complete(irp, STATUS_SUCCESS, 0);
    case IOCTL_SRIOV_NOTIFICATION:
        atomic_fetch_add(&pf->notifications, 1);
        return generic_pf_keep(pf, 0, irp);
    case IOCTL_SRIOV_EVENT_COMPLETE:
        pf->word = *(NTSTATUS *)irp->AssociatedIrp.SystemBuffer;
        atomic_fetch_add(&pf->event_completes, 1);
        return generic_pf_complete(irp, STATUS_SUCCESS, 0);
    case IOCTL_SRIOV_INVALIDATE_BLOCK:
        return pf->invalidate == STATUS_PENDING ? generic_pf_keep(pf, 1, irp)
                                                : generic_pf_complete(irp, pf->invalidate, 0);
    default:
        return pf->other ? pf->other(pf, code, irp) : generic_pf_complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

/* As much of it as its Size says. */
static NTSTATUS hand_out(struct generic_pf *pf, PIRP irp, const void *interface, USHORT size, size_t whole)
{
    memcpy(IoGetCurrentIrpStackLocation(irp)->Parameters.QueryInterface.Interface, interface,
           size < whole ? size : whole);
    reference(pf);
    return generic_pf_complete(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS pnp(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    const GUID *type = stack->Parameters.QueryInterface.InterfaceType;
    struct generic_pf *pf = pf_of(device);
    bool query = stack->MinorFunction == IRP_MN_QUERY_INTERFACE;
    if (query && pf->offer.Size && IsEqualGUID(type, &GUID_SRIOV_DEVICE_INTERFACE_STANDARD))
        return hand_out(pf, irp, &pf->offer, pf->offer.Size, sizeof(pf->offer));
    if (query && pf->mitigable.Size && IsEqualGUID(type, &GUID_MITIGABLE_DEVICE_INTERFACE))
        return hand_out(pf, irp, &pf->mitigable, pf->mitigable.Size, sizeof(pf->mitigable));
    return generic_pf_complete(irp, irp->IoStatus.Status, 0);
}

static void create_device(struct generic_pf *pf)
{
    assert_int_equal(IoCreateDevice(pf->driver, sizeof(pf), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &pf->pdo),
                     STATUS_SUCCESS);
    *(struct generic_pf **)pf->pdo->DeviceExtension = pf;
}

void generic_pf_create(struct generic_pf *pf)
{
    memset(pf, 0, sizeof(*pf));
    pthread_mutex_init(&pf->lock, NULL);
    pf->offer = (SRIOV_DEVICE_INTERFACE_STANDARD_2){
        .Size = sizeof(pf->offer),
        .Version = 1,
        .Context = pf,
        .InterfaceReference = reference,
        .InterfaceDereference = dereference,
        .ReadVfConfig = read_config,
        .WriteVfConfig = write_config,
        .ReadVfConfigBlock = read_block,
        .WriteVfConfigBlock = write_block,
        .QueryProbedBars = bars,
        .GetVendorAndDevice = ids,
        .GetDeviceLocation = location,
        .ResetVf = reset,
        .SetVfPowerState = power,
        .GetResourceForBar = resource,
        .QueryProbedBars_2 = bars_of,
    };
    pf->invalidate = STATUS_PENDING;
    for (unsigned i = 0; i < PF_VFS; i++)
        pf->space[i][8] = 1; /* a revision: the VF answers */
    pf->partition = nt_partition_create(&(struct nt_partition_options){.name = "host", .role = NT_PARENT});
    nt_enter(pf->partition);
    assert_int_equal(nt_builtin_driver(pf->partition, "pf", &pf->driver), STATUS_SUCCESS);
    pf->driver->MajorFunction[IRP_MJ_PNP] = pnp;
    pf->driver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = control;
    create_device(pf);
}

static void leave_partition(struct generic_pf *pf)
{
    nt_enter(pf->partition);
    IoDeleteDevice(pf->pdo);
    if (pf->lodges)
        return;
    nt_driver_unload(pf->driver);
    assert_int_equal(nt_violations(pf->partition), 0);
    nt_enter(NULL);
    assert_int_equal(nt_partition_destroy(pf->partition), 0);
}

void generic_pf_destroy(struct generic_pf *pf)
{
    assert_int_equal(atomic_load(&pf->references), 0);
    assert_int_equal(atomic_load(&pf->overlaps), 0);
    assert_int_equal(atomic_load(&pf->above_passive), 0);
    for (unsigned i = 0; i < PF_PLACES; i++)
        assert_null(pf->waiting[i]);
    leave_partition(pf);
    pthread_mutex_destroy(&pf->lock);
}

void generic_pf_move(struct generic_pf *pf, struct generic_pf *other)
{
    if (pf == other)
        return;
    leave_partition(pf);
    pf->lodges = true;
    pf->partition = other->partition;
    pf->driver = other->driver;
    nt_enter(pf->partition);
    create_device(pf);
}

/* The IRP that waits, taken out; waits for one to come. */
PIRP generic_pf_take(struct generic_pf *pf, unsigned which)
{
    PIRP irp = NULL;
    while (!irp) {
        pthread_mutex_lock(&pf->lock);
        if (pf->waiting[which] && IoSetCancelRoutine(pf->waiting[which], NULL)) {
            irp = pf->waiting[which];
            pf->waiting[which] = NULL;
        }
        pthread_mutex_unlock(&pf->lock);
        sched_yield();
    }
    return irp;
}

void generic_pf_event(struct generic_pf *pf, ULONG code)
{
    PIRP irp = generic_pf_take(pf, 0);
    memcpy(irp->AssociatedIrp.SystemBuffer, &code, sizeof(code));
    generic_pf_complete(irp, STATUS_SUCCESS, sizeof(code));
}

void generic_pf_invalidate(struct generic_pf *pf, USHORT vf, ULONG64 mask, ULONG_PTR information)
{
    PIRP irp = generic_pf_take(pf, 1);
    *(PSRIOV_INVALIDATE_BLOCK)irp->AssociatedIrp.SystemBuffer = (SRIOV_INVALIDATE_BLOCK){vf, mask};
    generic_pf_complete(irp, STATUS_SUCCESS, information);
}

void generic_pf_fail_waiting(struct generic_pf *pf, NTSTATUS status)
{
    for (unsigned i = 0; i < 2; i++)
        generic_pf_complete(generic_pf_take(pf, i), status, 0);
}
