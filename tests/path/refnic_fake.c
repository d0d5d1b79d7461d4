/* SPDX-License-Identifier: MIT
 *
 * The stand-in's card, and how a test drives a miniport through its life and its OIDs.
 */
#include "refnic_fake_card.h"

#include <dlfcn.h>
#include <stdlib.h>

struct fake *fake;

static NDIS_HANDLE const handle = &fake;

/* ---- the card -------------------------------------------------------------------------------------------------------
 */

static void put16(UCHAR *config, unsigned offset, unsigned value)
{
    config[offset] = (UCHAR)value;
    config[offset + 1] = (UCHAR)(value >> 8);
}

static void put32(UCHAR *config, unsigned offset, ULONG value)
{
    put16(config, offset, value & 0xFFFF);
    put16(config, offset + 2, value >> 16);
}

static unsigned get16(const UCHAR *config, unsigned offset)
{
    return config[offset] | (unsigned)config[offset + 1] << 8;
}

static void reset_vf(UCHAR *config)
{
    memset(config, 0, 4096);
    put32(config, 0x00, 0xFFFFFFFF);
    put16(config, 0x06, 0x0010);
    put32(config, 0x08, 0x02000001);
    config[0x34] = FAKE_EXPRESS;
    put16(config, FAKE_EXPRESS, FAKE_MSIX << 8 | 0x10);
    put32(config, FAKE_EXPRESS + 4, 0x10008020);
    put16(config, FAKE_MSIX, (fake->has_pm ? FAKE_PM : 0) << 8 | 0x11);
    put16(config, FAKE_MSIX + 2, 5);
    put16(config, FAKE_PM, 0x01);
    put32(config, 0x100, 0x00010001);
}

static void reset_pf(UCHAR *config)
{
    put32(config, 0x00, 0x10c98086);
    put16(config, 0x06, 0x0010);
    put32(config, 0x08, 0x02000001);
    put32(config, 0x100, FAKE_SRIOV << 20 | 0x10001);
    put32(config, FAKE_SRIOV, 0x10010);
    put16(config, FAKE_SRIOV + 0x0E, FAKE_VFS);
    put16(config, FAKE_SRIOV + 0x1A, 0x10ca);
}

/* Writable bits of a VF: Bus Master (and Memory in a guest's view), MSI-X Enable and Mask, PowerState. */
static unsigned writable(unsigned offset)
{
    switch (offset) {
    case 0x04:
        return fake->partition == NdisHypervisorPartitionMsHvChild ? 0x06 : 0x04;
    case FAKE_MSIX + 3:
        return fake->msix_stuck ? 0x40 : 0xC0;
    case FAKE_PM + 4:
        return fake->has_pm ? 0x03 : 0;
    default:
        return 0;
    }
}

void fake_write(UCHAR *config, unsigned offset, const UCHAR *data, unsigned length)
{
    bool flr = false;
    for (unsigned i = 0; i < length; i++) {
        unsigned mask = writable(offset + i);
        config[offset + i] = (UCHAR)((config[offset + i] & ~mask) | (data[i] & mask));
        flr = flr || (offset + i == FAKE_EXPRESS + 9 && (data[i] & 0x80));
    }
    if (flr && !fake->flr_ignored) {
        fake->resets++;
        reset_vf(config);
    }
}

USHORT fake_vf16(unsigned vf, unsigned offset)
{
    return (USHORT)get16(fake->vf_config[vf], offset);
}

void fake_enable(unsigned num_vfs)
{
    if (num_vfs)
        fake->enables++;
    else
        fake->disables++;
    fake->num_vfs = num_vfs;
    put16(fake->config, FAKE_SRIOV + 0x08, num_vfs ? 9 : 0);
    put16(fake->config, FAKE_SRIOV + 0x10, num_vfs);
    for (unsigned i = 0; i < num_vfs; i++)
        reset_vf(fake->vf_config[i]);
}

/* ---- calls that fail
 * -------------------------------------------------------------------------------------------------- */

void fake_mistake(const char *what)
{
    print_error("refnic did: %s\n", what);
    fake->mistakes++;
}

void fake_entered(const char *routine)
{
    if (fake->locks)
        fake_mistake(routine);
}

/* True when this is the call that shall fail. */
bool fake_fails(const char *routine)
{
    fake_entered(routine);
    return ++fake->calls == fake->fail_at;
}

/* ---- life
 * ------------------------------------------------------------------------------------------------------------- */

void fake_create(void)
{
    fake = calloc(1, sizeof(*fake));
    assert_non_null(fake);
    fake->partition = NdisHypervisorPartitionTypeMsHvParent;
    fake->sriov_keyword = fake->num_vfs_keyword = -1;
}

void fake_destroy(void)
{
    assert_null(fake->context);
    assert_int_equal(fake->allocations, 0);
    assert_int_equal(fake->locks, 0);
    assert_int_equal(fake->mistakes, 0);
    free(fake);
    fake = NULL;
}

