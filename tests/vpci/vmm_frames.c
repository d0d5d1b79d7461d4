/* SPDX-License-Identifier: MIT
 *
 * Frames that break a rule of vfplane/vmm_wire.h, a row each: the answer is the documented one, nothing of the frame is
 * done, and what the rule does not end goes on. The second machine notices nothing.
 */
#include "far.h"

#include <unistd.h>

#define HEADER sizeof(struct vfp_vmm_frame)

enum when { NEW, OFFERED, OPEN };
enum ends { FRAME, CHANNEL, CONNECTION };

static const struct row {
    const char *name;
    enum when when;
    uint32_t rule;
    enum ends ends;
    uint16_t type;
    uint16_t flags;
    uint32_t length;  /* as the frame says */
    uint32_t bytes;   /* sent; 0: `length` */
    int channel;      /* beside the right one; INT32_MIN: 0 */
    uint16_t version; /* of the protocol; 0: 1 */
    uint32_t rest[6]; /* behind the header */
} rows[] = {
/* clang-format off */
#define ROW(when_, what, rule_, ends_, type_, flags_, length_, ...)                                                    \
    {.name = #rule_ ": " what, .when = when_, .rule = VFP_VMM_RULE_##rule_, .ends = ends_, .type = type_,              \
     .flags = flags_, .length = length_, __VA_ARGS__}
    /* clang-format on */
    ROW(NEW, "0 bytes", FRAME_LENGTH, CONNECTION, VFP_VMM_HELLO, 0, 0, .bytes = 16),
    ROW(NEW, "15 bytes", FRAME_LENGTH, CONNECTION, VFP_VMM_HELLO, 0, 15, .bytes = 16),
    ROW(NEW, "a byte more than the longest", FRAME_LENGTH, CONNECTION, VFP_VMM_HELLO, 0, VFP_VMM_FRAME_MAX + 1,
        .bytes = 16),
    ROW(NEW, "4 GiB", FRAME_LENGTH, CONNECTION, VFP_VMM_PACKET, 0, UINT32_MAX, .bytes = 16),
    ROW(OPEN, "0 bytes in an open channel", FRAME_LENGTH, CONNECTION, VFP_VMM_PACKET, 0, 0, .bytes = 16),
    ROW(OPEN, "4 GiB in an open channel", FRAME_LENGTH, CONNECTION, VFP_VMM_PACKET, 0, UINT32_MAX, .bytes = 16),
    ROW(NEW, "OPEN", HELLO_FIRST, CONNECTION, VFP_VMM_OPEN, 0, 24, .bytes = 0),
    ROW(NEW, "an unknown type", HELLO_FIRST, CONNECTION, 4711, 0, 16, .bytes = 0),
    ROW(NEW, "a host's frame", HELLO_FIRST, CONNECTION, VFP_VMM_OFFER, 0, 48, .bytes = 0),
    ROW(NEW, "none", HELLO_MAGIC, CONNECTION, VFP_VMM_HELLO, 0, 32, .rest = {0, 0, 0x00010001}),
    ROW(NEW, "one letter", HELLO_MAGIC, CONNECTION, VFP_VMM_HELLO, 0, 32, .rest = {0x2D706676, 0x006D6D77, 0x00010001}),
    ROW(NEW, "3 to 9", HELLO_VERSION, CONNECTION, VFP_VMM_HELLO, 0, 32, .rest = {0x2D706676, 0x006D6D76, 0x00090003}),
    ROW(NEW, "only 0", HELLO_VERSION, CONNECTION, VFP_VMM_HELLO, 0, 32, .rest = {0x2D706676, 0x006D6D76, 0}),
    ROW(NEW, "65535", HELLO_VERSION, CONNECTION, VFP_VMM_HELLO, 0, 32, .rest = {0x2D706676, 0x006D6D76, UINT32_MAX}),
    ROW(NEW, "2 to 1", HELLO_VERSION, CONNECTION, VFP_VMM_HELLO, 0, 32, .rest = {0x2D706676, 0x006D6D76, 0x00010002}),
    ROW(NEW, "HELLO with a flag", FRAME_FLAGS, FRAME, VFP_VMM_HELLO, 1, 32,
        .rest = {0x2D706676, 0x006D6D76, 0x00010001}),
    ROW(NEW, "HELLO of 31", FRAME_SIZE, FRAME, VFP_VMM_HELLO, 0, 31, .rest = {0x2D706676, 0x006D6D76, 0x00010001}),
    ROW(NEW, "HELLO of 33", FRAME_SIZE, FRAME, VFP_VMM_HELLO, 0, 33, .rest = {0x2D706676, 0x006D6D76, 0x00010001}),
    ROW(OFFERED, "again", HELLO_ONCE, FRAME, VFP_VMM_HELLO, 0, 32, .rest = {0x2D706676, 0x006D6D76, 0x00010001}),
    ROW(OPEN, "again in an open channel", HELLO_ONCE, FRAME, VFP_VMM_HELLO, 0, 32, .rest = {1, 2, 3}),
    ROW(OFFERED, "0", FRAME_TYPE, FRAME, 0, 0, 16, .bytes = 0),
    ROW(OFFERED, "5", FRAME_TYPE, FRAME, 5, 0, 16, .bytes = 0),
    ROW(OFFERED, "7", FRAME_TYPE, FRAME, 7, 0, 16, .bytes = 0),
    ROW(OFFERED, "10", FRAME_TYPE, FRAME, 10, 0, 16, .bytes = 0),
    ROW(OPEN, "OFFER", FRAME_TYPE, FRAME, VFP_VMM_OFFER, 0, 48, .bytes = 0),
    ROW(OPEN, "RESCIND", FRAME_TYPE, FRAME, VFP_VMM_RESCIND, 0, 16, .bytes = 0),
    ROW(OPEN, "OPENED", FRAME_TYPE, FRAME, VFP_VMM_OPENED, 0, 24, .bytes = 0),
    ROW(OPEN, "CLOSED", FRAME_TYPE, FRAME, VFP_VMM_CLOSED, 0, 16, .bytes = 0),
    ROW(OPEN, "WINDOW_DONE", FRAME_TYPE, FRAME, VFP_VMM_WINDOW_DONE, 0, 24, .bytes = 0),
    ROW(OPEN, "INTERRUPT", FRAME_TYPE, FRAME, VFP_VMM_INTERRUPT, 0, 40, .bytes = 0),
    ROW(OPEN, "MAP", FRAME_TYPE, FRAME, VFP_VMM_MAP, 0, 48, .bytes = 0),
    ROW(OPEN, "UNMAP", FRAME_TYPE, FRAME, VFP_VMM_UNMAP, 0, 48, .bytes = 0),
    ROW(OPEN, "ERROR", FRAME_TYPE, FRAME, VFP_VMM_ERROR, 0, 48, .bytes = 0),
    ROW(OPEN, "65535", FRAME_TYPE, FRAME, 65535, 0xFFFF, 16, .bytes = 0),
    ROW(OFFERED, "OPEN with a flag", FRAME_FLAGS, FRAME, VFP_VMM_OPEN, 1, 24, .rest = {4096, 4096}),
    ROW(OPEN, "CLOSE with the highest", FRAME_FLAGS, FRAME, VFP_VMM_CLOSE, 0x8000, 16, .bytes = 0),
    ROW(OFFERED, "OPEN of 23", FRAME_SIZE, FRAME, VFP_VMM_OPEN, 0, 23, .rest = {4096, 4096}),
    ROW(OFFERED, "OPEN of 25", FRAME_SIZE, FRAME, VFP_VMM_OPEN, 0, 25, .rest = {4096, 4096}),
    ROW(OPEN, "CLOSE of 17", FRAME_SIZE, FRAME, VFP_VMM_CLOSE, 0, 17, .bytes = 0),
    ROW(OPEN, "WINDOW of 39", FRAME_SIZE, FRAME, VFP_VMM_WINDOW, 0, 39, .bytes = 0),
    ROW(OPEN, "WINDOW of 40 and one", FRAME_SIZE, FRAME, VFP_VMM_WINDOW, 0, 41, .bytes = 40),
    ROW(OPEN, "PACKET of 31", FRAME_SIZE, FRAME, VFP_VMM_PACKET, 0, 31, .rest = {6}),
    ROW(OPEN, "CREDIT of 23", FRAME_SIZE, FRAME, VFP_VMM_CREDIT, 0, 23, .rest = {1}),
    ROW(OPEN, "CREDIT of 25", FRAME_SIZE, FRAME, VFP_VMM_CREDIT, 0, 25, .rest = {1}),
    ROW(OPEN, "channel 0", CHANNEL_KNOWN, FRAME, VFP_VMM_PACKET, 0, 40, .channel = INT32_MIN, .rest = {6}),
    ROW(OPEN, "the next one", CHANNEL_KNOWN, FRAME, VFP_VMM_CLOSE, 0, 16, .channel = 1),
    ROW(OPEN, "one far away", CHANNEL_KNOWN, FRAME, VFP_VMM_WINDOW, 0, 40, .channel = 1 << 30, .rest = {0, 0, 0, 0, 4}),
    ROW(OFFERED, "the last one", CHANNEL_KNOWN, FRAME, VFP_VMM_OPEN, 0, 24, .channel = -2, .rest = {4096, 4096}),
    ROW(OFFERED, "CLOSE of a closed one", CHANNEL_STATE, FRAME, VFP_VMM_CLOSE, 0, 16, .bytes = 0),
    ROW(OFFERED, "PACKET in a closed one", CHANNEL_STATE, FRAME, VFP_VMM_PACKET, 0, 40, .rest = {6}),
    ROW(OFFERED, "CREDIT in a closed one", CHANNEL_STATE, FRAME, VFP_VMM_CREDIT, 0, 24, .rest = {8}),
    ROW(OFFERED, "WINDOW in a closed one", CHANNEL_STATE, FRAME, VFP_VMM_WINDOW, 0, 40, .rest = {0, 0, 0, 0, 4}),
    ROW(OPEN, "OPEN of an open one", CHANNEL_STATE, FRAME, VFP_VMM_OPEN, 0, 24, .rest = {4096, 4096}),
    ROW(OFFERED, "no ring to the host", OPEN_SIZES, FRAME, VFP_VMM_OPEN, 0, 24, .rest = {0, 4096}),
    ROW(OFFERED, "no ring to the guest", OPEN_SIZES, FRAME, VFP_VMM_OPEN, 0, 24, .rest = {4096, 0}),
    ROW(OFFERED, "4095", OPEN_SIZES, FRAME, VFP_VMM_OPEN, 0, 24, .rest = {4095, 4096}),
    ROW(OFFERED, "4097", OPEN_SIZES, FRAME, VFP_VMM_OPEN, 0, 24, .rest = {4096, 4097}),
    ROW(OFFERED, "a page over 1 MiB", OPEN_SIZES, FRAME, VFP_VMM_OPEN, 0, 24, .rest = {1052672, 4096}),
    ROW(OFFERED, "nearly 4 GiB", OPEN_SIZES, FRAME, VFP_VMM_OPEN, 0, 24, .rest = {0xFFFFF000, 0xFFFFF000}),
    ROW(OPEN, "a packet longer than the ring", PACKET_CREDIT, CHANNEL, VFP_VMM_PACKET, 0, 32 + FAR_RING, .rest = {6}),
    ROW(OPEN, "by eight bytes", PACKET_CREDIT, CHANNEL, VFP_VMM_PACKET, 0, 32 + FAR_RING - 24, .rest = {6}),
    ROW(OPEN, "the longest packet", PACKET_CREDIT, CHANNEL, VFP_VMM_PACKET, 0, VFP_VMM_FRAME_MAX, .rest = {6}),
    ROW(OPEN, "of nothing", CREDIT_SUM, CHANNEL, VFP_VMM_CREDIT, 0, 24, .rest = {0}),
    ROW(OPEN, "one byte that was not taken", CREDIT_SUM, CHANNEL, VFP_VMM_CREDIT, 0, 24, .rest = {1}),
    ROW(OPEN, "4 GiB", CREDIT_SUM, CHANNEL, VFP_VMM_CREDIT, 0, 24, .rest = {UINT32_MAX}),
    ROW(OPEN, "neither read nor write", WINDOW_FIELDS, FRAME, VFP_VMM_WINDOW, 0, 40, .rest = {0, 0, 0, 0, 4, 2}),
    ROW(OPEN, "of 0 bytes", WINDOW_FIELDS, FRAME, VFP_VMM_WINDOW, 0, 40, .rest = {0, 0, 0, 0, 0, 0}),
    ROW(OPEN, "of 9 bytes", WINDOW_FIELDS, FRAME, VFP_VMM_WINDOW, 0, 40, .rest = {0, 0, 0, 0, 9, 1}),
    ROW(OPEN, "of 4 GiB", WINDOW_FIELDS, FRAME, VFP_VMM_WINDOW, 0, 40, .rest = {0, 0, 0, 0, UINT32_MAX, 1}),
    /* what only version 2 has */
    ROW(OPEN, "REGISTER in version 1", FRAME_TYPE, FRAME, VFP_VMM_REGISTER, 0, 40, .rest = {0, 0, 0, 0, 0, 4}),
    ROW(OPEN, "RETARGET in version 1", FRAME_TYPE, FRAME, VFP_VMM_RETARGET, 0, 104, .rest = {0, 0, 0, 0, 0x10000}),
    ROW(OPEN, "7 in version 2", FRAME_TYPE, FRAME, 7, 0, 16, .version = 2),
    ROW(OPEN, "RANGES", FRAME_TYPE, FRAME, VFP_VMM_RANGES, 0, 24, .version = 2),
    ROW(OPEN, "REGISTER_DONE", FRAME_TYPE, FRAME, VFP_VMM_REGISTER_DONE, 0, 32, .version = 2),
    ROW(OPEN, "RETARGETED", FRAME_TYPE, FRAME, VFP_VMM_RETARGETED, 0, 24, .version = 2),
    ROW(OPEN, "REGISTER with a flag", FRAME_FLAGS, FRAME, VFP_VMM_REGISTER, 2, 40, .version = 2),
    ROW(OPEN, "REGISTER of 39", FRAME_SIZE, FRAME, VFP_VMM_REGISTER, 0, 39, .version = 2),
    ROW(OPEN, "REGISTER of 40 and one", FRAME_SIZE, FRAME, VFP_VMM_REGISTER, 0, 41, .bytes = 40, .version = 2),
    ROW(OPEN, "RETARGET of 103", FRAME_SIZE, FRAME, VFP_VMM_RETARGET, 0, 103, .version = 2),
    ROW(OPEN, "RETARGET of 104 and one", FRAME_SIZE, FRAME, VFP_VMM_RETARGET, 0, 105, .bytes = 104, .version = 2),
    ROW(OPEN, "REGISTER, the next one", CHANNEL_KNOWN, FRAME, VFP_VMM_REGISTER, 0, 40, .channel = 1, .version = 2),
    ROW(OPEN, "RETARGET, channel 0", CHANNEL_KNOWN, FRAME, VFP_VMM_RETARGET, 0, 104, .channel = INT32_MIN,
        .version = 2),
    ROW(OFFERED, "REGISTER in a closed one", CHANNEL_STATE, FRAME, VFP_VMM_REGISTER, 0, 40, .version = 2),
    ROW(OFFERED, "RETARGET in a closed one", CHANNEL_STATE, FRAME, VFP_VMM_RETARGET, 0, 104, .version = 2),
    ROW(OPEN, "BAR 6", REGISTER_FIELDS, FRAME, VFP_VMM_REGISTER, 0, 40, .version = 2, .rest = {0, 0, 0, 0, 6, 4}),
    ROW(OPEN, "BAR 4 billion", REGISTER_FIELDS, FRAME, VFP_VMM_REGISTER, 0, 40, .version = 2,
        .rest = {0, 0, 0, 0, UINT32_MAX, 4}),
    ROW(OPEN, "0 bytes", REGISTER_FIELDS, FRAME, VFP_VMM_REGISTER, 0, 40, .version = 2, .rest = {0}),
    ROW(OPEN, "9 bytes", REGISTER_FIELDS, FRAME, VFP_VMM_REGISTER, 0, 40, .version = 2, .rest = {0, 0, 0, 0, 0, 9}),
    ROW(OPEN, "65535 bytes", REGISTER_FIELDS, FRAME, VFP_VMM_REGISTER, 0, 40, .version = 2,
        .rest = {0, 0, 0, 0, 0, 0xFFFF}),
    ROW(OPEN, "neither read nor write of a page", REGISTER_FIELDS, FRAME, VFP_VMM_REGISTER, 0, 40, .version = 2,
        .rest = {0, 0, 0, 0, 0, 0x20004}),
    ROW(OPEN, "mode 2", RETARGET_FIELDS, FRAME, VFP_VMM_RETARGET, 0, 104, .version = 2,
        .rest = {0xFEE00000, 0, 0, 0x31, 0x10002}),
    ROW(OPEN, "no processors", RETARGET_FIELDS, FRAME, VFP_VMM_RETARGET, 0, 104, .version = 2,
        .rest = {0xFEE00000, 0, 0, 0x31, 0}),
    ROW(OPEN, "33 processors", RETARGET_FIELDS, FRAME, VFP_VMM_RETARGET, 0, 104, .version = 2,
        .rest = {0xFEE00000, 0, 0, 0x31, 0x210000}),
    ROW(OPEN, "65535 processors", RETARGET_FIELDS, FRAME, VFP_VMM_RETARGET, 0, 104, .version = 2,
        .rest = {0xFEE00000, 0, 0, 0x31, 0xFFFF0000}),
    ROW(OPEN, "processor 4096", RETARGET_FIELDS, FRAME, VFP_VMM_RETARGET, 0, 104, .version = 2,
        .rest = {0xFEE00000, 0, 0, 0x31, 0x20000, 0x10000000}),
};
#define ROWS (sizeof rows / sizeof rows[0])

