/* SPDX-License-Identifier: MIT */
#include "host/internal.h"

#include <errno.h>

static const struct {
    NTSTATUS status;
    int error;
} errors[] = {
    {STATUS_SUCCESS, 0},
    {NDIS_STATUS_INVALID_PARAMETER, -EINVAL},
    {NDIS_STATUS_INVALID_LENGTH, -EMSGSIZE},
    {NDIS_STATUS_BUFFER_TOO_SHORT, -EMSGSIZE},
    {NDIS_STATUS_NOT_SUPPORTED, -EOPNOTSUPP},
    {NDIS_STATUS_INVALID_OID, -EOPNOTSUPP},
    {NDIS_STATUS_RESOURCES, -ENOMEM},
    {NDIS_STATUS_NOT_ACCEPTED, -ENODEV},
    {NDIS_STATUS_ADAPTER_REMOVED, -ENODEV},
    {NDIS_STATUS_CLOSING, -ENODEV},
    {NDIS_STATUS_REQUEST_ABORTED, -ECANCELED},
    {NDIS_STATUS_FILE_NOT_FOUND, -ENOENT},
    {NDIS_STATUS_INVALID_STATE, -EBUSY},
    {STATUS_SHARING_VIOLATION, -EBUSY},
    {STATUS_DEVICE_NOT_CONNECTED, -ENODEV},
    {STATUS_NO_SUCH_DEVICE, -ENODEV},
    {STATUS_OBJECT_NAME_NOT_FOUND, -ENOENT},
    {STATUS_INVALID_IMAGE_FORMAT, -ENOEXEC},
    {STATUS_DRIVER_ENTRYPOINT_NOT_FOUND, -ENOEXEC},
};

int host_errno(NTSTATUS status)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].status == status)
            return errors[i].error;
    }
    return -EIO;
}
