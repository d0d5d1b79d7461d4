/* SPDX-License-Identifier: MIT
 *
 * I/O manager: devices, sending and completing IRPs, work items, device interfaces.
 */
#ifndef VFPLANE_WDK_IO_H
#define VFPLANE_WDK_IO_H

#include "irp.h"
#include "pool.h"

VFPLANE_BEGIN_C

/* Makes a device of DriverObject with a zeroed extension; DeviceName may be NULL. PASSIVE_LEVEL.
 * STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_COLLISION. */
NTSTATUS IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName,
                        DEVICE_TYPE DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                        PDEVICE_OBJECT *DeviceObject);
/* Deletes a device that nothing is attached to, when its last reference goes. PASSIVE_LEVEL. */
VOID IoDeleteDevice(PDEVICE_OBJECT DeviceObject);
/* Puts SourceDevice on top of the stack of TargetDevice; the device it now sits on, or NULL. At most DISPATCH_LEVEL. */
PDEVICE_OBJECT IoAttachDeviceToDeviceStack(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice);
NTSTATUS IoAttachDeviceToDeviceStackSafe(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice,
                                         PDEVICE_OBJECT *AttachedToDeviceObject);
/* Takes off what is attached to TargetDevice. PASSIVE_LEVEL. */
VOID IoDetachDevice(PDEVICE_OBJECT TargetDevice);
/* Top of the stack, with a reference that ObDereferenceObject gives back. */
PDEVICE_OBJECT IoGetAttachedDeviceReference(PDEVICE_OBJECT DeviceObject);
PDEVICE_OBJECT IoGetAttachedDevice(PDEVICE_OBJECT DeviceObject);
/* A second name of a device. PASSIVE_LEVEL. */
NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName);
NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName);
/* Room of the driver's own by an address as key. */
NTSTATUS IoAllocateDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress,
                                         ULONG DriverObjectExtensionSize, PVOID *DriverObjectExtension);
PVOID IoGetDriverObjectExtension(PDRIVER_OBJECT DriverObject, PVOID ClientIdentificationAddress);

/* An IRP with StackSize locations, owned by the caller; NULL: no memory. At most DISPATCH_LEVEL. */
PIRP IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota);
/* Prepares caller-supplied memory of PacketSize bytes as an IRP. */
VOID IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize);
/* Makes an IRP of IoAllocateIrp as new, with Iostatus. */
VOID IoReuseIrp(PIRP Irp, NTSTATUS Iostatus);
/* Frees an IRP of IoAllocateIrp. At most DISPATCH_LEVEL. */
VOID IoFreeIrp(PIRP Irp);
/* A (internal) device-control IRP for DeviceObject whose end signals Event and fills IoStatusBlock; the I/O manager
 * frees it. NULL: no memory. PASSIVE_LEVEL. */
PIRP IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject, PVOID InputBuffer,
                                   ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength,
                                   BOOLEAN InternalDeviceIoControl, PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock);
/* The same for IRP_MJ_PNP, READ, WRITE, FLUSH_BUFFERS, SHUTDOWN. */
PIRP IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer, ULONG Length,
                                  PLARGE_INTEGER StartingOffset, PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock);
/* An IRP that its completion routine must free. */
PIRP IoBuildAsynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer, ULONG Length,
                                   PLARGE_INTEGER StartingOffset, PIO_STATUS_BLOCK IoStatusBlock);