static uint32_t channel_of(const struct far *far, const struct row *row)
{
    return row->channel == INT32_MIN ? 0 : far->id + (uint32_t)row->channel;
}

static void send_row(struct far *far, const struct row *row)
{
    static union {
        struct vfp_vmm_frame frame;
        uint8_t bytes[VFP_VMM_FRAME_MAX];
    } out;
    uint32_t bytes = row->bytes ? row->bytes : row->length;
    memset(&out, 0, sizeof out);
    out.frame = (struct vfp_vmm_frame){.length = row->length,
                                       .type = row->type,
                                       .flags = row->flags,
                                       .channel = channel_of(far, row),
                                       .id = ++far->frame_id};
    if (bytes > HEADER)
        memcpy(out.bytes + HEADER, row->rest, bytes - HEADER < sizeof row->rest ? bytes - HEADER : sizeof row->rest);
    far_say(far, &out, bytes);
    if (row->length > bytes && row->ends == FRAME)
        far_say(far, "", 1); /* the byte that made it too long */
}

static void bring_to(struct far *far, enum when when)
{
    far_connect(far);
    if (when == NEW)
        return;
    far_hello(far);
    far_offered(far);
    if (when == OFFERED)
        return;
    far_open(far, FAR_RING, FAR_RING);
    far_up(far);
    assert_true(far_alive(far));
}

