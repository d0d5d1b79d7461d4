/* SPDX-License-Identifier: MIT
 *
 * A function of the bus: its PDO, its states, and how long its memory lives (pci.md 5.12 rules 4 and 10).
 */
#include "vpci/vsc/internal.h"

#include <assert.h>
#include <stdlib.h>

/* ---- gate ------------------------------------------------------------------------------------------------------- */

#define GATE_CLOSED 0x80000000u

bool vsc_gate_enter(struct vsc_gate *gate)
{
    if (!(atomic_fetch_add(&gate->users, 1) & GATE_CLOSED))
        return true;
    vsc_gate_leave(gate);
    return false;
}

void vsc_gate_leave(struct vsc_gate *gate)
{
    if (atomic_fetch_sub(&gate->users, 1) == (GATE_CLOSED | 1))
        sem_post(&gate->empty);
}

void vsc_gate_close(struct vsc_gate *gate)
{
    if (atomic_fetch_or(&gate->users, GATE_CLOSED) == 0)
        return;
    while (atomic_load(&gate->users) != GATE_CLOSED)
        sem_wait(&gate->empty);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct vsc_function *vsc_function_of(PDEVICE_OBJECT pdo)
{
    return *(struct vsc_function **)pdo->DeviceExtension;
}

void vsc_function_reference(struct vsc_function *function)
{
    atomic_fetch_add(&function->references, 1);
}

void vsc_function_dereference(struct vsc_function *function)
{
    uint32_t before = atomic_fetch_sub(&function->references, 1);
    assert(before > 0);
    if (before != 1)
        return;
    pthread_mutex_destroy(&function->lock);
    sem_destroy(&function->gate.empty);
    free(function);
}

static NTSTATUS create_pdo(struct vsc_function *function)
{
    PDEVICE_OBJECT pdo;
    NTSTATUS status =
        IoCreateDevice(function->vsc->driver, sizeof(struct vsc_function *), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &pdo);
    if (!NT_SUCCESS(status))
        return status;
    *(struct vsc_function **)pdo->DeviceExtension = function;
    pdo->Flags |= DO_BUS_ENUMERATED_DEVICE;
    pdo->Flags &= ~DO_DEVICE_INITIALIZING;
    function->pdo = pdo;
    return STATUS_SUCCESS;
}

NTSTATUS vsc_function_create(struct vsc *vsc, const struct vpci_function *description, struct vsc_function **result)
{
    struct vsc_function *function = calloc(1, sizeof *function);
    if (!function)
        return STATUS_INSUFFICIENT_RESOURCES;
    function->vsc = vsc;
    function->references = 1;
    function->description = *description;
    pthread_mutex_init(&function->lock, NULL);
    sem_init(&function->gate.empty, 0, 0);
    InitializeListHead(&function->invalidates);
    NTSTATUS status = create_pdo(function);
    if (!NT_SUCCESS(status)) {
        vsc_function_dereference(function);
        return status;
    }
    pthread_mutex_lock(&vsc->lock);
    vsc->function[vsc->function_count++] = function;
    pthread_mutex_unlock(&vsc->lock);
    *result = function;
    return STATUS_SUCCESS;
}

void vsc_function_delete(struct vsc_function *function)
{
    vsc_gate_close(&function->gate);
    IoDeleteDevice(function->pdo);
    function->vsc = NULL;
    vsc_function_dereference(function);
}

/* ---- states ----------------------------------------------------------------------------------------------------- */

NTSTATUS vsc_function_available(struct vsc_function *function, bool must_be_started)
{
    int state = atomic_load(&function->state);
    if (state == VSC_REMOVED || state == VSC_MISSING)
        return STATUS_DEVICE_REMOVED;
    if (atomic_load(&function->vsc->gone))
        return STATUS_DEVICE_NOT_CONNECTED;
    return must_be_started && state != VSC_STARTED ? STATUS_DEVICE_NOT_READY : STATUS_SUCCESS;
}

static void set_state(struct vsc_function *function, enum vsc_state state)
{
    int before = atomic_load(&function->state);
    while (before != VSC_MISSING && !atomic_compare_exchange_weak(&function->state, &before, state))
        continue;
}

void vsc_function_start(struct vsc_function *function)
{
    set_state(function, VSC_STARTED);
}

void vsc_function_again(struct vsc_function *function)
{
    int removed = VSC_REMOVED;
    /* A mask that was on its way when the former driver went may have come after the end had emptied the word. */
    if (atomic_load(&function->state) == VSC_REMOVED)
        atomic_store(&function->invalid_blocks, 0);
    atomic_compare_exchange_strong(&function->state, &removed, VSC_STOPPED);
}

/* The state is set first: whoever passes vsc.lock or function.lock afterwards sees it and is refused, whoever passed
 * before is found in the queues here. */
void vsc_function_end(struct vsc_function *function, enum vsc_state state)
{
    set_state(function, state);
    vsc_fail_requests(function->vsc, function);
    vsc_invalidate_drain(function, STATUS_CANCELLED);
    if (state != VSC_STOPPED)
        atomic_store(&function->invalid_blocks, 0);
}
