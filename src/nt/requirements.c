/* SPDX-License-Identifier: MIT
 *
 * IRP_MN_FILTER_RESOURCE_REQUIREMENTS: before a device starts its drivers see what it requires and may change that. The
 * requirements are what the device has; what a driver adds is not granted, what it takes away it gets all the same.
 */
#include "nt/internal.h"

#define NT_REQUIREMENTS_TAG 0x71655252u /* "RReq" */

static IO_RESOURCE_DESCRIPTOR required(const CM_PARTIAL_RESOURCE_DESCRIPTOR *had)
{
    IO_RESOURCE_DESCRIPTOR entry = {.Type = had->Type, .ShareDisposition = had->ShareDisposition, .Flags = had->Flags};
    switch (had->Type) {
    case CmResourceTypeInterrupt:
        entry.u.Interrupt.MinimumVector = entry.u.Interrupt.MaximumVector = had->u.Interrupt.Vector;
        if (had->Flags & CM_RESOURCE_INTERRUPT_MESSAGE)
            entry.u.Interrupt.MinimumVector = entry.u.Interrupt.MaximumVector = CM_RESOURCE_INTERRUPT_MESSAGE_TOKEN;
        break;
    default: /* memory, large memory, ports: a length where it is */
        entry.u.Generic.Length = had->u.Generic.Length;
        entry.u.Generic.Alignment = 1;
        entry.u.Generic.MinimumAddress = had->u.Generic.Start;
        entry.u.Generic.MaximumAddress.QuadPart = had->u.Generic.Start.QuadPart + had->u.Generic.Length - 1;
        break;
    }
    return entry;
}

static PIO_RESOURCE_REQUIREMENTS_LIST make_list(const CM_FULL_RESOURCE_DESCRIPTOR *had)
{
    const CM_PARTIAL_RESOURCE_LIST *entries = &had->PartialResourceList;
    SIZE_T size = sizeof(IO_RESOURCE_REQUIREMENTS_LIST) + (SIZE_T)entries->Count * sizeof(IO_RESOURCE_DESCRIPTOR);
    PIO_RESOURCE_REQUIREMENTS_LIST list = ExAllocatePoolZero(PagedPool, size, NT_REQUIREMENTS_TAG);
    if (!list)
        return NULL;
    list->ListSize = (ULONG)size;
    list->InterfaceType = had->InterfaceType;
    list->BusNumber = had->BusNumber;
    list->AlternativeLists = 1;
    list->List[0].Version = 1;
    list->List[0].Revision = 1;
    list->List[0].Count = entries->Count;
    for (ULONG i = 0; i < entries->Count; i++)
        list->List[0].Descriptors[i] = required(&entries->PartialDescriptors[i]);
    return list;
}

void nt_pnp_filter_requirements(PDEVICE_OBJECT pdo, const CM_RESOURCE_LIST *resources)
{
    IO_STACK_LOCATION stack = {.MinorFunction = IRP_MN_FILTER_RESOURCE_REQUIREMENTS};
    PIO_RESOURCE_REQUIREMENTS_LIST list = resources && resources->Count ? make_list(&resources->List[0]) : NULL;
    ULONG_PTR changed = 0;
    if (!list)
        return;
    stack.Parameters.FilterResourceRequirements.IoResourceRequirementList = list;
    if (!NT_SUCCESS(nt_pnp_send(pdo, &stack, &changed)))
        changed = 0;
    ExFreePool(changed ? (PVOID)changed : list); /* who made a new one has freed the old one */
}