static void still_works(struct far *far, enum when when)
{
    if (when == NEW) {
        far_hello(far);
        far_offered(far);
    }
    if (when != OPEN) {
        far_open(far, FAR_RING, FAR_RING);
        far_up(far);
    }
    assert_true(far_alive(far));
    assert_int_equal(far_ended(far), 0);
}

/* The VF is free again; `connected` says whether the same VMM is offered the next channel. */
static void ends_and_can_be_had_again(struct far *far, uint32_t rule, bool was_offered, bool connected)
{
    if (was_offered) {
        far_wait_ended(far);
        assert_false(far->orderly);
        assert_non_null(strstr(far->reason, vmm_rule_name(rule)));
        far_take_back(far);
        far_offer(far);
    }
    assert_int_equal(far_ended(far), 0);
    if (connected) {
        far_offered(far);
        far_open(far, FAR_RING, FAR_RING);
    } else {
        far_disconnect(far);
    }
    far_up(far);
    assert_true(far_alive(far));
}

static void run_row(void **state)
{
    const struct row *row = *state;
    void *made;
    far_set_up(&made);
    struct far_host *host = made;
    struct far *far = &host->first;
    far->version = row->version;
    far_up(&host->second);
    bring_to(far, row->when);
    struct vsp_stats before = far_stats(far);
    bool mapped = far->mapped[VFP_VMM_REGION_WINDOW];
    send_row(far, row);
    far_hear_error(far, row->rule, row->type, far->frame_id);
    struct vsp_stats after = far_stats(far);
    assert_memory_equal(&before, &after, sizeof after); /* the VSP has not seen it */
    assert_true(far->mapped[VFP_VMM_REGION_WINDOW] == mapped);
    if (row->ends == FRAME)
        still_works(far, row->when);
    if (row->ends == CHANNEL)
        far_hear(far, VFP_VMM_RESCIND);
    if (row->ends == CONNECTION)
        far_hear_end(far);
    if (row->ends != FRAME)
        ends_and_can_be_had_again(far, row->rule, row->when != NEW, row->ends == CHANNEL);
    far_tear_down(&made);
}