/* Hands the IRP to the driver of DeviceObject; the status its dispatch routine returned. At most DISPATCH_LEVEL. */
NTSTATUS IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp);
/* Ends the IRP with what IoStatus holds: completion routines run from the bottom up. At most DISPATCH_LEVEL. */
VOID IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
#define IoCallDriver(DeviceObject, Irp)       IofCallDriver(DeviceObject, Irp)
#define IoCompleteRequest(Irp, PriorityBoost) IofCompleteRequest(Irp, PriorityBoost)
/* Marks the IRP cancelled and calls its cancel routine if it has one: TRUE then. At most DISPATCH_LEVEL. */
BOOLEAN IoCancelIrp(PIRP Irp);
/* The lock that a cancel routine is entered with and must release. */
VOID IoAcquireCancelSpinLock(PKIRQL Irql);
VOID IoReleaseCancelSpinLock(KIRQL Irql);
/* Sends and waits; the IRP stays the caller's. PASSIVE_LEVEL. */
BOOLEAN IoForwardIrpSynchronously(PDEVICE_OBJECT DeviceObject, PIRP Irp);
NTSTATUS IoSetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine,
                                  PVOID Context, BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError,
                                  BOOLEAN InvokeOnCancel);
/* Power IRPs. */
NTSTATUS PoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp);
VOID PoStartNextPowerIrp(PIRP Irp);
POWER_STATE PoSetPowerState(PDEVICE_OBJECT DeviceObject, POWER_STATE_TYPE Type, POWER_STATE State);

struct _IO_WORKITEM;
typedef struct _IO_WORKITEM *PIO_WORKITEM;
typedef enum _WORK_QUEUE_TYPE {
    CriticalWorkQueue,
    DelayedWorkQueue,
    HyperCriticalWorkQueue,
    NormalWorkQueue,
    BackgroundWorkQueue,
    RealTimeWorkQueue,
    SuperCriticalWorkQueue,
    MaximumWorkQueue,
    CustomPriorityWorkQueue = 32
} WORK_QUEUE_TYPE;
/* Runs at PASSIVE_LEVEL in a system thread. */
typedef VOID IO_WORKITEM_ROUTINE(PDEVICE_OBJECT DeviceObject, PVOID Context);
typedef IO_WORKITEM_ROUTINE *PIO_WORKITEM_ROUTINE;
typedef VOID IO_WORKITEM_ROUTINE_EX(PVOID IoObject, PVOID Context, PIO_WORKITEM IoWorkItem);
typedef IO_WORKITEM_ROUTINE_EX *PIO_WORKITEM_ROUTINE_EX;
/* NULL: no memory. At most DISPATCH_LEVEL. */
PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject);
/* Queues an item that is not queued. At most DISPATCH_LEVEL. */
VOID IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                     PVOID Context);
VOID IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                       PVOID Context);
/* Frees an item that is not queued (it may be running). At most DISPATCH_LEVEL. */
VOID IoFreeWorkItem(PIO_WORKITEM IoWorkItem);
typedef VOID WORKER_THREAD_ROUTINE(PVOID Parameter);
typedef WORKER_THREAD_ROUTINE *PWORKER_THREAD_ROUTINE;
/* A work item in the caller's own memory. */
typedef struct _WORK_QUEUE_ITEM {
    LIST_ENTRY List;
    PWORKER_THREAD_ROUTINE WorkerRoutine;
    PVOID Parameter;
} WORK_QUEUE_ITEM, *PWORK_QUEUE_ITEM;
#define ExInitializeWorkItem(Item, Routine, Context)                                                                   \
    do {                                                                                                               \
        (Item)->WorkerRoutine = (Routine);                                                                             \
        (Item)->Parameter = (Context);                                                                                 \
        (Item)->List.Flink = NULL;                                                                                     \
    } while (0)
/* Queues an item that is not queued; it is the caller's again when its routine runs. At most DISPATCH_LEVEL. */
VOID ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType);

/* Removal lock: keeps a device from going while requests are inside. Only through the routines. */
typedef struct _IO_REMOVE_LOCK {
    BOOLEAN Removed;
    BOOLEAN Reserved[3];
    volatile LONG IoCount;
    KEVENT RemoveEvent;
} IO_REMOVE_LOCK, *PIO_REMOVE_LOCK;
C_ASSERT(sizeof(IO_REMOVE_LOCK) == 32);
/* A lock with nobody inside. PASSIVE_LEVEL. */
VOID IoInitializeRemoveLockEx(PIO_REMOVE_LOCK Lock, ULONG AllocateTag, ULONG MaxLockedMinutes, ULONG HighWatermark,
                              ULONG RemlockSize);
