/* SPDX-License-Identifier: MIT */
#include "fake_pf.h"

/* Raw VFs: captured configuration space (bits of a VF that pci.md 4.5 lets no one write stay as captured). */
static const struct fake_dword dwords_82576[] = {
    {0x000, 0xFFFFFFFF, 0, 0},          {0x004, 0x00100000, 0x0004, 0xF9000000},
    {0x008, 0x02000001, 0, 0},          {0x02C, 0x11001AF4, 0, 0},
    {0x034, 0x000000A0, 0, 0},          {0x070, 0x00020011, 0xC0000000, 0},
    {0x074, 0x00000003, 0, 0},          {0x078, 0x00002003, 0, 0},
    {0x0A0, 0x00027010, 0, 0},          {0x0A4, 0x10008020, 0, 0},
    {0x0A8, 0x00000000, 0, 0x000F0000}, {0x0AC, 0x00000411, 0, 0},
    {0x0B0, 0x00110000, 0, 0},          {0x0C4, 0x00300000, 0, 0},
    {0x100, 0x15010001, 0, 0},          {0x104, 0x00000000, 0, 0xFFFFFFFF},
    {0x108, 0x02400000, 0, 0},          {0x10C, 0x00462030, 0, 0},
    {0x110, 0x00000000, 0, 0xFFFFFFFF}, {0x114, 0x0000E000, 0, 0},
    {0x118, 0x000000A0, 0, 0},          {0x150, 0x0001000E, 0, 0},
};
const struct fake_device fake_82576 = {"82576",      0x8086,
                                       0x10CA,       {0xFFFFC00C, 0xFFFFFFFF, 0, 0xFFFFC00C, 0xFFFFFFFF, 0},
                                       dwords_82576, sizeof dwords_82576 / sizeof dwords_82576[0]};

static const struct fake_dword dwords_nvme[] = {
    {0x000, 0xFFFFFFFF, 0, 0},          {0x004, 0x00100002, 0x0004, 0xF9000000},
    {0x008, 0x01080202, 0, 0},          {0x02C, 0x11001AF4, 0, 0},
    {0x034, 0x00000040, 0, 0},          {0x03C, 0x00000100, 0, 0},
    {0x040, 0x00008011, 0xC0000000, 0}, {0x044, 0x00002000, 0, 0},
    {0x048, 0x00003000, 0, 0},          {0x060, 0x00030001, 0, 0},
    {0x064, 0x00000008, 0x3, 0},        {0x080, 0x00026010, 0, 0},
    {0x084, 0x10008000, 0, 0},          {0x088, 0x00000000, 0, 0x000F0000},
    {0x08C, 0x00000411, 0, 0},          {0x090, 0x00110000, 0, 0},
    {0x0A4, 0x00300000, 0, 0},          {0x100, 0x0001000E, 0, 0},
    {0x104, 0x00000100, 0, 0},
};
const struct fake_device fake_nvme = {"nvme",      0x1B36,
                                      0x0010,      {0xFFFFC004, 0xFFFFFFFF, 0, 0, 0, 0},
                                      dwords_nvme, sizeof dwords_nvme / sizeof dwords_nvme[0]};

/* ---- registers ---------------------------------------------------------------------------------------------- */

static void reset_space(struct fake_pf *pf, USHORT vf)
{
    pthread_mutex_lock(&pf->lock);
    memset(pf->space[vf], 0, sizeof pf->space[vf]);
    for (unsigned i = 0; i < pf->device->count; i++)
        memcpy(pf->space[vf] + pf->device->dwords[i].offset, &pf->device->dwords[i].value, 4);
    pthread_mutex_unlock(&pf->lock);
}

static void write_byte(struct fake_pf *pf, USHORT vf, unsigned offset, UCHAR value)
{
    UCHAR *at = &pf->space[vf][offset];
    for (unsigned i = 0; i < pf->device->count; i++) {
        const struct fake_dword *dword = &pf->device->dwords[i];
        UCHAR rw = (UCHAR)(dword->rw >> (offset & 3) * 8), w1c = (UCHAR)(dword->w1c >> (offset & 3) * 8);
        if (dword->offset == (offset & ~3u))
            *at = (UCHAR)(((*at & ~rw) | (value & rw)) & ~(value & w1c));
    }
}

/* ---- OIDs --------------------------------------------------------------------------------------------------- */

static void *buffer_of(PNDIS_OID_REQUEST request)
{
    return request->DATA.QUERY_INFORMATION.InformationBuffer;
}

static void wrote(PNDIS_OID_REQUEST request, ULONG bytes)
{
    if (request->RequestType == NdisRequestMethod)
        request->DATA.METHOD_INFORMATION.BytesWritten = bytes;
    else
        request->DATA.QUERY_INFORMATION.BytesWritten = bytes;
}