/* The table of the header and this file's must be about the same rules, and end the same things. */
static void every_rule_has_a_row_or_a_test_of_its_own(void **state)
{
#define RULE_ROW(name, number, ends, text) {#name, number, ends},
    static const struct {
        const char *name;
        uint32_t rule;
        enum ends ends;
    } all[] = {VFP_VMM_RULES(RULE_ROW)};
    (void)state;
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        unsigned found = 0;
        for (unsigned j = 0; j < ROWS; j++) {
            if (rows[j].rule != all[i].rule)
                continue;
            found++;
            assert_int_equal(rows[j].ends, all[i].ends);
        }
        bool elsewhere = all[i].rule == VFP_VMM_RULE_WINDOW_ONE || all[i].rule == VFP_VMM_RULE_NOT_READING ||
                         all[i].rule == VFP_VMM_RULE_ONE_VMM || all[i].rule == VFP_VMM_RULE_REGISTER_ONE ||
                         all[i].rule == VFP_VMM_RULE_RETARGET_ONE; /* vmm_flow.c, vmm_life.c, vmm_version2.c */
        if (!found && !elsewhere)
            fail_msg("%s has no row", all[i].name);
        assert_string_equal(vmm_rule_name(all[i].rule), all[i].name);
    }
    assert_string_equal(vmm_rule_name(0), "?");
    assert_string_equal(vmm_rule_name(1000), "?");
}

