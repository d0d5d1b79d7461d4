/* SPDX-License-Identifier: MIT
 *
 * refnic with a miniport that keeps requests and never completes one: those that a guest's writes and blocks become, or
 * (PENDING_READS) also those by which the host learns of a VF. Linked with refnic's own files, in which
 * NdisMRegisterMiniportDriver is renamed to pending_register (meson.build). Tells the program that loads it of each.
 */
#include <ndis.h>

#include <stdbool.h>

#undef NdisMRegisterMiniportDriver
NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                                        PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle);
void faults_kept(bool read);

static MINIPORT_OID_REQUEST_HANDLER handler;

static NDIS_STATUS keep(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
    NDIS_OID oid = request->DATA.QUERY_INFORMATION.Oid;
    switch (oid) {
#ifdef PENDING_READS
    case OID_SRIOV_READ_VF_CONFIG_SPACE:
#endif
    case OID_SRIOV_WRITE_VF_CONFIG_SPACE:
    case OID_SRIOV_READ_VF_CONFIG_BLOCK:
    case OID_SRIOV_WRITE_VF_CONFIG_BLOCK:
        faults_kept(oid == OID_SRIOV_READ_VF_CONFIG_SPACE);
        return NDIS_STATUS_PENDING;
    default:
        return handler(context, request);
    }
}

NDIS_STATUS pending_register(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                             PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle);
NDIS_STATUS pending_register(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                             PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle)
{
    handler = miniport->OidRequestHandler;
    miniport->OidRequestHandler = keep;
    return NdisMRegisterMiniportDriver(driver, path, context, miniport, handle);
}
