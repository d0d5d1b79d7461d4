/* SPDX-License-Identifier: MIT
 *
 * IRP_MN_QUERY_INTERFACE and the references of what it hands out (pci.md 1.1, 1.2, 5.6).
 */
#include <initguid.h>

#include "pcibus/internal.h"

#include <stddef.h>
#include <wdmguid.h>

/* An interface this bus driver offers on the PDO of a PF. */
struct offer {
    const GUID *type;
    USHORT size, version;
    size_t context; /* its struct pcibus_interface in struct pcibus_pf */
    bool needs_sriov;
    void (*fill)(PINTERFACE out);
};

static const struct offer offers[] = {
    {&GUID_BUS_INTERFACE_STANDARD, sizeof(BUS_INTERFACE_STANDARD), 1, offsetof(struct pcibus_pf, bus_standard), false,
     pcibus_fill_bus_standard},
    {&GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(PCI_VIRTUALIZATION_INTERFACE), 1,
     offsetof(struct pcibus_pf, virtualization), true, pcibus_fill_virtualization},
};

/* ---- references: lock-free, any IRQL up to DISPATCH_LEVEL ---------------------------------------------------------
 */

static struct pcibus_interface *interface_of(PVOID context, const char *routine)
{
    struct pcibus_interface *interface = context;
    if (interface && (interface->kind == PCIBUS_BUS_STANDARD || interface->kind == PCIBUS_VIRTUALIZATION))
        return interface;
    nt_violation_in(PCIBUS_RULE(INTERFACE_CONTEXT), routine, "%s: the context is not one that was handed out", routine);
    return NULL;
}

static void take(struct pcibus_interface *interface)
{
    atomic_fetch_add(&interface->pf->holds, 1);
    atomic_fetch_add(&interface->references, 1);
}

VOID pcibus_reference(PVOID context)
{
    struct pcibus_interface *interface = interface_of(context, "InterfaceReference");
    if (!interface)
        return;
    int32_t count = atomic_load(&interface->references);
    while (count > 0 && !atomic_compare_exchange_weak(&interface->references, &count, count + 1))
        ;
    if (count > 0)
        atomic_fetch_add(&interface->pf->holds, 1);
    else
        nt_violation(PCIBUS_RULE(INTERFACE_AFTER_DEREFERENCE), "InterfaceReference after the last dereference");
}

/* Below zero is reported and changes nothing: the count never wraps. */
VOID pcibus_dereference(PVOID context)
{
    struct pcibus_interface *interface = interface_of(context, "InterfaceDereference");
    if (!interface)
        return;
    int32_t count = atomic_load(&interface->references);
    while (count > 0 && !atomic_compare_exchange_weak(&interface->references, &count, count - 1))
        ;
    if (count > 0)
        pcibus_release(interface->pf);
    else
        nt_violation(PCIBUS_RULE(INTERFACE_DEREFERENCED_TWICE), "InterfaceDereference without a reference");
}

struct pcibus_pf *pcibus_not_live(struct pcibus_interface *interface, enum pcibus_interface_kind kind,
                                  const char *routine)
{
    if (!interface || interface->kind != kind)
        nt_violation_in(PCIBUS_RULE(INTERFACE_CONTEXT), routine, "%s: the context is not the one of this interface", routine);
    else
        nt_violation_in(PCIBUS_RULE(INTERFACE_AFTER_DEREFERENCE), routine, "%s after the last dereference", routine);
    return NULL;
}

/* ---- the query ----------------------------------------------------------------------------------------------------
 */

static const struct offer *find(struct pcibus_pf *pf, const GUID *type)
{
    for (size_t i = 0; type && i < RTL_NUMBER_OF(offers); i++)
        if (IsEqualGUID(offers[i].type, type))
            return !offers[i].needs_sriov || pci_sriov_present(pf->device) ? &offers[i] : NULL;
    return NULL;
}

static NTSTATUS answer(struct pcibus_pf *pf, const struct offer *offer, PIRP irp, PIO_STACK_LOCATION stack)
{
    PINTERFACE out = stack->Parameters.QueryInterface.Interface;
    struct pcibus_interface *interface = (struct pcibus_interface *)((char *)pf + offer->context);
    if (!out)
        return STATUS_INVALID_PARAMETER;
    if (stack->Parameters.QueryInterface.Size < offer->size ||
        stack->Parameters.QueryInterface.Version < offer->version) {
        TRACE_REFUSE("pcibus", "INTERFACE_SIZE pci.md 5.6", "size %u version %u, offered are %u and %u",
                     stack->Parameters.QueryInterface.Size, stack->Parameters.QueryInterface.Version, offer->size,
                     offer->version);
        return STATUS_INVALID_BUFFER_SIZE;
    }
    *out = (INTERFACE){.Size = offer->size,
                       .Version = offer->version,
                       .Context = interface,
                       .InterfaceReference = pcibus_reference,
                       .InterfaceDereference = pcibus_dereference};
    offer->fill(out);
    take(interface);
    irp->IoStatus.Information = 0;
    return STATUS_SUCCESS;
}

NTSTATUS pcibus_query_interface(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    nt_irql_at_most(PASSIVE_LEVEL, "IRP_MN_QUERY_INTERFACE");
    const struct offer *offer =
        atomic_load(&pf->surprised) ? NULL : find(pf, stack->Parameters.QueryInterface.InterfaceType);
    return offer ? answer(pf, offer, irp, stack) : irp->IoStatus.Status;
}
