/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the VSP: a hostile guest's vPCI messages, one after the other or several at once, its window, its rings and
 * its life, with a PF driver that fails or pends and a host program that raises interrupts and ejects.
 *
 * What must hold as long as the guest has not written into the rings by hand: every request that asked for a completion
 * gets one, once; nothing else comes but what the protocol knows. Whatever it does: a second guest of the same adapter
 * notices nothing.
 */
#include "vsp_rig.h"

#include <errno.h>

#define STEPS   64u
#define IDS     256u
#define PAYLOAD 600u
#define SECOND  UINT64_C(1000000000)
#define VECTOR  0x30u

struct world {
    struct raw_host *host;
    struct raw_guest *guest, *second;
    bool flagged[IDS], answered[IDS];
    uint32_t type[IDS];
    unsigned ids;
    bool tainted;     /* the guest wrote into its rings by hand */
    uint64_t address; /* of the last interrupt it got */
    uint32_t data;
};
static struct fake_pf *pf; /* whose pended request is completed when everybody waits for it */

/* What a message is when nothing is spoiled: its type, its length, and the dwords that are not zero. */
static const struct {
    uint32_t type;
    uint16_t length;
    struct {
        uint8_t at;
        uint32_t value;
    } dwords[4];
} catalogue[] = {
    {VPCI_QUERY_PROTOCOL_VERSION, 8, {{4, VPCI_VERSION_1_4}}},
    {VPCI_QUERY_PROTOCOL_VERSION, 8, {{4, VPCI_VERSION_1_1}}},
    {VPCI_QUERY_BUS_RELATIONS, 4, {{0}}},
    {VPCI_QUERY_RESOURCE_REQUIREMENTS, 8, {{0}}},
    {VPCI_BUS_D0ENTRY, 16, {{8, (uint32_t)WINDOW}, {12, (uint32_t)(WINDOW >> 32)}}},
    {VPCI_BUS_D0EXIT, 4, {{0}}},
    {VPCI_GET_RESOURCES, 32, {{0}}},
    {VPCI_RESOURCES_ASSIGNED, VPCI_ASSIGNED_LINUX, {{0}}},
    {VPCI_RESOURCES_ASSIGNED2, VPCI_ASSIGNED2_LINUX, {{0}}},
    {VPCI_RESOURCES_ASSIGNED3, 136, {{0}}},
    {VPCI_RESOURCES_ASSIGNED, 152, {{128, 1}, {136, 0x00010030}, {144, 1}}},
    {VPCI_RESOURCES_ASSIGNED2, 208, {{128, 1}, {136, 0x00010030}, {140, 1}}},
    {VPCI_RESOURCES_ASSIGNED3, 216, {{128, 1}, {136, VECTOR}, {140, 0x00010000}, {144, 1}}},
    {VPCI_RESOURCES_RELEASED, 8, {{0}}},
    {VPCI_READ_BLOCK_MESSAGE, 16, {{4, 1}, {12, 8}}},
    {VPCI_WRITE_BLOCK_MESSAGE, 148, {{4, 1}, {12, 128}, {16, 0x12345678}}},
    {VPCI_CREATE_INTERRUPT, 24, {{8, 0x00010000 | VECTOR}, {16, 1}}},
    {VPCI_CREATE_INTERRUPT2, 78, {{8, 0x00010000 | VECTOR}, {12, 1}}},
    {VPCI_CREATE_INTERRUPT3, 82, {{8, VECTOR}, {12, 0x00010000}, {16, 1}}},
    {VPCI_DELETE_INTERRUPT, 24, {{8, 0x00010000}}},
    {VPCI_DELETE_INTERRUPT2, 24, {{8, 0x00010000}}},
    {VPCI_EJECTION_COMPLETE, 12, {{0}}},
    {VPCI_POWER_STATE_CHANGE, 12, {{8, VPCI_POWER_D3}}},
    {VPCI_POWER_STATE_CHANGE, 12, {{8, VPCI_POWER_D0}}},
    {VPCI_RESET_DEVICE, 8, {{0}}},
    {VPCI_TDISP_COMMAND, 16, {{0}}},
    {VPCI_BUS_RELATIONS, 28, {{4, 1}}},
    {VPCI_INVALIDATE_DEVICE, 8, {{0}}},
    {VPCI_INVALIDATE_BLOCK, 16, {{8, 1}}},
    {VPCI_EJECT, 8, {{0}}},
    {VPCI_QUERY_STOP, 8, {{0}}},
    {0x4249FFFF, 8, {{0}}},
};