static NDIS_STATUS enter_driver(void)
{
    PDRIVER_INITIALIZE entry = (PDRIVER_INITIALIZE)dlsym(fake->module, "DriverEntry");
    static DRIVER_OBJECT driver;
    static UNICODE_STRING path;
    assert_non_null(entry);
    return entry(&driver, &path);
}

static NDIS_STATUS initialize(void)
{
    union {
        NDIS_RESOURCE_LIST list;
        UCHAR bytes[sizeof(NDIS_RESOURCE_LIST) + 4 * sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR)];
    } resources = {.list = {.Version = 1, .Revision = 1, .Count = 4}};
    const ULONG64 starts[] = {0xfe800000, 0, FAKE_WINDOW, FAKE_WINDOW + FAKE_VFS * FAKE_BAR_SIZE};
    NDIS_MINIPORT_INIT_PARAMETERS parameters = {.AllocatedResources = &resources.list, .IfIndex = 7};
    for (unsigned i = 0; i < 4; i++) {
        PCM_PARTIAL_RESOURCE_DESCRIPTOR descriptor = resources.list.PartialDescriptors + i;
        descriptor->Type = i == 1 ? CmResourceTypeInterrupt : CmResourceTypeMemory;
        descriptor->u.Memory.Start.QuadPart = (LONGLONG)starts[i];
        descriptor->u.Memory.Length = FAKE_VFS * FAKE_BAR_SIZE;
    }
    return fake->miniport.InitializeHandlerEx(handle, NULL, &parameters);
}

NDIS_STATUS fake_start(const char *path)
{
    if (fake->partition == NdisHypervisorPartitionMsHvChild) {
        reset_vf(fake->config);
        put32(fake->config, 0, 0x10ca8086);
    } else if (!fake->no_capability) {
        reset_pf(fake->config);
    } else {
        put32(fake->config, 0x00, 0x10c98086);
    }
    fake->module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!fake->module)
        fail_msg("%s", dlerror());
    NDIS_STATUS status = enter_driver();
    if (status == NDIS_STATUS_SUCCESS) {
        status = initialize();
        if (status == NDIS_STATUS_SUCCESS) {
            NDIS_MINIPORT_RESTART_PARAMETERS parameters = {0};
            assert_int_equal(fake->miniport.RestartHandler(fake->context, &parameters), NDIS_STATUS_SUCCESS);
            return status;
        }
        fake->miniport.UnloadHandler(NULL);
    }
    fake->context = NULL;
    dlclose(fake->module);
    return status;
}

void fake_stop(NDIS_HALT_ACTION action)
{
    NDIS_MINIPORT_PAUSE_PARAMETERS parameters = {0};
    assert_int_equal(fake->miniport.PauseHandler(fake->context, &parameters), NDIS_STATUS_SUCCESS);
    fake->miniport.HaltHandlerEx(fake->context, action);
    fake->miniport.UnloadHandler(NULL);
    fake->context = NULL;
    dlclose(fake->module);
}

#define CANARY 64

NDIS_STATUS fake_oid(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG input, ULONG output, ULONG *needed,
                     ULONG *done)
{
    ULONG room = input > output ? input : output;
    UCHAR *copy = room ? malloc(room + CANARY) : NULL;
    NDIS_OID_REQUEST request = {.RequestType = type};
    bool method = type == NdisRequestMethod;
    if (copy) {
        memcpy(copy, buffer, room);
        memset(copy + room, 0xCA, CANARY);
    }
    request.DATA.Oid = oid;
    request.DATA.SET_INFORMATION.InformationBuffer = copy;
    if (method) {
        request.DATA.METHOD_INFORMATION.InputBufferLength = input;
        request.DATA.METHOD_INFORMATION.OutputBufferLength = output;
    } else {
        request.DATA.SET_INFORMATION.InformationBufferLength = input;
    }
    NDIS_STATUS status = fake->miniport.OidRequestHandler(fake->context, &request);
    ULONG read = method ? request.DATA.METHOD_INFORMATION.BytesRead : request.DATA.SET_INFORMATION.BytesRead;
    ULONG written = method ? request.DATA.METHOD_INFORMATION.BytesWritten : read;
    assert_int_not_equal(status, NDIS_STATUS_PENDING);
    assert_int_equal(fake->locks, 0);
    assert_true(read <= input && written <= (method ? output : input));
    if (status == NDIS_STATUS_SUCCESS && type == NdisRequestSetInformation && oid >> 16 == 1 && input >= 6 &&
        copy[0] == NDIS_OBJECT_TYPE_DEFAULT)
        assert_true(request.SupportedRevision >= 1);
    if (needed)
        *needed = method ? request.DATA.METHOD_INFORMATION.BytesNeeded : request.DATA.SET_INFORMATION.BytesNeeded;
    if (done)
        *done = type == NdisRequestSetInformation ? read : written;
    for (unsigned i = 0; copy && i < CANARY; i++)
        assert_int_equal(copy[room + i], 0xCA);
    if (copy)
        memcpy(buffer, copy, room);
    free(copy);
    return status;
}
