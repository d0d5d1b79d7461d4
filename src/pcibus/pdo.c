/* SPDX-License-Identifier: MIT
 *
 * The PDO of a PF: put on the bus, asked by PnP and power IRPs, removed.
 */
#include "pcibus/internal.h"

#include <stdlib.h>

struct extension {
    struct pcibus_pf *pf;
};

static struct pcibus_pf *pf_of(PDEVICE_OBJECT pdo)
{
    return ((struct extension *)pdo->DeviceExtension)->pf;
}

/* ---- life ---------------------------------------------------------------------------------------------------------
 */

void pcibus_release(struct pcibus_pf *pf)
{
    if (atomic_fetch_sub(&pf->holds, 1) != 1)
        return;
    pci_device_release(pf->device);
    /* What a driver calls after its last dereference should find that it is not live, not other people's memory. */
    nt_free_late(pf->partition, pf);
}

static struct pcibus_pf *pf_create(struct nt_partition *partition, struct pci_device *device)
{
    struct pcibus_pf *pf = calloc(1, sizeof(*pf));
    if (!pf)
        return NULL;
    pci_device_hold(device);
    pf->device = device;
    pf->partition = partition;
    atomic_init(&pf->holds, 1);
    pf->bus_standard.kind = PCIBUS_BUS_STANDARD;
    pf->virtualization.kind = PCIBUS_VIRTUALIZATION;
    pf->bus_standard.pf = pf->virtualization.pf = pf;
    return pf;
}

struct pci_device *pcibus_device(PDEVICE_OBJECT pdo)
{
    return pf_of(pdo)->device;
}

/* ---- PnP ----------------------------------------------------------------------------------------------------------
 */

static NTSTATUS start(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)irp, (void)stack;
    if (pci_device_gone(pf->device))
        return STATUS_NO_SUCH_DEVICE;
    atomic_store(&pf->started, true);
    return STATUS_SUCCESS;
}

static NTSTATUS stop(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)irp, (void)stack;
    atomic_store(&pf->started, false);
    return STATUS_SUCCESS;
}

static NTSTATUS agree(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)pf, (void)irp, (void)stack;
    return STATUS_SUCCESS;
}

static NTSTATUS surprise(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    atomic_store(&pf->surprised, true);
    return stop(pf, irp, stack);
}

/* A PDO answers for itself alone: the relation of a target is the target. */
static NTSTATUS query_relations(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    if (stack->Parameters.QueryDeviceRelations.Type != TargetDeviceRelation)
        return irp->IoStatus.Status;
    PDEVICE_RELATIONS relations = ExAllocatePoolWithTag(PagedPool, sizeof(*relations), PCIBUS_TAG);
    if (!relations)
        return STATUS_INSUFFICIENT_RESOURCES;
    ObReferenceObject(pf->pdo);
    *relations = (DEVICE_RELATIONS){.Count = 1, .Objects = {pf->pdo}};
    irp->IoStatus.Information = (ULONG_PTR)relations;
    return STATUS_SUCCESS;
}

/* pci.md 5.5, rows of READ/WRITE_CONFIG. Safe at DISPATCH_LEVEL (6.17). */
static NTSTATUS config(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    PVOID buffer = stack->Parameters.ReadWriteConfig.Buffer;
    ULONG offset = stack->Parameters.ReadWriteConfig.Offset, length = stack->Parameters.ReadWriteConfig.Length;
    bool write = stack->MinorFunction == IRP_MN_WRITE_CONFIG;
    irp->IoStatus.Information = 0;
    if (stack->Parameters.ReadWriteConfig.WhichSpace != PCI_WHICHSPACE_CONFIG)
        return STATUS_INVALID_PARAMETER_1;
    if (!buffer || !length || (ULONG64)offset + length > PCI_CONFIG_SIZE)
        return STATUS_INVALID_PARAMETER;
    if (atomic_load(&pf->surprised))
        return STATUS_NO_SUCH_DEVICE;
    if (!atomic_load(&pf->started))
        return STATUS_DEVICE_NOT_READY;
    ULONG done = write ? pcibus_write(pf, PCI_FUNCTION_PF, buffer, offset, length)
                       : pcibus_read(pf, PCI_FUNCTION_PF, buffer, offset, length);
    irp->IoStatus.Information = done;
    if (!done) /* the range was good, so it is the card: gone, or in reset */
        return pci_device_gone(pf->device) ? STATUS_NO_SUCH_DEVICE : STATUS_DEVICE_NOT_READY;
    return STATUS_SUCCESS;
}

