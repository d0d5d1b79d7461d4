/* SPDX-License-Identifier: MIT
 *
 * Every frame between a VMM and the host, judged: the host's ERRORs are breaches of the rule they name; the other rules
 * are judged here, from both directions.
 */
#include "cli/vmm_check.h"

#include <stdarg.h>
#include <string.h>

static const struct {
    const char *name, *text;
} rules[VMM_CHECK_END] = {
#define ROW(name, number, ends, text) [number] = {#name, text},
    VFP_VMM_RULES(ROW)
#undef ROW
#define ROW(name, text) [VMM_CHECK_##name] = {#name, text},
        VMM_CHECK_RULES(ROW)
#undef ROW
};

/* The rest is put to the test by any frame. */
static const struct {
    unsigned rule, frame;
} occasions[] = {
    {VFP_VMM_RULE_HELLO_ONCE, VFP_VMM_HELLO},         {VFP_VMM_RULE_HELLO_MAGIC, VFP_VMM_HELLO},
    {VFP_VMM_RULE_HELLO_VERSION, VFP_VMM_HELLO},      {VFP_VMM_RULE_CHANNEL_KNOWN, VFP_VMM_OPEN},
    {VFP_VMM_RULE_CHANNEL_STATE, VFP_VMM_OPEN},       {VFP_VMM_RULE_OPEN_SIZES, VFP_VMM_OPEN},
    {VFP_VMM_RULE_PACKET_CREDIT, VFP_VMM_PACKET},     {VFP_VMM_RULE_CREDIT_SUM, VFP_VMM_CREDIT},
    {VFP_VMM_RULE_WINDOW_ONE, VFP_VMM_WINDOW},        {VFP_VMM_RULE_WINDOW_FIELDS, VFP_VMM_WINDOW},
    {VFP_VMM_RULE_REGISTER_ONE, VFP_VMM_REGISTER},    {VFP_VMM_RULE_REGISTER_FIELDS, VFP_VMM_REGISTER},
    {VFP_VMM_RULE_RETARGET_ONE, VFP_VMM_RETARGET},    {VFP_VMM_RULE_RETARGET_FIELDS, VFP_VMM_RETARGET},
    {VMM_CHECK_REGISTER_MITIGATED, VFP_VMM_REGISTER}, {VMM_CHECK_PACKET_TYPE, VFP_VMM_PACKET},
    {VMM_CHECK_WINDOW_MAPPED, VFP_VMM_WINDOW},
};

void vmm_judge_init(struct vmm_judge *judge)
{
    memset(judge, 0, sizeof(*judge));
    pthread_mutex_init(&judge->lock, NULL);
    pthread_cond_init(&judge->changed, NULL);
}

void vmm_judge_breach(struct vmm_judge *judge, unsigned rule, const char *format, ...)
{
    va_list arguments;
    if (rule >= VMM_CHECK_END || judge->breaches[rule][0])
        return;
    va_start(arguments, format);
    vsnprintf(judge->breaches[rule], sizeof(judge->breaches[rule]), format, arguments);
    va_end(arguments);
    judge->broken++;
}

static struct seen_channel *find(struct vmm_judge *judge, uint32_t id)
{
    for (unsigned i = 0; i < judge->channel_count; i++) {
        if (judge->channels[i].id == id)
            return &judge->channels[i];
    }
    return NULL;
}

static uint32_t first_dword(const struct vfp_vmm_packet *packet, uint32_t offset)
{
    uint32_t value = 0;
    if (packet->frame.length >= sizeof(*packet) + offset + sizeof(value))
        memcpy(&value, (const uint8_t *)(packet + 1) + offset, sizeof(value));
    return value;
}

static uint32_t cost(const struct vfp_vmm_packet *packet)
{
    return vfp_vmm_cost(packet->frame.length - (uint32_t)sizeof(*packet));
}

/* ---- from the VMM ------------------------------------------------------------------------------------------------ */

/* A VMM that opens a later channel has read the RESCINDs that came before its OFFER. */
static void heard_rescinds(struct vmm_judge *judge, uint32_t before)
{
    for (unsigned i = 0; i < judge->channel_count; i++) {
        struct seen_channel *channel = &judge->channels[i];
        channel->rescind_heard |= channel->rescinded && channel->id < before;
    }
}

static void on_open(struct vmm_judge *judge, struct seen_channel *channel, const struct vfp_vmm_open *open)
{
    judge->occasions[VMM_CHECK_OPENS] = true;
    channel->opens++;
    channel->open = true;
    channel->ring = open->to_guest;
    channel->taken = 0;
    channel->pair_count = channel->range_count = 0;
    heard_rescinds(judge, channel->id);
}