static uint32_t choose_value(struct input *input)
{
    static const uint32_t usual[] = {0,
                                     1,
                                     2,
                                     31,
                                     32,
                                     33,
                                     127,
                                     128,
                                     129,
                                     494,
                                     495,
                                     0xFF,
                                     0xFFFF,
                                     0x10000,
                                     0x7FFFFFFF,
                                     0x80000000,
                                     0xFFFFFFFF,
                                     0xFFFFFFF0,
                                     VPCI_VERSION_1_2,
                                     VPCI_VERSION_1_3};
    uint8_t chosen = take8(input);
    return chosen < 0xE0 ? usual[chosen % (sizeof usual / sizeof usual[0])] : take32(input);
}

/* ---- what comes back -------------------------------------------------------------------------------------------- */

static void completed(struct world *world, uint64_t id, const struct reply *reply)
{
    MUST(id >= 1 && id <= world->ids);
    MUST(world->flagged[id - 1] && !world->answered[id - 1]);
    MUST(reply->length >= 4);
    world->answered[id - 1] = true;
    uint32_t type = world->type[id - 1];
    if (type != VPCI_CREATE_INTERRUPT && type != VPCI_CREATE_INTERRUPT2 && type != VPCI_CREATE_INTERRUPT3)
        return;
    if (reply->dwords[0] == VPCI_STATUS_SUCCESS) {
        MUST(reply->length >= sizeof(struct vpci_create_interrupt_completion));
        world->data = reply->dwords[3];
        memcpy(&world->address, &reply->dwords[4], sizeof world->address);
    }
}

static void told(const struct reply *reply)
{
    MUST(reply->length >= 8);
    MUST(reply->dwords[0] == VPCI_BUS_RELATIONS || reply->dwords[0] == VPCI_BUS_RELATIONS2 ||
         reply->dwords[0] == VPCI_INVALIDATE_BLOCK || reply->dwords[0] == VPCI_EJECT);
}

/* True: something came. */
static bool drain(struct world *world)
{
    struct vmbus_ring *ring = vmbus_guest_in(world->guest->guest);
    struct vmbus_packet packet;
    struct reply reply;
    bool signal;
    bool any = false;
    int length = -1;
    while (ring && (length = vmbus_ring_receive(ring, &packet, reply.bytes, sizeof reply.bytes, &signal)) >= 0) {
        reply.length = (uint32_t)length;
        any = true;
        if (signal)
            vmbus_guest_signal(world->guest->guest);
        if (world->tainted)
            continue;
        MUST(packet.type == VMBUS_PACKET_COMPLETION || packet.type == VMBUS_PACKET_DATA);
        if (packet.type == VMBUS_PACKET_COMPLETION)
            completed(world, packet.transaction_id, &reply);
        else
            told(&reply);
    }
    MUST(world->tainted || !ring || length == -EAGAIN);
    return any;
}

static void settle(struct world *world)
{
    do
        one_thread_settle();
    while (drain(world));
}

/* ---- what the guest does ---------------------------------------------------------------------------------------- */

static bool can_send(const struct world *world)
{
    return vmbus_guest_out(world->guest->guest) && !vmbus_guest_gone(world->guest->guest);
}

