/* SPDX-License-Identifier: MIT
 *
 * Who the PF is: IRP_MN_QUERY_ID, QUERY_CAPABILITIES, QUERY_BUS_INFORMATION.
 */
#include "pcibus/internal.h"

#include <stdio.h>

/* GUID_BUS_TYPE_PCI */
static const GUID bus_type_pci = {0xC8EBDFB0, 0xB510, 0x11D0, {0x80, 0xE5, 0x00, 0xA0, 0xC9, 0x25, 0x42, 0xE3}};

static UCHAR bus_of(struct pci_device *device)
{
    return (UCHAR)(pci_routing_id(device) >> 8);
}

/* Paged pool with the text, each '|' an end of string, and two terminators. */
static PWSTR make_strings(const char *text)
{
    size_t length = strlen(text);
    PWSTR strings = ExAllocatePoolZero(PagedPool, (length + 2) * sizeof(WCHAR), PCIBUS_TAG);
    for (size_t i = 0; strings && i < length; i++)
        strings[i] = text[i] == '|' ? 0 : (UCHAR)text[i];
    return strings;
}

static int format_id(char *text, size_t size, BUS_QUERY_ID_TYPE type, const PCI_COMMON_HEADER *header, uint16_t routing)
{
    unsigned vendor = header->VendorID, device = header->DeviceID, revision = header->RevisionID;
    unsigned subsystem = (unsigned)header->u.type0.SubSystemID << 16 | header->u.type0.SubVendorID;
    unsigned class_code = (unsigned)header->BaseClass << 8 | header->SubClass;
    switch (type) {
    case BusQueryDeviceID:
        return snprintf(text, size, "PCI\\VEN_%04X&DEV_%04X&SUBSYS_%08X&REV_%02X", vendor, device, subsystem, revision);
    case BusQueryHardwareIDs:
        return snprintf(text, size,
                        "PCI\\VEN_%04X&DEV_%04X&SUBSYS_%08X&REV_%02X|PCI\\VEN_%04X&DEV_%04X&SUBSYS_%08X|"
                        "PCI\\VEN_%04X&DEV_%04X&CC_%04X%02X",
                        vendor, device, subsystem, revision, vendor, device, subsystem, vendor, device, class_code,
                        header->ProgIf);
    case BusQueryCompatibleIDs:
        return snprintf(text, size, "PCI\\VEN_%04X&DEV_%04X|PCI\\VEN_%04X|PCI\\CC_%04X", vendor, device, vendor,
                        class_code);
    case BusQueryInstanceID:
        return snprintf(text, size, "%04X", routing);
    default:
        return 0;
    }
}

NTSTATUS pcibus_query_id(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    PCI_COMMON_HEADER header;
    char text[256];
    bool read = pci_config_read(pf->device, PCI_FUNCTION_PF, 0, &header, sizeof(header)) == sizeof(header);
    uint16_t routing = pci_routing_id(pf->device);
    if (!read)
        return STATUS_NO_SUCH_DEVICE;
    if (!format_id(text, sizeof(text), stack->Parameters.QueryId.IdType, &header, routing))
        return irp->IoStatus.Status;
    PWSTR strings = make_strings(text);
    irp->IoStatus.Information = (ULONG_PTR)strings;
    return strings ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS pcibus_query_capabilities(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    PDEVICE_CAPABILITIES capabilities = stack->Parameters.DeviceCapabilities.Capabilities;
    (void)irp;
    if (!capabilities || capabilities->Size < sizeof(*capabilities) || capabilities->Version != 1)
        return STATUS_INVALID_PARAMETER;
    uint16_t routing = pci_routing_id(pf->device);
    capabilities->SurpriseRemovalOK = 1;
    capabilities->Address = (ULONG)(routing >> 3 & 31) << 16 | (routing & 7); /* device, function */
    capabilities->DeviceState[PowerSystemWorking] = PowerDeviceD0;
    for (unsigned state = PowerSystemSleeping1; state < POWER_SYSTEM_MAXIMUM; state++)
        capabilities->DeviceState[state] = PowerDeviceD3;
    return STATUS_SUCCESS;
}

NTSTATUS pcibus_query_bus_information(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)stack;
    PPNP_BUS_INFORMATION information = ExAllocatePoolWithTag(PagedPool, sizeof(*information), PCIBUS_TAG);
    if (!information)
        return STATUS_INSUFFICIENT_RESOURCES;
    *information = (PNP_BUS_INFORMATION){bus_type_pci, PCIBus, bus_of(pf->device)};
    irp->IoStatus.Information = (ULONG_PTR)information;
    return STATUS_SUCCESS;
}
