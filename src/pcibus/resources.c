/* SPDX-License-Identifier: MIT
 *
 * IRP_MN_QUERY_RESOURCES: what the firmware gave the PF, in the order drivers rely on (ndis.md 3.6): the PF's BARs, a
 * message interrupt for each MSI-X table entry, then the aperture of each VF BAR for all VFs.
 */
#include "pcibus/internal.h"

#define PCIBUS_MESSAGE_LEVEL 5u    /* device IRQL of message interrupts */
#define PCIBUS_VECTOR_BASE   0x50u /* vector of message 0 */

/* Memory of 4 GB and more is described in units (of 2^8, 2^16, 2^32 bytes) that its length must be a multiple of. */
static const struct {
    uint64_t most;
    USHORT flag;
    UCHAR shift;
} large[] = {
    {CM_RESOURCE_MEMORY_LARGE_40_MAXLEN, CM_RESOURCE_MEMORY_LARGE_40, 8},
    {CM_RESOURCE_MEMORY_LARGE_48_MAXLEN, CM_RESOURCE_MEMORY_LARGE_48, 16},
    {CM_RESOURCE_MEMORY_LARGE_64_MAXLEN, CM_RESOURCE_MEMORY_LARGE_64, 32},
};

static CM_PARTIAL_RESOURCE_DESCRIPTOR memory(const struct pci_bar *bar, uint64_t size)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR entry = {.Type = CmResourceTypeMemory,
                                            .ShareDisposition = CmResourceShareDeviceExclusive,
                                            .Flags = CM_RESOURCE_MEMORY_READ_WRITE | CM_RESOURCE_MEMORY_BAR};
    entry.Flags |= bar->prefetchable ? CM_RESOURCE_MEMORY_PREFETCHABLE : 0;
    entry.u.Memory.Start.QuadPart = (LONGLONG)bar->base;
    entry.u.Memory.Length = (ULONG)size;
    unsigned i = 0;
    while (i < RTL_NUMBER_OF(large) - 1 && size > large[i].most)
        i++;
    if (size > MAXULONG) {
        entry.Type = CmResourceTypeMemoryLarge;
        entry.Flags |= large[i].flag;
        entry.u.Memory.Length = (ULONG)(size >> large[i].shift);
    }
    return entry;
}

static CM_PARTIAL_RESOURCE_DESCRIPTOR port(const struct pci_bar *bar)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR entry = {.Type = CmResourceTypePort,
                                            .ShareDisposition = CmResourceShareDeviceExclusive,
                                            .Flags = CM_RESOURCE_PORT_IO | CM_RESOURCE_PORT_BAR};
    entry.u.Port.Start.QuadPart = (LONGLONG)bar->base;
    entry.u.Port.Length = (ULONG)bar->size;
    return entry;
}

static CM_PARTIAL_RESOURCE_DESCRIPTOR message(unsigned index)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR entry = {.Type = CmResourceTypeInterrupt,
                                            .ShareDisposition = CmResourceShareDeviceExclusive,
                                            .Flags = CM_RESOURCE_INTERRUPT_LATCHED | CM_RESOURCE_INTERRUPT_MESSAGE};
    entry.u.MessageInterrupt.Translated.Level = PCIBUS_MESSAGE_LEVEL;
    entry.u.MessageInterrupt.Translated.Vector = PCIBUS_VECTOR_BASE + index;
    entry.u.MessageInterrupt.Translated.Affinity = 1;
    return entry;
}

struct claims {
    struct pci_bar pf[PCI_BAR_COUNT], vf[PCI_BAR_COUNT];
    uint64_t total_vfs;
    unsigned messages;
};

/* The list being written; without room it only counts. */
struct list {
    PCM_PARTIAL_RESOURCE_DESCRIPTOR entries;
    ULONG count;
};

static void append(struct list *list, CM_PARTIAL_RESOURCE_DESCRIPTOR entry)
{
    if (list->entries)
        list->entries[list->count] = entry;
    list->count++;
}

static ULONG enumerate(const struct claims *claims, PCM_PARTIAL_RESOURCE_DESCRIPTOR entries)
{
    struct list list = {entries, 0};
    for (unsigned i = 0; i < PCI_BAR_COUNT; i++)
        if (claims->pf[i].size)
            append(&list, claims->pf[i].io ? port(&claims->pf[i]) : memory(&claims->pf[i], claims->pf[i].size));
    for (unsigned i = 0; i < claims->messages; i++)
        append(&list, message(i));
    for (unsigned i = 0; i < PCI_BAR_COUNT; i++)
        if (claims->vf[i].size && claims->total_vfs)
            append(&list, memory(&claims->vf[i], claims->vf[i].size * claims->total_vfs));
    return list.count;
}

static void collect(struct pci_device *device, struct claims *claims)
{
    *claims = (struct claims){.messages = pci_msix_vectors(device, PCI_FUNCTION_PF)};
    pci_pf_bars(device, claims->pf);
    if (!pci_sriov_present(device))
        return;
    pci_vf_bars(device, claims->vf);
    claims->total_vfs = pci_sriov_total_vfs(device);
}

NTSTATUS pcibus_query_resources(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack)
{
    struct claims claims;
    (void)stack;
    collect(pf->device, &claims);
    UCHAR bus = (UCHAR)(pci_routing_id(pf->device) >> 8);
    ULONG count = enumerate(&claims, NULL);
    if (!count)
        return irp->IoStatus.Status; /* no resources: the query stays unanswered */
    SIZE_T size = sizeof(CM_RESOURCE_LIST) + (SIZE_T)count * sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR);
    PCM_RESOURCE_LIST list = ExAllocatePoolZero(PagedPool, size, PCIBUS_TAG);
    if (!list)
        return STATUS_INSUFFICIENT_RESOURCES;
    list->Count = 1;
    list->List[0].InterfaceType = PCIBus;
    list->List[0].BusNumber = bus;
    list->List[0].PartialResourceList.Version = 1;
    list->List[0].PartialResourceList.Revision = 1;
    list->List[0].PartialResourceList.Count = enumerate(&claims, list->List[0].PartialResourceList.PartialDescriptors);
    irp->IoStatus.Information = (ULONG_PTR)list;
    return STATUS_SUCCESS;
}
