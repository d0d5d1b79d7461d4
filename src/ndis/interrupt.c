/* SPDX-License-Identifier: MIT
 *
 * Interrupts of a miniport (ndis.md 5.10, 5.14). No wire leads here: a host program raises a message, and the ISR runs
 * on its thread at the device's IRQL, the DPC at DISPATCH_LEVEL.
 */
#include "ndis/internal.h"

#define LINE_LEVEL 5 /* of an interrupt without messages */
#define LATCHED    1 /* KINTERRUPT_MODE */

/* NDIS_RECEIVE_THROTTLE_PARAMETERS: indicate all there is. */
struct throttle {
    ULONG most;
    ULONG more;
};

struct ndis_message {
    struct ndis_interrupt *interrupt;
    ULONG number;
    KDPC dpc;
};

struct ndis_interrupt {
    struct ndis_adapter *adapter;
    NDIS_HANDLE context;
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS handlers;
    KIRQL level;
    bool by_message;
    struct ndis_lock lock; /* the ISR and what is synchronised with it */
    ULONG count;           /* messages; 1 for a line */
    PIO_INTERRUPT_MESSAGE_INFO table;
    struct ndis_message messages[];
};

static VOID run_dpc(PKDPC dpc, PVOID context, PVOID argument, PVOID unused)
{
    struct ndis_message *message = context;
    struct ndis_interrupt *interrupt = message->interrupt;
    struct throttle throttle = {.most = UINT32_MAX};
    struct nt_callback call;

    (void)dpc, (void)unused;
    TRACE_DOOR(span, "ndis", interrupt->by_message ? "MiniportMessageInterruptDPC" : "MiniportInterruptDPC",
               "message %u", message->number);
    ndis_call_begin(&call, interrupt->adapter,
                    interrupt->by_message ? "MiniportMessageInterruptDPC" : "MiniportInterruptDPC", NULL);
    if (interrupt->by_message)
        interrupt->handlers.MessageInterruptDpcHandler(interrupt->context, message->number, argument, &throttle, NULL);
    else
        interrupt->handlers.InterruptDpcHandler(interrupt->context, argument, &throttle, NULL);
    nt_callback_end(&call);
    TRACE_DONE(span, "done");
}

/* ---- registration ----------------------------------------------------------------------------------------- */

static PIO_INTERRUPT_MESSAGE_INFO make_table(const struct ndis_interrupt *interrupt)
{
    PIO_INTERRUPT_MESSAGE_INFO table =
        calloc(1, sizeof *table + interrupt->count * sizeof(IO_INTERRUPT_MESSAGE_INFO_ENTRY));

    if (!table)
        return NULL;
    table->UnifiedIrql = interrupt->level;
    table->MessageCount = interrupt->count;
    for (ULONG i = 0; i < interrupt->count; i++) {
        table->MessageInfo[i].TargetProcessorSet = 1;
        table->MessageInfo[i].MessageData = i;
        table->MessageInfo[i].Irql = interrupt->level;
        table->MessageInfo[i].Mode = LATCHED;
    }
    return table;
}

static struct ndis_interrupt *make(struct ndis_adapter *adapter, NDIS_HANDLE context,
                                   const NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS *given)
{
    KIRQL level = LINE_LEVEL;
    ULONG messages = ndis_messages(adapter, &level);
    bool by_message =
        messages && given->MsiSupported && given->MessageInterruptHandler && given->MessageInterruptDpcHandler;
    ULONG count = by_message ? messages : 1;
    struct ndis_interrupt *made = calloc(1, sizeof *made + count * sizeof made->messages[0]);

    if (!made)
        return NULL;
    made->adapter = adapter;
    made->context = context;
    made->handlers = *given;
    made->level = level;
    made->by_message = by_message;
    made->count = count;
    made->table = by_message ? make_table(made) : NULL;
    if (by_message && !made->table) {
        free(made);
        return NULL;
    }
    for (ULONG i = 0; i < count; i++) {
        made->messages[i].interrupt = made;
        made->messages[i].number = i;
        KeInitializeDpc(&made->messages[i].dpc, run_dpc, &made->messages[i]);
    }
    return made;
}

