/* SPDX-License-Identifier: MIT
 *
 * What a VMM is told of BARs and of the pages in them that a PF driver answers for: one of version 1, which cannot keep
 * its guest from them, and one that has much to read. What the PF driver and the guest do is said for them.
 */
#include "far.h"

#include "scarce.h"

#include <errno.h>

#define BAR_ADDRESS 0xE0000000ull
#define FULL        VFP_VMM_RANGES_MAX

static int set_up_open(void **state)
{
    far_set_up(state);
    struct far_host *host = *state;
    host->first.version = 2;
    far_up(&host->first);
    far_up(&host->second); /* of version 1 */
    return 0;
}

static void tell(struct vmm_channel *channel, uint32_t bar, uint64_t offset, uint32_t count)
{
    struct vfp_vmm_range ranges[FULL] = {0};
    for (uint32_t i = 0; i < count; i++)
        ranges[i] = (struct vfp_vmm_range){offset + i * 8192ull, 4096, VFP_VMM_RANGE_READS, 0};
    vmm_channel_ranges(channel, bar, ranges, count);
}

static void place(struct vmm_channel *channel, bool mapped, uint32_t bar, uint64_t address)
{
    vmm_channel_region(channel, mapped, bar, address, address + 0x10000000, 0x4000);
}

/* ---- version 1 --------------------------------------------------------------------------------------------------- */

static unsigned refusals;

static void on_record(struct trace_sink *sink, const struct trace_record *record)
{
    (void)sink;
    refusals += record->kind == TRACE_REFUSED && strcmp(record->rule, "BAR_MITIGATED vmm-integration.md") == 0;
}

static void on_flush(struct trace_sink *sink)
{
    (void)sink;
}

struct watched {
    struct trace_sink sink;
    struct trace *trace;
};

static void watch(struct watched *watched)
{
    watched->sink = (struct trace_sink){on_record, on_flush};
    watched->trace = trace_create(&watched->sink, 1, "host");
    refusals = 0;
    trace_enter_thread(watched->trace);
}

static void unwatch(struct watched *watched)
{
    trace_enter_thread(NULL);
    trace_destroy(watched->trace);
}

static void a_bar_with_pages_that_version_1_cannot_guard_is_not_mapped_for_it(void **state)
{
    struct far_host *host = *state;
    struct far *old = &host->second;
    struct watched watched;
    watch(&watched);
    tell(old->end, 0, 0, 1);
    assert_int_equal(refusals, 0); /* nobody wants to see it */
    place(old->end, true, 0, BAR_ADDRESS);
    place(old->end, true, 2, BAR_ADDRESS + 0x100000);
    assert_int_equal(refusals, 1);
    unwatch(&watched);
    assert_true(far_alive(old));
    assert_false(old->mapped[0]);
    assert_true(old->mapped[2]);
    assert_true(old->mapped[VFP_VMM_REGION_WINDOW]);
    tell(old->end, 0, 0, 2); /* still some */
    assert_true(far_alive(old));
    assert_false(old->mapped[0]);
    tell(old->end, 0, 0, 0);
    const struct vfp_vmm_region *map = far_hear(old, VFP_VMM_MAP);
    assert_int_equal(map->region, 0);
    assert_true(map->guest_address == BAR_ADDRESS && map->system_address == BAR_ADDRESS + 0x10000000);
    assert_true(map->size == 0x4000);
    assert_int_equal(old->ranges, 0); /* and far.c fails when RANGES is heard */
}

