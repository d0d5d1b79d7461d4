/* SPDX-License-Identifier: MIT
 *
 * Loads a test driver (driver.h, in C or in C++) into an NDIS of a few lines, to see that what its headers gave it
 * agrees with what this side, built for the newest NDIS, reads.
 */
#include "test.h"
#include <ndis.h>

static NDIS_MINIPORT_DRIVER_CHARACTERISTICS registered;
static NDIS_HANDLE context;
static int allocated, deregistered;
static UCHAR vf_space[16];
static NDIS_SRIOV_FUNCTION_ID written_vf;

DRIVER_INITIALIZE DriverEntry;

NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE driver_context,
                                        PNDIS_MINIPORT_DRIVER_CHARACTERISTICS characteristics, PNDIS_HANDLE handle)
{
    (void)driver, (void)path, (void)driver_context;
    memcpy(&registered, characteristics, characteristics->Header.Size);
    *handle = &registered;
    return NDIS_STATUS_SUCCESS;
}

VOID NdisMDeregisterMiniportDriver(NDIS_HANDLE handle)
{
    deregistered = handle == &registered;
}

PVOID NdisAllocateMemoryWithTagPriority(NDIS_HANDLE handle, UINT length, ULONG tag, EX_POOL_PRIORITY priority)
{
    (void)handle, (void)priority;
    allocated += tag != 0;
    return malloc(length);
}

VOID NdisFreeMemory(PVOID memory, UINT length, UINT flags)
{
    (void)length, (void)flags;
    allocated--;
    free(memory);
}

NDIS_STATUS NdisMSetMiniportAttributes(NDIS_HANDLE handle, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES attributes)
{
    (void)handle;
    if (attributes->RegistrationAttributes.InterfaceType != NdisInterfacePci)
        return NDIS_STATUS_FAILURE;
    context = attributes->RegistrationAttributes.MiniportAdapterContext;
    return NDIS_STATUS_SUCCESS;
}

ULONG NdisMGetBusData(NDIS_HANDLE handle, ULONG space, ULONG offset, PVOID buffer, ULONG length)
{
    static const UCHAR header[64] = {0x86, 0x80, 0xc9, 0x10, [0x10] = 0x04, [0x13] = 0xf0};

    (void)handle;
    if (space != PCI_WHICHSPACE_CONFIG || offset != 0 || length > sizeof(header))
        return 0;
    memcpy(buffer, header, length);
    return length;
}

ULONG NdisMSetVirtualFunctionBusData(NDIS_HANDLE handle, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset,
                                     ULONG length)
{
    (void)handle;
    if (offset + length > sizeof(vf_space))
        return 0;
    written_vf = vf;
    memcpy(vf_space + offset, buffer, length);
    return length;
}

VOID NdisMSendNetBufferListsComplete(NDIS_HANDLE handle, PNET_BUFFER_LIST lists, ULONG flags)
{
    (void)handle, (void)flags;
    for (; lists != NULL; lists = lists->Next)
        assert_int_equal(lists->Status, NDIS_STATUS_PAUSED);
}

VOID RtlInitializeBitMap(PRTL_BITMAP map, PULONG buffer, ULONG size)
{
    map->Buffer = buffer;
    map->SizeOfBitMap = size;
}

static NDIS_STATUS write_config_space(NDIS_SRIOV_FUNCTION_ID vf, ULONG offset, UCHAR value, UINT length, PUINT needed)
{
    struct {
        NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS parameters;
        UCHAR value;
    } block = {{{NDIS_OBJECT_TYPE_DEFAULT, 1, 20}, vf, offset, 1, 20}, value};
    NDIS_OID_REQUEST request;
    NDIS_STATUS status;

    memset(&request, 0, sizeof(request));
    request.RequestType = NdisRequestSetInformation;
    request.DATA.SET_INFORMATION.Oid = OID_SRIOV_WRITE_VF_CONFIG_SPACE;
    request.DATA.SET_INFORMATION.InformationBuffer = &block;
    request.DATA.SET_INFORMATION.InformationBufferLength = length;
    status = registered.OidRequestHandler(context, &request);
    *needed = request.DATA.SET_INFORMATION.BytesNeeded;
    return status;
}

static void a_driver_and_this_side_agree_on_every_structure_they_share(void **state)
{
    UNICODE_STRING path = {0, 0, NULL};
    NET_BUFFER_LIST list;
    UINT needed = 0;

    (void)state;
    assert_int_equal(DriverEntry(NULL, &path), STATUS_SUCCESS);
    assert_int_equal(registered.MajorNdisVersion, 6);
    assert_int_equal(registered.InitializeHandlerEx(NULL, NULL, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(allocated, 1);
    assert_int_equal(write_config_space(3, 4, 0x06, 21, &needed), NDIS_STATUS_SUCCESS);
    assert_int_equal(written_vf, 3);
    assert_int_equal(vf_space[4], 0x06);
    assert_int_equal(write_config_space(3, 5, 0x55, 19, &needed), NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(needed, 20);
    assert_int_equal(vf_space[5], 0);
    memset(&list, 0, sizeof(list));
    registered.SendNetBufferListsHandler(context, &list, 0, 0);
    assert_int_equal(list.Status, NDIS_STATUS_PAUSED);
    registered.HaltHandlerEx(context, NdisHaltDeviceDisabled);
    assert_int_equal(allocated, 0);
    registered.UnloadHandler(NULL);
    assert_true(deregistered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_driver_and_this_side_agree_on_every_structure_they_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
