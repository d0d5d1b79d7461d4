/* SPDX-License-Identifier: MIT
 *
 * What lies below an adapter, learned only by asking its PDO (pci.md 1.2): the same NDIS runs over the PCI bus driver
 * in the host and over the VPCI bus driver in a guest.
 */
#include <initguid.h> /* this file has the definitions of the GUIDs */

#include "ndis/internal.h"

#include <vpci.h>
#include <wdmguid.h>

#define INTERFACE_VERSION 1

static bool find(struct ndis_adapter *adapter, const GUID *type, void *interface, USHORT size)
{
    memset(interface, 0, size);
    return NT_SUCCESS(nt_query_interface(adapter->pdo, type, size, INTERFACE_VERSION, interface));
}

void ndis_below_find(struct ndis_adapter *adapter)
{
    struct ndis_below *below = &adapter->below;

    below->has_bus = find(adapter, &GUID_BUS_INTERFACE_STANDARD, &below->bus, sizeof below->bus);
    below->has_virtualization =
        find(adapter, &GUID_PCI_VIRTUALIZATION_INTERFACE, &below->virtualization, sizeof below->virtualization);
    below->has_vpci = find(adapter, &GUID_VPCI_INTERFACE_STANDARD, &below->vpci, sizeof below->vpci);
    below->has_vbd = ndis_vbd_present(adapter);
}

static void drop(bool *has, PINTERFACE_DEREFERENCE dereference, PVOID context)
{
    if (*has && dereference)
        dereference(context);
    *has = false;
}

void ndis_below_drop(struct ndis_adapter *adapter)
{
    struct ndis_below *below = &adapter->below;

    drop(&below->has_bus, below->bus.InterfaceDereference, below->bus.Context);
    drop(&below->has_virtualization, below->virtualization.InterfaceDereference, below->virtualization.Context);
    drop(&below->has_vpci, below->vpci.InterfaceDereference, below->vpci.Context);
}