static void unmake(struct ndis_interrupt *interrupt)
{
    free(interrupt->table);
    free(interrupt);
}

static bool characteristics_ok(const NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS *given)
{
    return given &&
           ndis_header_ok(given, NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT,
                          NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1) &&
           given->InterruptHandler && given->InterruptDpcHandler;
}

NDIS_EXPORT NDIS_STATUS NdisMRegisterInterruptEx(
    NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE MiniportInterruptContext,
    PNDIS_MINIPORT_INTERRUPT_CHARACTERISTICS MiniportInterruptCharacteristics, PNDIS_HANDLE NdisInterruptHandle)
{
    static const char routine[] = "NdisMRegisterInterruptEx";
    struct ndis_adapter *adapter = ndis_claimant(MiniportAdapterHandle, routine);
    struct ndis_interrupt *made;

    if (!adapter || !NdisInterruptHandle || !characteristics_ok(MiniportInterruptCharacteristics))
        return NDIS_STATUS_FAILURE;
    if (atomic_load(&adapter->interrupt))
        return NDIS_STATUS_RESOURCE_CONFLICT;
    made = nt_fault(routine) ? NULL : make(adapter, MiniportInterruptContext, MiniportInterruptCharacteristics);
    if (!made || !ndis_claim_add(adapter, NDIS_CLAIM_INTERRUPT, made, 0)) {
        if (made)
            unmake(made);
        return NDIS_STATUS_RESOURCES;
    }
    MiniportInterruptCharacteristics->InterruptType =
        made->by_message ? NDIS_CONNECT_MESSAGE_BASED : NDIS_CONNECT_LINE_BASED;
    MiniportInterruptCharacteristics->MessageInfoTable = made->table;
    TRACE_NOTE("ndis", "NdisMRegisterInterruptEx: %u %s", made->count, made->by_message ? "messages" : "line");
    *NdisInterruptHandle = made;
    atomic_store(&adapter->interrupt, made);
    return NDIS_STATUS_SUCCESS;
}

/* The adapter whose interrupt the handle names. */
static struct ndis_adapter *owner_of(NDIS_HANDLE handle, const char *routine)
{
    struct ndis_adapter *adapter = ndis_claimant_of(handle);

    if (adapter && atomic_load(&adapter->interrupt) == handle)
        return adapter;
    nt_violation_in(NDIS_RULE(HARDWARE_NOT_CLAIMED), routine, "%s: %p is no interrupt handle", routine, handle);
    return NULL;
}

void ndis_interrupt_end(struct ndis_adapter *adapter)
{
    struct ndis_interrupt *interrupt = atomic_exchange(&adapter->interrupt, NULL);

    if (!interrupt)
        return;
    ndis_lock(&interrupt->lock); /* an ISR that runs */
    ndis_unlock(&interrupt->lock);
    for (ULONG i = 0; i < interrupt->count; i++)
        KeRemoveQueueDpc(&interrupt->messages[i].dpc);
    KeFlushQueuedDpcs();
    unmake(interrupt);
}

NDIS_EXPORT VOID NdisMDeregisterInterruptEx(NDIS_HANDLE NdisInterruptHandle)
{
    struct ndis_adapter *adapter = owner_of(NdisInterruptHandle, "NdisMDeregisterInterruptEx");

    if (!adapter || !nt_irql_at_most(PASSIVE_LEVEL, "NdisMDeregisterInterruptEx"))
        return;
    ndis_claim_drop(adapter, NDIS_CLAIM_INTERRUPT, NdisInterruptHandle, 0);
    ndis_interrupt_end(adapter);
}

/* ---- DPCs and synchronisation ----------------------------------------------------------------------------- */

