/* SPDX-License-Identifier: MIT
 *
 * refnic with one handler of its miniport spoiled: linked with refnic's own files, in which NdisMRegisterMiniportDriver
 * is renamed to spoiled_register (meson.build).
 */
#include <ndis.h>

#undef NdisMRegisterMiniportDriver
NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                                        PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle);

static MINIPORT_OID_REQUEST_HANDLER handler;
static int *volatile nowhere __attribute__((unused)) = (int *)16;

/* Crashes where a VF should be put to sleep. */
#ifdef SPOILED_CRASHES
#define SPOILED_OID OID_SRIOV_SET_VF_POWER_STATE
static VOID spoil_it(PNDIS_OID_REQUEST request)
{
    const NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *given = request->DATA.SET_INFORMATION.InformationBuffer;

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

/* Frees what is on its stack. */
#ifdef SPOILED_FREES
#define SPOILED_OID OID_SRIOV_RESET_VF
static VOID spoil_it(PNDIS_OID_REQUEST request)
{
    ULONG local[4] = {0};

    UNREFERENCED_PARAMETER(request);
    NdisFreeMemory(local, 0, 0);
}
#endif

/* Takes an MDL for each request. */
#ifdef SPOILED_LEAKS
#define SPOILED_OID OID_SRIOV_RESET_VF
static VOID spoil_it(PNDIS_OID_REQUEST request)
{
    (VOID) IoAllocateMdl(request, sizeof(*request), FALSE, FALSE, NULL);
}
#endif

/* A processor exception that is no fault of memory. */
#ifdef SPOILED_TRAPS
#define SPOILED_OID OID_SRIOV_RESET_VF
static VOID spoil_it(PNDIS_OID_REQUEST request)
{
    UNREFERENCED_PARAMETER(request);
    __builtin_trap();
}
#endif

/* Reads on behind the end of what it was given. */
#ifdef SPOILED_OVERRUNS
#define SPOILED_OID OID_SRIOV_RESET_VF
static VOID spoil_it(PNDIS_OID_REQUEST request)
{
    const volatile UCHAR *bytes = request->DATA.SET_INFORMATION.InformationBuffer;

    (VOID) bytes[request->DATA.SET_INFORMATION.InformationBufferLength + 4096];
}
#endif

/* Refuses what it should do. */
#ifdef SPOILED_REFUSES
#define SPOILED_OID    OID_NIC_SWITCH_ALLOCATE_VF
#define SPOILED_STATUS NDIS_STATUS_RESOURCES
#endif
#ifdef SPOILED_DECLINES
#define SPOILED_OID    OID_NIC_SWITCH_CREATE_SWITCH
#define SPOILED_STATUS NDIS_STATUS_RESOURCES
#endif
#ifdef SPOILED_IGNORES
#define SPOILED_OID    OID_NIC_SWITCH_CREATE_VPORT
#define SPOILED_STATUS NDIS_STATUS_RESOURCES
#endif

/* Ends requests as nobody does: never, with a status that there is not, or past the end of its stack. */
#ifdef SPOILED_PENDS
#define SPOILED_OID    OID_NIC_SWITCH_CREATE_SWITCH
#define SPOILED_STATUS NDIS_STATUS_PENDING
#endif
#ifdef SPOILED_GARBAGE
#define SPOILED_OID    OID_NIC_SWITCH_ALLOCATE_VF
#define SPOILED_STATUS ((NDIS_STATUS)0xDEADBEEF)
#endif
#ifdef SPOILED_OVERFLOWS
#define SPOILED_OID OID_SRIOV_RESET_VF
/* The stack ends in this routine, and never in one of a sanitizer's that it calls: such a one cannot be interrupted. */
#if __has_attribute(disable_sanitizer_instrumentation)
__attribute__((disable_sanitizer_instrumentation))
#else
__attribute__((no_sanitize("thread", "address")))
#endif
static VOID
spoil_it(PNDIS_OID_REQUEST request)
{
    volatile UCHAR page[4096];

    page[0] = 0;
    if (nowhere)
        spoil_it(request);
    page[1] = page[0];
}
#endif

/* Start and end of the driver. */
#ifdef SPOILED_ENTRY
#define SPOILED_REGISTER *nowhere = 1
#endif
#ifdef SPOILED_START
static NDIS_STATUS never_started(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    UNREFERENCED_PARAMETER(handle);
    UNREFERENCED_PARAMETER(driver);
    UNREFERENCED_PARAMETER(parameters);
    return NDIS_STATUS_PENDING;
}
#define SPOILED_REGISTER miniport->InitializeHandlerEx = never_started
#endif
#ifdef SPOILED_UNLOAD
static VOID crash(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
    *nowhere = 1;
}
#define SPOILED_REGISTER miniport->UnloadHandler = crash
#endif

#ifndef SPOILED_REGISTER
#define SPOILED_REGISTER ((void)0)
#endif

static NDIS_STATUS spoiled_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
#ifdef SPOILED_STATUS
    if (request->DATA.Oid == SPOILED_OID)
        return SPOILED_STATUS;
#elif defined SPOILED_OID
    if (request->DATA.Oid == SPOILED_OID)
        spoil_it(request);
#endif
    return handler(context, request);
}

NDIS_STATUS spoiled_register(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                             PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle)
{
    handler = miniport->OidRequestHandler;
    miniport->OidRequestHandler = spoiled_request;
    SPOILED_REGISTER;
    return NdisMRegisterMiniportDriver(driver, path, context, miniport, handle);
}
