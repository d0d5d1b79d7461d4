/* SPDX-License-Identifier: MIT
 *
 * wrong_vmm SOCKET RULE: the example VMM, but it breaks that one rule at the step where it can. Without arguments it
 * lists the rules it can break. With READS_LATE it breaks none: its guest leaves half a ring of packets unread first.
 */
#include "guest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *path;
static uint32_t first_channel;

static int say(struct guest *guest, uint16_t type, uint16_t flags, uint32_t length, const uint32_t rest[6])
{
    struct {
        struct vfp_vmm_frame frame;
        uint32_t rest[6];
    } out = {vmm_header(&guest->vmm, type, length), {0}};
    out.frame.flags = flags;
    if (rest)
        memcpy(out.rest, rest, sizeof out.rest);
    return vmm_send(&guest->vmm, &out, length < sizeof out.frame ? sizeof out.frame : length);
}
#define SAY(type, flags, length, ...) say(guest, type, flags, length, (const uint32_t[6]){__VA_ARGS__})

/* What the host sends until it hangs up. */
static int listen_to_the_end(struct guest *guest)
{
    int error;
    do
        error = vmm_step(&guest->vmm, VMM_PATIENCE_MS);
    while (!error || error == -EPROTO);
    return error;
}

static int plug_in(struct guest *guest)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    guest->vmm.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(guest->vmm.fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

static int hello(struct guest *guest, const char magic[8], uint16_t version)
{
    struct vfp_vmm_hello hello = {vmm_header(&guest->vmm, VFP_VMM_HELLO, sizeof hello), "", version, version, 0};
    memcpy(hello.magic, magic, sizeof hello.magic);
    return vmm_send(&guest->vmm, &hello, sizeof hello);
}

/* ---- one function a rule ---------------------------------------------------------------------------------------- */

static int frame_length(struct guest *guest)
{
    return SAY(VFP_VMM_PACKET, 0, 8, 0);
}

static int frame_type(struct guest *guest)
{
    return SAY(VFP_VMM_INTERRUPT, 0, 40, 0);
}

static int frame_flags(struct guest *guest)
{
    return SAY(VFP_VMM_CREDIT, 1, 24, 8);
}

static int frame_size(struct guest *guest)
{
    return SAY(VFP_VMM_CLOSE, 0, 20, 0);
}

static int hello_first(struct guest *guest)
{
    int error = plug_in(guest);
    if (!error)
        error = SAY(VFP_VMM_OPEN, 0, 24, 4096, 4096);
    return error ? error : listen_to_the_end(guest);
}

static int hello_once(struct guest *guest)
{
    return hello(guest, VFP_VMM_MAGIC, 1);
}

static int hello_magic(struct guest *guest)
{
    int error = plug_in(guest);
    if (!error)
        error = hello(guest, "vfp-wmm", 1);
    return error ? error : listen_to_the_end(guest);
}

static int hello_version(struct guest *guest)
{
    int error = plug_in(guest);
    if (!error)
        error = hello(guest, VFP_VMM_MAGIC, 9);
    return error ? error : listen_to_the_end(guest);
}

static int channel_known(struct guest *guest)
{
    struct vfp_vmm_frame close = vmm_header(&guest->vmm, VFP_VMM_CLOSE, sizeof close);
    close.channel += 7;
    return vmm_send(&guest->vmm, &close, sizeof close);
}

static int channel_state(struct guest *guest)
{
    return SAY(VFP_VMM_CLOSE, 0, 16, 0);
}

static int open_sizes(struct guest *guest)
{
    return SAY(VFP_VMM_OPEN, 0, 24, 4096, 5000);
}

static int packet_credit(struct guest *guest)
{
    static uint8_t packet[sizeof(struct vfp_vmm_packet) + GUEST_RING];
    struct vfp_vmm_packet head = {.frame = vmm_header(&guest->vmm, VFP_VMM_PACKET, sizeof packet),
                                  .type = VFP_VMM_PACKET_DATA};
    memcpy(packet, &head, sizeof head);
    return vmm_send(&guest->vmm, packet, sizeof packet);
}

static int credit_sum(struct guest *guest)
{
    return SAY(VFP_VMM_CREDIT, 0, 24, GUEST_RING);
}

/* In one write: the host has both before it can have answered the first. */
static int window_one(struct guest *guest)
{
    struct vfp_vmm_window both[2];
    for (unsigned i = 0; i < 2; i++)
        both[i] = (struct vfp_vmm_window){.frame = vmm_header(&guest->vmm, VFP_VMM_WINDOW, sizeof both[0]),
                                          .address = GUEST_WINDOW + 0x1000,
                                          .size = 4};
    return vmm_send(&guest->vmm, both, sizeof both);
}

static int window_fields(struct guest *guest)
{
    return SAY(VFP_VMM_WINDOW, 0, 40, (uint32_t)GUEST_WINDOW, GUEST_WINDOW >> 32, 0, 0, 4, 7);
}

static int window_mapped(struct guest *guest)
{
    uint64_t value;
    return vmm_access(&guest->vmm, false, GUEST_WINDOW - 4, 4, &value);
}

/* ---- version 2 --------------------------------------------------------------------------------------------------- */

/* In one write, as window_one. */
static int register_one(struct guest *guest)
{
    struct vfp_vmm_register both[2];
    for (unsigned i = 0; i < 2; i++)
        both[i] =
            (struct vfp_vmm_register){.frame = vmm_header(&guest->vmm, VFP_VMM_REGISTER, sizeof both[0]), .size = 4};
    return vmm_send(&guest->vmm, both, sizeof both);
}

static int register_fields(struct guest *guest)
{
    uint64_t value;
    return vmm_register(&guest->vmm, false, 0, 0, 9, &value);
}

/* Behind what the PF driver answers for. */
static int register_mitigated(struct guest *guest)
{
    uint64_t value;
    return vmm_register(&guest->vmm, false, 0, 0x3000, 4, &value);
}

static int retarget_one(struct guest *guest)
{
    struct vfp_vmm_retarget both[2];
    for (unsigned i = 0; i < 2; i++)
        both[i] = (struct vfp_vmm_retarget){.frame = vmm_header(&guest->vmm, VFP_VMM_RETARGET, sizeof both[0]),
                                            .processor_count = 1};
    return vmm_send(&guest->vmm, both, sizeof both);
}

static int retarget_fields(struct guest *guest)
{
    static const uint16_t processor = VFP_VMM_PROCESSOR_MAX;
    return vmm_retarget(&guest->vmm, 0xFEE00000, 0, 0x31, &processor, 1);
}

static int one_vmm(struct guest *guest)
{
    static struct guest second;
    (void)guest;
    return plug_in(&second);
}

static int opens(struct guest *guest)
{
    return listen_to_the_end(guest);
}

static int packet_type(struct guest *guest)
{
    return vmm_packet(&guest->vmm, VFP_VMM_PACKET_COMPLETION, 0, 1, "1234567", 8);
}

static int credit_returned(struct guest *guest)
{
    guest->vmm.channel.ring = UINT32_MAX; /* a quarter of it is never read */
    return 0;
}

static int reads_late(struct guest *guest)
{
    int error = 0;
    while (!error && guest->unread < GUEST_RING / 2)
        error = vmm_step(&guest->vmm, VMM_PATIENCE_MS);
    return error;
}

static int rescind_heard(struct guest *guest)
{
    if (!first_channel) {
        first_channel = guest->vmm.channel.id;
        return 0;
    }
    struct vfp_vmm_credit credit = {vmm_header(&guest->vmm, VFP_VMM_CREDIT, sizeof credit), 8, 0};
    credit.frame.channel = first_channel;
    return vmm_send(&guest->vmm, &credit, sizeof credit);
}

static const struct {
    const char *rule;
    enum guest_step step;
    int (*act)(struct guest *guest);
} wrongs[] = {
    {"FRAME_LENGTH", GUEST_OPEN, frame_length},
    {"FRAME_TYPE", GUEST_D0, frame_type},
    {"FRAME_FLAGS", GUEST_D0, frame_flags},
    {"FRAME_SIZE", GUEST_OPEN, frame_size},
    {"HELLO_FIRST", GUEST_BEFORE, hello_first},
    {"HELLO_ONCE", GUEST_CONNECTED, hello_once},
    {"HELLO_MAGIC", GUEST_BEFORE, hello_magic},
    {"HELLO_VERSION", GUEST_BEFORE, hello_version},
    {"CHANNEL_KNOWN", GUEST_OPEN, channel_known},
    {"CHANNEL_STATE", GUEST_OFFERED, channel_state},
    {"OPEN_SIZES", GUEST_OFFERED, open_sizes},
    {"PACKET_CREDIT", GUEST_D0, packet_credit},
    {"CREDIT_SUM", GUEST_D0, credit_sum},
    {"WINDOW_ONE", GUEST_D0, window_one},
    {"WINDOW_FIELDS", GUEST_D0, window_fields},
    {"ONE_VMM", GUEST_D0, one_vmm},
    {"REGISTER_ONE", GUEST_ASLEEP, register_one},
    {"REGISTER_FIELDS", GUEST_ASLEEP, register_fields},
    {"RETARGET_ONE", GUEST_D0, retarget_one},
    {"RETARGET_FIELDS", GUEST_D0, retarget_fields},
    {"OPENS", GUEST_OFFERED, opens},
    {"PACKET_TYPE", GUEST_D0, packet_type},
    {"CREDIT_RETURNED", GUEST_OPEN, credit_returned},
    {"WINDOW_MAPPED", GUEST_D0, window_mapped},
    {"REGISTER_MITIGATED", GUEST_ASLEEP, register_mitigated},
    {"RESCIND_HEARD", GUEST_OPEN, rescind_heard},
    {"READS_LATE", GUEST_RUNNING, reads_late}, /* the last, and no rule */
};
#define WRONGS (sizeof wrongs / sizeof wrongs[0])

static unsigned wrong;

static int at(struct guest *guest, enum guest_step step)
{
    return step == wrongs[wrong].step ? wrongs[wrong].act(guest) : 0;
}

int main(int argc, char **argv)
{
    static struct guest guest = {.at = at};
    if (argc == 1) {
        for (unsigned i = 0; i < WRONGS - 1; i++)
            puts(wrongs[i].rule);
        return 0;
    }
    while (argc == 3 && wrong < WRONGS && strcmp(wrongs[wrong].rule, argv[2]) != 0)
        wrong++;
    if (argc != 3 || wrong == WRONGS)
        return 2;
    path = argv[1];
    return guest_run(&guest, path) || guest.lost ? 1 : 0;
}