/* There is one processor for DPCs, the first: a bit of any other is served there too. */
NDIS_EXPORT ULONG NdisMQueueDpc(NDIS_HANDLE NdisInterruptHandle, ULONG MessageId, ULONG TargetProcessors,
                                PVOID MiniportDpcContext)
{
    struct ndis_adapter *adapter = owner_of(NdisInterruptHandle, "NdisMQueueDpc");
    struct ndis_interrupt *interrupt = NdisInterruptHandle;

    if (!adapter || MessageId >= interrupt->count)
        return 0;
    return KeInsertQueueDpc(&interrupt->messages[MessageId].dpc, MiniportDpcContext, NULL) ? 0 : TargetProcessors;
}

NDIS_EXPORT BOOLEAN NdisMSynchronizeWithInterruptEx(NDIS_HANDLE NdisInterruptHandle, ULONG MessageId,
                                                    MINIPORT_SYNCHRONIZE_INTERRUPT_HANDLER SynchronizeFunction,
                                                    PVOID SynchronizeContext)
{
    static const char routine[] = "NdisMSynchronizeWithInterruptEx";
    struct ndis_adapter *adapter = owner_of(NdisInterruptHandle, routine);
    struct ndis_interrupt *interrupt = NdisInterruptHandle;
    BOOLEAN result;
    KIRQL before;

    if (!adapter || MessageId >= interrupt->count || !nt_irql_at_most(interrupt->level, routine))
        return FALSE;
    KeRaiseIrql(interrupt->level, &before);
    ndis_lock(&interrupt->lock);
    result = SynchronizeFunction(SynchronizeContext);
    ndis_unlock(&interrupt->lock);
    KeLowerIrql(before);
    return result;
}

static BOOLEAN call_isr(struct ndis_interrupt *interrupt, ULONG message, BOOLEAN *queue, ULONG *targets)
{
    const char *name = interrupt->by_message ? "MiniportMessageInterrupt" : "MiniportInterrupt";
    struct nt_callback call;
    BOOLEAN ours;

    TRACE_DOOR(span, "ndis", name, "message %u", message);
    ndis_call_begin(&call, interrupt->adapter, name, NULL);
    if (interrupt->by_message)
        ours = interrupt->handlers.MessageInterruptHandler(interrupt->context, message, queue, targets);
    else
        ours = interrupt->handlers.InterruptHandler(interrupt->context, queue, targets);
    nt_callback_end(&call);
    TRACE_DONE(span, "%s", ours ? "handled" : "not ours");
    return ours;
}

static NDIS_STATUS deliver(struct ndis_adapter *adapter, ULONG number)
{
    struct ndis_interrupt *interrupt = atomic_load(&adapter->interrupt);
    BOOLEAN queue = FALSE, ours;
    ULONG targets = 0;
    KIRQL before;

    if (!interrupt || number >= interrupt->count)
        return NDIS_STATUS_INVALID_PARAMETER;
    KeRaiseIrql(interrupt->level, &before);
    ndis_lock(&interrupt->lock);
    ours = call_isr(interrupt, number, &queue, &targets);
    if (ours && (queue || targets))
        KeInsertQueueDpc(&interrupt->messages[number].dpc, NULL, NULL);
    ndis_unlock(&interrupt->lock);
    KeLowerIrql(before);
    return ours ? NDIS_STATUS_SUCCESS : NDIS_STATUS_NOT_RECOGNIZED;
}

NDIS_STATUS ndis_interrupt(struct ndis_adapter *adapter, ULONG message)
{
    NDIS_STATUS status;

    if (!nt_irql_at_most(PASSIVE_LEVEL, "ndis_interrupt"))
        return NDIS_STATUS_FAILURE;
    if (ndis_message_masked(adapter, message)) {
        TRACE_NOTE("ndis", "message %u: masked in the MSI-X table, it waits there", message);
        return NDIS_STATUS_PENDING;
    }
    status = deliver(adapter, message);
    KeFlushQueuedDpcs();
    return status;
}
