/* SPDX-License-Identifier: MIT
 *
 * A VF from ALLOCATE_VF to FREE_VF (ndis.md 7.3, 7.10), and what a partition must know of it before it may see it.
 */
#include <stdlib.h>
#include <string.h>

#include "vstack/internal.h"

#define NAME_CHARACTERS 255

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* One UTF-8 sequence; 0 at the end or where the text is not UTF-8. */
static uint32_t next_character(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    unsigned extra = *at < 0x80 ? 0 : *at >= 0xF0 ? 3 : *at >= 0xE0 ? 2 : 1;
    uint32_t character = extra == 0 ? *at : *at & (0x3F >> extra);

    if (*at >= 0xF8 || (*at >= 0x80 && *at < 0xC0))
        return 0;
    for (unsigned i = 1; i <= extra; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        character = character << 6 | (at[i] & 0x3F);
    }
    *text += extra + 1;
    return character;
}

/* `string` has room for NAME_CHARACTERS; false: the text is longer, or no UTF-8. */
static bool set_name(USHORT *length, WCHAR *string, const char *text)
{
    unsigned count = 0;

    while (*text) {
        uint32_t character = next_character(&text);
        if (!character || count + (character > 0xFFFF ? 2 : 1) > NAME_CHARACTERS)
            return false;
        if (character > 0xFFFF) {
            string[count++] = (WCHAR)(0xD800 + ((character - 0x10000) >> 10));
            character = 0xDC00 + ((character - 0x10000) & 0x3FF);
        }
        string[count++] = (WCHAR)character;
    }
    *length = (USHORT)(count * sizeof(WCHAR));
    return true;
}

/* ---- the VF and its port ----------------------------------------------------------------------------------------- */

static NDIS_STATUS allocate(struct vstack_vf *vf, const struct vstack_vf_options *options)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS parameters;
    NDIS_STATUS status;

    memset(&parameters, 0, sizeof(parameters));
    vstack_header(&parameters.Header, NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1);
    parameters.SwitchId = NDIS_DEFAULT_SWITCH_ID;
    parameters.VFId = NDIS_INVALID_VF_FUNCTION_ID;
    parameters.RequestorId = NDIS_INVALID_RID;
    if (!set_name(&parameters.VMName.Length, parameters.VMName.String, options->vm_name ? options->vm_name : ""))
        return NDIS_STATUS_INVALID_PARAMETER;
    memcpy(&parameters.VMFriendlyName, &parameters.VMName, sizeof(parameters.VMFriendlyName));
    memcpy(&parameters.NicName, &parameters.VMName, sizeof(parameters.NicName));
    parameters.MacAddressLength = sizeof(options->mac);
    memcpy(parameters.PermanentMacAddress, options->mac, sizeof(options->mac));
    memcpy(parameters.CurrentMacAddress, options->mac, sizeof(options->mac));
    status = vstack_method(vf->stack, OID_NIC_SWITCH_ALLOCATE_VF, &parameters, sizeof(parameters), NULL);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    vf->id = parameters.VFId;
    vf->rid = parameters.RequestorId;
    vf->allocated = true;
    return NDIS_STATUS_SUCCESS;
}

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

static NDIS_STATUS create_port(struct vstack_vf *vf)
{
    NDIS_NIC_SWITCH_VPORT_PARAMETERS parameters;
    NDIS_STATUS status;

    memset(&parameters, 0, sizeof(parameters));
    vstack_header(&parameters.Header, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1);
    parameters.SwitchId = NDIS_DEFAULT_SWITCH_ID;
    parameters.VPortId = NDIS_DEFAULT_VPORT_ID;
    parameters.AttachedFunctionId = vf->id;
    parameters.NumQueuePairs = 1;
    parameters.VPortState = NdisNicSwitchVPortStateActivated;
    status = vstack_method(vf->stack, OID_NIC_SWITCH_CREATE_VPORT, &parameters, sizeof(parameters), NULL);
    if (status == NDIS_STATUS_SUCCESS) {
        vf->vport = parameters.VPortId;
        vf->has_vport = true;
    }
    return status;
}

/* ---- what the partition must know -------------------------------------------------------------------------------- */

static NDIS_STATUS learn_ids(struct vstack_vf *vf)
{
    NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO info;
    NDIS_STATUS status;

    memset(&info, 0, sizeof(info));
    vstack_header(&info.Header, NDIS_SIZEOF_SRIOV_VF_VENDOR_DEVICE_ID_INFO_REVISION_1);
    info.VFId = vf->id;
    status = vstack_method(vf->stack, OID_SRIOV_VF_VENDOR_DEVICE_ID, &info, sizeof(info), NULL);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    vf->identity.vendor = info.VendorId;
    vf->identity.device = info.DeviceId;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS read_register(struct vstack_vf *vf, unsigned offset, uint32_t *value)
{
    struct {
        NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS parameters;
        uint32_t data;
    } buffer;
    ULONG written;
    NDIS_STATUS status;

    memset(&buffer, 0, sizeof(buffer));
    vstack_header(&buffer.parameters.Header, NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS_REVISION_1);
    buffer.parameters.VFId = vf->id;
    buffer.parameters.Offset = offset;
    buffer.parameters.Length = sizeof(buffer.data);
    buffer.parameters.BufferOffset = sizeof(buffer.parameters);
    status = vstack_method(vf->stack, OID_SRIOV_READ_VF_CONFIG_SPACE, &buffer, sizeof(buffer), &written);
    if (status == NDIS_STATUS_SUCCESS && written < sizeof(buffer))
        status = NDIS_STATUS_INVALID_DATA;
    *value = buffer.data;
    return status;
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
    NDIS_STATUS status = learn_ids(vf);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!vstack_view_build(&vf->view, &source))
        return NDIS_STATUS_RESOURCES;
    status = vstack_bars_learn(vf);
    return status == NDIS_STATUS_SUCCESS ? fix_identity(vf) : status;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void undo(struct vstack_vf *vf)
{
    NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS port = {0};
    NDIS_SRIOV_RESET_VF_PARAMETERS reset = {0};
    NDIS_NIC_SWITCH_FREE_VF_PARAMETERS function = {0};

    if (vf->has_vport) {
        vstack_header(&port.Header, NDIS_SIZEOF_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1);
        port.VPortId = vf->vport;
        vstack_set(vf->stack, OID_NIC_SWITCH_DELETE_VPORT, &port, sizeof(port));
    }
    if (!vf->allocated)
        return;
    vstack_header(&reset.Header, NDIS_SIZEOF_SRIOV_RESET_VF_PARAMETERS_REVISION_1);
    reset.VFId = vf->id;
    vstack_set(vf->stack, OID_SRIOV_RESET_VF, &reset, sizeof(reset));
    vstack_header(&function.Header, NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1);
    function.VFId = vf->id;
    vstack_set(vf->stack, OID_NIC_SWITCH_FREE_VF, &function, sizeof(function));
}

static void discard(struct vstack_vf *vf)
{
    undo(vf);
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
    vstack_requests_init(vf);
    status = allocate(vf, options);
    if (status == NDIS_STATUS_SUCCESS)
        status = enter(vf);
    if (status == NDIS_STATUS_SUCCESS)
        status = create_port(vf);
    if (status == NDIS_STATUS_SUCCESS)
        status = learn(vf);
    if (status != NDIS_STATUS_SUCCESS) {
        leave(vf);
        vstack_wait_quiet(vf, false);
        discard(vf);
        TRACE_DONE(span, "%08x", (unsigned)status);
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
