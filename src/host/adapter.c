/* SPDX-License-Identifier: MIT
 *
 * Drivers, adapters, the switch and its VFs.
 */
#include "host/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct vfp_driver *vfp_driver_load(struct vfp_host *host, const char *path)
{
    struct vfp_driver *driver = calloc(1, sizeof(*driver));
    if (!driver) {
        host_fail(host, -ENOMEM, "out of memory");
        return NULL;
    }
    driver->host = host;
    struct nt_load_error error = {0};
    HOST_ENTER(host);
    NTSTATUS status = nt_driver_load(host->partition, path, &driver->object, &error);
    HOST_LEAVE();
    if (!NT_SUCCESS(status)) {
        host_fail(host, host_errno(status), "%s", error.text);
        free(driver);
        return NULL;
    }
    host_list_add(&host->drivers, driver);
    return driver;
}

void vfp_driver_unload(struct vfp_driver *driver)
{
    HOST_ENTER(driver->host);
    nt_driver_unload(driver->object);
    HOST_LEAVE();
    host_list_remove(&driver->host->drivers, driver);
    free(driver);
}

struct vfp_adapter *vfp_adapter_start(struct vfp_driver *driver, struct vfp_pf *pf)
{
    struct vfp_host *host = driver->host;
    struct vfp_adapter *adapter = calloc(1, sizeof(*adapter));
    if (!adapter) {
        host_fail(host, -ENOMEM, "out of memory");
        return NULL;
    }
    *adapter = (struct vfp_adapter){
        .host = host, .pf = pf, .lock = PTHREAD_MUTEX_INITIALIZER, .listening = PTHREAD_MUTEX_INITIALIZER};
    HOST_ENTER(host);
    const char *step = "AddDevice";
    NTSTATUS status = nt_pnp_add_device(driver->object, pf->pdo);
    if (NT_SUCCESS(status)) {
        step = "start";
        if (host->has_patience && ndis_adapter_of(pf->pdo))
            ndis_set_patience(ndis_adapter_of(pf->pdo), host->patience_ms);
        status = nt_pnp_start(pf->pdo);
        if (NT_SUCCESS(status))
            status = host_find_road(adapter);
        if (!NT_SUCCESS(status))
            nt_pnp_simple(pf->pdo, IRP_MN_REMOVE_DEVICE);
    }
    HOST_LEAVE();
    if (!NT_SUCCESS(status)) {
        host_fail(host, host_errno(status), "%s: %s failed with %s (%08x)", nt_driver_name(driver->object), step,
                  ndis_status_name(status), (unsigned)status);
        free(adapter);
        return NULL;
    }
    host_list_add(&host->adapters, adapter);
    if (!adapter->generic && ndis_adapter_state(ndis_adapter_of(pf->pdo)) == NDIS_PAUSED)
        host_fail(host, -EBUSY, "%s: MiniportRestart failed, the adapter stays Paused", nt_driver_name(driver->object));
    return adapter;
}

void vfp_adapter_stop(struct vfp_adapter *adapter)
{
    while (adapter->vfs)
        vfp_vf_free(adapter->vfs);
    HOST_ENTER(adapter->host);
    if (adapter->stack)
        vstack_destroy(adapter->stack);
    nt_pnp_simple(adapter->pf->pdo, IRP_MN_REMOVE_DEVICE);
    if (adapter->binding)
        ndis_close(adapter->binding);
    HOST_LEAVE();
    host_list_remove(&adapter->host->adapters, adapter);
    pthread_mutex_destroy(&adapter->lock);
    pthread_mutex_destroy(&adapter->listening);
    free(adapter);
}

