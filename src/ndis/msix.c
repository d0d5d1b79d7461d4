/* SPDX-License-Identifier: MIT
 *
 * The MSI-X table of the adapter as the bus driver programs it for NDIS (ndis.md 5.10): which message an entry sends,
 * and its mask and pending bits. At first entry n sends message n.
 */
#include "ndis/internal.h"

#define CAPABILITY_POINTER 0x34u
#define STATUS_REGISTER    0x06u
#define LONGEST_CHAIN      48u
#define TABLE_SIZE_MASK    0x7ffu /* of Message Control, less one */

static bool read_config(struct ndis_adapter *adapter, ULONG offset, void *to, ULONG length)
{
    const BUS_INTERFACE_STANDARD *bus = &adapter->below.bus;

    return adapter->below.has_bus && bus->GetBusData(bus->Context, PCI_WHICHSPACE_CONFIG, to, offset, length) == length;
}

/* Entries of the table, from the function's MSI-X capability; 0: it has none. */
static ULONG table_size(struct ndis_adapter *adapter)
{
    USHORT status, control;
    UCHAR at, header[2];

    if (!read_config(adapter, STATUS_REGISTER, &status, sizeof status) || !(status & PCI_STATUS_CAPABILITIES_LIST) ||
        !read_config(adapter, CAPABILITY_POINTER, &at, sizeof at))
        return 0;
    for (unsigned i = 0; i < LONGEST_CHAIN && (at &= 0xfc) >= 0x40; i++, at = header[1]) {
        if (!read_config(adapter, at, header, sizeof header))
            return 0;
        if (header[0] == PCI_CAPABILITY_ID_MSIX && read_config(adapter, at + 2u, &control, sizeof control))
            return (control & TABLE_SIZE_MASK) + 1u;
    }
    return 0;
}

/* The table is looked for when the driver first configures an entry. */
static void find_table(struct ndis_adapter *adapter)
{
    struct ndis_msix *msix = &adapter->msix;
    ULONG count = msix->count ? 0 : table_size(adapter);
    void *entries = count ? calloc(count, sizeof *msix->entries) : NULL;
    KIRQL level;

    if (!entries)
        return;
    ndis_lock(&msix->lock);
    if (!msix->count) {
        msix->entries = entries;
        entries = NULL;
        for (ULONG i = 0; i < count; i++)
            msix->entries[i].message = i;
        msix->messages = ndis_messages(adapter, &level);
        msix->count = count;
    }
    ndis_unlock(&msix->lock);
    free(entries);
}

void ndis_msix_drop(struct ndis_adapter *adapter)
{
    free(adapter->msix.entries);
    adapter->msix.entries = NULL;
    adapter->msix.count = 0;
}

bool ndis_message_masked(struct ndis_adapter *adapter, ULONG message)
{
    struct ndis_msix *msix = &adapter->msix;
    bool masked = false;

    ndis_lock(&msix->lock);
    for (ULONG i = 0; i < msix->count; i++)
        if (msix->entries[i].message == message && msix->entries[i].masked)
            masked = msix->entries[i].pending = true;
    ndis_unlock(&msix->lock);
    return masked;
}

/* Unmasked with its pending bit set, an entry sends its message. */
static void send_pending(void *context)
{
    struct ndis_adapter *adapter = context;
    struct ndis_msix *msix = &adapter->msix;

    for (ULONG i = 0; i < msix->count; i++) {
        bool send;

        ndis_lock(&msix->lock);
        send = msix->entries[i].pending && !msix->entries[i].masked;
        if (send)
            msix->entries[i].pending = false;
        ndis_unlock(&msix->lock);
        if (send)
            ndis_interrupt(adapter, msix->entries[i].message);
    }
    ndis_work_end(adapter);
}

static bool set_mask(struct ndis_msix *msix, ULONG entry, bool masked)
{
    bool owed;

    ndis_lock(&msix->lock);
    msix->entries[entry].masked = masked;
    owed = !masked && msix->entries[entry].pending;
    ndis_unlock(&msix->lock);
    return owed;
}

NDIS_EXPORT NDIS_STATUS NdisMConfigMSIXTableEntry(NDIS_HANDLE NdisMiniportHandle,
                                                  PNDIS_MSIX_CONFIG_PARAMETERS MSIXConfigParameters)
{
    static const char routine[] = "NdisMConfigMSIXTableEntry";
    const NDIS_MSIX_CONFIG_PARAMETERS *given = MSIXConfigParameters;
    struct ndis_adapter *adapter = ndis_adapter_checked(NdisMiniportHandle, routine);
    struct ndis_msix *msix;

    if (!adapter || !given ||
        !ndis_header_ok(given, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SIZEOF_MSIX_CONFIG_PARAMETERS_REVISION_1))
        return NDIS_STATUS_INVALID_PARAMETER;
    find_table(adapter);
    msix = &adapter->msix;
    if (given->TableEntry >= msix->count || nt_fault(routine))
        return NDIS_STATUS_INVALID_PARAMETER;
    TRACE_NOTE("ndis", "NdisMConfigMSIXTableEntry: operation %u, entry %u, message %u", given->ConfigOperation,
               given->TableEntry, given->MessageNumber);
    switch (given->ConfigOperation) {
    case NdisMSIXTableConfigSetTableEntry:
        if (!nt_irql_at_most(DISPATCH_LEVEL, routine) || given->MessageNumber >= msix->messages)
            return NDIS_STATUS_INVALID_PARAMETER;
        ndis_lock(&msix->lock);
        msix->entries[given->TableEntry].message = given->MessageNumber;
        ndis_unlock(&msix->lock);
        return NDIS_STATUS_SUCCESS;
    case NdisMSIXTableConfigMaskTableEntry:
        set_mask(msix, given->TableEntry, true);
        return NDIS_STATUS_SUCCESS;
    case NdisMSIXTableConfigUnmaskTableEntry:
        if (set_mask(msix, given->TableEntry, false)) {
            ndis_work_begin(adapter);
            if (!nt_queue_work(adapter->room->nt, send_pending, adapter))
                ndis_work_end(adapter);
        }
        return NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_INVALID_PARAMETER;
    }
}
