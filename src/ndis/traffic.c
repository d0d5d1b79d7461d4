/* SPDX-License-Identifier: MIT
 *
 * Where traffic would go. Nothing above an adapter sends or receives here, so nothing is ever out with a miniport: a
 * completion is of a send that never was, and what it receives goes straight back.
 */
#include "ndis/internal.h"

NDIS_EXPORT VOID NdisMSendNetBufferListsComplete(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferLists,
                                                 ULONG SendCompleteFlags)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, DISPATCH_LEVEL, "NdisMSendNetBufferListsComplete");

    (void)SendCompleteFlags;
    if (adapter && NetBufferLists)
        nt_violation(NDIS_RULE(SEND_NOT_PENDING), "NdisMSendNetBufferListsComplete: no such send");
}

NDIS_EXPORT VOID NdisMIndicateReceiveNetBufferLists(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferLists,
                                                    NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists,
                                                    ULONG ReceiveFlags)
{
    struct ndis_adapter *adapter =
        ndis_entry(MiniportAdapterHandle, DISPATCH_LEVEL, "NdisMIndicateReceiveNetBufferLists");

    (void)PortNumber, (void)NumberOfNetBufferLists;
    if (!adapter || !NetBufferLists || (ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES))
        return; /* with RESOURCES the lists stay the miniport's */
    adapter->driver->handlers.ReturnNetBufferListsHandler(adapter->context, NetBufferLists, 0);
}