NDIS_STATUS host_stack(struct vfp_adapter *adapter)
{
    if (atomic_load_explicit(&adapter->stack, memory_order_acquire))
        return NDIS_STATUS_SUCCESS;
    struct ndis_adapter *ndis = ndis_adapter_of(adapter->pf->pdo);
    struct vstack *made = NULL;
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;
    pthread_mutex_lock(&adapter->lock);
    if (!adapter->stack)
        status = adapter->generic ? vstack_create_generic(adapter->pf->pdo, &made)
                 : ndis           ? vstack_create(ndis, &made)
                                  : NDIS_STATUS_ADAPTER_NOT_FOUND;
    if (made && adapter->host->has_patience)
        vstack_patience_set(made, adapter->host->patience_ms);
    if (made)
        atomic_store_explicit(&adapter->stack, made, memory_order_release);
    pthread_mutex_unlock(&adapter->lock);
    return status;
}

NDIS_HANDLE host_binding(struct vfp_adapter *adapter)
{
    return host_stack(adapter) == NDIS_STATUS_SUCCESS ? vstack_binding(adapter->stack) : adapter->binding;
}

/* `oid` did it, or on the generic road what stands for it. */
static int failed_oid(struct vfp_adapter *adapter, const char *oid, const char *what, NDIS_STATUS status)
{
    if (!adapter->generic)
        what = oid;
    return host_fail(adapter->host, host_errno(status), "%s failed with %s (%08x)", what, ndis_status_name(status),
                     (unsigned)status);
}

int vfp_switch_create(struct vfp_adapter *adapter, unsigned num_vfs)
{
    HOST_ENTER(adapter->host);
    NDIS_STATUS status = host_stack(adapter);
    if (status == NDIS_STATUS_SUCCESS)
        status = vstack_switch_create(adapter->stack, num_vfs);
    HOST_LEAVE();
    return status ? failed_oid(adapter, "OID_NIC_SWITCH_CREATE_SWITCH", "giving out VFs", status) : 0;
}

int vfp_switch_delete(struct vfp_adapter *adapter)
{
    HOST_ENTER(adapter->host);
    NDIS_STATUS status = host_stack(adapter);
    if (status == NDIS_STATUS_SUCCESS)
        status = vstack_switch_delete(adapter->stack);
    HOST_LEAVE();
    return status ? failed_oid(adapter, "OID_NIC_SWITCH_DELETE_SWITCH", "ending it", status) : 0;
}

int vfp_vf_allocate(struct vfp_adapter *adapter, struct vfp_vf **out)
{
    struct vfp_vf *vf = calloc(1, sizeof(*vf));
    if (!vf)
        return host_fail(adapter->host, -ENOMEM, "out of memory");
    vf->adapter = adapter;
    unsigned number = ++adapter->host->vfs_made;
    /* Locally administered, unique in this host. */
    struct vstack_vf_options options = {.vm_name = "vfplane",
                                        .mac = {0x02, 0x15, 0x5d, 0, (UCHAR)(number >> 8), (UCHAR)number}};
    HOST_ENTER(adapter->host);
    NDIS_STATUS status = host_stack(adapter);
    if (status == NDIS_STATUS_SUCCESS)
        status = vstack_vf_allocate(adapter->stack, &options, &vf->vf);
    HOST_LEAVE();
    if (status) {
        free(vf);
        return failed_oid(adapter, "OID_NIC_SWITCH_ALLOCATE_VF", "taking a VF", status);
    }
    host_list_add(&adapter->vfs, vf);
    *out = vf;
    return 0;
}

void vfp_vf_free(struct vfp_vf *vf)
{
    if (vf->channel)
        vfp_channel_close(vf->channel);
    HOST_ENTER(vf->adapter->host);
    vstack_vf_free(vf->vf);
    HOST_LEAVE();
    host_list_remove(&vf->adapter->vfs, vf);
    free(vf);
}

unsigned vfp_vf_index(const struct vfp_vf *vf)
{
    return vstack_vf_id(vf->vf);
}

uint16_t vfp_vf_routing_id(const struct vfp_vf *vf)
{
    return (uint16_t)vstack_vf_rid(vf->vf);
}