/* CREATE_INTERRUPT, 2, 3: vpci-wire.md 1.6.14. */
static void on_guest_packet(struct vmm_judge *judge, struct seen_channel *channel, const struct vfp_vmm_packet *packet)
{
    uint32_t type = first_dword(packet, 0);
    if (packet->type != VFP_VMM_PACKET_DATA)
        vmm_judge_breach(judge, VMM_CHECK_PACKET_TYPE, "a packet of type %u", packet->type);
    if ((type == 0x42490014 || type == 0x42490017 || type == 0x4249001B) && channel->create_count < VMM_CHECK_PAIRS)
        channel->creates[channel->create_count++] = packet->transaction_id;
}

static void on_access(struct vmm_judge *judge, const struct seen_channel *channel, const struct vfp_vmm_window *window)
{
    for (unsigned i = 0; i < channel->window_count; i++) {
        if (window->address - channel->windows[i] < VFP_VMM_WINDOW_SIZE)
            return;
    }
    vmm_judge_breach(judge, VMM_CHECK_WINDOW_MAPPED, "%u bytes at %llx", window->size,
                     (unsigned long long)window->address);
}

static bool was_mitigated(const struct seen_channel *channel, uint32_t region, uint64_t at, uint32_t access)
{
    for (unsigned i = 0; i < channel->range_count; i++) {
        const struct vfp_vmm_range *range = &channel->ranges[i].range;
        if (channel->ranges[i].region == region && at - range->offset < range->length && range->accesses & access)
            return true;
    }
    return false;
}

/* Fields that cannot be are the host's to refuse. */
static void on_register(struct vmm_judge *judge, const struct seen_channel *channel,
                        const struct vfp_vmm_register *access)
{
    uint32_t kind = access->write ? VFP_VMM_RANGE_WRITES : VFP_VMM_RANGE_READS;
    if (access->region >= VFP_VMM_BARS || access->write > 1 || access->size < 1 || access->size > 8)
        return;
    if (!was_mitigated(channel, access->region, access->offset, kind) ||
        !was_mitigated(channel, access->region, access->offset + access->size - 1, kind))
        vmm_judge_breach(judge, VMM_CHECK_REGISTER_MITIGATED, "%u bytes at %llx of BAR %u", access->size,
                         (unsigned long long)access->offset, access->region);
}

static void from_vmm(struct vmm_judge *judge, const struct vfp_vmm_frame *frame)
{
    struct seen_channel *channel = find(judge, frame->channel);
    judge->frames[0]++;
    if (frame->type < 32)
        judge->frames[frame->type]++;
    if (!channel)
        return;
    if (channel->rescind_heard)
        vmm_judge_breach(judge, VMM_CHECK_RESCIND_HEARD, "frame type %u, channel %u", frame->type, frame->channel);
    if (channel->rescinded)
        return;
    if (frame->type == VFP_VMM_OPEN && frame->length == sizeof(struct vfp_vmm_open) && !channel->open)
        on_open(judge, channel, (const void *)frame);
    if (frame->type == VFP_VMM_CLOSE)
        channel->open = false;
    if (frame->type == VFP_VMM_PACKET && frame->length >= sizeof(struct vfp_vmm_packet))
        on_guest_packet(judge, channel, (const void *)frame);
    if (frame->type == VFP_VMM_WINDOW && frame->length == sizeof(struct vfp_vmm_window))
        on_access(judge, channel, (const void *)frame);
    if (frame->type == VFP_VMM_REGISTER && frame->length == sizeof(struct vfp_vmm_register))
        on_register(judge, channel, (const void *)frame);
    if (frame->type == VFP_VMM_CREDIT && frame->length == sizeof(struct vfp_vmm_credit)) {
        uint32_t bytes = ((const struct vfp_vmm_credit *)(const void *)frame)->bytes;
        channel->taken -= bytes < channel->taken ? bytes : channel->taken;
    }
}

/* ---- to the VMM -------------------------------------------------------------------------------------------------- */

static void on_host_packet(struct seen_channel *channel, const struct vfp_vmm_packet *packet)
{
    channel->taken += cost(packet);
    channel->sent += cost(packet);
    channel->invalidations += packet->type == VFP_VMM_PACKET_DATA && first_dword(packet, 0) == 0x42490012;
    for (unsigned i = 0; packet->type == VFP_VMM_PACKET_COMPLETION && i < channel->create_count; i++) {
        if (channel->creates[i] != packet->transaction_id)
            continue;
        channel->creates[i] = channel->creates[--channel->create_count];
        if (first_dword(packet, 0) != 0 || channel->pair_count == VMM_CHECK_PAIRS)
            return;
        channel->pairs[channel->pair_count].data = first_dword(packet, 12);
        channel->pairs[channel->pair_count++].address = first_dword(packet, 16) | (uint64_t)first_dword(packet, 20)
                                                                                      << 32;
    }
}

