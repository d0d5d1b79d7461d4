/* SPDX-License-Identifier: MIT
 *
 * IOCTL_VPCI_READ_BLOCK, _WRITE_BLOCK, _INVALIDATE_BLOCK: the asynchronous way to the blocks (pci.md 2.4-2.7, 5.8).
 *
 * METHOD_NEITHER: the input is the sender's memory and may change under us, so every field is copied once and only the
 * copy is looked at.
 */
#include "vpci/vsc/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An IRP on its way to the host. */
struct block_irp {
    struct vsc_request request;
    PIRP irp;
    const char *name;
    ULONG length;
    void *output; /* of a read */
};

struct ioctl {
    const void *input;
    ULONG input_length;
    ULONG output_length;
};

void vsc_complete(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    KIRQL before = KeGetCurrentIrql();
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    if (before < DISPATCH_LEVEL)
        KeRaiseIrql(DISPATCH_LEVEL, &before);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    if (before < DISPATCH_LEVEL)
        KeLowerIrql(before);
}

/* ---- completion ------------------------------------------------------------------------------------------------- */

static void block_done(struct vsc_request *request, NTSTATUS status, const void *payload, uint32_t length)
{
    struct block_irp *block = CONTAINING_RECORD(request, struct block_irp, request);
    struct vsc_function *function = request->function;
    char name[60] = "";
    if (trace_current)
        snprintf(name, sizeof name, "%s completion", block->name);
    TRACE_DOOR(span, "vsc", name, "transaction %llu", (unsigned long long)request->id);
    TRACE_UNDER(span, request->span);
    const uint8_t *data = NULL;
    if (NT_SUCCESS(status))
        status = block->output ? vsc_read_block_result(payload, length, block->length, &data)
                               : vsc_write_block_result(payload, length);
    if (data)
        memcpy(block->output, data, block->length);
    vsc_complete(block->irp, status, NT_SUCCESS(status) ? block->length : 0);
    TRACE_DONE(span, "%s", nt_status_name(status));
    free(block);
    vsc_gate_leave(&function->gate);
}

/* ---- submission ------------------------------------------------------------------------------------------------- */

/* On success the block, its IRP and the gate belong to block_done, which may have run already. */
static NTSTATUS send_block(struct vsc_function *function, struct block_irp *block)
{
    struct vsc_request *request = &block->request;
    request->function = function;
    request->irp = block->irp;
    request->done = block_done;
    request->deadline = vsc_deadline(function->vsc->options.timeout_ms);
    request->span = trace_span_id();
    TRACE_DOOR(span, "vsc", block->output ? "READ_BLOCK message" : "WRITE_BLOCK message", "%u bytes to the host",
               request->length);
    uint64_t id = 0;
    NTSTATUS status = vsc_submit(function->vsc, request, &id);
    TRACE_LINK_OUT(span, vpci_link_key(function->vsc->relid, VPCI_LINK_MESSAGE, id));
    TRACE_DONE(span, "%s", NT_SUCCESS(status) ? "sent" : nt_status_name(status));
    return status;
}

/* STATUS_PENDING: the IRP is marked so and has been or will be completed; else why it was not taken. */
static NTSTATUS submit_block(struct vsc_function *function, struct block_irp *block)
{
    PIRP irp = block->irp;
    NTSTATUS status = STATUS_DEVICE_REMOVED;
    bool inside = vsc_gate_enter(&function->gate);
    if (inside)
        status = vsc_function_available(function, true);
    if (NT_SUCCESS(status)) {
        IoMarkIrpPending(irp);
        status = send_block(function, block);
        if (NT_SUCCESS(status))
            return STATUS_PENDING;
        free(block);
        vsc_complete(irp, status, 0);
        vsc_gate_leave(&function->gate);
        return STATUS_PENDING;
    }
    free(block);
    if (inside)
        vsc_gate_leave(&function->gate);
    return status;
}

static struct block_irp *new_block(PIRP irp, const char *name, ULONG length, void *output)
{
    struct block_irp *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->irp = irp;
    block->name = name;
    block->length = length;
    block->output = output;
    return block;
}

