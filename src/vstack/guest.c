/* SPDX-License-Identifier: MIT
 *
 * What a partition asks of its VF: configuration accesses through the policy, blocks, reset, power.
 *
 * A write is judged first (what stays here, what goes down, what is refused) and done after, so that the lock is not
 * held while a partition or the PF driver is called. What goes down is one write of the guest's own bytes with the bits
 * that are not its to write as zeros: on a VF those are hardwired or reserved, and reading them first would clear
 * nothing but could lose a write-1-to-clear bit (pci.md 4.9).
 */
#include <string.h>

#include "vstack/internal.h"

#define INITIATE_FLR  0x8000u
#define MEMORY_ENABLE 0x2u

/* An access within one dword: where, and its byte enables as a mask of bits. */
struct access {
    unsigned shift;
    uint32_t mask;
};

static bool decode(ULONG offset, ULONG size, struct access *access)
{
    if ((size != 1 && size != 2 && size != 4) || offset >= VSTACK_CONFIG_SIZE || (offset & 3) + size > 4)
        return false;
    access->shift = (offset & 3) * 8;
    access->mask = (size == 4 ? 0xFFFFFFFF : (1u << size * 8) - 1) << access->shift;
    return true;
}

static void trace_answer(struct trace_span *span, const struct vstack_answer *answer, const char *success)
{
    if (!answer->known)
        TRACE_DONE(*span, "pending");
    else if (answer->status < 0)
        TRACE_DONE(*span, "%s", nt_status_name(answer->status));
    else
        TRACE_DONE(*span, "%s", success);
}

/* ---- configuration read ------------------------------------------------------------------------------------- */

/* Prepares `value` with what is known here and `hardware` with what must be asked for. */
static NTSTATUS look_up(struct vstack_vf *vf, struct vstack_request *request, const struct access *access)
{
    const struct vstack_register *found;
    NTSTATUS status;

    pthread_mutex_lock(&vf->lock);
    status = vstack_usable(vf);
    found = vstack_view_find(&vf->view, request->offset);
    request->value = found ? (found->value & ~found->rule.hardware & access->mask) >> access->shift : 0;
    request->hardware = found ? (found->rule.hardware & access->mask) >> access->shift : 0;
    pthread_mutex_unlock(&vf->lock);
    return status;
}

void vstack_config_read(struct vstack_vf *vf, struct vstack_request *request, ULONG offset, ULONG size)
{
    struct vstack_answer answer = {0};
    struct access access;
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    TRACE_DOOR(span, "vstack", "guest config read", "VF %u: %u bytes at 0x%03x", vf->id, size, offset);
    TRACE_UNDER(span, request->trace_parent);
    request->kind = VSTACK_CONFIG_READ;
    request->offset = offset;
    request->size = size;
    if (decode(offset, size, &access))
        status = look_up(vf, request, &access);
    if (status != STATUS_SUCCESS || !request->hardware)
        vstack_finish(vf, request, status, &answer);
    else
        vstack_submit(vf, request, VSTACK_CONFIG_READ, &answer);
    if (answer.known && answer.status == STATUS_SUCCESS)
        TRACE_DONE(span, "%0*x", (int)size * 2, answer.value);
    else
        trace_answer(&span, &answer, "");
}

/* ---- configuration write ------------------------------------------------------------------------------------ */

struct verdict {
    bool map, unmap, reset;
    uint32_t down; /* bits that go down; 0: nothing */
    uint32_t value;
    uint32_t refused; /* bits the guest tried to change and may not */
    const char *rule;
};

/* vf->lock held; stores what is kept. */
static struct verdict judge(struct vstack_vf *vf, struct vstack_register *at, uint32_t value, uint32_t mask)
{
    struct verdict verdict = {.rule = "VF_READ_ONLY_TO_GUEST pci.md 4.5"};
    const struct vstack_rule *rule = &at->rule;
    uint32_t allowed = mask & ~at->locked, kept = rule->kept & allowed, before = at->value;

    if (rule->effect == VSTACK_BAR && vstack_memory_enabled(vf)) {
        verdict.rule = "BAR_WRITE_WHILE_DECODING vpci-wire.md 2.3";
        verdict.refused = (value ^ before) & kept;
        return verdict;
    }
    at->value = (before & ~kept) | (value & kept);
    verdict.down = (rule->down | rule->clear) & allowed;
    verdict.value = value & verdict.down;
    /* What the hardware holds is not known here, and writing back what was read is no attempt to change it. */
    verdict.refused = (value ^ before) & ~rule->hardware & ~(rule->kept & allowed) & mask;
    if (rule->effect == VSTACK_BAR)
        verdict.refused = 0; /* sizing: the bits that do not stick are the answer */
    if (rule->effect == VSTACK_COMMAND) {
        verdict.map = ~before & at->value & MEMORY_ENABLE;
        verdict.unmap = before & ~at->value & MEMORY_ENABLE;
    }
    verdict.reset = rule->effect == VSTACK_DEVICE_CONTROL && (value & allowed & INITIATE_FLR);
    return verdict;
}

/* The 16-bit registers that hold bits which go down, never beyond the guest's own bytes. */
static void narrow(struct vstack_request *request, const struct verdict *verdict)
{
    unsigned first = ((unsigned)__builtin_ctz(verdict->down) / 8) & ~1u;
    unsigned last = ((31 - (unsigned)__builtin_clz(verdict->down)) / 8) | 1u;
    unsigned guest_first = request->offset & 3, guest_last = guest_first + request->size - 1;

    if (first < guest_first)
        first = guest_first;
    if (last > guest_last)
        last = guest_last;
    request->offset = (request->offset & ~3u) + first;
    request->size = last - first + 1;
    request->value = verdict->value >> first * 8;
}

