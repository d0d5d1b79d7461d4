/* SPDX-License-Identifier: MIT
 *
 * Configuration blocks: the messages, and the two interface routines that wait for the answer (pci.md 2.3, 5.7).
 */
#include "vpci/vsc/internal.h"

#include <string.h>

/* ---- messages --------------------------------------------------------------------------------------------------- */

uint32_t vsc_write_block_message(uint8_t *message, uint32_t slot, ULONG id, const void *data, ULONG length)
{
    struct vpci_write_block head = {
        .type = VPCI_WRITE_BLOCK_MESSAGE, .block_id = id, .slot = slot, .byte_count = length};
    memcpy(message, &head, sizeof head);
    memcpy(message + sizeof head, data, length);
    memset(message + sizeof head + length, 0, VPCI_BLOCK_WRITE_EXTRA);
    return (uint32_t)sizeof head + length + VPCI_BLOCK_WRITE_EXTRA;
}

uint32_t vsc_read_block_message(uint8_t *message, uint32_t slot, ULONG id, ULONG length)
{
    struct vpci_read_block head = {
        .type = VPCI_READ_BLOCK_MESSAGE, .block_id = id, .slot = slot, .bytes_requested = length};
    memcpy(message, &head, sizeof head);
    return sizeof head;
}

/* The status the PF driver gave. A success that is not plain success must not look like one that is still pending. */
static NTSTATUS status_of(const void *payload, uint32_t length)
{
    struct vpci_status head;
    if (length < sizeof head)
        return STATUS_UNSUCCESSFUL;
    memcpy(&head, payload, sizeof head);
    NTSTATUS status = (NTSTATUS)head.status;
    return NT_SUCCESS(status) ? STATUS_SUCCESS : status;
}

NTSTATUS vsc_write_block_result(const void *payload, uint32_t length)
{
    return status_of(payload, length);
}

/* The ring gives padded lengths: a full answer is exactly the padded length of what was asked, anything else is too
 * short or too long (vpci-wire.md 1.6.9). */
NTSTATUS vsc_read_block_result(const void *payload, uint32_t length, ULONG wanted, const uint8_t **data)
{
    NTSTATUS status = status_of(payload, length);
    uint32_t full = ((uint32_t)sizeof(struct vpci_status) + wanted + 7) & ~7u;
    if (!NT_SUCCESS(status))
        return status;
    if (length != full) {
        TRACE_REFUSE("vsc", "READ_BLOCK_LENGTH pci.md 5.7", "%u bytes of answer for %u", length, wanted);
        return STATUS_UNSUCCESSFUL;
    }
    *data = (const uint8_t *)payload + sizeof(struct vpci_status);
    return STATUS_SUCCESS;
}

/* ---- the routines ----------------------------------------------------------------------------------------------- */

static NTSTATUS check(struct vsc_function *function, const char *routine, const void *buffer, ULONG length)
{
    if (!function || !atomic_load(&function->interfaces))
        return STATUS_INVALID_PARAMETER;
    if (!nt_irql_at_most(APC_LEVEL, routine))
        return STATUS_INVALID_DEVICE_STATE;
    if (length == 0 || length > VPCI_BLOCK_MAX || !buffer) {
        TRACE_REFUSE("vsc", "CONFIG_BLOCK_LENGTH pci.md 5.7", "%u bytes%s", length, buffer ? "" : " at NULL");
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS call_block(struct vsc_function *function, struct vsc_call *call)
{
    NTSTATUS status = STATUS_DEVICE_REMOVED;
    if (!vsc_gate_enter(&function->gate))
        return status;
    call->function = function;
    call->timeout_ms = function->vsc->options.timeout_ms;
    status = vsc_call(function->vsc, call);
    vsc_gate_leave(&function->gate);
    return status;
}

static NTSTATUS write_block(struct vsc_function *function, ULONG id, const void *buffer, ULONG length)
{
    uint8_t message[VSC_MESSAGE_MAX], reply[sizeof(struct vpci_status)];
    NTSTATUS status = check(function, "WriteVfConfigBlock", buffer, length);
    if (!NT_SUCCESS(status))
        return status;
    struct vsc_call call = {
        .name = "WRITE_BLOCK message",
        .message = message,
        .message_length = vsc_write_block_message(message, function->description.slot, id, buffer, length),
        .reply = reply,
        .capacity = sizeof reply,
    };
    status = call_block(function, &call);
    return NT_SUCCESS(status) ? vsc_write_block_result(reply, call.length) : status;
}

static NTSTATUS read_block(struct vsc_function *function, ULONG id, void *buffer, ULONG length)
{
    uint8_t message[VSC_MESSAGE_MAX], reply[sizeof(struct vpci_read_block_completion)];
    const uint8_t *data;
    NTSTATUS status = check(function, "ReadVfConfigBlock", buffer, length);
    if (!NT_SUCCESS(status))
        return status;
    struct vsc_call call = {
        .name = "READ_BLOCK message",
        .message = message,
        .message_length = vsc_read_block_message(message, function->description.slot, id, length),
        .reply = reply,
        .capacity = sizeof reply,
    };
    status = call_block(function, &call);
    if (NT_SUCCESS(status))
        status = vsc_read_block_result(reply, call.length, length, &data);
    if (NT_SUCCESS(status))
        memcpy(buffer, data, length);
    return status;
}

NTSTATUS vsc_write_block(PVOID context, ULONG id, PVOID buffer, ULONG length)
{
    TRACE_DOOR(span, "vsc", "WriteVfConfigBlock", "block %u, %u bytes", id, length);
    NTSTATUS status = write_block(context, id, buffer, length);
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

NTSTATUS vsc_read_block(PVOID context, ULONG id, PVOID buffer, ULONG length)
{
    TRACE_DOOR(span, "vsc", "ReadVfConfigBlock", "block %u, %u bytes", id, length);
    NTSTATUS status = read_block(context, id, buffer, length);
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}
