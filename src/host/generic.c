/* SPDX-License-Identifier: MIT
 *
 * A PF driver that is no NDIS miniport: found out by asking its device stack, and what a program does to it that has no
 * OID here.
 */
#include "host/internal.h"

#include <errno.h>

_Static_assert(VFP_IOCTL_SET_LINK == CTL_CODE(FILE_DEVICE_NETWORK, 0x900, METHOD_BUFFERED, FILE_WRITE_DATA),
               "host.h cannot include the WDK");

NDIS_STATUS host_find_road(struct vfp_adapter *adapter)
{
    if (ndis_adapter_of(adapter->pf->pdo))
        return host_open(adapter);
    adapter->generic = vstack_is_generic(adapter->pf->pdo);
    return adapter->generic ? NDIS_STATUS_SUCCESS : NDIS_STATUS_NOT_SUPPORTED;
}

static NTSTATUS device_control(PDEVICE_OBJECT pdo, ULONG code, void *input, ULONG length)
{
    PDEVICE_OBJECT top = nt_stack_top(pdo);
    IO_STATUS_BLOCK result;
    KEVENT done;
    PIRP irp;

    KeInitializeEvent(&done, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(code, top, input, length, NULL, 0, FALSE, &done, &result);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    IofCallDriver(top, irp);
    KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
    return result.Status;
}

int host_generic_link(struct vfp_adapter *adapter, bool up, uint64_t speed)
{
    struct vfp_link link = {.connected = up, .speed = up ? speed : 0};
    HOST_ENTER(adapter->host);
    NTSTATUS status = device_control(adapter->pf->pdo, VFP_IOCTL_SET_LINK, &link, sizeof(link));
    HOST_LEAVE();
    if (NT_SUCCESS(status))
        return 0;
    return host_fail(adapter->host, status == STATUS_INVALID_DEVICE_REQUEST ? -EOPNOTSUPP : host_errno(status),
                     "VFP_IOCTL_SET_LINK failed with %s", nt_status_name(status));
}

static int result_of(struct vfp_vf *vf, NDIS_STATUS status)
{
    if (status == NDIS_STATUS_SUCCESS)
        return 0;
    return host_fail(vf->adapter->host, host_errno(status), "VF %u: %s", vstack_vf_id(vf->vf),
                     ndis_status_name(status));
}

int host_generic_read(struct vfp_vf *vf, enum vstack_access what, uint32_t where, void *buffer, uint32_t length)
{
    HOST_ENTER(vf->adapter->host);
    NDIS_STATUS status = vstack_vf_read(vf->vf, what, where, buffer, length);
    HOST_LEAVE();
    return result_of(vf, status);
}

int host_generic_write(struct vfp_vf *vf, enum vstack_access what, uint32_t where, const void *buffer, uint32_t length)
{
    HOST_ENTER(vf->adapter->host);
    NDIS_STATUS status = vstack_vf_write(vf->vf, what, where, buffer, length);
    HOST_LEAVE();
    return result_of(vf, status);
}