static NTSTATUS judge_write(struct vstack_vf *vf, ULONG offset, uint32_t value, uint32_t mask, struct verdict *verdict)
{
    struct vstack_register *at;
    NTSTATUS status;

    pthread_mutex_lock(&vf->lock);
    status = vstack_usable(vf);
    at = vstack_view_find(&vf->view, offset);
    if (status == STATUS_SUCCESS && at)
        *verdict = judge(vf, at, value, mask);
    else if (value & mask)
        *verdict = (struct verdict){.refused = value & mask, .rule = "NOT_IN_GUEST_VIEW vpci-wire.md 6.5"};
    pthread_mutex_unlock(&vf->lock);
    return status;
}

void vstack_config_write(struct vstack_vf *vf, struct vstack_request *request, ULONG offset, ULONG size, ULONG value)
{
    struct vstack_answer answer = {0};
    struct verdict verdict = {0};
    struct access access;
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    TRACE_DOOR(span, "vstack", "guest config write", "VF %u: %u bytes at 0x%03x <- %0*x", vf->id, size, offset,
               size <= 4 ? (int)size * 2 : 8, value);
    TRACE_UNDER(span, request->trace_parent);
    request->kind = VSTACK_CONFIG_WRITE;
    request->offset = offset;
    request->size = size;
    if (decode(offset, size, &access))
        status = judge_write(vf, offset, value << access.shift, access.mask, &verdict);
    if (status == STATUS_SUCCESS && verdict.refused)
        TRACE_REFUSE("vstack", verdict.rule, "bits %08x of 0x%03x", verdict.refused, offset & ~3u);
    if (verdict.map)
        vstack_bars_map(vf);
    if (verdict.unmap)
        vstack_bars_unmap(vf);
    if (verdict.reset)
        vstack_guest_reset(vf);
    if (status != STATUS_SUCCESS || (!verdict.reset && !verdict.down)) {
        vstack_finish(vf, request, status, &answer);
    } else if (verdict.reset) {
        TRACE_NOTE("vstack", "Initiate FLR: the VF is reset by its PF driver");
        vstack_submit(vf, request, VSTACK_RESET, &answer);
    } else {
        narrow(request, &verdict);
        vstack_submit(vf, request, VSTACK_CONFIG_WRITE, &answer);
    }
    trace_answer(&span, &answer, "written");
}

/* ---- blocks ------------------------------------------------------------------------------------------------- */

static bool block_length_ok(ULONG length)
{
    if (length >= 1 && length <= VSTACK_BLOCK_MAX)
        return true;
    TRACE_REFUSE("vstack", "CONFIG_BLOCK_LENGTH pci.md 5.7", "%u bytes", length);
    return false;
}

void vstack_block_read(struct vstack_vf *vf, struct vstack_request *request, ULONG block_id, ULONG length)
{
    struct vstack_answer answer = {0};

    TRACE_DOOR(span, "vstack", "block read", "VF %u: %u bytes of block %u", vf->id, length, block_id);
    TRACE_UNDER(span, request->trace_parent);
    request->kind = VSTACK_BLOCK_READ;
    request->offset = block_id;
    request->size = length;
    if (block_length_ok(length))
        vstack_submit(vf, request, VSTACK_BLOCK_READ, &answer);
    else
        vstack_finish(vf, request, STATUS_INVALID_PARAMETER, &answer);
    if (answer.known && answer.status == STATUS_SUCCESS)
        TRACE_DONE(span, "%u bytes", answer.length);
    else
        trace_answer(&span, &answer, "");
}

void vstack_block_write(struct vstack_vf *vf, struct vstack_request *request, ULONG block_id, const void *data,
                        ULONG length)
{
    struct vstack_answer answer = {0};

    TRACE_DOOR(span, "vstack", "block write", "VF %u: %u bytes to block %u", vf->id, length, block_id);
    TRACE_UNDER(span, request->trace_parent);
    request->kind = VSTACK_BLOCK_WRITE;
    request->offset = block_id;
    request->size = length;
    if (block_length_ok(length)) {
        memcpy(request->data, data, length);
        vstack_submit(vf, request, VSTACK_BLOCK_WRITE, &answer);
    } else {
        vstack_finish(vf, request, STATUS_INVALID_PARAMETER, &answer);
    }
    trace_answer(&span, &answer, "written");
}

/* ---- reset and power ---------------------------------------------------------------------------------------- */

void vstack_reset(struct vstack_vf *vf, struct vstack_request *request)
{
    struct vstack_answer answer = {0};
    TRACE_DOOR(span, "vstack", "VF reset", "VF %u", vf->id);
    TRACE_UNDER(span, request->trace_parent);
    vstack_guest_reset(vf);
    vstack_submit(vf, request, VSTACK_RESET, &answer);
    trace_answer(&span, &answer, "reset");
}

void vstack_set_power(struct vstack_vf *vf, struct vstack_request *request, NDIS_DEVICE_POWER_STATE state)
{
    struct vstack_answer answer = {0};
    TRACE_DOOR(span, "vstack", "VF power", "VF %u: D%d", vf->id, (int)state - 1);
    TRACE_UNDER(span, request->trace_parent);
    request->kind = VSTACK_POWER;
    request->value = (ULONG)state;
    if (state >= NdisDeviceStateD0 && state <= NdisDeviceStateD3)
        vstack_submit(vf, request, VSTACK_POWER, &answer);
    else
        vstack_finish(vf, request, STATUS_INVALID_PARAMETER, &answer);
    trace_answer(&span, &answer, "set");
}
