/* SPDX-License-Identifier: MIT
 *
 * What a trace line says of an OID request: "VF 0, 4 bytes at 0x004".
 */
#include <stdio.h>

#include "ndis/internal.h"

static void say_space(const void *buffer, char *text, size_t size)
{
    const NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS *p = buffer;

    snprintf(text, size, "VF %u, %u bytes at 0x%03x", p->VFId, p->Length, p->Offset);
}

static void say_block(const void *buffer, char *text, size_t size)
{
    const NDIS_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS *p = buffer;

    snprintf(text, size, "VF %u, %u bytes of block %u", p->VFId, p->Length, p->BlockId);
}

static void say_vf(const void *buffer, char *text, size_t size)
{
    const NDIS_SRIOV_RESET_VF_PARAMETERS *p = buffer; /* VFId is in the same place in all that use this */

    snprintf(text, size, "VF %u", p->VFId);
}

static void say_mask(const void *buffer, char *text, size_t size)
{
    const NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO *p = buffer;

    snprintf(text, size, "blocks 0x%llx", (unsigned long long)p->BlockMask);
}

static void say_bar(const void *buffer, char *text, size_t size)
{
    const NDIS_SRIOV_BAR_RESOURCES_INFO *p = buffer;

    snprintf(text, size, "VF %u, BAR %u", p->VFId, p->BarIndex);
}

static void say_vport(const void *buffer, char *text, size_t size)
{
    const NDIS_NIC_SWITCH_VPORT_PARAMETERS *p = buffer;

    snprintf(text, size, "VPort %u, function 0x%04x", p->VPortId, p->AttachedFunctionId);
}

static void (*const say[])(const void *buffer, char *text, size_t size) = {
    [DETAIL_SPACE] = say_space, [DETAIL_BLOCK] = say_block, [DETAIL_VF] = say_vf,
    [DETAIL_MASK] = say_mask,   [DETAIL_BAR] = say_bar,     [DETAIL_VPORT] = say_vport,
};

const char *ndis_oid_describe(const struct ndis_oid *row, const NDIS_OID_REQUEST *request, char *text, size_t size)
{
    if (row->detail && ndis_oid_capacity(request) >= row->minimum)
        say[row->detail](ndis_oid_buffer(request), text, size);
    else if (row->oid == 0)
        snprintf(text, size, "0x%08x", request->DATA.QUERY_INFORMATION.Oid);
    else
        snprintf(text, size, "%u bytes", ndis_oid_capacity(request));
    return text;
}
