/* SPDX-License-Identifier: MIT
 *
 * Message interrupts: the VSC asks the host for the (address, data) that a function must write to raise a vector, and
 * calls a handler when the host delivers that vector (vpci-wire.md 1.6.14, 1.6.15, 4.5).
 *
 * A channel has the vectors of a processor to itself, for it has a window of its own through which they come. Vectors
 * below 32 are exceptions; one message has one vector.
 */
#include "vpci/vsc/internal.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_VECTOR 0x20u
#define LAST_VECTOR  0xEEu /* 0xEF is what Linux reserves with: vpci-wire.md 1.6.14 */
#define NO_VECTOR    0u

struct vsc_interrupt {
    struct vsc_function *function; /* referenced */
    struct vpci_translated_interrupt given;
    uint32_t vector;
    vsc_interrupt_handler *handler;
    void *context;
    bool running; /* under interrupt_lock: on the receiver thread */
};

/* ---- messages --------------------------------------------------------------------------------------------------- */

/* The first processor; version 1 says which by a mask. */
static uint32_t put_v1(uint8_t *bytes, uint32_t slot, uint32_t vector)
{
    struct vpci_create_interrupt message = {
        .type = VPCI_CREATE_INTERRUPT,
        .slot = slot,
        .interrupt = {.vector = (uint8_t)vector, .delivery = VPCI_DELIVERY_FIXED, .vector_count = 1, .cpu_mask = 1},
    };
    memcpy(bytes, &message, sizeof message);
    return sizeof message;
}

static uint32_t put_v2(uint8_t *bytes, uint32_t slot, uint32_t vector)
{
    struct vpci_create_interrupt2 message = {
        .type = VPCI_CREATE_INTERRUPT2,
        .slot = slot,
        .interrupt = {.vector = (uint8_t)vector,
                      .delivery = VPCI_DELIVERY_FIXED,
                      .vector_count = 1,
                      .processor_count = 1},
    };
    memcpy(bytes, &message, sizeof message);
    return sizeof message;
}

static uint32_t put_v3(uint8_t *bytes, uint32_t slot, uint32_t vector)
{
    struct vpci_create_interrupt3 message = {
        .type = VPCI_CREATE_INTERRUPT3,
        .slot = slot,
        .interrupt = {.vector = vector, .delivery = VPCI_DELIVERY_FIXED, .vector_count = 1, .processor_count = 1},
    };
    memcpy(bytes, &message, sizeof message);
    return sizeof message;
}

/* Each version of the message since the version of the protocol that brought it. */
static uint32_t put_create(uint8_t *bytes, uint32_t version, uint32_t slot, uint32_t vector)
{
    if (version >= VPCI_VERSION_1_4)
        return put_v3(bytes, slot, vector);
    return version >= VPCI_VERSION_1_2 ? put_v2(bytes, slot, vector) : put_v1(bytes, slot, vector);
}

static NTSTATUS delete_at_host(struct vsc_interrupt *interrupt)
{
    struct vpci_delete_interrupt message = {
        .type = VPCI_DELETE_INTERRUPT,
        .slot = interrupt->function->description.slot,
        .interrupt = interrupt->given,
    };
    struct vpci_status reply;
    struct vsc *vsc = interrupt->function->vsc;
    struct vsc_call call = {.name = "DELETE_INTERRUPT message",
                            .message = &message,
                            .message_length = sizeof message,
                            .reply = &reply,
                            .capacity = sizeof reply,
                            .timeout_ms = vsc->options.timeout_ms};
    return vsc_call(vsc, &call);
}

/* What the host gave, if it is an answer at all (5.3): 24 bytes, a status, at least one message. */
static NTSTATUS create_at_host(struct vsc_interrupt *interrupt)
{
    struct vsc *vsc = interrupt->function->vsc;
    struct vpci_create_interrupt_completion reply = {0};
    uint8_t message[sizeof(struct vpci_create_interrupt3)];
    struct vsc_call call = {
        .name = "CREATE_INTERRUPT message",
        .function = interrupt->function,
        .message = message,
        .message_length =
            put_create(message, vsc->version, interrupt->function->description.slot, interrupt->vector),
        .reply = &reply,
        .capacity = sizeof reply,
        .timeout_ms = vsc->options.timeout_ms,
    };
    NTSTATUS status = vsc_call(vsc, &call);
    if (!NT_SUCCESS(status))
        return status;
    if (call.length >= sizeof(struct vpci_status) && !NT_SUCCESS((NTSTATUS)reply.status))
        return (NTSTATUS)reply.status;
    if (call.length < sizeof reply || reply.interrupt.vector_count < 1) {
        TRACE_REFUSE("vsc", "CREATE_INTERRUPT vpci-wire.md 5.3", "%u bytes, %u messages", call.length,
                     reply.interrupt.vector_count);
        return STATUS_UNSUCCESSFUL;
    }
    interrupt->given = reply.interrupt;
    return STATUS_SUCCESS;
}