static void on_region(struct seen_channel *channel, const struct vfp_vmm_region *region)
{
    bool mapped = region->frame.type == VFP_VMM_MAP;
    if (region->region != VFP_VMM_REGION_WINDOW) {
        channel->bar = mapped;
        return;
    }
    channel->window = mapped;
    if (mapped && channel->window_count < VMM_CHECK_WINDOWS)
        channel->windows[channel->window_count++] = region->guest_address;
}

static void on_ranges(struct seen_channel *channel, const struct vfp_vmm_ranges *ranges)
{
    const struct vfp_vmm_range *list = (const void *)(ranges + 1);
    for (uint32_t i = 0; i < ranges->count && channel->range_count < VMM_CHECK_RANGES; i++) {
        if (was_mitigated(channel, ranges->region, list[i].offset, list[i].accesses))
            continue;
        channel->ranges[channel->range_count].region = ranges->region;
        channel->ranges[channel->range_count++].range = list[i];
    }
}

static void on_error(struct vmm_judge *judge, const struct vfp_vmm_error *error)
{
    vmm_judge_breach(judge, error->rule, "frame type %u, channel %u, id %u", error->type, error->frame.channel,
                     error->frame.id);
}

static void to_vmm(struct vmm_judge *judge, const struct vfp_vmm_frame *frame)
{
    struct seen_channel *channel = find(judge, frame->channel);
    if (frame->type == VFP_VMM_ERROR)
        on_error(judge, (const void *)frame);
    if (frame->type == VFP_VMM_OFFER && judge->channel_count < VMM_CHECK_CHANNELS)
        judge->channels[judge->channel_count++].id = frame->channel;
    if (!channel)
        return;
    if (frame->type == VFP_VMM_PACKET)
        on_host_packet(channel, (const void *)frame);
    if (frame->type == VFP_VMM_MAP || frame->type == VFP_VMM_UNMAP)
        on_region(channel, (const void *)frame);
    if (frame->type == VFP_VMM_RANGES)
        on_ranges(channel, (const void *)frame);
    if (frame->type == VFP_VMM_RESCIND) {
        channel->rescinded = true;
        channel->open = channel->window = channel->bar = false;
        judge->occasions[VMM_CHECK_RESCIND_HEARD] = true;
    }
}

void vmm_judge_observe(void *context, bool is_from_vmm, const struct vfp_vmm_frame *frame)
{
    struct vmm_judge *judge = context;
    pthread_mutex_lock(&judge->lock);
    if (is_from_vmm)
        from_vmm(judge, frame);
    else
        to_vmm(judge, frame);
    pthread_cond_broadcast(&judge->changed);
    pthread_mutex_unlock(&judge->lock);
}

/* ---- the verdict ------------------------------------------------------------------------------------------------- */

void vmm_judge_credit(struct vmm_judge *judge)
{
    for (unsigned i = 0; i < judge->channel_count; i++) {
        const struct seen_channel *channel = &judge->channels[i];
        judge->occasions[VMM_CHECK_CREDIT_RETURNED] |= channel->ring && channel->sent > channel->ring;
        if (channel->open && channel->taken > channel->ring / 2)
            vmm_judge_breach(judge, VMM_CHECK_CREDIT_RETURNED, "%u of %u bytes were never given back, channel %u",
                             channel->taken, channel->ring, channel->id);
    }
}

static bool had_occasion(const struct vmm_judge *judge, unsigned rule)
{
    if (rule == VMM_CHECK_OPENS || rule == VMM_CHECK_CREDIT_RETURNED || rule == VMM_CHECK_RESCIND_HEARD)
        return judge->occasions[rule];
    for (unsigned i = 0; i < sizeof(occasions) / sizeof(occasions[0]); i++) {
        if (occasions[i].rule == rule)
            return judge->frames[occasions[i].frame];
    }
    return judge->frames[0];
}

unsigned vmm_judge_print(struct vmm_judge *judge, FILE *out)
{
    unsigned counts[3] = {0};
    static const char *const words[] = {"ok", "BROKEN", "unseen"};
    pthread_mutex_lock(&judge->lock);
    for (unsigned rule = 0; rule < VMM_CHECK_END; rule++) {
        if (!rules[rule].name)
            continue;
        bool broken = judge->breaches[rule][0];
        unsigned verdict = broken ? 1 : had_occasion(judge, rule) ? 0 : 2;
        counts[verdict]++;
        fprintf(out, "%-7s %-18s %s%s%s\n", words[verdict], rules[rule].name, rules[rule].text, broken ? ": " : "",
                judge->breaches[rule]);
    }
    fprintf(out, "%u rules: %u ok, %u broken, %u unseen\n", counts[0] + counts[1] + counts[2], counts[0], counts[1],
            counts[2]);
    pthread_mutex_unlock(&judge->lock);
    return counts[1];
}