static NTSTATUS write_block(struct vsc_function *function, PIRP irp, const struct ioctl *request)
{
    VPCI_WRITE_BLOCK_INPUT head;
    uint8_t data[VPCI_BLOCK_MAX];
    if (request->input_length < sizeof head)
        return STATUS_BUFFER_TOO_SMALL;
    if (!request->input)
        return STATUS_INVALID_PARAMETER;
    memcpy(&head, request->input, offsetof(VPCI_WRITE_BLOCK_INPUT, Data));
    if (head.DataLength == 0 || head.DataLength > VPCI_BLOCK_MAX)
        return STATUS_INVALID_PARAMETER;
    if (offsetof(VPCI_WRITE_BLOCK_INPUT, Data) + (uint64_t)head.DataLength > request->input_length)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(data, (const uint8_t *)request->input + offsetof(VPCI_WRITE_BLOCK_INPUT, Data), head.DataLength);
    struct block_irp *block = new_block(irp, "IOCTL_VPCI_WRITE_BLOCK", head.DataLength, NULL);
    if (!block)
        return STATUS_INSUFFICIENT_RESOURCES;
    block->request.length = vsc_write_block_message(block->request.message, function->description.slot, head.BlockId,
                                                    data, head.DataLength);
    return submit_block(function, block);
}

static NTSTATUS read_block(struct vsc_function *function, PIRP irp, const struct ioctl *request)
{
    VPCI_READ_BLOCK_INPUT head;
    if (request->input_length < sizeof head)
        return STATUS_BUFFER_TOO_SMALL;
    if (!request->input)
        return STATUS_INVALID_PARAMETER;
    memcpy(&head, request->input, sizeof head);
    if (request->output_length < head.BytesRequested)
        return STATUS_BUFFER_TOO_SMALL;
    if (head.BytesRequested == 0 || head.BytesRequested > VPCI_BLOCK_MAX || !irp->UserBuffer)
        return STATUS_INVALID_PARAMETER;
    struct block_irp *block = new_block(irp, "IOCTL_VPCI_READ_BLOCK", head.BytesRequested, irp->UserBuffer);
    if (!block)
        return STATUS_INSUFFICIENT_RESOURCES;
    block->request.length =
        vsc_read_block_message(block->request.message, function->description.slot, head.BlockId, head.BytesRequested);
    return submit_block(function, block);
}

static NTSTATUS invalidate_block(struct vsc_function *function, PIRP irp, const struct ioctl *request)
{
    (void)request;
    return vsc_invalidate_submit(function, irp);
}

/* ---- dispatch --------------------------------------------------------------------------------------------------- */

static const struct {
    ULONG code;
    const char *name;
    NTSTATUS (*handle)(struct vsc_function *function, PIRP irp, const struct ioctl *request);
} codes[] = {
    {IOCTL_VPCI_WRITE_BLOCK, "IOCTL_VPCI_WRITE_BLOCK", write_block},
    {IOCTL_VPCI_READ_BLOCK, "IOCTL_VPCI_READ_BLOCK", read_block},
    {IOCTL_VPCI_INVALIDATE_BLOCK, "IOCTL_VPCI_INVALIDATE_BLOCK", invalidate_block},
};

static NTSTATUS control(struct vsc_function *function, PIRP irp, unsigned index)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct ioctl request = {
        .input = stack->Parameters.DeviceIoControl.Type3InputBuffer,
        .input_length = stack->Parameters.DeviceIoControl.InputBufferLength,
        .output_length = stack->Parameters.DeviceIoControl.OutputBufferLength,
    };
    TRACE_DOOR(span, "vsc", codes[index].name, "%u bytes in, %u bytes out", request.input_length,
               request.output_length);
    NTSTATUS status =
        irp->RequestorMode == UserMode ? STATUS_INVALID_DEVICE_REQUEST : codes[index].handle(function, irp, &request);
    if (!NT_SUCCESS(status))
        TRACE_REFUSE("vsc", "BLOCK_IOCTL pci.md 2.4-2.7, 5.8", "%s", nt_status_name(status));
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

NTSTATUS vsc_dispatch_control(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status =
        stack->MajorFunction == IRP_MJ_DEVICE_CONTROL ? STATUS_INVALID_DEVICE_REQUEST : STATUS_NOT_SUPPORTED;
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == stack->Parameters.DeviceIoControl.IoControlCode)
            status = control(vsc_function_of(device), irp, i);
    if (status != STATUS_PENDING)
        vsc_complete(irp, status, 0);
    return status;
}
