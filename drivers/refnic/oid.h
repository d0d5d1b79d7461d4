/* SPDX-License-Identifier: MIT
 *
 * One OID request, whatever its type, and the table that says what a driver accepts.
 *
 * A request of type query, set or method keeps its lengths and byte counts in different places (ndis.md 3.1); handlers
 * see one view of it. The checks that are the same for every OID (ndis.md 4.3 rows 2 to 4) are made from the table
 * before a handler runs, so a handler may use the fixed part of its structure at once. All of this runs at
 * PASSIVE_LEVEL.
 */
#ifndef REFNIC_OID_H
#define REFNIC_OID_H

#include <ndis.h>

struct nic_request {
    PNDIS_OID_REQUEST oid;
    PUCHAR buffer;
    ULONG input;  /* bytes the issuer filled in */
    ULONG output; /* bytes the handler may fill in; 0 for a set */
    UINT *read;   /* BytesRead, BytesWritten, BytesNeeded of the request's type */
    UINT *written;
    UINT *needed;
    UINT unused; /* where a count goes that the type does not have */
};

enum { NIC_QUERY = 1, NIC_SET = 2, NIC_METHOD = 4 };

struct nic_oid {
    NDIS_OID oid;
    UCHAR types;    /* NIC_QUERY | ... */
    UCHAR sriov;    /* 1: exists only while SR-IOV is enabled */
    UCHAR revision; /* of the structure; stored as SupportedRevision by a set */
    USHORT header;  /* least Header.Size of the structure, 0: the buffer starts without a header */
    USHORT input;   /* bytes that must be readable, */
    USHORT output;  /* and writable, for any request of this kind */
    USHORT needed;  /* BytesNeeded when they are not */
    NDIS_STATUS (*handler)(PVOID adapter, struct nic_request *request);
};

/* The row of an OID, NULL when the table has none. */
const struct nic_oid *nic_oid_find(const struct nic_oid *table, ULONG count, NDIS_OID oid);

/* Checks the request against its row and calls the handler. NDIS_STATUS_NOT_SUPPORTED: wrong type of request;
 * NDIS_STATUS_INVALID_LENGTH with BytesNeeded: buffer too short; NDIS_STATUS_INVALID_PARAMETER: bad header; else what
 * the handler returned. Byte counts are 0 unless the handler succeeded. */
NDIS_STATUS nic_oid_run(const struct nic_oid *row, PVOID adapter, PNDIS_OID_REQUEST oid);

/* Copies the row's OIDs to `list`; returns how many. */
ULONG nic_oid_list(const struct nic_oid *table, ULONG count, NDIS_OID *list);

/* For handlers. */

/* NDIS_STATUS_INVALID_LENGTH, and tells how many bytes it takes. */
NDIS_STATUS nic_too_short(struct nic_request *request, ULONG needed);

/* Is [offset, offset + length) behind the `fixed` bytes of the structure and inside `limit` bytes? Success;
 * NDIS_STATUS_INVALID_PARAMETER: inside the fixed part, or the sum leaves 32 bits; NDIS_STATUS_INVALID_LENGTH. */
NDIS_STATUS nic_check_tail(struct nic_request *request, ULONG limit, ULONG offset, ULONG length, ULONG fixed);

/* Answers a query with these bytes. */
NDIS_STATUS nic_answer(struct nic_request *request, const VOID *data, ULONG length);

/* Notes that the handler consumed `read` bytes and produced `written`. */
NDIS_STATUS nic_done(struct nic_request *request, ULONG read, ULONG written);

#endif
