/* SPDX-License-Identifier: MIT
 *
 * What the rows of the OID table name: how NDIS answers an OID itself, and what it does round the miniport. `prepare`
 * and `done` are called by the owner of the adapter's OID path only, in pairs; `answer` by anyone at <= DISPATCH_LEVEL.
 */
#ifndef VFPLANE_NDIS_OID_TABLE_H
#define VFPLANE_NDIS_OID_TABLE_H

#include "ndis/internal.h"

/* OIDs that NDIS only carries, in the order of their numbers. */
extern const struct ndis_oid ndis_carried[];
extern const size_t ndis_carried_count;

NDIS_STATUS ndis_answer_capabilities(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_answer_luid(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_answer_serial(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_answer_enum_switches(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_answer_enum_vfs(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_answer_enum_vports(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_answer_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_answer_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_answer_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);

NDIS_STATUS ndis_prepare_create_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_done_create_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_prepare_delete_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_done_delete_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_done_set_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_prepare_allocate_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_done_allocate_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_prepare_free_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_done_free_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_prepare_create_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_done_create_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_done_set_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_prepare_delete_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_done_delete_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_prepare_set_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_done_set_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_prepare_clear_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_done_clear_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
NDIS_STATUS ndis_prepare_move_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_done_move_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);

#endif
