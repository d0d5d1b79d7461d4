/* SPDX-License-Identifier: MIT
 *
 * A VF driver whose machine loses power in the middle of its work: it writes its Command register over and over while a
 * timer kills the process with SIGKILL.
 */
#include <wdm.h>
#include <wdmguid.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define COMMAND    0x04
#define BUS_MASTER 0x0004

struct extension {
    PDEVICE_OBJECT lower;
};

static void *power_loss(void *context)
{
    (void)context;
    usleep(20000);
    kill(getpid(), SIGKILL);
    return NULL;
}

/* Asks the bus driver itself, one stack location down. */
static NTSTATUS query_bus(PDEVICE_OBJECT lower, PBUS_INTERFACE_STANDARD bus)
{
    KEVENT event;
    IO_STATUS_BLOCK status;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp = IoBuildSynchronousFsdRequest(IRP_MJ_PNP, lower, NULL, 0, NULL, &event, &status);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MinorFunction = IRP_MN_QUERY_INTERFACE;
    stack->Parameters.QueryInterface.InterfaceType = &GUID_BUS_INTERFACE_STANDARD;
    stack->Parameters.QueryInterface.Size = sizeof(*bus);
    stack->Parameters.QueryInterface.Version = 1;
    stack->Parameters.QueryInterface.Interface = (PINTERFACE)bus;
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    NTSTATUS result = IoCallDriver(lower, irp);
    if (result == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        result = status.Status;
    }
    return result;
}

static NTSTATUS dispatch_pnp(PDEVICE_OBJECT device, PIRP irp)
{
    struct extension *extension = device->DeviceExtension;
    if (IoGetCurrentIrpStackLocation(irp)->MinorFunction == IRP_MN_START_DEVICE) {
        BUS_INTERFACE_STANDARD bus = {0};
        pthread_t timer;
        if (NT_SUCCESS(query_bus(extension->lower, &bus)) && pthread_create(&timer, NULL, power_loss, NULL) == 0) {
            for (USHORT command = 0;; command ^= BUS_MASTER)
                bus.SetBusData(bus.Context, PCI_WHICHSPACE_CONFIG, &command, COMMAND, sizeof(command));
        }
    }
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(extension->lower, irp);
}

static NTSTATUS add_device(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo)
{
    PDEVICE_OBJECT device;
    NTSTATUS status = IoCreateDevice(driver, sizeof(struct extension), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    ((struct extension *)device->DeviceExtension)->lower = IoAttachDeviceToDeviceStack(device, pdo);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path);
NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    (void)registry_path;
    driver->MajorFunction[IRP_MJ_PNP] = dispatch_pnp;
    driver->DriverExtension->AddDevice = add_device;
    return STATUS_SUCCESS;
}
