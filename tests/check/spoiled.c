/* SPDX-License-Identifier: MIT
 *
 * refnic with one OID of its miniport spoiled: linked with refnic's own files, in which NdisMRegisterMiniportDriver is
 * renamed to spoiled_register (meson.build).
 */
#include <ndis.h>

#undef NdisMRegisterMiniportDriver
NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                                        PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle);

static MINIPORT_OID_REQUEST_HANDLER handler;

/* Crashes where a VF should be put to sleep. */
#ifdef SPOILED_CRASHES
#define SPOILED_OID OID_SRIOV_SET_VF_POWER_STATE
static VOID spoil_it(PNDIS_OID_REQUEST request)
{
    const NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *given = request->DATA.SET_INFORMATION.InformationBuffer;
    int *volatile nowhere = (int *)16;

    if (request->DATA.SET_INFORMATION.InformationBufferLength >= sizeof(*given) &&
        given->PowerState == NdisDeviceStateD3)
        *nowhere = 1;
}
#endif

/* Never comes back from asking for IDs. */
#ifdef SPOILED_HANGS
#define SPOILED_OID OID_SRIOV_VF_VENDOR_DEVICE_ID
static VOID spoil_it(PNDIS_OID_REQUEST request)
{
    UNREFERENCED_PARAMETER(request);
    for (volatile int forever = 1; forever;)
        ;
}
#endif

/* Believes that memory never runs out. */
#ifdef SPOILED_TRUSTS
#define SPOILED_OID OID_NIC_SWITCH_ALLOCATE_VF
static VOID spoil_it(PNDIS_OID_REQUEST request)
{
    volatile UCHAR *memory = ExAllocatePoolWithTag(NonPagedPool, 16, 'liop');

    UNREFERENCED_PARAMETER(request);
    memory[0] = 1;
    ExFreePoolWithTag((PVOID)memory, 'liop');
}
#endif

/* The process is not the driver's to end. */
#ifdef SPOILED_EXITS
#define SPOILED_OID OID_SRIOV_RESET_VF
_Noreturn void _exit(int status);
static VOID spoil_it(PNDIS_OID_REQUEST request)
{
    UNREFERENCED_PARAMETER(request);
    _exit(0);
}
#endif

static NDIS_STATUS spoiled_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
    if (request->DATA.Oid == SPOILED_OID)
        spoil_it(request);
    return handler(context, request);
}

NDIS_STATUS spoiled_register(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                             PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle)
{
    handler = miniport->OidRequestHandler;
    miniport->OidRequestHandler = spoiled_request;
    return NdisMRegisterMiniportDriver(driver, path, context, miniport, handle);
}
