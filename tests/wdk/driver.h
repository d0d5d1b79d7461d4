/* SPDX-License-Identifier: MIT
 *
 * The body of the test driver, the same for C and C++. It is written as drivers are: it brings its own uint32_t, min
 * and friends, includes in either spelling, and declares again what it calls. The file that includes this has included
 * the headers before.
 */

#define TEST_TAG 'TsFV'

typedef struct _ADAPTER {
    NDIS_HANDLE Handle;
    volatile long Requests; /* a `long`, as drivers have it */
    RTL_BITMAP Vfs;
    unsigned long VfBits[4];
    PCI_COMMON_CONFIG Config;
} ADAPTER, *PADAPTER;

static NDIS_HANDLE DriverHandle;

DRIVER_INITIALIZE DriverEntry;
static MINIPORT_UNLOAD TestUnload;
static MINIPORT_INITIALIZE TestInitialize;
static MINIPORT_HALT TestHalt;
static MINIPORT_OID_REQUEST TestOidRequest;
static MINIPORT_PAUSE TestPause;
static MINIPORT_RESTART TestRestart;
static MINIPORT_SEND_NET_BUFFER_LISTS TestSend;
static MINIPORT_RETURN_NET_BUFFER_LISTS TestReturn;
static MINIPORT_CANCEL_SEND TestCancelSend;
static MINIPORT_DEVICE_PNP_EVENT_NOTIFY TestPnPEvent;
static MINIPORT_SHUTDOWN TestShutdown;
static MINIPORT_CANCEL_OID_REQUEST TestCancelOid;

static const WCHAR TestKeyword[] = L"*SRIOV";

_Use_decl_annotations_ static NDIS_STATUS TestInitialize(NDIS_HANDLE NdisMiniportHandle, NDIS_HANDLE DriverContext,
                                                         PNDIS_MINIPORT_INIT_PARAMETERS Parameters)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES attributes;
    NDIS_STRING keyword = NDIS_STRING_CONST("*SRIOV");
    PADAPTER adapter;

    UNREFERENCED_PARAMETER(DriverContext);
    UNREFERENCED_PARAMETER(Parameters);
    if (keyword.Length != wcslen(TestKeyword) * sizeof(WCHAR))
        return NDIS_STATUS_FAILURE;
    adapter =
        (PADAPTER)NdisAllocateMemoryWithTagPriority(NdisMiniportHandle, sizeof(*adapter), TEST_TAG, NormalPoolPriority);
    if (adapter == NULL)
        return NDIS_STATUS_RESOURCES;
    NdisZeroMemory(adapter, sizeof(*adapter));
    adapter->Handle = NdisMiniportHandle;
    RtlInitializeBitMap(&adapter->Vfs, adapter->VfBits, 64);
    NdisZeroMemory(&attributes, sizeof(attributes));
    attributes.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    attributes.Header.Revision = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    attributes.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    attributes.MiniportAdapterContext = adapter;
    attributes.AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE | NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER;
    attributes.InterfaceType = NdisInterfacePci;
    if (NdisMGetBusData(NdisMiniportHandle, PCI_WHICHSPACE_CONFIG, 0, &adapter->Config, PCI_COMMON_HDR_LENGTH) !=
            PCI_COMMON_HDR_LENGTH ||
        adapter->Config.VendorID == PCI_INVALID_VENDORID || adapter->Config.u.type0.BaseAddresses[0] == 0) {
        NdisFreeMemory(adapter, 0, 0);
        return NDIS_STATUS_ADAPTER_NOT_FOUND;
    }
    return NdisMSetMiniportAttributes(NdisMiniportHandle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&attributes);
}

static VOID TestHalt(NDIS_HANDLE Context, NDIS_HALT_ACTION Action)
{
    UNREFERENCED_PARAMETER(Action);
    NdisFreeMemory(Context, 0, 0);
}

