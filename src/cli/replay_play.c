/* SPDX-License-Identifier: MIT
 *
 * Plays the accesses of a capture as the guest's processor and judges each answer. The capture's guest met another
 * card, so its answers are compared where they can be; what must hold on any VF is checked on ours, whatever the
 * capture says.
 */
#include "cli/cli.h"

#include <string.h>

#include <vfplane/guest.h>

#define COMMAND_MEMORY     0x0002u
#define COMMAND_BUS_MASTER 0x0004u
#define STATUS_CAPABILITY  0x0010u
#define INITIATE_FLR       0x8000u
#define BAR_64             0x4u
#define BARS               6u
#define SPACE              4096u
#define CAPABILITIES       0x34u /* the pointer to them, and all behind it */

/* What a correct VF must answer now, kept from what was written. */
struct model {
    bool own_card; /* all that the capture read before it wrote there is the same here */
    uint32_t command;
    uint32_t bar_mask[BARS]; /* probed; 0 until sized */
    uint32_t bar_type[BARS];
    uint32_t bar[BARS]; /* as written */
    bool bar_written[BARS];
    uint8_t seen[SPACE]; /* what a read gave, until the dword is written */
    bool known[SPACE];
};

struct verdict {
    bool wrong;
    const char *reason; /* NULL: same as in the capture */
};

static uint32_t lane(const struct access *access, uint32_t dword)
{
    uint32_t value = dword >> (access->offset % 4 * 8);
    return access->size == 4 ? value : value & ((1u << access->size * 8) - 1);
}

static bool covers(const struct access *access, uint32_t offset)
{
    return offset >= access->offset && offset < (uint32_t)access->offset + access->size;
}

static struct verdict judge_command(struct model *model, const struct access *access, uint32_t got)
{
    uint32_t command = got & 0xffff & lane(access, UINT32_MAX); /* a dword has Status above it */
    if (command != (lane(access, model->command) & 0xffff))
        return (struct verdict){true, "Command must hold Memory Enable and Bus Master as written, all else 0"};
    if (access->size == 4 && !(got >> 16 & STATUS_CAPABILITY))
        return (struct verdict){true, "Status must show a capability list"};
    if (access->value != got)
        return (struct verdict){false, "I/O Space and INTx Disable are read-only 0 in a VF (pci.md 4.5)"};
    return (struct verdict){0};
}

static struct verdict judge_status(struct model *model, const struct access *access, uint32_t got)
{
    (void)model;
    if (!(got & STATUS_CAPABILITY))
        return (struct verdict){true, "Status must show a capability list"};
    return (struct verdict){false, access->value == got ? NULL : "Status bits of another card"};
}

static struct verdict judge_zero(struct model *model, const struct access *access, uint32_t got)
{
    (void)model;
    if (got)
        return (struct verdict){true, "header type, BIST, ROM and interrupt pin are 0 in a VF (pci.md 4.5)"};
    return (struct verdict){false, access->value ? "0 in a VF (pci.md 4.5)" : NULL};
}

static bool power_of_two_mask(uint32_t mask)
{
    return mask && ((~mask + 1) & ~mask) == 0;
}

/* All ones were written: one VF's size as a mask, with the type bits a BAR keeps. */
static struct verdict judge_sizing(struct model *model, unsigned index, const struct access *access, uint32_t got)
{
    bool upper = index && model->bar_mask[index - 1] && (model->bar_type[index - 1] & BAR_64);
    uint32_t type = upper ? 0 : got & 0xfu, mask = got & ~type;
    if (got && !power_of_two_mask(mask))
        return (struct verdict){true, "a sized BAR must read a contiguous mask with its type bits"};
    model->bar_mask[index] = mask;
    model->bar_type[index] = type;
    return (struct verdict){false, access->value == got ? NULL : "this card has other BARs"};
}

static struct verdict judge_bar(struct model *model, const struct access *access, uint32_t got)
{
    unsigned index = (access->offset - 0x10u) / 4;
    if (access->size != 4)
        return (struct verdict){false, access->value == got ? NULL : "this card has other BARs"};
    if (model->bar_written[index] && model->bar[index] == UINT32_MAX)
        return judge_sizing(model, index, access, got);
    if (model->bar_written[index] && model->bar_mask[index] &&
        got != ((model->bar[index] & model->bar_mask[index]) | model->bar_type[index]))
        return (struct verdict){true, "a BAR must read the address written, with its type bits"};
    return (struct verdict){false, access->value == got ? NULL : "this card has other BARs"};
}

static struct verdict judge_identity(struct model *model, const struct access *access, uint32_t got)
{
    (void)model;
    if (covers(access, 0) && (got & 0xffff) == 0xffff)
        return (struct verdict){true, "a guest must see the VF's Vendor ID, not FFFFh (pci.md 6.21)"};
    return (struct verdict){false, access->value == got ? NULL : "identity of another card"};
}

/* Nothing on this way changes a register behind the guest's back. */
static bool differs_from_last(struct model *model, const struct access *access, uint32_t got)
{
    bool differs = false;
    for (unsigned i = 0; i < access->size; i++) {
        uint8_t byte = (uint8_t)(got >> 8 * i);
        uint32_t at = access->offset + i;
        differs |= model->known[at] && model->seen[at] != byte;
        model->seen[at] = byte;
        model->known[at] = true;
    }
    return differs;
}

