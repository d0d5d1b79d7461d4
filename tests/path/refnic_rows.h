/* SPDX-License-Identifier: MIT
 *
 * Requests that must fail, with the status the PF miniport itself gives.
 *
 * The state every row meets: request_populate's. VF 0 allocated with VPort 1, VF 1 allocated without, VFs 2 and 3 not
 * allocated; VPort 2 of the PF, deactivated; filter 5 on the default VPort.
 */
#ifndef VFPLANE_TESTS_REFNIC_ROWS_H
#define VFPLANE_TESTS_REFNIC_ROWS_H

#include "refnic_requests.h"

#define ROW_LENGTH ((ULONG)-1) /* the good request's length */

struct row {
    const char *rule;
    NDIS_OID oid;
    int type;
    ULONG input, output; /* bytes, or ROW_LENGTH */
    struct {
        ULONG at, size, value;
    } patch[2];
    int status;
    ULONG needed; /* BytesNeeded of NDIS_STATUS_INVALID_LENGTH */
};

extern const struct row rows[];
extern const size_t row_count;

/* Fills `buffer` (REQUEST_MAX bytes) with the row's request and sends it. */
NDIS_STATUS row_send(const struct row *row, request_sender *sender, UCHAR *buffer, ULONG *needed);

#endif