static void a_mapped_bar_goes_when_it_gets_such_pages_and_comes_back(void **state)
{
    struct far_host *host = *state;
    struct far *old = &host->second;
    struct watched watched;
    place(old->end, true, 0, BAR_ADDRESS);
    far_hear(old, VFP_VMM_MAP);
    for (unsigned i = 0; i < 3; i++) {
        watch(&watched);
        tell(old->end, 0, 4096, FULL);
        tell(old->end, 0, 4096, 3);
        unwatch(&watched);
        assert_int_equal(refusals, 1);
        const struct vfp_vmm_region *unmap = far_hear(old, VFP_VMM_UNMAP);
        assert_int_equal(unmap->region, 0);
        assert_true(unmap->guest_address == BAR_ADDRESS);
        tell(old->end, 0, 0, 0);
        far_hear(old, VFP_VMM_MAP);
        assert_true(old->mapped[0]);
    }
    tell(old->end, 0, 0, 1);
    far_hear(old, VFP_VMM_UNMAP);
    place(old->end, false, 0, BAR_ADDRESS); /* the guest takes it away: nothing to say */
    tell(old->end, 0, 0, 0);
    const struct vfp_vmm_window read = {.address = WINDOW, .size = 4};
    far_send(old, VFP_VMM_WINDOW, sizeof read, &read.address);
    const struct vfp_vmm_frame *next = far_hear_any(old);
    assert_int_equal(next->type, VFP_VMM_WINDOW_DONE);
    assert_true(far_alive(old));
}

/* ---- much to read ------------------------------------------------------------------------------------------------ */

/* More than is sent before the VMM reads. */
static void fill(struct far *far)
{
    for (unsigned i = 0; i < 100; i++) {
        for (uint32_t bar = 1; bar < VFP_VMM_BARS; bar++)
            tell(far->end, bar, i * 4096ull, FULL);
    }
}

/* What is heard up to an answer, packets aside: "RANGES 0, MAP 0", ... of BAR 0. */
static void hear_of_bar_0(struct far *far, uint16_t until, char *heard, size_t size)
{
    uint16_t type;
    heard[0] = 0;
    do {
        const struct vfp_vmm_region *region = far_hear_any(far);
        const struct vfp_vmm_ranges *ranges = (const void *)region;
        size_t at = strlen(heard);
        type = region->frame.type;
        if ((type == VFP_VMM_MAP || type == VFP_VMM_UNMAP) && region->region == 0)
            snprintf(heard + at, size - at, "%s %llx, ", type == VFP_VMM_MAP ? "MAP" : "UNMAP",
                     (unsigned long long)region->guest_address);
        if (type == VFP_VMM_RANGES && ranges->region == 0)
            snprintf(heard + at, size - at, "RANGES %u, ", ranges->count);
    } while (type != until);
}

static void what_waits_is_said_in_order_and_only_the_last_of_it(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    char heard[256];
    place(far->end, true, 0, 0xA0000000);
    far_hear(far, VFP_VMM_MAP);
    tell(far->end, 0, 0, 7);
    far_hear(far, VFP_VMM_RANGES);
    fill(far);
    place(far->end, false, 0, 0xA0000000);
    tell(far->end, 0, 0, 0);
    place(far->end, true, 0, 0xB0000000);
    tell(far->end, 0, 0, 5);
    place(far->end, false, 0, 0xB0000000);
    place(far->end, true, 0, 0xC0000000);
    tell(far->end, 0, 0, 3);
    const struct vfp_vmm_window read = {.address = WINDOW, .size = 4};
    far_send(far, VFP_VMM_WINDOW, sizeof read, &read.address);
    hear_of_bar_0(far, VFP_VMM_WINDOW_DONE, heard, sizeof heard);
    assert_string_equal(heard, "UNMAP a0000000, RANGES 3, MAP c0000000, ");
    fill(far);
    tell(far->end, 0, 0, 0); /* its pages may be touched again when it is gone, not before */
    place(far->end, false, 0, 0xC0000000);
    far_send(far, VFP_VMM_WINDOW, sizeof read, &read.address);
    hear_of_bar_0(far, VFP_VMM_WINDOW_DONE, heard, sizeof heard);
    assert_string_equal(heard, "UNMAP c0000000, RANGES 0, ");
    assert_true(far_alive(far));
}

static void without_memory_to_keep_ranges_they_are_said_at_once_and_in_order(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    char heard[256];
    place(far->end, true, 0, 0xA0000000);
    far_hear(far, VFP_VMM_MAP);
    fill(far);
    tell(far->end, 0, 0, 9);
    place(far->end, false, 0, 0xA0000000);
    scarce_no_memory = true;
    tell(far->end, 0, 0, 2);
    scarce_no_memory = false;
    place(far->end, true, 0, 0xB0000000);
    const struct vfp_vmm_window read = {.address = WINDOW, .size = 4};
    far_send(far, VFP_VMM_WINDOW, sizeof read, &read.address);
    hear_of_bar_0(far, VFP_VMM_WINDOW_DONE, heard, sizeof heard);
    assert_string_equal(heard, "UNMAP a0000000, RANGES 2, MAP b0000000, ");
    assert_true(far_alive(far));
}

