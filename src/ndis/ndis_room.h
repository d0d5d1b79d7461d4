/* SPDX-License-Identifier: MIT
 *
 * NDIS, as the other rooms see it (what drivers call is <ndis.h>). The same NDIS serves host and guest: it is reached
 * by a miniport's NdisMRegisterMiniportDriver in DriverEntry, attaches to whatever PDO AddDevice names, and learns what
 * is below only by IRP_MN_QUERY_INTERFACE.
 *
 * Life of an adapter, driven by PnP IRPs (nt_pnp_*): AddDevice -> attached; IRP_MN_START_DEVICE ->
 * MiniportInitializeEx, Restart; IRP_MN_REMOVE_DEVICE -> Pause, HaltEx; IRP_MN_SURPRISE_REMOVAL -> PnP event, HaltEx on
 * removal.
 */
#ifndef VFPLANE_NDIS_ROOM_H
#define VFPLANE_NDIS_ROOM_H

#include <ndis.h>

#include "nt/nt.h"

struct ndis_adapter;

/* The NDIS adapter attached over a PDO; NULL when there is none. */
struct ndis_adapter *ndis_adapter_of(PDEVICE_OBJECT pdo);
struct nt_partition *ndis_partition(struct ndis_adapter *adapter);
enum ndis_state { NDIS_HALTED, NDIS_INITIALIZING, NDIS_PAUSED, NDIS_RESTARTING, NDIS_RUNNING, NDIS_PAUSING };
enum ndis_state ndis_adapter_state(struct ndis_adapter *adapter);

/* Host-driven transitions; PnP makes those of start and removal. PASSIVE_LEVEL. NDIS_STATUS_INVALID_STATE when the
 * adapter is not in the state they start from (ndis.md 6); else what the miniport answered. Reset does not change the
 * state: requests that wait end with REQUEST_ABORTED, new ones get NOT_ACCEPTED while it lasts; NOT_SUPPORTED: no
 * MiniportResetEx. */
NDIS_STATUS ndis_pause(struct ndis_adapter *adapter);   /* Running -> Paused */
NDIS_STATUS ndis_restart(struct ndis_adapter *adapter); /* Paused -> Running, or Paused again when it failed */
NDIS_STATUS ndis_reset(struct ndis_adapter *adapter);
/* MiniportShutdownEx: the machine goes down; no request reaches the miniport any more. */
void ndis_shutdown(struct ndis_adapter *adapter);

/* What the miniport declared; NULL when it did not. Valid while the adapter is initialised. */
const NDIS_SRIOV_CAPABILITIES *ndis_sriov_capabilities(struct ndis_adapter *adapter);       /* current */
const NDIS_NIC_SWITCH_CAPABILITIES *ndis_switch_capabilities(struct ndis_adapter *adapter); /* current */

/* ---- overlying drivers ------------------------------------------------------------------------------------ */

/* An overlying driver opens the adapter and gets the binding handle that NdisOidRequest takes. `complete` is its
 * ProtocolOidRequestComplete: called once for every request that returned NDIS_STATUS_PENDING, possibly before
 * NdisOidRequest returns, on any thread, at <= DISPATCH_LEVEL. Status indications of the miniport go to `status`
 * (may be NULL). NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES, NDIS_STATUS_CLOSING (adapter not initialised). */
struct ndis_overlying {
    const char *name;
    void (*complete)(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status);
    void (*status)(void *context, PNDIS_STATUS_INDICATION indication);
};
NDIS_STATUS ndis_open(struct ndis_adapter *adapter, const struct ndis_overlying *overlying, void *context,
                      NDIS_HANDLE *binding);
/* All requests of the binding must have completed. */
void ndis_close(NDIS_HANDLE binding);

/* ---- what NDIS itself issues: OIDs that an overlying driver may not send (ndis.md 4.1 "NDIS") ------------- */

/* Each waits for completion. PASSIVE_LEVEL. Statuses of ndis.md 4.14, 4.15, 4.11, 4.12. */
NDIS_STATUS ndis_switch_create(struct ndis_adapter *adapter, ULONG num_vfs);
/* Refuses with NDIS_STATUS_INVALID_PARAMETER while VFs, non-default VPorts or filters remain. */
NDIS_STATUS ndis_switch_delete(struct ndis_adapter *adapter);
NDIS_STATUS ndis_query_probed_bars(struct ndis_adapter *adapter, ULONG bars[6]);
NDIS_STATUS ndis_query_bar_resource(struct ndis_adapter *adapter, NDIS_SRIOV_FUNCTION_ID vf, USHORT bar,
                                    PCM_PARTIAL_RESOURCE_DESCRIPTOR resource);

/* NdisMInvalidateConfigBlock of this PF ends here. Called at the driver's IRQL (<= DISPATCH_LEVEL), must not block.
 * One listener an adapter; NULL removes it (and waits until a call in progress has returned). */
void ndis_on_invalidate(struct ndis_adapter *adapter,
                        void (*invalidate)(void *context, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 mask), void *context);

/* ---- configuration keywords (NdisOpenConfigurationEx / NdisReadConfiguration) ----------------------------- */

/* Sets a keyword for every adapter started afterwards in the partition: "*SRIOV" = "1". Value NULL removes it. Text is
 * UTF-8; a decimal or 0x number also reads as NdisParameterInteger. false: no memory. */
bool ndis_set_keyword(struct nt_partition *partition, const char *keyword, const char *value);
/* Removes all: to be called before nt_partition_destroy when keywords were set, they are kept outside the pool. */
void ndis_clear_keywords(struct nt_partition *partition);

/* "INVALID_PARAMETER" for NDIS_STATUS_INVALID_PARAMETER, for traces and reports; "unknown status" otherwise. */
const char *ndis_status_name(NDIS_STATUS status);

#endif
