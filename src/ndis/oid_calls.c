/* SPDX-License-Identifier: MIT
 *
 * What an overlying driver calls: NdisOidRequest, NdisCancelOidRequest (ndis.md 1.3, 5.13).
 */
#include "ndis/internal.h"
#include "ndis/oid_queue.h"

bool ndis_request_ok(const NDIS_OID_REQUEST *request)
{
    return request && ((uintptr_t)request & (_Alignof(NDIS_OID_REQUEST) - 1)) == 0 &&
           ndis_header_ok(request, NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_SIZEOF_OID_REQUEST_REVISION_1);
}

NDIS_EXPORT NDIS_STATUS NdisOidRequest(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest)
{
    struct ndis_binding *binding = ndis_binding_checked(NdisBindingHandle, "NdisOidRequest");

    if (!nt_irql_at_most(DISPATCH_LEVEL, "NdisOidRequest") || !binding)
        return NDIS_STATUS_FAILURE;
    if (!ndis_request_ok(OidRequest)) {
        nt_violation(NDIS_RULE(OID_REQUEST_HEADER), "%s: NDIS_OID_REQUEST without a valid header",
                     binding->driver.name);
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    return ndis_submit(binding, OidRequest);
}

NDIS_EXPORT VOID NdisCancelOidRequest(NDIS_HANDLE NdisBindingHandle, PVOID RequestId)
{
    struct ndis_binding *binding = ndis_binding_checked(NdisBindingHandle, "NdisCancelOidRequest");
    struct ndis_adapter *adapter;
    struct nt_callback callback;

    if (!nt_irql_at_most(DISPATCH_LEVEL, "NdisCancelOidRequest") || !binding || !RequestId)
        return;
    adapter = binding->adapter;
    TRACE_DOOR(span, "ndis", "NdisCancelOidRequest", "id %p", RequestId);
    ndis_queue_end(ndis_queue_remove(&adapter->oids, binding, RequestId), NDIS_STATUS_REQUEST_ABORTED);
    if (!ndis_hold_end(adapter, binding, RequestId, NDIS_STATUS_REQUEST_ABORTED) && ndis_queue_owner(&adapter->oids) &&
        atomic_load(&adapter->oids.current_binding) == binding && atomic_load(&adapter->oids.current_id) == RequestId) {
        ndis_call_begin(&callback, adapter, "MiniportCancelOidRequest", NULL);
        adapter->driver->handlers.CancelOidRequestHandler(adapter->context, RequestId);
        nt_callback_end(&callback);
    }
    TRACE_DONE(span, "done");
}