static const struct {
    const char *name;
    NTSTATUS (*handle)(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack);
} minors[] = {
    [IRP_MN_START_DEVICE] = {"IRP_MN_START_DEVICE", start},
    [IRP_MN_QUERY_REMOVE_DEVICE] = {"IRP_MN_QUERY_REMOVE_DEVICE", agree},
    [IRP_MN_REMOVE_DEVICE] = {"IRP_MN_REMOVE_DEVICE", stop},
    [IRP_MN_CANCEL_REMOVE_DEVICE] = {"IRP_MN_CANCEL_REMOVE_DEVICE", agree},
    [IRP_MN_STOP_DEVICE] = {"IRP_MN_STOP_DEVICE", stop},
    [IRP_MN_QUERY_STOP_DEVICE] = {"IRP_MN_QUERY_STOP_DEVICE", agree},
    [IRP_MN_CANCEL_STOP_DEVICE] = {"IRP_MN_CANCEL_STOP_DEVICE", agree},
    [IRP_MN_QUERY_DEVICE_RELATIONS] = {"IRP_MN_QUERY_DEVICE_RELATIONS", query_relations},
    [IRP_MN_QUERY_INTERFACE] = {"IRP_MN_QUERY_INTERFACE", pcibus_query_interface},
    [IRP_MN_QUERY_CAPABILITIES] = {"IRP_MN_QUERY_CAPABILITIES", pcibus_query_capabilities},
    [IRP_MN_QUERY_RESOURCES] = {"IRP_MN_QUERY_RESOURCES", pcibus_query_resources},
    [IRP_MN_READ_CONFIG] = {"IRP_MN_READ_CONFIG", config},
    [IRP_MN_WRITE_CONFIG] = {"IRP_MN_WRITE_CONFIG", config},
    [IRP_MN_QUERY_ID] = {"IRP_MN_QUERY_ID", pcibus_query_id},
    [IRP_MN_QUERY_BUS_INFORMATION] = {"IRP_MN_QUERY_BUS_INFORMATION", pcibus_query_bus_information},
    [IRP_MN_SURPRISE_REMOVAL] = {"IRP_MN_SURPRISE_REMOVAL", surprise},
};

static NTSTATUS complete(PIRP irp, NTSTATUS status)
{
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

/* A minor function that this bus driver does not handle completes with the status it came with. */
static NTSTATUS pnp(PDEVICE_OBJECT pdo, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    UCHAR minor = stack->MinorFunction;
    if (minor >= RTL_NUMBER_OF(minors) || !minors[minor].handle)
        return complete(irp, irp->IoStatus.Status);
    TRACE_DOOR(span, "pcibus", minors[minor].name, "PDO");
    NTSTATUS status = minors[minor].handle(pf_of(pdo), irp, stack);
    TRACE_DONE(span, "%s", nt_status_name(status));
    return complete(irp, status);
}

static NTSTATUS power(PDEVICE_OBJECT pdo, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct pcibus_pf *pf = pf_of(pdo);
    DEVICE_POWER_STATE state = stack->Parameters.Power.State.DeviceState;
    if (stack->MinorFunction != IRP_MN_SET_POWER && stack->MinorFunction != IRP_MN_QUERY_POWER)
        return complete(irp, irp->IoStatus.Status);
    if (stack->MinorFunction == IRP_MN_QUERY_POWER || stack->Parameters.Power.Type != DevicePowerState)
        return complete(irp, STATUS_SUCCESS);
    if (state < PowerDeviceD0 || state > PowerDeviceD3)
        return complete(irp, STATUS_INVALID_PARAMETER);
    pcibus_set_power(pf, (unsigned)(state - PowerDeviceD0));
    return complete(irp, STATUS_SUCCESS);
}

/* ---- on and off the bus ------------------------------------------------------------------------------------------ */

NTSTATUS pcibus_add_device(struct nt_partition *partition, struct pci_device *device, PDEVICE_OBJECT *pdo)
{
    PDRIVER_OBJECT driver;
    *pdo = NULL;
    struct pcibus_pf *pf = pf_create(partition, device);
    if (!pf)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = nt_builtin_driver(partition, "pci", &driver);
    if (!NT_SUCCESS(status)) {
        pcibus_release(pf);
        return status;
    }
    driver->MajorFunction[IRP_MJ_PNP] = pnp;
    driver->MajorFunction[IRP_MJ_POWER] = power;
    status = IoCreateDevice(driver, sizeof(struct extension), NULL, FILE_DEVICE_UNKNOWN, FILE_AUTOGENERATED_DEVICE_NAME,
                            FALSE, &pf->pdo);
    if (!NT_SUCCESS(status)) {
        nt_driver_unload(driver);
        pcibus_release(pf);
        return status;
    }
    ((struct extension *)pf->pdo->DeviceExtension)->pf = pf;
    pf->pdo->Flags |= DO_BUS_ENUMERATED_DEVICE;
    pf->pdo->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    *pdo = pf->pdo;
    return STATUS_SUCCESS;
}

void pcibus_surprise_remove(PDEVICE_OBJECT pdo)
{
    struct pcibus_pf *pf = pf_of(pdo);
    atomic_store(&pf->surprised, true);
    pci_device_surprise_remove(pf->device);
    nt_pnp_simple(pdo, IRP_MN_SURPRISE_REMOVAL);
}

void pcibus_remove_device(PDEVICE_OBJECT pdo)
{
    struct pcibus_pf *pf = pf_of(pdo);
    PDRIVER_OBJECT driver = pdo->DriverObject;
    atomic_store_explicit(&pf->removed, true, memory_order_release);
    int32_t bus = atomic_load(&pf->bus_standard.references), virt = atomic_load(&pf->virtualization.references);
    if (bus || virt)
        TRACE_NOTE("pcibus", "removed with %d references to BUS_INTERFACE_STANDARD, %d to PCI_VIRTUALIZATION_INTERFACE",
                   bus, virt);
    IoDeleteDevice(pdo);
    nt_driver_unload(driver);
    pcibus_release(pf);
}
