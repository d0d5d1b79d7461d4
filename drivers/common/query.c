/* SPDX-License-Identifier: MIT
 *
 * The sender of a PnP request says beforehand that nobody knows it (pci.md 1.2).
 */
#include "query.h"

NTSTATUS nic_query_interface(PDEVICE_OBJECT below, const GUID *type, USHORT size, PINTERFACE out)
{
    IO_STATUS_BLOCK result;
    PIO_STACK_LOCATION next;
    KEVENT completed;
    NTSTATUS status;
    PIRP irp;

    KeInitializeEvent(&completed, NotificationEvent, FALSE);
    irp = IoBuildSynchronousFsdRequest(IRP_MJ_PNP, below, NULL, 0, NULL, &completed, &result);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(out, size);
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    next = IoGetNextIrpStackLocation(irp);
    next->MinorFunction = IRP_MN_QUERY_INTERFACE;
    next->Parameters.QueryInterface.InterfaceType = type;
    next->Parameters.QueryInterface.Size = size;
    next->Parameters.QueryInterface.Version = 1;
    next->Parameters.QueryInterface.Interface = out;
    status = IoCallDriver(below, irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&completed, Executive, KernelMode, FALSE, NULL);
        status = result.Status;
    }
    return status;
}
