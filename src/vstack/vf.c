/* SPDX-License-Identifier: MIT
 *
 * A VF from its allocation to its end, on either road, and what a partition must know of it before it may see it.
 */
#include <stdlib.h>
#include <string.h>

#include "vstack/internal.h"

/* A PF driver that hands out one VF twice, or the PF itself, is not to be believed. */
static NDIS_STATUS enter(struct vstack_vf *vf)
{
    struct vstack *stack = vf->stack;
    bool taken;

    pthread_mutex_lock(&stack->lock);
    taken = vf->id == NDIS_INVALID_VF_FUNCTION_ID || stack->functions[vf->id];
    if (!taken) {
        stack->functions[vf->id] = vf;
        vf->next = stack->vfs;
        stack->vfs = vf;
    }
    pthread_mutex_unlock(&stack->lock);
    if (!taken)
        return NDIS_STATUS_SUCCESS;
    TRACE_REFUSE("vstack", "VFID_NOT_UNIQUE ndis.md 4.17", "the PF driver gave VFId %u", vf->id);
    vf->allocated = false;
    return NDIS_STATUS_INVALID_DATA;
}

static void leave(struct vstack_vf *vf)
{
    struct vstack *stack = vf->stack;
    struct vstack_vf **at;

    pthread_mutex_lock(&stack->lock);
    for (at = &stack->vfs; *at && *at != vf; at = &(*at)->next)
        ;
    if (*at) {
        *at = vf->next;
        stack->functions[vf->id] = NULL;
    }
    pthread_mutex_unlock(&stack->lock);
}

/* ---- what the partition must know --------------------------------------------------------------------------- */

static NDIS_STATUS read_register(struct vstack_vf *vf, unsigned offset, uint32_t *value)
{
    return vf->stack->road->access(vf, VSTACK_CONFIG_READ, offset, value, sizeof(*value));
}

static bool read_for_view(void *context, unsigned offset, uint32_t *value)
{
    return read_register(context, offset, value) == NDIS_STATUS_SUCCESS;
}

/* The identity as the guest reads it. Revision, class and subsystem are the VF's own (pci.md 4.5). */
static NDIS_STATUS fix_identity(struct vstack_vf *vf)
{
    struct vstack_identity *identity = &vf->identity;
    uint32_t class, subsystem;
    NDIS_STATUS status = read_register(vf, 0x08, &class);

    if (status == NDIS_STATUS_SUCCESS)
        status = read_register(vf, 0x2C, &subsystem);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    identity->revision = class & 0xFF;
    identity->prog_if = class >> 8 & 0xFF;
    identity->sub_class = class >> 16 & 0xFF;
    identity->base_class = class >> 24;
    identity->sub_vendor = subsystem & 0xFFFF;
    identity->sub_system = subsystem >> 16;
    identity->serial = vf->rid;
    vstack_view_fix(&vf->view, 0x00, (uint32_t)identity->device << 16 | identity->vendor);
    vstack_view_fix(&vf->view, 0x08, class);
    vstack_view_fix(&vf->view, 0x2C, subsystem);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS learn(struct vstack_vf *vf)
{
    struct vstack_source source = {read_for_view, vf};
    NDIS_STATUS status = vf->stack->road->learn_ids(vf);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!vstack_view_build(&vf->view, &source))
        return NDIS_STATUS_RESOURCES;
    status = vstack_bars_learn(vf);
    if (status == NDIS_STATUS_SUCCESS)
        status = fix_identity(vf);
    return status == NDIS_STATUS_SUCCESS && vf->stack->road->watch ? vf->stack->road->watch(vf) : status;
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static void discard(struct vstack_vf *vf)
{
    vf->stack->road->release(vf);
    vstack_view_free(&vf->view);
    pthread_cond_destroy(&vf->quiet);
    pthread_mutex_destroy(&vf->lock);
    free(vf);
}

NDIS_STATUS vstack_vf_allocate(struct vstack *stack, const struct vstack_vf_options *options, struct vstack_vf **out)
{
    struct vstack_vf *vf = calloc(1, sizeof(*vf));
    NDIS_STATUS status;

    *out = NULL;
    if (!vf)
        return NDIS_STATUS_RESOURCES;
    TRACE_DOOR(span, "vstack", "VF allocate", "for %s", options->vm_name ? options->vm_name : "nobody");
    vf->stack = stack;
    vf->id = NDIS_INVALID_VF_FUNCTION_ID;
    pthread_mutex_init(&vf->lock, NULL);
    pthread_cond_init(&vf->quiet, NULL);
    status = stack->road->allocate(vf, options);
    if (status == NDIS_STATUS_SUCCESS)
        status = enter(vf);
    if (status == NDIS_STATUS_SUCCESS)
        status = stack->road->connect(vf);
    if (status == NDIS_STATUS_SUCCESS)
        status = learn(vf);
    if (status != NDIS_STATUS_SUCCESS) {
        leave(vf);
        vstack_wait_quiet(vf, false);
        discard(vf);
        TRACE_DONE(span, "%s", ndis_status_name(status));
        return status;
    }
    *out = vf;
    TRACE_DONE(span, "VF %u, routing ID %x", vf->id, vf->rid);
    return NDIS_STATUS_SUCCESS;
}

void vstack_vf_free(struct vstack_vf *vf)
{
    if (!vf)
        return;
    TRACE_DOOR(span, "vstack", "VF free", "VF %u", vf->id);
    vstack_vf_detach(vf);
    leave(vf);
    vstack_wait_quiet(vf, true);
    discard(vf);
    TRACE_DONE(span, "freed");
}

struct vstack *vstack_of(const struct vstack_vf *vf)
{
    return vf->stack;
}

NDIS_SRIOV_FUNCTION_ID vstack_vf_id(const struct vstack_vf *vf)
{
    return vf->id;
}

ULONG vstack_vf_rid(const struct vstack_vf *vf)
{
    return vf->rid;
}

const struct vstack_identity *vstack_vf_identity(const struct vstack_vf *vf)
{
    return &vf->identity;
}

ULONG64 vstack_vf_bar_size(const struct vstack_vf *vf, unsigned index)
{
    return index < VSTACK_BARS ? vf->bars[index].size : 0;
}

const ULONG *vstack_vf_probed_bars(const struct vstack_vf *vf)
{
    return vf->probed;
}

/* ---- past the guest ----------------------------------------------------------------------------------------- */

NDIS_STATUS vstack_vf_read(struct vstack_vf *vf, enum vstack_access what, ULONG where, void *data, ULONG length)
{
    enum vstack_kind kind = what == VSTACK_BLOCK ? VSTACK_BLOCK_READ : VSTACK_CONFIG_READ;
    return vf->stack->road->access(vf, kind, where, data, length);
}

NDIS_STATUS vstack_vf_write(struct vstack_vf *vf, enum vstack_access what, ULONG where, const void *data, ULONG length)
{
    enum vstack_kind kind = what == VSTACK_BLOCK ? VSTACK_BLOCK_WRITE : VSTACK_CONFIG_WRITE;
    UCHAR copy[VSTACK_CONFIG_SIZE];

    if (length > sizeof(copy))
        return NDIS_STATUS_INVALID_PARAMETER;
    memcpy(copy, data, length);
    return vf->stack->road->access(vf, kind, where, copy, length);
}
