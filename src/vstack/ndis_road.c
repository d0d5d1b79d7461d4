/* SPDX-License-Identifier: MIT
 *
 * The road to an NDIS PF miniport: the stack as an overlying driver of the adapter, OIDs that are waited for, the
 * switch.
 */
#include "vstack/ndis_road.h"

#include <string.h>

/* ---- OIDs that wait ----------------------------------------------------------------------------------------- */

void vstack_header(NDIS_OBJECT_HEADER *header, ULONG size)
{
    header->Type = NDIS_OBJECT_TYPE_DEFAULT;
    header->Revision = 1; /* every structure this room sends has only that one in NDIS 6.30 */
    header->Size = (USHORT)size;
}

/* SourceReserved is the issuer's, so it leads from the request back to who waits for it. */
void vstack_remember_call(NDIS_OID_REQUEST *oid, struct vstack_call *call)
{
    memcpy(oid->SourceReserved, &call, sizeof(call));
}

static void oid_completed(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct vstack_call *call;
    (void)context;
    memcpy(&call, request->SourceReserved, sizeof(call));
    call->complete(call, status);
}

/* NDIS waits, and no longer than its patience: what the PF driver never completes does not keep the host program, and
 * is not in its memory. */
NDIS_STATUS vstack_oid(struct vstack *stack, PNDIS_OID_REQUEST request)
{
    return stack->binding ? ndis_oid_wait(stack->binding, request, false) : NDIS_STATUS_NOT_SUPPORTED;
}

NDIS_HANDLE vstack_binding(const struct vstack *stack)
{
    return stack->binding;
}

static void prepare(NDIS_OID_REQUEST *request, NDIS_REQUEST_TYPE type)
{
    memset(request, 0, sizeof(*request));
    request->Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    request->Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    request->Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    request->RequestType = type;
}

NDIS_STATUS vstack_set(struct vstack *stack, NDIS_OID oid, void *buffer, ULONG length)
{
    NDIS_OID_REQUEST request;
    prepare(&request, NdisRequestSetInformation);
    request.DATA.SET_INFORMATION.Oid = oid;
    request.DATA.SET_INFORMATION.InformationBuffer = buffer;
    request.DATA.SET_INFORMATION.InformationBufferLength = length;
    return vstack_oid(stack, &request);
}

NDIS_STATUS vstack_method(struct vstack *stack, NDIS_OID oid, void *buffer, ULONG length, ULONG *written)
{
    NDIS_OID_REQUEST request;
    NDIS_STATUS status;
    prepare(&request, NdisRequestMethod);
    request.DATA.METHOD_INFORMATION.Oid = oid;
    request.DATA.METHOD_INFORMATION.InformationBuffer = buffer;
    request.DATA.METHOD_INFORMATION.InputBufferLength = length;
    request.DATA.METHOD_INFORMATION.OutputBufferLength = length;
    status = vstack_oid(stack, &request);
    if (written)
        *written = request.DATA.METHOD_INFORMATION.BytesWritten;
    return status;
}

/* ---- the road ----------------------------------------------------------------------------------------------- */

static NDIS_STATUS switch_create(struct vstack *stack, ULONG num_vfs)
{
    return ndis_switch_create(stack->adapter, num_vfs);
}

static NDIS_STATUS switch_delete(struct vstack *stack)
{
    return ndis_switch_delete(stack->adapter);
}

static void close_road(struct vstack *stack)
{
    ndis_on_invalidate(stack->adapter, NULL, NULL);
    ndis_close(stack->binding);
}

static const struct vstack_road ndis_road = {
    .close = close_road,
    .switch_create = switch_create,
    .switch_delete = switch_delete,
    .allocate = vstack_ndis_allocate,
    .connect = vstack_ndis_connect,
    .release = vstack_ndis_release,
    .learn_ids = vstack_ndis_learn_ids,
    .probed_bars = vstack_ndis_probed_bars,
    .bar_resource = vstack_ndis_bar_resource,
    .access = vstack_ndis_access,
    .stage = vstack_ndis_stage,
    .send = vstack_ndis_send,
    .fetch = vstack_ndis_fetch,
};

static bool declares_sriov(struct ndis_adapter *adapter)
{
    const NDIS_SRIOV_CAPABILITIES *capabilities = ndis_sriov_capabilities(adapter);
    return capabilities && (capabilities->SriovCapabilities & NDIS_SRIOV_CAPS_SRIOV_SUPPORTED);
}

static const struct ndis_overlying overlying = {.name = "virtualization stack", .complete = oid_completed};

NDIS_STATUS vstack_create(struct ndis_adapter *adapter, struct vstack **out)
{
    struct vstack *stack;
    NDIS_STATUS status;

    *out = NULL;
    if (!declares_sriov(adapter))
        return NDIS_STATUS_NOT_SUPPORTED;
    stack = vstack_new(&ndis_road);
    if (!stack)
        return NDIS_STATUS_RESOURCES;
    stack->adapter = adapter;
    status = ndis_open(adapter, &overlying, stack, &stack->binding);
    if (status != NDIS_STATUS_SUCCESS) {
        vstack_discard(stack);
        return status;
    }
    ndis_on_invalidate(adapter, vstack_on_invalidate, stack);
    *out = stack;
    return NDIS_STATUS_SUCCESS;
}
