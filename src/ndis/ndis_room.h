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
enum ndis_state { NDIS_HALTED, NDIS_INITIALIZING, NDIS_PAUSED, NDIS_RESTARTING, NDIS_RUNNING, NDIS_PAUSING };
enum ndis_state ndis_adapter_state(struct ndis_adapter *adapter);
const char *ndis_state_name(const void *adapter); /* "Running", ...; "removed" after surprise removal */

/* Host-driven transitions; PnP makes those of start and removal. PASSIVE_LEVEL. NDIS_STATUS_INVALID_STATE when the
 * adapter is not in the state they start from (ndis.md 6); else what the miniport answered. Reset does not change the
 * state: requests that wait end with REQUEST_ABORTED, new ones get NOT_ACCEPTED while it lasts; NOT_SUPPORTED: no
 * MiniportResetEx. */
NDIS_STATUS ndis_pause(struct ndis_adapter *adapter);   /* Running -> Paused */
NDIS_STATUS ndis_restart(struct ndis_adapter *adapter); /* Paused -> Running, or Paused again when it failed */
NDIS_STATUS ndis_reset(struct ndis_adapter *adapter);
/* The device sends message `message` (0 for a line interrupt): MiniportMessageInterrupt at the device's IRQL on this
 * thread, then its DPC at DISPATCH_LEVEL, which has run when this returns. SUCCESS; NOT_RECOGNIZED: not handled;
 * PENDING: masked in the MSI-X table, sent when the driver unmasks it; INVALID_PARAMETER: no such message, or no
 * interrupt is registered. PASSIVE_LEVEL. */
NDIS_STATUS ndis_interrupt(struct ndis_adapter *adapter, ULONG message);
/* MiniportCheckForHangEx, and MiniportResetEx (whose status is returned) when it says TRUE. NOT_SUPPORTED: the driver
 * has no such handler; INVALID_STATE. */
NDIS_STATUS ndis_check_for_hang(struct ndis_adapter *adapter, bool *hangs);
/* How long (ms of the partition's clock, 0 = for ever; at first 30000) NDIS waits for an OID request, MiniportPause,
 * Restart or ResetEx that the miniport has to complete. Then the rule *_NEVER_COMPLETED is reported, the request ends
 * with REQUEST_ABORTED, the transition is taken for failed (a pause for done), and NDIS goes on. Any thread. */
void ndis_set_patience(struct ndis_adapter *adapter, unsigned ms);
/* MiniportShutdownEx: the machine goes down; no request reaches the miniport any more. */
void ndis_shutdown(struct ndis_adapter *adapter);

/* What the miniport declared; NULL when it did not. Valid while the adapter is initialised. */
const NDIS_SRIOV_CAPABILITIES *ndis_sriov_capabilities(struct ndis_adapter *adapter);       /* current */
const NDIS_NIC_SWITCH_CAPABILITIES *ndis_switch_capabilities(struct ndis_adapter *adapter); /* current */

/* ---- overlying drivers ------------------------------------------------------------------------------------ */

/* An overlying driver opens the adapter and gets the binding handle that NdisOidRequest takes. `complete` is its
 * ProtocolOidRequestComplete and ProtocolDirectOidRequestComplete: called once for every request that returned
 * NDIS_STATUS_PENDING, possibly before NdisOidRequest returns, on any thread, at <= DISPATCH_LEVEL. Status indications
 * of the miniport go to `status` (may be NULL). NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES, NDIS_STATUS_CLOSING
 * (adapter not initialised). */
struct ndis_overlying {
    const char *name;
    void (*complete)(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status);
    void (*status)(void *context, PNDIS_STATUS_INDICATION indication);
};
NDIS_STATUS ndis_open(struct ndis_adapter *adapter, const struct ndis_overlying *overlying, void *context,
                      NDIS_HANDLE *binding);
/* All requests of the binding must have completed. */
void ndis_close(NDIS_HANDLE binding);

/* Sends a request of the binding and waits for its end; the binding's completion routine does not hear of it. Any
 * thread, PASSIVE_LEVEL. `raw`: NDIS neither checks nor answers the request, it reaches the miniport as it is (also one
 * that only NDIS may send, of a wrong type, too short, for a VF that does not exist); what the miniport makes of it is
 * still kept in NDIS's books of the switch, VFs, VPorts and filters. NDIS numbers nothing of it: a VPort or filter is
 * made with the number it names. A raw request that says nothing about which object it meant (too short, wrong type,
 * number 0) changes no book. Only a closed adapter refuses it: CLOSING, NOT_ACCEPTED. */
NDIS_STATUS ndis_oid_wait(NDIS_HANDLE binding, PNDIS_OID_REQUEST request, bool raw);

/* ---- requests kept from the miniport ---------------------------------------------------------------------- */

/* From now on requests of that OID, whoever sends them, stop at the miniport's door after NDIS has checked them. false:
 * 16 OIDs are held already. Off: later ones go through; one that stands there still wants release or completion. */
bool ndis_oid_hold(struct ndis_adapter *adapter, NDIS_OID oid, bool on);
/* The request at the door, waiting up to `ms` for one (0: not at all); NULL: none, or it was fetched already. It may be
 * looked at, and the contents of its buffer changed, until it is released or completed, or NDIS ends it (cancel, reset,
 * removal, halt). PASSIVE_LEVEL. */
PNDIS_OID_REQUEST ndis_oid_fetch(struct ndis_adapter *adapter, unsigned ms, ULONG64 *id);
/* It goes to the miniport now, on this thread, its buffer no longer than before; or it ends with `status` and `bytes`
 * read, written or needed, and the miniport never sees it. false: NDIS has ended it. PASSIVE_LEVEL. */
bool ndis_oid_release(struct ndis_adapter *adapter, ULONG64 id, ULONG input, ULONG output);
bool ndis_oid_complete(struct ndis_adapter *adapter, ULONG64 id, NDIS_STATUS status, ULONG bytes);

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
/* The text of a keyword, to be freed; NULL: it is not set. What nt_device_values() takes. */
char *ndis_keyword(struct nt_partition *partition, const char *keyword);
/* Removes all: to be called before nt_partition_destroy when keywords were set, they are kept outside the pool. */
void ndis_clear_keywords(struct nt_partition *partition);

/* "INVALID_PARAMETER" for NDIS_STATUS_INVALID_PARAMETER, for traces and reports; else as nt_status_name. */
const char *ndis_status_name(NDIS_STATUS status);

/* True when `address` lies in the guard behind a request's information buffer (ndis/guard.h): a fault there is
 * OID_BUFFER_BOUNDS. Async-signal-safe, any address. */
bool ndis_is_guard_address(const void *address);

#endif
