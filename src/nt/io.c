/* SPDX-License-Identifier: MIT
 *
 * Smaller services of the I/O and power managers: remove locks, forwarding, completion routines that hold their device.
 */
#include "nt/internal.h"

#define NT_TAG_COMPLETION 0x706d6f43u /* "Comp" */

/* ---- remove locks: IoCount starts at 1, the device's own -------------------------------------------------------- */

NT_EXPORT VOID IoInitializeRemoveLockEx(PIO_REMOVE_LOCK lock, ULONG tag, ULONG minutes, ULONG high, ULONG size)
{
    (void)tag, (void)minutes, (void)high, (void)size;
    *lock = (IO_REMOVE_LOCK){.IoCount = 1};
    KeInitializeEvent(&lock->RemoveEvent, SynchronizationEvent, FALSE);
}

static void leave(PIO_REMOVE_LOCK lock)
{
    LONG left = __atomic_sub_fetch(&lock->IoCount, 1, __ATOMIC_ACQ_REL);
    if (left == 0)
        KeSetEvent(&lock->RemoveEvent, 0, FALSE);
    else if (left < 0)
        nt_violation(NT_RULE(REMOVE_LOCK_UNDERFLOW), "a remove lock is released more often than it was acquired");
}

NT_EXPORT NTSTATUS IoAcquireRemoveLockEx(PIO_REMOVE_LOCK lock, PVOID tag, PCSTR file, ULONG line, ULONG size)
{
    (void)tag, (void)file, (void)line, (void)size;
    __atomic_add_fetch(&lock->IoCount, 1, __ATOMIC_ACQ_REL);
    if (!__atomic_load_n(&lock->Removed, __ATOMIC_ACQUIRE))
        return STATUS_SUCCESS;
    leave(lock);
    return STATUS_DELETE_PENDING;
}

NT_EXPORT VOID IoReleaseRemoveLockEx(PIO_REMOVE_LOCK lock, PVOID tag, ULONG size)
{
    (void)tag, (void)size;
    leave(lock);
}

NT_EXPORT VOID IoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK lock, PVOID tag, ULONG size)
{
    (void)tag, (void)size;
    __atomic_store_n(&lock->Removed, TRUE, __ATOMIC_RELEASE);
    leave(lock); /* the caller's */
    leave(lock); /* the device's own */
    KeWaitForSingleObject(&lock->RemoveEvent, Executive, KernelMode, FALSE, NULL);
}

/* ---- IRPs ---------------------------------------------------------------------------------------------------------
 */

NT_EXPORT BOOLEAN IoForwardIrpSynchronously(PDEVICE_OBJECT device, PIRP irp)
{
    if (irp->CurrentLocation <= 1)
        return FALSE;
    IoCopyCurrentIrpStackLocationToNext(irp);
    nt_call_driver_and_wait(device, irp);
    return TRUE;
}

struct held_completion {
    PDEVICE_OBJECT device;
    PIO_COMPLETION_ROUTINE routine;
    PVOID context;
    bool wanted[3]; /* success, error, cancel */
};

/* Runs for every outcome, so that the device is always given back; calls the driver's routine for those it wanted. */
static NTSTATUS complete_held(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct held_completion held = *(struct held_completion *)context;
    bool success = NT_SUCCESS(irp->IoStatus.Status);
    ExFreePoolWithTag(context, NT_TAG_COMPLETION);
    bool wanted = held.wanted[success ? 0 : 1] || (irp->Cancel && held.wanted[2]);
    if (!wanted && irp->PendingReturned && irp->CurrentLocation <= irp->StackCount)
        IoMarkIrpPending(irp);
    NTSTATUS status = wanted ? held.routine(device, irp, held.context) : STATUS_SUCCESS;
    nt_object_dereference(held.device);
    return status;
}

NT_EXPORT NTSTATUS IoSetCompletionRoutineEx(PDEVICE_OBJECT device, PIRP irp, PIO_COMPLETION_ROUTINE routine,
                                            PVOID context, BOOLEAN success, BOOLEAN error, BOOLEAN cancel)
{
    struct held_completion *held = ExAllocatePoolWithTag(NonPagedPool, sizeof(*held), NT_TAG_COMPLETION);
    if (!held)
        return STATUS_INSUFFICIENT_RESOURCES;
    *held = (struct held_completion){device, routine, context, {success, error, cancel}};
    nt_object_reference(device);
    IoSetCompletionRoutine(irp, complete_held, held, TRUE, TRUE, TRUE);
    return STATUS_SUCCESS;
}

/* ---- power --------------------------------------------------------------------------------------------------------
 */

/* Power IRPs are not queued here, so there is no next one to start. */
NT_EXPORT VOID PoStartNextPowerIrp(PIRP irp)
{
    (void)irp;
}

NT_EXPORT POWER_STATE PoSetPowerState(PDEVICE_OBJECT device, POWER_STATE_TYPE type, POWER_STATE state)
{
    struct nt_device *made = (struct nt_device *)device;
    POWER_STATE before = made->power[type == DevicePowerState];
    made->power[type == DevicePowerState] = state;
    return before;
}

/* ---- what a bus driver tells the PnP manager --------------------------------------------------------------------- */

NT_EXPORT VOID IoInvalidateDeviceRelations(PDEVICE_OBJECT device, DEVICE_RELATION_TYPE type)
{
    (void)device;
    TRACE_NOTE("nt", "IoInvalidateDeviceRelations, relations of type %d", (int)type);
}

NT_EXPORT VOID IoInvalidateDeviceState(PDEVICE_OBJECT pdo)
{
    (void)pdo;
    TRACE_NOTE("nt", "IoInvalidateDeviceState");
}