/* ---- many VFs ---------------------------------------------------------------------------------------------------- */

#define VFS 24u

struct many {
    struct vmm_channel *channels[VFS];
    unsigned ranges[VFS], maps[VFS], answers[VFS];
    uint32_t first; /* number of the first */
};

/* At offset 0 it is answered later, elsewhere never. */
static int later(void *context, const struct vfp_vmm_register *asked)
{
    (void)context;
    return asked->offset ? -ENOMEM : 0;
}

/* Beside its one of far.h, one that nobody serves; far->id is its number. */
static struct vmm_channel *make_bare(struct far *far)
{
    const struct vmbus_offer offer = {.interface_id = VPCI_INTERFACE_ID, .instance_id = {[4] = 9}};
    const struct vmm_channel_asked asked = {.access = later};
    struct vmm_channel *channel;
    assert_int_equal(vmm_channel_create(far->vmm, &offer, &asked, &channel), 0);
    far->id = ((const struct vfp_vmm_offer *)far_hear(far, VFP_VMM_OFFER))->frame.channel;
    far_send(far, VFP_VMM_OPEN, sizeof(struct vfp_vmm_open), (uint32_t[]){FAR_RING, FAR_RING});
    far_hear(far, VFP_VMM_OPENED);
    return channel;
}

static void unmake_bare(struct far *far, struct vmm_channel *channel)
{
    vmbus_host_rescind(vmm_channel_host(channel));
    far_hear(far, VFP_VMM_RESCIND);
    vmbus_host_destroy(vmm_channel_host(channel));
}

/* Its pages are taken back before CLOSED: it does not appear for that moment. The channel is one that nobody serves, so
 * it stays in it. */
static void a_hidden_bar_stays_hidden_while_its_channel_closes(void **state)
{
    struct far_host *host = *state;
    struct far *old = &host->second;
    const uint32_t own = old->id;
    struct vmm_channel *channel = make_bare(old);
    tell(channel, 0, 0, 1);
    place(channel, true, 0, BAR_ADDRESS);
    far_send(old, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
    old->id = own;
    far_window(old, false, WINDOW, 4, 0); /* CLOSE was taken, then */
    tell(channel, 0, 0, 0);
    unmake_bare(old, channel);
    assert_false(old->mapped[0]);
}

static void an_access_that_cannot_be_asked_or_is_given_up_is_answered_with_why(void **state)
{
    static const struct {
        uint64_t offset;
        uint32_t status;
    } rows[] = {{4096, ENOMEM}, {0, ETIMEDOUT}, {4096, ENOMEM}};
    struct far_host *host = *state;
    struct far *far = &host->first;
    const uint32_t own = far->id;
    struct vmm_channel *channel = make_bare(far);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct vfp_vmm_register ask = {.offset = rows[i].offset, .size = 4};
        far_send(far, VFP_VMM_REGISTER, sizeof ask, &ask.offset);
        if (!rows[i].offset) {
            const uint32_t id = far->frame_id, bare = far->id;
            far->id = own;
            far_window(far, false, WINDOW, 4, 0); /* REGISTER was taken, then */
            far->id = bare;
            far->frame_id = id;
            vmm_channel_register_done(channel, -ETIMEDOUT, UINT64_MAX);
        }
        const struct vfp_vmm_register_done *done = far_hear(far, VFP_VMM_REGISTER_DONE);
        assert_int_equal(done->frame.id, far->frame_id);
        assert_int_equal(done->status, rows[i].status);
        assert_true(done->value == UINT64_MAX);
    }
    far->id = own;
    unmake_bare(far, channel);
    assert_true(far_alive(far));
}