static NDIS_STATUS allocate(struct fake_pf *pf, PNDIS_OID_REQUEST request)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS *parameters = buffer_of(request);
    unsigned id = 0;
    while (id < pf->vfs && pf->allocated[id])
        id++;
    if (pf->vf_id >= 0)
        id = (unsigned)pf->vf_id;
    if (id >= pf->vfs)
        return NDIS_STATUS_RESOURCES;
    pf->allocated[id] = true;
    reset_space(pf, (USHORT)id);
    parameters->VFId = (USHORT)id;
    parameters->RequestorId = NDIS_MAKE_RID(0, 1 + (0x80 + 2 * id) / 256, (0x80 + 2 * id) % 256);
    wrote(request, sizeof *parameters);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS probed_bars(struct fake_pf *pf, PNDIS_OID_REQUEST request)
{
    NDIS_SRIOV_PROBED_BARS_INFO *info = buffer_of(request);
    memcpy((UCHAR *)info + info->BaseRegisterValuesOffset, pf->device->probed, sizeof pf->device->probed);
    wrote(request, info->BaseRegisterValuesOffset + sizeof pf->device->probed);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS bar_resources(struct fake_pf *pf, PNDIS_OID_REQUEST request)
{
    NDIS_SRIOV_BAR_RESOURCES_INFO *info = buffer_of(request);
    CM_PARTIAL_RESOURCE_DESCRIPTOR descriptor = {0};
    if (pf->bar_resources_refused)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (!pf->null_bar_resources && (pf->device->probed[info->BarIndex] & 0xF)) {
        descriptor.Type = CmResourceTypeMemory;
        descriptor.u.Memory.Start.QuadPart = 0xFE000000ll + info->BarIndex * 0x20000 + info->VFId * 0x4000;
        descriptor.u.Memory.Length = 0x4000;
    }
    memcpy((UCHAR *)info + info->BarResourcesOffset, &descriptor, sizeof descriptor);
    wrote(request, info->BarResourcesOffset + sizeof descriptor);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS vendor_device(struct fake_pf *pf, PNDIS_OID_REQUEST request)
{
    NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO *info = buffer_of(request);
    info->VendorId = pf->device->vendor;
    info->DeviceId = pf->device->device;
    wrote(request, sizeof *info);
    return NDIS_STATUS_SUCCESS;
}

static void read_done(struct fake_pf *pf, PNDIS_OID_REQUEST request, ULONG bytes)
{
    wrote(request, pf->long_claim ? request->DATA.METHOD_INFORMATION.OutputBufferLength : bytes - pf->short_by);
}

static NDIS_STATUS space(struct fake_pf *pf, PNDIS_OID_REQUEST request, bool write)
{
    NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS *p = buffer_of(request);
    UCHAR *data = (UCHAR *)p + p->BufferOffset;

    if (p->VFId >= pf->vfs || !pf->allocated[p->VFId] || p->Offset >= 4096 || p->Length > 4096 - p->Offset)
        return NDIS_STATUS_INVALID_PARAMETER;
    pthread_mutex_lock(&pf->lock);
    for (ULONG i = 0; i < p->Length; i++) {
        if (write)
            write_byte(pf, p->VFId, p->Offset + i, data[i]);
        else if (i + pf->short_by < p->Length)
            data[i] = pf->space[p->VFId][p->Offset + i];
    }
    pthread_mutex_unlock(&pf->lock);
    if (!write)
        read_done(pf, request, p->BufferOffset + p->Length);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS block(struct fake_pf *pf, PNDIS_OID_REQUEST request, bool write)
{
    NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS *p = buffer_of(request);
    UCHAR *data = (UCHAR *)p + p->BufferOffset;
    if (p->VFId >= pf->vfs || !pf->allocated[p->VFId] || p->BlockId >= FAKE_BLOCKS || p->Length > 128)
        return NDIS_STATUS_INVALID_PARAMETER;
    pthread_mutex_lock(&pf->lock);
    if (write)
        memcpy(pf->block[p->VFId][p->BlockId], data, p->Length);
    else if (pf->short_by < p->Length)
        memcpy(data, pf->block[p->VFId][p->BlockId], p->Length - pf->short_by);
    pthread_mutex_unlock(&pf->lock);
    if (!write)
        read_done(pf, request, p->BufferOffset + p->Length);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS act(struct fake_pf *pf, PNDIS_OID_REQUEST request)
{
    switch (request->DATA.QUERY_INFORMATION.Oid) {
    case OID_NIC_SWITCH_ALLOCATE_VF:
        return allocate(pf, request);
    case OID_NIC_SWITCH_FREE_VF:
        pf->allocated[((NDIS_NIC_SWITCH_FREE_VF_PARAMETERS *)buffer_of(request))->VFId] = false;
        return NDIS_STATUS_SUCCESS;
    case OID_SRIOV_RESET_VF:
        reset_space(pf, ((NDIS_SRIOV_RESET_VF_PARAMETERS *)buffer_of(request))->VFId);
        return NDIS_STATUS_SUCCESS;
    case OID_SRIOV_PROBED_BARS:
        return probed_bars(pf, request);
    case OID_SRIOV_BAR_RESOURCES:
        return bar_resources(pf, request);
    case OID_SRIOV_VF_VENDOR_DEVICE_ID:
        return vendor_device(pf, request);
    case OID_SRIOV_READ_VF_CONFIG_SPACE:
    case OID_SRIOV_WRITE_VF_CONFIG_SPACE:
        return space(pf, request, request->DATA.QUERY_INFORMATION.Oid == OID_SRIOV_WRITE_VF_CONFIG_SPACE);
    case OID_SRIOV_READ_VF_CONFIG_BLOCK:
    case OID_SRIOV_WRITE_VF_CONFIG_BLOCK:
        return block(pf, request, request->DATA.QUERY_INFORMATION.Oid == OID_SRIOV_WRITE_VF_CONFIG_BLOCK);
    default:
        return NDIS_STATUS_SUCCESS;
    }
}

static bool has_tail(NDIS_OID oid)
{
    return oid == OID_SRIOV_READ_VF_CONFIG_SPACE || oid == OID_SRIOV_WRITE_VF_CONFIG_SPACE ||
           oid == OID_SRIOV_READ_VF_CONFIG_BLOCK || oid == OID_SRIOV_WRITE_VF_CONFIG_BLOCK;
}

static void record(struct fake_pf *pf, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    NDIS_OID oid = request->DATA.QUERY_INFORMATION.Oid;
    struct fake_oid *at;

    pthread_mutex_lock(&pf->lock);
    at = &pf->log[pf->logged++ % 512];
    *at = (struct fake_oid){.oid = oid, .type = request->RequestType, .status = status};
    at->vf = oid == OID_NIC_SWITCH_FREE_VF ? ((NDIS_NIC_SWITCH_FREE_VF_PARAMETERS *)buffer_of(request))->VFId
                                           : ((NDIS_SRIOV_RESET_VF_PARAMETERS *)buffer_of(request))->VFId;
    if (has_tail(oid)) {
        NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS *p = buffer_of(request);
        at->offset = p->Offset;
        at->length = p->Length;
        memcpy(&at->value, (UCHAR *)p + p->BufferOffset, p->Length < 4 ? p->Length : 4);
    }
    if (oid == OID_SRIOV_SET_VF_POWER_STATE)
        at->offset = ((NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *)buffer_of(request))->PowerState;
    pthread_mutex_unlock(&pf->lock);
}

/* A PF driver that sleeps, or loops, where it should pend. */
static void block_here(struct fake_pf *pf)
{
    pthread_mutex_lock(&pf->lock);
    pf->blocked++;
    pthread_cond_broadcast(&pf->block_changed);
    while (pf->block_oid)
        pthread_cond_wait(&pf->block_changed, &pf->lock);
    pf->blocked--;
    pthread_mutex_unlock(&pf->lock);
}

void fake_pf_wait_blocked(struct fake_pf *pf)
{
    pthread_mutex_lock(&pf->lock);
    while (!pf->blocked)
        pthread_cond_wait(&pf->block_changed, &pf->lock);
    pthread_mutex_unlock(&pf->lock);
}

void fake_pf_unblock(struct fake_pf *pf)
{
    pthread_mutex_lock(&pf->lock);
    pf->block_oid = 0;
    pthread_cond_broadcast(&pf->block_changed);
    pthread_mutex_unlock(&pf->lock);
}

static NDIS_STATUS on_oid(struct nic *nic, PNDIS_OID_REQUEST request)
{
    struct fake_pf *pf = nic->user;
    NDIS_OID oid = request->DATA.QUERY_INFORMATION.Oid;
    NDIS_STATUS status;

    if (oid == pf->block_oid)
        block_here(pf);
    if (oid == pf->pend_oid) {
        record(pf, request, NDIS_STATUS_PENDING);
        return nic_pend(nic, request);
    }
    status = oid == pf->fail_oid ? pf->fail_status : act(pf, request);
    record(pf, request, status);
    return status;
}

void fake_pf_wait_pended(struct fake_pf *pf)
{
    pthread_mutex_lock(&pf->nic->lock);
    while (!pf->nic->pended)
        pthread_cond_wait(&pf->nic->changed, &pf->nic->lock);
    pthread_mutex_unlock(&pf->nic->lock);
}

void fake_pf_complete(struct fake_pf *pf, NDIS_STATUS status)
{
    PNDIS_OID_REQUEST request;

    fake_pf_wait_pended(pf);
    pthread_mutex_lock(&pf->nic->lock);
    request = pf->nic->pended;
    pf->nic->pended = NULL;
    pthread_mutex_unlock(&pf->nic->lock);
    if (status == NDIS_STATUS_SUCCESS)
        status = act(pf, request);
    NdisMOidRequestComplete(pf->nic->handle, request, status);
}

/* ---- life and looking --------------------------------------------------------------------------------------- */

struct fake_pf *fake_pf_create(const struct fake_device *device)
{
    return fake_pf_create_large(device, FAKE_VFS);
}

struct fake_pf *fake_pf_create_large(const struct fake_device *device, unsigned vfs)
{
    struct fake_pf *pf = calloc(1, sizeof *pf);

    assert_non_null(pf);
    pf->vfs = vfs;
    pthread_cond_init(&pf->block_changed, NULL);
    pf->device = device;
    pf->vf_id = -1;
    pthread_mutex_init(&pf->lock, NULL);
    pf->nic = nic_create(FAKE_HOST);
    pf->nic->user = pf;
    pf->nic->on_oid = on_oid;
    if (vfs > pf->nic->nic_switch.MaxNumVFs) {
        pf->nic->nic_switch.MaxNumVFs = vfs;
        pf->nic->nic_switch.MaxNumVPorts = vfs + 1;
        pf->nic->nic_switch.MaxNumQueuePairs = vfs + 1;
        pf->nic->nic_switch.MaxNumMacAddresses = vfs + 1;
    }
    assert_int_equal(nic_load(pf->nic), STATUS_SUCCESS);
    assert_int_equal(nic_add(pf->nic), STATUS_SUCCESS);
    assert_int_equal(nic_start(pf->nic), STATUS_SUCCESS);
    return pf;
}

void fake_pf_destroy(struct fake_pf *pf)
{
    nic_destroy(pf->nic);
    pthread_cond_destroy(&pf->block_changed);
    pthread_mutex_destroy(&pf->lock);
    free(pf);
}

void fake_pf_clear_log(struct fake_pf *pf)
{
    pthread_mutex_lock(&pf->lock);
    pf->logged = 0;
    pthread_mutex_unlock(&pf->lock);
}

unsigned fake_pf_seen(struct fake_pf *pf, NDIS_OID oid, struct fake_oid *last)
{
    unsigned count = 0;

    pthread_mutex_lock(&pf->lock);
    for (unsigned i = 0; i < pf->logged && i < 512; i++) {
        if (pf->log[i].oid != oid)
            continue;
        count++;
        if (last)
            *last = pf->log[i];
    }
    pthread_mutex_unlock(&pf->lock);
    return count;
}

void fake_pf_invalidate(struct fake_pf *pf, USHORT vf, ULONG64 mask)
{
    NdisMInvalidateConfigBlock(pf->nic->handle, vf, mask);
}

uint32_t fake_pf_dword(struct fake_pf *pf, USHORT vf, unsigned offset)
{
    uint32_t value;
    pthread_mutex_lock(&pf->lock);
    memcpy(&value, pf->space[vf] + offset, sizeof value);
    pthread_mutex_unlock(&pf->lock);
    return value;
}

void fake_pf_poke(struct fake_pf *pf, USHORT vf, unsigned offset, uint32_t value)
{
    pthread_mutex_lock(&pf->lock);
    memcpy(pf->space[vf] + offset, &value, sizeof value);
    pthread_mutex_unlock(&pf->lock);
}

void fake_pf_fill_block(struct fake_pf *pf, USHORT vf, unsigned block, UCHAR byte)
{
    pthread_mutex_lock(&pf->lock);
    memset(pf->block[vf][block], byte, sizeof pf->block[vf][block]);
    pthread_mutex_unlock(&pf->lock);
}

UCHAR fake_pf_block_byte(struct fake_pf *pf, USHORT vf, unsigned block, unsigned at)
{
    pthread_mutex_lock(&pf->lock);
    UCHAR byte = pf->block[vf][block][at];
    pthread_mutex_unlock(&pf->lock);
    return byte;
}

unsigned fake_pf_logged(struct fake_pf *pf)
{
    pthread_mutex_lock(&pf->lock);
    unsigned logged = pf->logged;
    pthread_mutex_unlock(&pf->lock);
    return logged;
}

struct vstack *fake_pf_stack(struct fake_pf *pf)
{
    struct vstack *stack;
    assert_int_equal(vstack_create(pf->nic->adapter, &stack), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, pf->vfs), NDIS_STATUS_SUCCESS);
    return stack;
}

struct vstack_vf *fake_pf_vf(struct vstack *stack)
{
    const struct vstack_vf_options options = {.vm_name = "guest 1", .mac = {2, 0, 0, 0, 0, 1}};
    struct vstack_vf *vf;
    assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_SUCCESS);
    return vf;
}