static struct verdict judge_other(struct model *model, const struct access *access, uint32_t got)
{
    if (differs_from_last(model, access, got))
        return (struct verdict){true, "another value than the last read, and nothing was written between"};
    if (model->own_card && got != access->value)
        return (struct verdict){true, "the card of the capture answers otherwise"};
    if (got == lane(access, UINT32_MAX) && access->size == 4)
        return (struct verdict){true, "all ones: nothing answered"};
    return (struct verdict){false, access->value == got ? NULL : "capabilities of another card"};
}

static const struct {
    uint16_t first, last; /* bytes of configuration space */
    struct verdict (*judge)(struct model *model, const struct access *access, uint32_t got);
} rules[] = {
    {0x00, 0x03, judge_identity}, {0x04, 0x05, judge_command}, {0x06, 0x07, judge_status},
    {0x08, 0x0b, judge_identity}, {0x0e, 0x0f, judge_zero},    {0x10, 0x27, judge_bar},
    {0x2c, 0x2f, judge_identity}, {0x30, 0x33, judge_zero},    {0x3d, 0x3d, judge_zero},
    {0x00, 0xfff, judge_other},
};

static struct verdict judge(struct model *model, const struct access *access, uint32_t got)
{
    for (size_t i = 0;; i++) {
        if (access->offset >= rules[i].first && access->offset <= rules[i].last)
            return rules[i].judge(model, access, got);
    }
}

static void note_write(struct model *model, const struct access *access)
{
    bool flr = access->value << access->offset % 4 * 8 & INITIATE_FLR; /* or it may have been that */
    memset(model->known + (flr ? 0 : access->offset / 4 * 4), 0, flr ? SPACE : 4);
    if (covers(access, 0x04))
        model->command = access->value & (COMMAND_MEMORY | COMMAND_BUS_MASTER);
    /* A host ignores BAR writes while Memory Enable is set (vpci-wire.md 2.3). */
    if (access->offset >= 0x10 && access->offset < 0x28 && access->size == 4 && !(model->command & COMMAND_MEMORY)) {
        unsigned index = (access->offset - 0x10u) / 4;
        model->bar[index] = access->value;
        model->bar_written[index] = true;
    }
}

static bool is_own_card(const struct capture *capture)
{
    bool written[SPACE / 4] = {false}, same = true;
    for (size_t i = 0; i < capture->count; i++) {
        const struct access *access = &capture->accesses[i];
        if (access->write)
            written[access->offset / 4] = true;
        else if (access->offset >= CAPABILITIES && !written[access->offset / 4])
            same &= access->got == access->value;
    }
    return same;
}

struct reasons {
    const char *text[16];
    unsigned count[16], used;
};

static void count_reason(struct reasons *reasons, const char *text)
{
    for (unsigned i = 0; i < 16; i++) {
        if (i == reasons->used) {
            reasons->text[i] = text;
            reasons->used++;
        }
        if (reasons->text[i] == text) {
            reasons->count[i]++;
            return;
        }
    }
}

static void print_totals(const struct capture *capture, unsigned reads, unsigned same, unsigned wrong,
                         const struct reasons *reasons, FILE *out)
{
    fprintf(out,
            "\n%zu accesses: %u reads, %zu writes; %u lines of the log are messages, BAR accesses or kernel output\n",
            capture->count, reads, capture->count - reads, capture->other_lines);
    fprintf(out, "  %5u answered as in the capture\n", same);
    for (unsigned i = 0; i < reasons->used; i++)
        fprintf(out, "  %5u differ: %s\n", reasons->count[i], reasons->text[i]);
    fprintf(out, "  %5u wrong\n", wrong);
}

static void play(struct vfp_guest *guest, const struct capture *capture)
{
    for (size_t i = 0; i < capture->count; i++) {
        struct access *access = &capture->accesses[i];
        if (access->write)
            vfp_guest_config_write(guest, 0, access->offset, access->size, access->value);
        else
            access->got = vfp_guest_config_read(guest, 0, access->offset, access->size);
    }
}

static void print_read(const struct access *access, struct verdict verdict, FILE *out)
{
    int digits = access->size * 2;
    fprintf(out, "-> %0*x  %s%0*x%s%s\n", digits, access->got, verdict.reason ? "capture " : "as captured ", digits,
            access->value,
            verdict.wrong    ? "  WRONG: "
            : verdict.reason ? "  "
                             : "",
            verdict.reason ? verdict.reason : "");
}

unsigned replay_accesses(struct vfp_guest *guest, struct capture *capture, FILE *out)
{
    play(guest, capture);
    struct model model = {.own_card = is_own_card(capture)};
    struct reasons reasons = {0};
    unsigned reads = 0, same = 0, wrong = 0;
    for (size_t i = 0; i < capture->count; i++) {
        const struct access *access = &capture->accesses[i];
        fprintf(out, "%4u %s +%03x/%u ", access->line, access->write ? "wr" : "rd", access->offset, access->size);
        if (access->write) {
            note_write(&model, access);
            fprintf(out, "<- %0*x\n", access->size * 2, access->value);
            continue;
        }
        struct verdict verdict = judge(&model, access, access->got);
        reads++;
        same += !verdict.wrong && !verdict.reason;
        wrong += verdict.wrong;
        if (verdict.reason && !verdict.wrong)
            count_reason(&reasons, verdict.reason);
        print_read(access, verdict, out);
    }
    print_totals(capture, reads, same, wrong, &reasons, out);
    return wrong;
}