static void make_many(struct far *far, struct many *many)
{
    const uint32_t own = far->id;
    for (unsigned i = 0; i < VFS; i++) {
        many->channels[i] = make_bare(far);
        if (i == 0)
            many->first = far->id;
        assert_int_equal(far->id, many->first + i);
        far_send(far, VFP_VMM_REGISTER, sizeof(struct vfp_vmm_register), &(struct vfp_vmm_register){.size = 4}.offset);
    }
    far->id = own;
    far_window(far, false, WINDOW, 4, 0); /* what came before it is taken */
}

static void unmake_many(struct far *far, struct many *many)
{
    for (unsigned i = 0; i < VFS; i++)
        unmake_bare(far, many->channels[i]);
}

static void count(struct many *many, const struct vfp_vmm_frame *frame)
{
    uint32_t i = frame->channel - many->first;
    if (frame->channel < many->first || i >= VFS)
        return;
    if (frame->type == VFP_VMM_RANGES) {
        many->ranges[i]++;
    } else if (frame->type == VFP_VMM_MAP) {
        many->maps[i]++;
        assert_int_equal(many->ranges[i], VFP_VMM_BARS);
    } else if (frame->type == VFP_VMM_REGISTER_DONE) {
        many->answers[i]++;
        assert_int_equal(many->maps[i], 1);
    }
}

/* All of them have 37 KB of ranges, a BAR that is mapped and an answer; the VMM begins to read when all is said. */
static void a_machine_of_many_vfs_that_reads_later_keeps_its_connection(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct many many = {0};
    make_many(far, &many);
    for (unsigned i = 0; i < VFS; i++) {
        for (uint32_t bar = 0; bar < VFP_VMM_BARS; bar++)
            tell(many.channels[i], bar, 0, FULL);
        place(many.channels[i], true, 0, BAR_ADDRESS + i * 0x10000);
        vmm_channel_register_done(many.channels[i], 0, i);
    }
    for (unsigned answers = 0; answers < VFS;) {
        const struct vfp_vmm_frame *frame = far_hear_any(far);
        answers += frame->type == VFP_VMM_REGISTER_DONE;
        count(&many, frame);
    }
    assert_int_equal(far_ended(far), 0);
    assert_true(far_alive(far));
    unmake_many(far, &many);
}

static void tell_all_but_the_last(struct many *many, uint64_t offset)
{
    for (unsigned i = 0; i < VFS - 1; i++) {
        for (uint32_t bar = 0; bar < VFP_VMM_BARS; bar++)
            tell(many->channels[i], bar, offset, FULL);
    }
}

/* They have something new with every frame that is read; the last one's turn comes all the same. */
static void vfs_that_always_have_something_to_say_do_not_keep_another_from_it(void **state)
{
    enum { SOON = 1000 }; /* frames: what all of them say once, and what queue and socket hold, many times */
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct many many = {0};
    unsigned heard = 0;
    bool mapped = false;
    make_many(far, &many);
    fill(far);
    tell_all_but_the_last(&many, 0);
    place(many.channels[VFS - 1], true, 3, BAR_ADDRESS);
    for (; !mapped && heard < SOON; heard++) {
        const struct vfp_vmm_frame *frame = far_hear_any(far);
        mapped = frame->type == VFP_VMM_MAP && frame->channel == many.first + VFS - 1;
        tell_all_but_the_last(&many, heard * 4096ull);
    }
    assert_true(mapped);
    unmake_many(far, &many);
    assert_true(far_alive(far));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_open, far_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_bar_with_pages_that_version_1_cannot_guard_is_not_mapped_for_it),
        CASE(a_mapped_bar_goes_when_it_gets_such_pages_and_comes_back),
        CASE(what_waits_is_said_in_order_and_only_the_last_of_it),
        CASE(without_memory_to_keep_ranges_they_are_said_at_once_and_in_order),
        CASE(an_access_that_cannot_be_asked_or_is_given_up_is_answered_with_why),
        CASE(a_hidden_bar_stays_hidden_while_its_channel_closes),
        CASE(a_machine_of_many_vfs_that_reads_later_keeps_its_connection),
        CASE(vfs_that_always_have_something_to_say_do_not_keep_another_from_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
