/* SPDX-License-Identifier: MIT
 *
 * A good request for each OID of the PF miniport, as a buffer that a test spoils or sends.
 */
#ifndef VFPLANE_TESTS_REFNIC_REQUESTS_H
#define VFPLANE_TESTS_REFNIC_REQUESTS_H

#include <ndis.h>

#include "test.h"

#define REQUEST_MAX  2048
#define FILTER_BYTES 44 /* of NDIS_RECEIVE_FILTER_PARAMETERS through VPortId: the field follows */

/* Fills a zeroed buffer with the structure the OID takes; returns the length to send. For VF and VPort numbers as in
 * request_populate, one that succeeds in that state (ALLOCATE_VF, CREATE_VPORT for VF 1, ...). */
ULONG request_fill(NDIS_OID oid, UCHAR *buffer);

/* Sends a request: `needed` gets BytesNeeded, `done` BytesRead of a set, else BytesWritten; both may be NULL. */
typedef NDIS_STATUS request_sender(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG input, ULONG output,
                                   ULONG *needed, ULONG *done);
/* One that sends nothing: what is in the buffer then is what would have been sent. */
request_sender request_discard;

/* Sends the good request, with members changed before: {offset, size, value}. */
struct request_change {
    ULONG at, size, value;
};
NDIS_STATUS request_send(request_sender *sender, NDIS_OID oid, const struct request_change *changes, unsigned count,
                         UCHAR *buffer);

/* A switch with 4 VFs; VF 0 with VPort 1, VF 1 without one; VPort 2 of the PF; filter 5 on the default VPort. */
bool request_populate(request_sender *sender);

#endif