static uint32_t spoil(uint8_t *bytes, uint32_t length, struct input *input)
{
    for (unsigned changes = take8(input) % 4; changes; changes--) {
        uint32_t at = take8(input) % length & ~3u, value = choose_value(input);
        memcpy(bytes + at, &value, 4);
    }
    uint8_t cut = take8(input);
    if (cut < 0xC0)
        return length;
    return cut < 0xE0 ? length * (cut - 0xC0u) / 32 : length + (cut - 0xE0u) * 8;
}

static void send(struct world *world, uint8_t kind, struct input *input)
{
    uint8_t bytes[PAYLOAD] = {0}, chosen = take8(input);
    const __typeof__(catalogue[0]) *row = &catalogue[chosen % (sizeof catalogue / sizeof catalogue[0])];
    memcpy(bytes, &row->type, 4);
    for (unsigned i = 0; i < 4 && row->dwords[i].at; i++)
        memcpy(bytes + row->dwords[i].at, &row->dwords[i].value, 4);
    if (row->type == VPCI_DELETE_INTERRUPT || row->type == VPCI_DELETE_INTERRUPT2) {
        memcpy(bytes + 12, &world->data, 4);
        memcpy(bytes + 16, &world->address, 8);
    }
    uint32_t length = spoil(bytes, row->length, input);
    bool flagged = kind & 0x80;
    struct vmbus_packet packet = {.type = VMBUS_PACKET_DATA,
                                  .flags = flagged ? VMBUS_COMPLETION_REQUESTED : 0,
                                  .transaction_id = flagged ? world->ids + 1 : 0,
                                  .length = length};
    bool signal;
    if (world->ids == IDS || !can_send(world) ||
        vmbus_ring_send(vmbus_guest_out(world->guest->guest), &packet, bytes, true, &signal) != 0)
        return;
    if (flagged) {
        memcpy(&world->type[world->ids], bytes, 4);
        world->flagged[world->ids++] = true;
    }
    if (signal)
        vmbus_guest_signal(world->guest->guest);
}

static void use_window(struct world *world, struct input *input)
{
    static const uint8_t sizes[] = {4, 2, 1, 4};
    uint8_t kind = take8(input);
    struct vpci_window_access access = {.size = sizes[kind & 3], .is_write = kind & 4, .value = take32(input)};
    access.address = WINDOW + (kind & 8 ? 0 : VPCI_WINDOW_CONFIG) + take16(input) % VPCI_CONFIG_SIZE;
    if (kind & 16)
        access.address = choose_value(input);
    if (kind & 32)
        access.size = choose_value(input);
    if (vpci_window_post(&world->guest->window, &access))
        vmbus_guest_signal(world->guest->guest);
}

/* Words of the rings' headers, of what lies in them, and of the window's page. */
static void scribble(struct world *world, struct input *input)
{
    uint8_t kind = take8(input);
    uint32_t value = take32(input);
    struct vmbus_ring *ring = kind & 8 ? vmbus_guest_in(world->guest->guest) : vmbus_guest_out(world->guest->guest);
    if (kind & 0x80) {
        memcpy((uint8_t *)world->guest->window.page + value % sizeof(struct vpci_window_page) / 4 * 4, &value, 4);
        return;
    }
    if (!ring)
        return;
    world->tainted = true;
    if ((kind & 7) < 5)
        (&ring->header->write_index)[(kind & 7) % 4] = kind & 0x40 ? value : value % ring->size & ~7u;
    else
        memcpy(ring->data + value % ring->size / 4 * 4, &value, 4);
}

/* Closes and opens again; answers to what was sent before are owed no more. */
static void reopen(struct world *world)
{
    struct vmbus_guest *guest = world->guest->guest;
    if (vmbus_guest_gone(guest))
        return;
    vmbus_guest_close(guest);
    memset(world->answered, false, sizeof world->answered);
    memset(world->flagged, false, sizeof world->flagged);
    if (!vmbus_guest_gone(guest) && vmbus_guest_open(guest, 5, 5) == 0)
        world->tainted = false;
    world->ids = IDS - world->ids > 32 ? world->ids : 0;
}

