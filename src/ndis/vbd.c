/* SPDX-License-Identifier: MIT
 *
 * A vendor's virtual bus driver (VBD) between the PDO and the adapter (pci.md 0.4). It owns the card's VFs: it keeps
 * PCI_VIRTUALIZATION_INTERFACE to itself and serves its miniport by a private channel. NDIS sees a card that has
 * SR-IOV, a driver in between, and no interface. The NdisM* wrappers are not for such a miniport.
 */
#include "ndis/internal.h"

#define FIRST_EXTENDED 0x100u

/* Walks the extended capabilities; each lies at a dword of its own, so a list that loops ends too. */
static bool has_sriov(const BUS_INTERFACE_STANDARD *bus)
{
    ULONG offset = FIRST_EXTENDED, header;

    for (ULONG seen = 0; offset >= FIRST_EXTENDED && seen < PCI_EXTENDED_CONFIG_LENGTH / sizeof header; seen++) {
        if (bus->GetBusData(bus->Context, PCI_WHICHSPACE_CONFIG, &header, offset, sizeof header) != sizeof header)
            return false;
        if ((header & 0xffff) == PCI_EXPRESS_SINGLE_ROOT_IO_VIRTUALIZATION_CAP_ID)
            return true;
        offset = header >> 20 & 0xffc;
    }
    return false;
}

bool ndis_vbd_present(struct ndis_adapter *adapter)
{
    const struct ndis_below *below = &adapter->below;

    return !below->has_virtualization && !below->has_vpci && below->has_bus && adapter->lower != adapter->pdo &&
           has_sriov(&below->bus);
}

bool ndis_has_virtualization(struct ndis_adapter *adapter, const char *routine)
{
    if (adapter->below.has_vbd)
        nt_violation_in(NDIS_RULE(NDISM_WITH_VBD), routine, "%s: the VFs of this card are its virtual bus driver's",
                        routine);
    return adapter->below.has_virtualization;
}
