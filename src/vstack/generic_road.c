/* SPDX-License-Identifier: MIT
 *
 * The road to a PF driver that is no NDIS miniport. It has no switch: its PF driver enabled its VFs when it started.
 * "Creating" one says how many of them the stack gives out, lowest number first.
 */
#include <initguid.h>

#include "vstack/generic_road.h"

#include <stdlib.h>
#include <string.h>

/* ---- the switch that is none ---------------------------------------------------------------------------------- */

/* A VF exists when its PF driver reads its registers. */
static NDIS_STATUS switch_create(struct vstack *stack, ULONG num_vfs)
{
    struct vstack_generic *generic = stack->generic;
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;
    ULONG ids;

    if (stack->has_switch || num_vfs >= NDIS_INVALID_VF_FUNCTION_ID)
        return NDIS_STATUS_INVALID_PARAMETER;
    vstack_gate_enter(generic);
    if (num_vfs)
        status = vstack_generic_transfer(generic, (USHORT)(num_vfs - 1), VSTACK_CONFIG_READ, 0, &ids, sizeof(ids));
    vstack_gate_leave(generic);
    if (status == NDIS_STATUS_SUCCESS)
        generic->num_vfs = num_vfs;
    return status;
}

static NDIS_STATUS switch_delete(struct vstack *stack)
{
    if (!stack->has_switch || stack->generic->vfs)
        return NDIS_STATUS_INVALID_PARAMETER;
    stack->generic->num_vfs = 0;
    return NDIS_STATUS_SUCCESS;
}

/* ---- a VF ------------------------------------------------------------------------------------------------------ */

/* Counted before it is looked at: from here on a rebalance is vetoed. */
static NDIS_STATUS count(struct vstack_generic *generic)
{
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    pthread_mutex_lock(&generic->lock);
    if (generic->stopped)
        status = NDIS_STATUS_INVALID_STATE;
    else
        generic->vfs++;
    pthread_mutex_unlock(&generic->lock);
    return status;
}

static void uncount(struct vstack_generic *generic)
{
    pthread_mutex_lock(&generic->lock);
    generic->vfs--;
    pthread_mutex_unlock(&generic->lock);
}

