/* SPDX-License-Identifier: MIT
 *
 * The routines of BUS_INTERFACE_STANDARD on the PDO of a PF (pci.md 1.3, 5.5).
 */
#include "pcibus/internal.h"

/* A space other than configuration space has nothing behind it: no device here carries an expansion ROM. */
static bool is_config(ULONG space, const char *routine)
{
    if (space == PCI_WHICHSPACE_CONFIG)
        return true;
    if (space == PCI_WHICHSPACE_ROM)
        nt_irql_at_most(APC_LEVEL, routine);
    TRACE_REFUSE("pcibus", "DATA_TYPE pci.md 5.5", "%s of space %08x", routine, space);
    return false;
}

static ULONG set_bus_data(PVOID context, ULONG space, PVOID buffer, ULONG offset, ULONG length)
{
    TRACE_DOOR(span, "pcibus", "SetBusData", "%u bytes at 0x%03x%s", length, offset,
               pcibus_value(" <- ", buffer, length).text);
    struct pcibus_pf *pf = pcibus_pf_of(context, PCIBUS_BUS_STANDARD, "SetBusData");
    ULONG done = pf && is_config(space, "SetBusData") ? pcibus_write(pf, PCI_FUNCTION_PF, buffer, offset, length) : 0;
    TRACE_DONE(span, "%u", done);
    return done;
}

static ULONG get_bus_data(PVOID context, ULONG space, PVOID buffer, ULONG offset, ULONG length)
{
    TRACE_DOOR(span, "pcibus", "GetBusData", "%u bytes at 0x%03x", length, offset);
    struct pcibus_pf *pf = pcibus_pf_of(context, PCIBUS_BUS_STANDARD, "GetBusData");
    ULONG done = pf && is_config(space, "GetBusData") ? pcibus_read(pf, PCI_FUNCTION_PF, buffer, offset, length) : 0;
    TRACE_DONE(span, "%u%s", done, pcibus_value(": ", buffer, done).text);
    return done;
}

/* ---- TranslateBusAddress: the bus decodes the device's BARs, and a bus address is a system address --------------- */

enum { SPACE_MEMORY = 0, SPACE_IO = 1 };

/* Whether one of the windows, `count` times its size, holds the range. */
static bool decoded(const struct pci_bar bars[PCI_BAR_COUNT], uint64_t count, bool io, uint64_t start, uint64_t length)
{
    for (unsigned i = 0; i < PCI_BAR_COUNT; i++) {
        uint64_t size = bars[i].size * count;
        if (size && bars[i].io == io && start >= bars[i].base && length <= size &&
            start - bars[i].base <= size - length)
            return true;
    }
    return false;
}

static bool in_window(struct pci_device *device, ULONG space, uint64_t start, ULONG length)
{
    struct pci_bar bars[PCI_BAR_COUNT];
    pci_pf_bars(device, bars);
    if (decoded(bars, 1, space == SPACE_IO, start, length))
        return true;
    if (!pci_sriov_present(device))
        return false;
    pci_vf_bars(device, bars);
    return decoded(bars, pci_sriov_total_vfs(device), space == SPACE_IO, start, length);
}

static BOOLEAN translate_bus_address(PVOID context, PHYSICAL_ADDRESS address, ULONG length, PULONG space,
                                     PPHYSICAL_ADDRESS translated)
{
    TRACE_DOOR(span, "pcibus", "TranslateBusAddress", "%u bytes at %llx", length, (unsigned long long)address.QuadPart);
    struct pcibus_pf *pf = pcibus_pf_of(context, PCIBUS_BUS_STANDARD, "TranslateBusAddress");
    bool asked = pf && nt_irql_at_most(PASSIVE_LEVEL, "TranslateBusAddress") && pcibus_present(pf);
    bool found = asked && space && translated && *space <= SPACE_IO &&
                 in_window(pf->device, *space, (uint64_t)address.QuadPart, length);
    if (found)
        *translated = address;
    TRACE_DONE(span, "%s", found ? "TRUE" : "FALSE");
    return found;
}

static PDMA_ADAPTER get_dma_adapter(PVOID context, PDEVICE_DESCRIPTION description, PULONG map_registers)
{
    TRACE_DOOR(span, "pcibus", "GetDmaAdapter", "PF");
    struct pcibus_pf *pf = pcibus_pf_of(context, PCIBUS_BUS_STANDARD, "GetDmaAdapter");
    PDMA_ADAPTER adapter = NULL;
    if (pf && nt_irql_at_most(PASSIVE_LEVEL, "GetDmaAdapter"))
        adapter = pcibus_dma_adapter(description, map_registers);
    TRACE_DONE(span, "%s", adapter ? "adapter" : "NULL");
    return adapter;
}

void pcibus_fill_bus_standard(PINTERFACE out)
{
    PBUS_INTERFACE_STANDARD interface = (PBUS_INTERFACE_STANDARD)out;
    interface->TranslateBusAddress = translate_bus_address;
    interface->GetDmaAdapter = get_dma_adapter;
    interface->SetBusData = set_bus_data;
    interface->GetBusData = get_bus_data;
}