/* ---- what the host's side does ---------------------------------------------------------------------------------- */

static bool complete_pended(void)
{
    if (!pf->nic->pended)
        return false;
    pf->pend_oid = 0;
    fake_pf_complete(pf, NDIS_STATUS_SUCCESS);
    return true;
}

static void misbehave(struct world *world, struct input *input)
{
    static const NDIS_OID oids[] = {OID_SRIOV_READ_VF_CONFIG_SPACE, OID_SRIOV_WRITE_VF_CONFIG_SPACE,
                                    OID_SRIOV_READ_VF_CONFIG_BLOCK, OID_SRIOV_WRITE_VF_CONFIG_BLOCK,
                                    OID_SRIOV_BAR_RESOURCES,        OID_SRIOV_RESET_VF,
                                    OID_SRIOV_SET_VF_POWER_STATE};
    uint8_t kind = take8(input);
    NDIS_OID oid = oids[(kind & 15) % (sizeof oids / sizeof oids[0])];
    (void)world;
    if (kind & 0x80) {
        pf->fail_oid = kind & 0x40 ? oid : 0;
        pf->fail_status = kind & 0x20 ? NDIS_STATUS_FAILURE : NDIS_STATUS_INVALID_PARAMETER;
    } else if (kind & 0x40) {
        pf->pend_oid = oid;
    } else if (kind & 0x20) {
        pf->short_by = kind & 3;
    } else {
        complete_pended();
    }
}

static void host_acts(struct world *world, uint8_t kind, struct input *input)
{
    struct vsp_channel *channel = world->guest->channel;
    uint64_t address = world->address;
    uint32_t data = world->data;
    if (kind & 16) {
        address ^= choose_value(input);
        data ^= choose_value(input);
    }
    switch (take8(input) % 5) {
    case 0:
        fake_pf_invalidate(pf, vstack_vf_id(world->guest->vf), (uint64_t)choose_value(input) << 32 | take8(input));
        break;
    case 1:
        vsp_interrupt(channel, address, data);
        break;
    case 2:
        vsp_message_set(channel, choose_value(input), address, data, kind & 32);
        break;
    case 3:
        vsp_message_raise(channel, choose_value(input));
        break;
    default:
        vsp_rig_pass(SECOND << take8(input) % 6);
        break;
    }
}

static void step(struct world *world, struct input *input)
{
    uint8_t kind = take8(input);
    switch (kind % 16) {
    default:
        send(world, kind, input);
        break;
    case 8:
    case 9:
        use_window(world, input);
        break;
    case 10:
        scribble(world, input);
        break;
    case 11:
        misbehave(world, input);
        break;
    case 12:
    case 13:
        host_acts(world, kind, input);
        break;
    case 14:
        reopen(world);
        break;
    case 15:
        if (kind == 0xFF)
            vsp_channel_eject(world->guest->channel, 1000);
        break;
    }
    if (!(kind & 0x40))
        settle(world);
}

/* The PF driver is itself again and everything is read: whoever is owed an answer has it. */
static void check_answers(struct world *world)
{
    pf->fail_oid = 0;
    pf->pend_oid = 0;
    pf->short_by = 0;
    settle(world);
    while (complete_pended())
        settle(world);
    if (world->tainted || vmbus_guest_gone(world->guest->guest) || raw_ended(world->guest))
        return;
    for (unsigned i = 0; i < world->ids; i++)
        MUST(!world->flagged[i] || world->answered[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    struct world world = {0};
    uint8_t options = take8(&input);
    world.host = vsp_rig_up(options & 1 ? &fake_nvme : &fake_82576, options & 2, &world.guest, &world.second);
    pf = world.host->pf;
    one_thread_rescue = complete_pended;
    for (unsigned steps = 0; steps < STEPS && input.at < input.end; steps++)
        step(&world, &input);
    check_answers(&world);
    vsp_rig_down(world.host, world.guest, world.second);
    return 0;
}