/* STATUS_SUCCESS, or STATUS_DELETE_PENDING once removal began. At most DISPATCH_LEVEL. */
NTSTATUS IoAcquireRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, PCSTR File, ULONG Line, ULONG RemlockSize);
VOID IoReleaseRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize);
/* Releases, and waits until all others have. PASSIVE_LEVEL. */
VOID IoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK RemoveLock, PVOID Tag, ULONG RemlockSize);
#define IoInitializeRemoveLock(l, tag, minutes, high)                                                                  \
    IoInitializeRemoveLockEx(l, tag, minutes, high, sizeof(IO_REMOVE_LOCK))
#define IoAcquireRemoveLock(l, tag)        IoAcquireRemoveLockEx(l, tag, __FILE__, __LINE__, sizeof(IO_REMOVE_LOCK))
#define IoReleaseRemoveLock(l, tag)        IoReleaseRemoveLockEx(l, tag, sizeof(IO_REMOVE_LOCK))
#define IoReleaseRemoveLockAndWait(l, tag) IoReleaseRemoveLockAndWaitEx(l, tag, sizeof(IO_REMOVE_LOCK))

/* Registers PhysicalDeviceObject in a device interface class; the link's Buffer is freed by RtlFreeUnicodeString.
 * PASSIVE. */
NTSTATUS IoRegisterDeviceInterface(PDEVICE_OBJECT PhysicalDeviceObject, CONST GUID *InterfaceClassGuid,
                                   PUNICODE_STRING ReferenceString, PUNICODE_STRING SymbolicLinkName);
/* Shows or hides a registered interface. PASSIVE_LEVEL. */
NTSTATUS IoSetDeviceInterfaceState(PUNICODE_STRING SymbolicLinkName, BOOLEAN Enable);
/* A property of a device; STATUS_BUFFER_TOO_SMALL with the length needed. PASSIVE_LEVEL. */
NTSTATUS IoGetDeviceProperty(PDEVICE_OBJECT DeviceObject, DEVICE_REGISTRY_PROPERTY DeviceProperty, ULONG BufferLength,
                             PVOID PropertyBuffer, PULONG ResultLength);
/* Opens a key that belongs to a device, for ZwQueryValueKey and ZwClose: PLUGPLAY_REGKEY_DRIVER is the one with the
 * driver's keywords. STATUS_INVALID_PARAMETER, STATUS_INVALID_DEVICE_REQUEST, STATUS_INSUFFICIENT_RESOURCES. PASSIVE. */
NTSTATUS IoOpenDeviceRegistryKey(PDEVICE_OBJECT DeviceObject, ULONG DevInstKeyType, ULONG DesiredAccess,
                                 PHANDLE DeviceRegKey);
#define PLUGPLAY_REGKEY_DEVICE 1
#define PLUGPLAY_REGKEY_DRIVER 2

/* Asks plug and play to query relations or state again. At most DISPATCH_LEVEL. */
VOID IoInvalidateDeviceRelations(PDEVICE_OBJECT DeviceObject, DEVICE_RELATION_TYPE Type);
VOID IoInvalidateDeviceState(PDEVICE_OBJECT PhysicalDeviceObject);

/* References of kernel objects. At most DISPATCH_LEVEL for the drop of one that is not the last. */
LONG_PTR ObfReferenceObject(PVOID Object);
LONG_PTR ObfDereferenceObject(PVOID Object);
#define ObReferenceObject(Object)   ObfReferenceObject(Object)
#define ObDereferenceObject(Object) ObfDereferenceObject(Object)

VFPLANE_END_C

#endif
