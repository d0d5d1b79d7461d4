/* SPDX-License-Identifier: MIT
 *
 * Names of status codes, for people.
 */
#include "ndis/internal.h"

#define NAMED(status)                                                                                                  \
    {                                                                                                                  \
        status, &#status[sizeof "NDIS_STATUS_" - 1]                                                                    \
    }

static const struct {
    NDIS_STATUS status;
    const char *name;
} names[] = {
    NAMED(NDIS_STATUS_SUCCESS),
    NAMED(NDIS_STATUS_PENDING),
    NAMED(NDIS_STATUS_NOT_RECOGNIZED),
    NAMED(NDIS_STATUS_NOT_ACCEPTED),
    NAMED(NDIS_STATUS_INDICATION_REQUIRED),
    NAMED(NDIS_STATUS_BUFFER_OVERFLOW),
    NAMED(NDIS_STATUS_FAILURE),
    NAMED(NDIS_STATUS_INVALID_PARAMETER),
    NAMED(NDIS_STATUS_INVALID_DEVICE_REQUEST),
    NAMED(NDIS_STATUS_RESOURCES),
    NAMED(NDIS_STATUS_NOT_SUPPORTED),
    NAMED(NDIS_STATUS_INVALID_STATE),
    NAMED(NDIS_STATUS_CLOSING),
    NAMED(NDIS_STATUS_BAD_VERSION),
    NAMED(NDIS_STATUS_BAD_CHARACTERISTICS),
    NAMED(NDIS_STATUS_ADAPTER_NOT_FOUND),
    NAMED(NDIS_STATUS_OPEN_FAILED),
    NAMED(NDIS_STATUS_DEVICE_FAILED),
    NAMED(NDIS_STATUS_REQUEST_ABORTED),
    NAMED(NDIS_STATUS_RESET_IN_PROGRESS),
    NAMED(NDIS_STATUS_CLOSING_INDICATING),
    NAMED(NDIS_STATUS_ADAPTER_NOT_READY),
    NAMED(NDIS_STATUS_INVALID_LENGTH),
    NAMED(NDIS_STATUS_INVALID_DATA),
    NAMED(NDIS_STATUS_BUFFER_TOO_SHORT),
    NAMED(NDIS_STATUS_INVALID_OID),
    NAMED(NDIS_STATUS_ADAPTER_REMOVED),
    NAMED(NDIS_STATUS_FILE_NOT_FOUND),
    NAMED(NDIS_STATUS_RESOURCE_CONFLICT),
    NAMED(NDIS_STATUS_PAUSED),
    NAMED(NDIS_STATUS_UNSUPPORTED_REVISION),
    NAMED(NDIS_STATUS_INVALID_PORT),
    NAMED(NDIS_STATUS_LOW_POWER_STATE),
    NAMED(NDIS_STATUS_REINIT_REQUIRED),
};

const char *ndis_status_name(NDIS_STATUS status)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].status == status)
            return names[i].name;
    return "unknown status";
}

NTSTATUS ndis_nt_status(NDIS_STATUS status)
{
    if (status == NDIS_STATUS_SUCCESS)
        return STATUS_SUCCESS;
    /* NOT_ACCEPTED and NOT_RECOGNIZED are positive: NT_SUCCESS() would take them for success (ndis.md 3.7). */
    return status < 0 ? status : STATUS_UNSUCCESSFUL;
}
