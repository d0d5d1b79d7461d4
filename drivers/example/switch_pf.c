/* SPDX-License-Identifier: MIT
 *
 * A PF miniport in 100 lines of code: it starts, has a NIC switch with up to four VFs, and stops.
 */
#include <ndis.h>

#define VFS 4
#define TAG 0x68637453 /* "Stch" */
#define HEADER(type, name)                                                                                             \
    {                                                                                                                  \
        NDIS_OBJECT_TYPE_##type, NDIS_##name, NDIS_SIZEOF_##name                                                       \
    }
#define SET(handle, given) NdisMSetMiniportAttributes(handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)(given))

struct nic {
    NDIS_HANDLE handle;
    BOOLEAN has_switch;
    ULONG vfs; /* of the switch */
};
static NDIS_HANDLE driver;

/* Registration, general, then what the card can do: one switch, and a VPort for the PF and each VF. */
static NDIS_STATUS initialize(NDIS_HANDLE handle, NDIS_HANDLE context, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration = {
        HEADER(MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1)};
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES general = {
        HEADER(MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2)};
    NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES assist = {
        HEADER(MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES, MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3)};
    NDIS_SRIOV_CAPABILITIES sriov = {HEADER(DEFAULT, SRIOV_CAPABILITIES_REVISION_1)};
    NDIS_NIC_SWITCH_CAPABILITIES can = {HEADER(DEFAULT, NIC_SWITCH_CAPABILITIES_REVISION_2)};
    struct nic *nic = NdisAllocateMemoryWithTagPriority(handle, sizeof(*nic), TAG, NormalPoolPriority);

    if (!nic)
        return NDIS_STATUS_RESOURCES;
    *nic = (struct nic){.handle = handle};
    registration.MiniportAdapterContext = nic;
    sriov.SriovCapabilities = NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_PF_MINIPORT;
    can.MaxNumSwitches = can.MaxNumQueuePairsPerNonDefaultVPort = 1;
    can.MaxNumVFs = VFS;
    can.MaxNumVPorts = can.MaxNumQueuePairs = can.MaxNumMacAddresses = VFS + 1;
    assist.HardwareSriovCapabilities = assist.CurrentSriovCapabilities = &sriov;
    assist.HardwareNicSwitchCapabilities = assist.CurrentNicSwitchCapabilities = &can;
    if (!SET(handle, &registration) && !SET(handle, &general) && !SET(handle, &assist))
        return NDIS_STATUS_SUCCESS;
    NdisFreeMemory(nic, 0, 0);
    return NDIS_STATUS_FAILURE;
}
static VOID halt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    NdisFreeMemory(context, 0, 0);
}
static VOID unload(PDRIVER_OBJECT object)
{
    NdisMDeregisterMiniportDriver(driver);
}

/* A request that is long enough and has a good header. */
static NDIS_STATUS change_switch(struct nic *nic, BOOLEAN create, PVOID buffer)
{
    const NDIS_NIC_SWITCH_PARAMETERS *made = buffer;
    const NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS *deleted = buffer;
    USHORT name = create ? made->SwitchFriendlyName.Length : 0, vfs = create ? (USHORT)made->NumVFs : 0;

    if (nic->has_switch == create || (create ? made->SwitchId : deleted->SwitchId) != NDIS_DEFAULT_SWITCH_ID ||
        name % 2 || name > 2 * NDIS_IF_MAX_STRING_SIZE ||
        (create && (made->SwitchType != NdisNicSwitchTypeExternal || made->NumVFs > VFS)))
        return NDIS_STATUS_INVALID_PARAMETER;
    if ((vfs || nic->vfs) && NdisMEnableVirtualization(nic->handle, vfs, FALSE, FALSE, create))
        return NDIS_STATUS_FAILURE;
    nic->has_switch = create;
    nic->vfs = vfs;
    return NDIS_STATUS_SUCCESS;
}
/* Two OIDs. Their type, length and header first: only then may the buffer be read. */
static NDIS_STATUS oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
    BOOLEAN create = request->DATA.Oid == OID_NIC_SWITCH_CREATE_SWITCH;
    ULONG size =
        create ? NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1 : sizeof(NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS);
    NDIS_OBJECT_HEADER *header = request->DATA.SET_INFORMATION.InformationBuffer;
    UINT *needed = create ? &request->DATA.METHOD_INFORMATION.BytesNeeded : &request->DATA.SET_INFORMATION.BytesNeeded;

    if ((!create && request->DATA.Oid != OID_NIC_SWITCH_DELETE_SWITCH) ||
        request->RequestType != (create ? NdisRequestMethod : NdisRequestSetInformation))
        return NDIS_STATUS_NOT_SUPPORTED;
    if (!header || request->DATA.SET_INFORMATION.InformationBufferLength < size) {
        *needed = size;
        return NDIS_STATUS_INVALID_LENGTH;
    }
    if (header->Type != NDIS_OBJECT_TYPE_DEFAULT || header->Revision < 1 || header->Size < size)
        return NDIS_STATUS_INVALID_PARAMETER;
    return change_switch(context, create, header);
}

static NDIS_STATUS pause(NDIS_HANDLE context, PNDIS_MINIPORT_PAUSE_PARAMETERS parameters)
{
    return NDIS_STATUS_SUCCESS;
}
static NDIS_STATUS restart(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS parameters)
{
    return NDIS_STATUS_SUCCESS;
}
static VOID send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags)
{
    NdisMSendNetBufferListsComplete(((struct nic *)context)->handle, lists, 0); /* there is no wire */
}
/* Nothing is pended or indicated, no hardware runs: nothing to cancel, to take back, or to stop. */
static VOID take_back(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags)
{
}
static VOID cancel(NDIS_HANDLE context, PVOID id)
{
}
static VOID hear(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event)
{
}
static VOID shut_down(NDIS_HANDLE context, NDIS_SHUTDOWN_ACTION action)
{
}

NTSTATUS DriverEntry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS handlers = {
        .Header = HEADER(MINIPORT_DRIVER_CHARACTERISTICS, MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2),
        .MajorNdisVersion = NDIS_MINIPORT_MAJOR_VERSION,
        .MinorNdisVersion = NDIS_MINIPORT_MINOR_VERSION,
        .InitializeHandlerEx = initialize,
        .HaltHandlerEx = halt,
        .UnloadHandler = unload,
        .PauseHandler = pause,
        .RestartHandler = restart,
        .OidRequestHandler = oid_request,
        .SendNetBufferListsHandler = send,
        .ReturnNetBufferListsHandler = take_back,
        .CancelSendHandler = cancel,
        .ShutdownHandlerEx = shut_down,
        .DevicePnPEventNotifyHandler = hear,
        .CancelOidRequestHandler = cancel};

    return NdisMRegisterMiniportDriver(object, path, NULL, &handlers, &driver);
}