/* ---- vectors ---------------------------------------------------------------------------------------------------- */

static bool take_vector(struct vsc *vsc, struct vsc_interrupt *interrupt)
{
    pthread_mutex_lock(&vsc->interrupt_lock);
    for (uint32_t vector = FIRST_VECTOR; vector <= LAST_VECTOR && interrupt->vector == NO_VECTOR; vector++) {
        if (vsc->interrupt[vector])
            continue;
        vsc->interrupt[vector] = interrupt;
        interrupt->vector = vector;
    }
    pthread_mutex_unlock(&vsc->interrupt_lock);
    return interrupt->vector != NO_VECTOR;
}

/* After this the handler does not run and will not. */
static void return_vector(struct vsc *vsc, struct vsc_interrupt *interrupt)
{
    pthread_mutex_lock(&vsc->interrupt_lock);
    vsc->interrupt[interrupt->vector] = NULL;
    while (interrupt->running)
        pthread_cond_wait(&vsc->interrupt_idle, &vsc->interrupt_lock);
    pthread_mutex_unlock(&vsc->interrupt_lock);
}

static struct vsc_interrupt *begin(struct vsc *vsc, unsigned vector)
{
    pthread_mutex_lock(&vsc->interrupt_lock);
    struct vsc_interrupt *interrupt = vsc->interrupt[vector];
    if (interrupt)
        interrupt->running = true;
    pthread_mutex_unlock(&vsc->interrupt_lock);
    return interrupt;
}

static void end(struct vsc *vsc, struct vsc_interrupt *interrupt)
{
    pthread_mutex_lock(&vsc->interrupt_lock);
    interrupt->running = false;
    pthread_cond_broadcast(&vsc->interrupt_idle);
    pthread_mutex_unlock(&vsc->interrupt_lock);
}

static void deliver(struct vsc *vsc, unsigned vector)
{
    struct vsc_interrupt *interrupt = begin(vsc, vector);
    if (!interrupt) {
        TRACE_REFUSE("vsc", "SPURIOUS_INTERRUPT vpci-wire.md 4.5", "vector %u is nobody's", vector);
        return;
    }
    TRACE_DOOR(span, "vsc", "interrupt", "slot %u vector %u", interrupt->function->description.slot, vector);
    KIRQL irql;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    interrupt->handler(interrupt->context);
    KeLowerIrql(irql);
    end(vsc, interrupt);
    TRACE_DONE(span, "handled");
}

void vsc_interrupts_pump(struct vsc *vsc)
{
    for (unsigned word = 0; word < VPCI_WINDOW_VECTORS / 64; word++) {
        uint64_t bits = vpci_window_vectors_take(&vsc->window, word);
        for (; bits; bits &= bits - 1)
            deliver(vsc, word * 64 + (unsigned)__builtin_ctzll(bits));
    }
}

/* ---- what drivers' rooms call ----------------------------------------------------------------------------------- */

static void drop(struct vsc_interrupt *interrupt)
{
    vsc_function_dereference(interrupt->function);
    free(interrupt);
}

static NTSTATUS connect(struct vsc *vsc, struct vsc_interrupt *interrupt)
{
    if (!take_vector(vsc, interrupt))
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = create_at_host(interrupt);
    if (!NT_SUCCESS(status))
        return_vector(vsc, interrupt);
    return status;
}

NTSTATUS vsc_interrupt_connect(PDEVICE_OBJECT pdo, vsc_interrupt_handler *handler, void *context,
                               struct vsc_interrupt **out)
{
    struct vsc_function *function = vsc_function_of(pdo);
    NTSTATUS status = STATUS_DEVICE_REMOVED;
    struct vsc_interrupt *interrupt = calloc(1, sizeof *interrupt);
    if (!interrupt)
        return STATUS_INSUFFICIENT_RESOURCES;
    *interrupt = (struct vsc_interrupt){.function = function, .handler = handler, .context = context};
    vsc_function_reference(function);
    if (vsc_gate_enter(&function->gate)) {
        status = connect(function->vsc, interrupt);
        vsc_gate_leave(&function->gate);
    }
    if (NT_SUCCESS(status))
        *out = interrupt;
    else
        drop(interrupt);
    return status;
}

/* A host that is gone, or does not answer, has forgotten it as well. */
void vsc_interrupt_disconnect(struct vsc_interrupt *interrupt)
{
    struct vsc_function *function = interrupt->function;
    if (vsc_gate_enter(&function->gate)) {
        (void)delete_at_host(interrupt);
        return_vector(function->vsc, interrupt);
        vsc_gate_leave(&function->gate);
    }
    drop(interrupt);
}

void vsc_interrupt_message(const struct vsc_interrupt *interrupt, uint64_t *address, uint32_t *data)
{
    *address = interrupt->given.address;
    *data = interrupt->given.data;
}