static NDIS_STATUS TestOidRequest(NDIS_HANDLE Context, PNDIS_OID_REQUEST Request)
{
    PADAPTER adapter = (PADAPTER)Context;
    PNDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS write;
    uint32_t written;

    InterlockedIncrement(&adapter->Requests);
    if (Request->DATA.Oid != OID_SRIOV_WRITE_VF_CONFIG_SPACE || Request->RequestType != NdisRequestSetInformation)
        return NDIS_STATUS_NOT_SUPPORTED;
    if (Request->DATA.SET_INFORMATION.InformationBufferLength <
        NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS_REVISION_1) {
        Request->DATA.SET_INFORMATION.BytesNeeded = sizeof(*write);
        return NDIS_STATUS_INVALID_LENGTH;
    }
    write = (PNDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS)Request->DATA.SET_INFORMATION.InformationBuffer;
    written = NdisMSetVirtualFunctionBusData(adapter->Handle, write->VFId, (uint8_t *)write + write->BufferOffset,
                                             write->Offset, write->Length);
    Request->DATA.SET_INFORMATION.BytesRead =
        min(Request->DATA.SET_INFORMATION.InformationBufferLength, write->BufferOffset + written);
    return written == write->Length ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
}

static NDIS_STATUS TestPause(NDIS_HANDLE Context, PNDIS_MINIPORT_PAUSE_PARAMETERS Parameters)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Parameters);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS TestRestart(NDIS_HANDLE Context, PNDIS_MINIPORT_RESTART_PARAMETERS Parameters)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Parameters);
    return NDIS_STATUS_SUCCESS;
}

static VOID TestSend(NDIS_HANDLE Context, PNET_BUFFER_LIST Lists, NDIS_PORT_NUMBER Port, ULONG Flags)
{
    PADAPTER adapter = (PADAPTER)Context;
    PNET_BUFFER_LIST list;

    UNREFERENCED_PARAMETER(Port);
    for (list = Lists; list != NULL; list = NET_BUFFER_LIST_NEXT_NBL(list))
        NET_BUFFER_LIST_STATUS(list) = NDIS_STATUS_PAUSED;
    NdisMSendNetBufferListsComplete(adapter->Handle, Lists, Flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL);
}

static VOID TestReturn(NDIS_HANDLE Context, PNET_BUFFER_LIST Lists, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Lists);
    UNREFERENCED_PARAMETER(Flags);
}

static VOID TestCancelSend(NDIS_HANDLE Context, PVOID Id)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Id);
}

static VOID TestPnPEvent(NDIS_HANDLE Context, PNET_DEVICE_PNP_EVENT Event)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Event);
}

static VOID TestShutdown(NDIS_HANDLE Context, NDIS_SHUTDOWN_ACTION Action)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Action);
}

static VOID TestCancelOid(NDIS_HANDLE Context, PVOID Id)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Id);
}

static VOID TestUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NdisMDeregisterMiniportDriver(DriverHandle);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS c;

    NdisZeroMemory(&c, sizeof(c));
    c.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS;
    c.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    c.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    c.MajorNdisVersion = NDIS_MINIPORT_MAJOR_VERSION;
    c.MinorNdisVersion = NDIS_MINIPORT_MINOR_VERSION;
    c.InitializeHandlerEx = TestInitialize;
    c.HaltHandlerEx = TestHalt;
    c.UnloadHandler = TestUnload;
    c.PauseHandler = TestPause;
    c.RestartHandler = TestRestart;
    c.OidRequestHandler = TestOidRequest;
    c.SendNetBufferListsHandler = TestSend;
    c.ReturnNetBufferListsHandler = TestReturn;
    c.CancelSendHandler = TestCancelSend;
    c.DevicePnPEventNotifyHandler = TestPnPEvent;
    c.ShutdownHandlerEx = TestShutdown;
    c.CancelOidRequestHandler = TestCancelOid;
    return NdisMRegisterMiniportDriver(DriverObject, RegistryPath, NULL, &c, &DriverHandle);
}
