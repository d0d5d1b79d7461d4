/* SPDX-License-Identifier: MIT
 *
 * refnic with interrupts: message 1 is not its own, message 2 is masked in the MSI-X table. Linked with refnic's own
 * files, in which NdisMRegisterMiniportDriver is renamed to ringing_register (meson.build).
 */
#include <ndis.h>

#undef NdisMRegisterMiniportDriver
NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                                        PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle);

static MINIPORT_INITIALIZE *initialize;
static MINIPORT_HALT *halt;
static NDIS_HANDLE interrupt;

static BOOLEAN line_isr(NDIS_HANDLE context, PBOOLEAN queue, PULONG targets)
{
    UNREFERENCED_PARAMETER(context);
    *queue = TRUE;
    *targets = 0;
    return TRUE;
}

static VOID line_dpc(NDIS_HANDLE context, PVOID argument, PVOID throttle, PVOID reserved)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(argument);
    UNREFERENCED_PARAMETER(throttle);
    UNREFERENCED_PARAMETER(reserved);
}

static BOOLEAN message_isr(NDIS_HANDLE context, ULONG message, PBOOLEAN queue, PULONG targets)
{
    return message != 1 && line_isr(context, queue, targets);
}

static VOID message_dpc(NDIS_HANDLE context, ULONG message, PVOID argument, PVOID throttle, PVOID reserved)
{
    UNREFERENCED_PARAMETER(message);
    line_dpc(context, argument, throttle, reserved);
}

static NDIS_STATUS ring(NDIS_HANDLE handle)
{
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, 1, NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1},
        .InterruptHandler = line_isr,
        .InterruptDpcHandler = line_dpc,
        .MsiSupported = TRUE,
        .MessageInterruptHandler = message_isr,
        .MessageInterruptDpcHandler = message_dpc};
    NDIS_MSIX_CONFIG_PARAMETERS masked = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_MSIX_CONFIG_PARAMETERS_REVISION_1},
        .ConfigOperation = NdisMSIXTableConfigMaskTableEntry,
        .TableEntry = 2};
    NDIS_STATUS status = NdisMRegisterInterruptEx(handle, handle, &given, &interrupt);

    return status == NDIS_STATUS_SUCCESS ? NdisMConfigMSIXTableEntry(handle, &masked) : status;
}

static NDIS_STATUS ringing_initialize(NDIS_HANDLE handle, NDIS_HANDLE context, PNDIS_MINIPORT_INIT_PARAMETERS given)
{
    NDIS_STATUS status = initialize(handle, context, given);

    return status == NDIS_STATUS_SUCCESS ? ring(handle) : status;
}

static VOID ringing_halt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    NdisMDeregisterInterruptEx(interrupt);
    halt(context, action);
}

NDIS_STATUS ringing_register(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                             PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle)
{
    initialize = miniport->InitializeHandlerEx;
    halt = miniport->HaltHandlerEx;
    miniport->InitializeHandlerEx = ringing_initialize;
    miniport->HaltHandlerEx = ringing_halt;
    return NdisMRegisterMiniportDriver(driver, path, context, miniport, handle);
}
