/* SPDX-License-Identifier: MIT
 *
 * A VF of an NDIS PF miniport, from ALLOCATE_VF to FREE_VF (ndis.md 7.3, 7.10).
 */
#include "vstack/ndis_road.h"

#include <string.h>

#define NAME_CHARACTERS 255

/* ---- names -------------------------------------------------------------------------------------------------- */

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

/* ---- the VF and its port ------------------------------------------------------------------------------------ */

NDIS_STATUS vstack_ndis_allocate(struct vstack_vf *vf, const struct vstack_vf_options *options)
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

NDIS_STATUS vstack_ndis_connect(struct vstack_vf *vf)
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

/* ---- what it is ---------------------------------------------------------------------------------------------- */

NDIS_STATUS vstack_ndis_learn_ids(struct vstack_vf *vf)
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

NDIS_STATUS vstack_ndis_probed_bars(struct vstack_vf *vf, ULONG values[6])
{
    return ndis_query_probed_bars(vf->stack->adapter, values);
}

NDIS_STATUS vstack_ndis_bar_resource(struct vstack_vf *vf, USHORT index, PCM_PARTIAL_RESOURCE_DESCRIPTOR resource)
{
    return ndis_query_bar_resource(vf->stack->adapter, vf->id, index, resource);
}

/* ---- its end ------------------------------------------------------------------------------------------------- */

void vstack_ndis_release(struct vstack_vf *vf)
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
