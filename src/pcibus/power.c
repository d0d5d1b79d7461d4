/* SPDX-License-Identifier: MIT
 *
 * A PF that sleeps and wakes (ndis.md 7.9). Many cards reset on the way from D3hot to D0, and VF Enable with the rest;
 * what the PF's configuration space held when it left D0 is put back, as software state. What VFs held is lost then.
 */
#include "pcibus/internal.h"

static bool read_all(struct pcibus_pf *pf, uint32_t space[PCI_CONFIG_SIZE / 4])
{
    return !pci_device_gone(pf->device) &&
           pci_config_read(pf->device, PCI_FUNCTION_PF, 0, space, PCI_CONFIG_SIZE) == PCI_CONFIG_SIZE;
}

/* Takes `pf->kept` from one state to another; false: it is not in the first, or somebody else was faster. */
static bool turn(struct pcibus_pf *pf, unsigned from, unsigned to)
{
    return atomic_compare_exchange_strong(&pf->kept_state, &from, to);
}

/* From the last register to the first: NumVFs and the VF BARs come before VF Enable, the PF's BARs before Command. */
static void put_back(struct pcibus_pf *pf)
{
    uint32_t now[PCI_CONFIG_SIZE / 4];
    unsigned written = 0;
    if (!read_all(pf, now))
        return;
    for (uint32_t i = PCI_CONFIG_SIZE / 4; i-- > 0;)
        if (now[i] != pf->kept[i])
            written += pci_config_write(pf->device, PCI_FUNCTION_PF, i * 4, &pf->kept[i], 4) > 0;
    if (written)
        TRACE_NOTE("pcibus", "the PF is awake: %u registers put back", written);
}

void pcibus_set_power(struct pcibus_pf *pf, unsigned d_state)
{
    if (d_state && turn(pf, PCIBUS_KEPT_NOTHING, PCIBUS_KEPT_BUSY))
        atomic_store(&pf->kept_state, read_all(pf, pf->kept) ? PCIBUS_KEPT : PCIBUS_KEPT_NOTHING);
    pci_device_set_power(pf->device, d_state);
    if (d_state || !turn(pf, PCIBUS_KEPT, PCIBUS_KEPT_BUSY))
        return;
    put_back(pf);
    atomic_store(&pf->kept_state, PCIBUS_KEPT_NOTHING);
}