/* The bytes as they arrive, one at a time or many frames at once, are the same frames. */
static void frames_in_single_bytes_and_many_at_once_are_the_same_frames(void **state)
{
    (void)state;
    void *made;
    far_set_up(&made);
    struct far *far = &((struct far_host *)made)->first;
    far->version = 2;
    far_connect(far);
    struct vfp_vmm_hello hello = {.frame = {.length = sizeof hello, .type = VFP_VMM_HELLO, .id = 9},
                                  .magic = VFP_VMM_MAGIC,
                                  .lowest = 0,
                                  .highest = 7};
    for (unsigned i = 0; i < sizeof hello; i++)
        far_say(far, (const uint8_t *)&hello + i, 1);
    const struct vfp_vmm_hello *answer = far_hear(far, VFP_VMM_HELLO);
    assert_int_equal(answer->frame.id, 9);
    assert_int_equal(answer->highest, 2); /* the highest that both speak */
    far_offered(far);
    far_open(far, FAR_RING, FAR_RING);
    far_up(far);
    struct vfp_vmm_window many[50]; /* one is answered before the next is taken only if the host is quicker */
    memset(many, 0, sizeof many);
    for (unsigned i = 0; i < 50; i++)
        many[i] = (struct vfp_vmm_window){
            .frame = {
                .length = sizeof many[0], .type = VFP_VMM_WINDOW, .flags = 1, .channel = far->id, .id = 1000 + i}};
    far_say(far, many, sizeof many);
    for (unsigned i = 0; i < 50; i++)
        far_hear_error(far, VFP_VMM_RULE_FRAME_FLAGS, VFP_VMM_WINDOW, 1000 + i);
    assert_true(far_alive(far));
    far_tear_down(&made);
}

int main(void)
{
    static struct CMUnitTest tests[ROWS + 2];
    for (unsigned i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = run_row, .initial_state = (void *)(uintptr_t)&rows[i]};
    tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(every_rule_has_a_row_or_a_test_of_its_own);
    tests[ROWS + 1] = (struct CMUnitTest)cmocka_unit_test(frames_in_single_bytes_and_many_at_once_are_the_same_frames);
    return _cmocka_run_group_tests("vmm_frames", tests, ROWS + 2, NULL, NULL);
}