static NDIS_STATUS allocate(struct vstack_vf *vf, const struct vstack_vf_options *options)
{
    struct vstack_generic *generic = vf->stack->generic;
    ULONG id = 0;
    NDIS_STATUS status;

    (void)options; /* the PF driver chooses the address: nothing here can tell it one */
    pthread_mutex_lock(&vf->stack->lock);
    while (id < generic->num_vfs && vf->stack->functions[id])
        id++;
    pthread_mutex_unlock(&vf->stack->lock);
    if (id == generic->num_vfs)
        return generic->num_vfs ? NDIS_STATUS_RESOURCES : NDIS_STATUS_INVALID_PARAMETER;
    status = count(generic);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    vstack_gate_enter(generic);
    vf->rid = vstack_generic_locate(generic, (USHORT)id);
    vstack_gate_leave(generic);
    if (vf->rid == NDIS_INVALID_RID) {
        uncount(generic);
        return NDIS_STATUS_FAILURE;
    }
    vf->id = (NDIS_SRIOV_FUNCTION_ID)id;
    vf->allocated = true;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS connect_nothing(struct vstack_vf *vf)
{
    (void)vf;
    return NDIS_STATUS_SUCCESS;
}

static void release(struct vstack_vf *vf)
{
    struct vstack_generic *generic = vf->stack->generic;

    if (!vf->allocated)
        return;
    vstack_mitigation_end(vf);
    vstack_gate_enter(generic);
    vstack_generic_reset(generic, vf->id);
    vstack_gate_leave(generic);
    uncount(generic);
}

static NDIS_STATUS learn_ids(struct vstack_vf *vf)
{
    struct vstack_generic *generic = vf->stack->generic;
    NDIS_STATUS status;

    vstack_gate_enter(generic);
    status = vstack_generic_ids(generic, vf->id, &vf->identity.vendor, &vf->identity.device);
    vstack_gate_leave(generic);
    return status;
}

static NDIS_STATUS probed_bars(struct vstack_vf *vf, ULONG values[6])
{
    struct vstack_generic *generic = vf->stack->generic;
    NDIS_STATUS status;

    vstack_gate_enter(generic);
    status = vstack_generic_bars(generic, vf->id, values);
    vstack_gate_leave(generic);
    return status;
}

static NDIS_STATUS bar_resource(struct vstack_vf *vf, USHORT index, PCM_PARTIAL_RESOURCE_DESCRIPTOR resource)
{
    struct vstack_generic *generic = vf->stack->generic;
    NDIS_STATUS status;

    vstack_gate_enter(generic);
    status = vstack_generic_resource(generic, vf->id, index, resource);
    vstack_gate_leave(generic);
    return status;
}

static NDIS_STATUS transfer(struct vstack_vf *vf, enum vstack_kind kind, ULONG where, void *data, ULONG length)
{
    struct vstack_generic *generic = vf->stack->generic;
    NDIS_STATUS status;

    vstack_gate_enter(generic);
    status = vstack_generic_transfer(generic, vf->id, kind, where, data, length);
    vstack_gate_leave(generic);
    return status;
}

/* ---- a partition's request --------------------------------------------------------------------------------------- */

static void stage(struct vstack_vf *vf, const struct vstack_request *request)
{
    vf->sent.kind = request->kind;
    vf->sent.where = request->offset;
    vf->sent.size = request->size;
    vf->sent.value = request->value;
    vf->sent.bar = request->bar;
    vf->sent.offset = request->where;
    memset(vf->buffer, request->kind == VSTACK_REGISTER_READ ? 0xFF : 0, sizeof(vf->buffer));
    if (request->kind == VSTACK_CONFIG_WRITE)
        memcpy(vf->buffer, &request->value, sizeof(request->value));
    if (request->kind == VSTACK_REGISTER_WRITE)
        memcpy(vf->buffer, request->data, VSTACK_REGISTER_MAX);
    if (request->kind == VSTACK_BLOCK_WRITE)
        memcpy(vf->buffer, request->data, request->size);
}

/* Success is all that was asked for: the callbacks have no count (pci.md 3.3). */
static ULONG fetch(struct vstack_vf *vf, UCHAR *data, ULONG size)
{
    memcpy(data, vf->buffer, size);
    return size;
}

/* ---- the road ---------------------------------------------------------------------------------------------------- */

static void discard(struct vstack_generic *generic)
{
    struct nt_partition *before = nt_enter(generic->partition);

    if (generic->server)
        IoFreeWorkItem(generic->server);
    vstack_mitigation_lose(generic);
    if (generic->pf.Size && generic->pf.InterfaceDereference)
        generic->pf.InterfaceDereference(generic->pf.Context);
    ObfDereferenceObject(generic->top);
    nt_enter(before);
    pthread_cond_destroy(&generic->changed);
    pthread_mutex_destroy(&generic->lock);
    free(generic);
}

/* Until the last VF is freed a rebalance is still vetoed. The last turn is taken and not given back: then no worker is
 * inside. */
static void close_road(struct vstack *stack)
{
    vstack_client_detach(stack->generic);
    vstack_gate_enter(stack->generic);
    discard(stack->generic);
}

static const struct vstack_road generic_road = {
    .close = close_road,
    .switch_create = switch_create,
    .switch_delete = switch_delete,
    .allocate = allocate,
    .connect = connect_nothing,
    .watch = vstack_mitigation_begin,
    .release = release,
    .learn_ids = learn_ids,
    .probed_bars = probed_bars,
    .bar_resource = bar_resource,
    .access = transfer,
    .stage = stage,
    .send = vstack_gate_send,
    .fetch = fetch,
};

/* The larger form, or, when the PF driver has only the smaller one, what it lacks as NULL. */
static NTSTATUS take_interface(struct vstack_generic *generic, PDEVICE_OBJECT pdo)
{
    NTSTATUS status = nt_query_interface(pdo, &GUID_SRIOV_DEVICE_INTERFACE_STANDARD, sizeof(generic->pf), 1,
                                         (PINTERFACE)&generic->pf);

    if (!NT_SUCCESS(status)) {
        generic->pf.Size = 0;
        return status;
    }
    if (generic->pf.Size >= sizeof(SRIOV_DEVICE_INTERFACE_STANDARD) && generic->pf.Size <= sizeof(generic->pf)) {
        memset((UCHAR *)&generic->pf + generic->pf.Size, 0, sizeof(generic->pf) - generic->pf.Size);
        return STATUS_SUCCESS;
    }
    TRACE_REFUSE("vstack", "INTERFACE_SIZE pci.md 5.6", "SRIOV_DEVICE_INTERFACE_STANDARD of %u bytes",
                 generic->pf.Size);
    return STATUS_INVALID_BUFFER_SIZE;
}

void vstack_patience_set(struct vstack *stack, unsigned ms)
{
    if (stack->generic)
        atomic_store(&stack->generic->patience, ms);
}

bool vstack_is_generic(PDEVICE_OBJECT pdo)
{
    SRIOV_DEVICE_INTERFACE_STANDARD_2 pf = {0};

    if (!NT_SUCCESS(nt_query_interface(pdo, &GUID_SRIOV_DEVICE_INTERFACE_STANDARD, sizeof(pf), 1, (PINTERFACE)&pf)))
        return false;
    if (pf.InterfaceDereference)
        pf.InterfaceDereference(pf.Context);
    return true;
}

static NTSTATUS open_road(struct vstack_generic *generic, PDEVICE_OBJECT pdo)
{
    struct nt_partition *before = nt_enter(generic->partition);
    NTSTATUS status = take_interface(generic, pdo);

    if (NT_SUCCESS(status))
        vstack_mitigation_find(generic, pdo);
    generic->server = IoAllocateWorkItem(generic->top);
    if (NT_SUCCESS(status) && !generic->server)
        status = STATUS_INSUFFICIENT_RESOURCES;
    nt_enter(before);
    return NT_SUCCESS(status) ? vstack_client_attach(generic) : status;
}

NTSTATUS vstack_create_generic(PDEVICE_OBJECT pdo, struct vstack **out)
{
    struct vstack *stack = vstack_new(&generic_road);
    struct vstack_generic *generic = calloc(1, sizeof(*generic));
    NTSTATUS status;

    *out = NULL;
    if (!stack || !generic) {
        if (stack)
            vstack_discard(stack);
        free(generic);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    stack->generic = generic;
    generic->stack = stack;
    generic->partition = nt_device_partition(pdo);
    generic->top = IoGetAttachedDeviceReference(pdo);
    pthread_mutex_init(&generic->lock, NULL);
    pthread_cond_init(&generic->changed, NULL);
    atomic_init(&generic->patience, VSTACK_PATIENCE_MS);
    status = open_road(generic, pdo);
    if (NT_SUCCESS(status)) {
        *out = stack;
        return STATUS_SUCCESS;
    }
    discard(generic);
    vstack_discard(stack);
    return status;
}
