/* SPDX-License-Identifier: MIT
 *
 * Hardware of a miniport: what it claims (claims.c, registers.c), its interrupts, its MSI-X table. Part of
 * ndis/internal.h.
 */
#ifndef VFPLANE_NDIS_HARDWARE_H
#define VFPLANE_NDIS_HARDWARE_H

#include "ndis/ndis_room.h"
#include "ndis/wait.h"

struct ndis_adapter;

enum ndis_claim_kind {
    NDIS_CLAIM_REGISTERS,
    NDIS_CLAIM_PORTS,
    NDIS_CLAIM_MEMORY,
    NDIS_CLAIM_DMA,
    NDIS_CLAIM_INTERRUPT
};

struct ndis_claim {
    struct ndis_claim *next;
    enum ndis_claim_kind kind;
    void *object;
    ULONG64 length;
};

/* What a routine that claims hardware may be called by: an adapter, PASSIVE_LEVEL, registration attributes first
 * (ndis.md 5.11). Else reported, NULL. */
struct ndis_adapter *ndis_claimant(NDIS_HANDLE handle, const char *routine);
struct ndis_claim *ndis_claim_add(struct ndis_adapter *adapter, enum ndis_claim_kind kind, void *object,
                                  ULONG64 length);
/* false: no such claim. Length 0: any. */
bool ndis_claim_drop(struct ndis_adapter *adapter, enum ndis_claim_kind kind, const void *object, ULONG64 length);
struct ndis_adapter *ndis_claimant_of(const void *object); /* of this thread's partition; NULL: nobody's */
void ndis_claims_end(struct ndis_adapter *adapter, const char *routine); /* reports and takes back what is left */
/* CmResourceTypeMemory or Port: the range lies in one resource of the adapter. */
bool ndis_owns_range(const struct ndis_adapter *adapter, UCHAR type, ULONG64 start, ULONG64 length);
ULONG ndis_messages(const struct ndis_adapter *adapter, KIRQL *level); /* granted, and their IRQL */
void ndis_resources_keep(struct ndis_adapter *adapter, const CM_RESOURCE_LIST *raw, const CM_RESOURCE_LIST *translated);

void ndis_interrupt_end(struct ndis_adapter *adapter);

struct ndis_msix {
    struct ndis_lock lock; /* any IRQL */
    ULONG count, messages;
    struct {
        ULONG message;
        bool masked, pending;
    } * entries;
};
void ndis_msix_drop(struct ndis_adapter *adapter);
bool ndis_message_masked(struct ndis_adapter *adapter, ULONG message); /* true: it is pending now */

#endif
