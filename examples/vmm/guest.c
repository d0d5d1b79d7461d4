/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <errno.h>
#include <string.h>

#include "vpci/wire.h"

#define CONFIG         (GUEST_WINDOW + VPCI_WINDOW_CONFIG)
#define COMMAND        0x04u
#define COMMAND_MEMORY 2u
#define COMMAND_MASTER 4u
#define DUMMY_VECTOR   0xEFu /* what Linux asks for before it knows the real one */
#define VECTOR         0x31u
#define BLOCK_LENGTH   128u

/* ---- coming up -------------------------------------------------------------------------------------------------- */

static int agree_version(struct guest *guest)
{
    static const uint32_t versions[] = {VPCI_VERSION_1_4, VPCI_VERSION_1_3, VPCI_VERSION_1_2, VPCI_VERSION_1_1};
    int error = -EPROTO;
    for (unsigned i = 0; error == -EPROTO && i < 4; i++) {
        struct vpci_query_version query = {VPCI_QUERY_PROTOCOL_VERSION, versions[i]};
        struct guest_packet answer;
        error = guest_request(guest, &query, sizeof query, 8, &answer);
    }
    return error;
}

/* The relations come as a packet of their own, not as a completion. */
static int find_function(struct guest *guest)
{
    struct vpci_header query = {VPCI_QUERY_BUS_RELATIONS};
    struct guest_packet packet;
    int error = guest_post(guest, &query, sizeof query);
    while (!error) {
        error = guest_take_packet(guest, &packet);
        if (!error && packet.type == VFP_VMM_PACKET_DATA && guest_dword(&packet, 0) == VPCI_BUS_RELATIONS2)
            break;
    }
    if (error || guest_dword(&packet, 4) != 1)
        return error ? error : -ENODEV;
    struct vpci_slot_message need = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    error = guest_request(guest, &need, sizeof need, 28, &packet);
    if (!error)
        memcpy(guest->probed, packet.bytes + 4, sizeof guest->probed);
    return error;
}

static int enter_d0(struct guest *guest)
{
    struct vpci_d0_entry entry = {.type = VPCI_BUS_D0ENTRY, .mmio_base = GUEST_WINDOW};
    uint8_t assigned[VPCI_ASSIGNED2_LINUX] = {0};
    struct guest_packet answer;
    int error = guest_request(guest, &entry, sizeof entry, 4, &answer);
    if (error)
        return error;
    if (!guest->vmm.channel.mapped[VFP_VMM_REGION_WINDOW])
        return -EPROTO; /* the window is there before D0 is answered */
    memcpy(assigned, &(uint32_t){VPCI_RESOURCES_ASSIGNED2}, 4);
    return guest_request(guest, assigned, sizeof assigned, 4, &answer);
}

/* ---- registers -------------------------------------------------------------------------------------------------- */

static int config(struct guest *guest, bool write, unsigned offset, uint32_t size, uint64_t *value)
{
    uint64_t slot = 0;
    int error = vmm_access(&guest->vmm, true, GUEST_WINDOW + VPCI_WINDOW_SELECT, 4, &slot);
    guest->accesses++;
    return error ? error : vmm_access(&guest->vmm, write, CONFIG + offset, size, value);
}

static int config_write(struct guest *guest, unsigned offset, uint32_t size, uint64_t value)
{
    return config(guest, true, offset, size, &value);
}

/* Each BAR is sized by all ones, as the PCI core does, and given an address. */
static int place_bars(struct guest *guest)
{
    uint64_t base = GUEST_BARS, value;
    int error = config_write(guest, COMMAND, 2, 0);
    for (unsigned i = 0; !error && i < 6; i++) {
        if (!guest->probed[i])
            continue;
        error = config_write(guest, 0x10 + 4 * i, 4, UINT32_MAX);
        if (!error)
            error = config(guest, false, 0x10 + 4 * i, 4, &value);
        if (!error && (uint32_t)value != guest->probed[i])
            return -EPROTO;
        uint32_t size = ~(guest->probed[i] & ~15u) + 1;
        bool wide = (guest->probed[i] & 6) == 4;
        base = (base + size - 1) & ~((uint64_t)size - 1);
        if (!error)
            error = config_write(guest, 0x10 + 4 * i, 4, base);
        if (!error && wide)
            error = config_write(guest, 0x10 + 4 * ++i, 4, 0);
        base += size;
    }
    return error ? error : config_write(guest, COMMAND, 2, COMMAND_MEMORY | COMMAND_MASTER);
}

static int walk_capabilities(struct guest *guest)
{
    uint64_t value;
    int error = config(guest, false, 0x34, 1, &value);
    unsigned at = (unsigned)value & 0xFC;
    for (unsigned i = 0; !error && at && i < 48; i++) {
        error = config(guest, false, at, 2, &value);
        at = (unsigned)(value >> 8) & 0xFC;
    }
    return error;
}

/* ---- asleep ------------------------------------------------------------------------------------------------------ */

static int set_power(struct guest *guest, uint32_t target)
{
    struct vpci_power_state_change change = {.type = VPCI_POWER_STATE_CHANGE, .target = target};
    struct guest_packet answer;
    return guest_request(guest, &change, sizeof change, 4, &answer);
}

/* What a processor does with a 4-byte access to BAR 0. Only one to a mitigated page is anybody's business. */
static int touch(struct guest *guest, uint64_t offset, bool write, uint64_t *value)
{
    if (!vmm_is_mitigated(&guest->vmm, 0, offset, 4, write))
        return 0;
    guest->mitigated++;
    return vmm_register(&guest->vmm, write, 0, offset, 4, value);
}

/* The pages that the PF driver answers for while the VF sleeps read as all ones; they were told before the VF's sleep
 * was answered, and are no longer there when its waking is. A VMM of version 1 is not told: BAR 0 is not there. */
static int touch_asleep(struct guest *guest)
{
    int error = guest->at ? guest->at(guest, GUEST_ASLEEP) : 0;
    if (!guest->vmm.channel.mapped[0])
        return error;
    for (uint64_t offset = 0; !error && offset < 0x4000; offset += 0x1000) {
        uint64_t value = UINT32_MAX;
        error = touch(guest, offset, false, &value);
        if (!error && (uint32_t)value != UINT32_MAX)
            return -EPROTO;
        value = 1;
        if (!error)
            error = touch(guest, offset, true, &value);
    }
    return error;
}

/* A driver that enables the memory of a VF that sleeps. */
static int sleep_and_wake(struct guest *guest)
{
    const struct vmm_channel *channel = &guest->vmm.channel;
    int error = set_power(guest, VPCI_POWER_D3);
    if (!error)
        error = config_write(guest, COMMAND, 2, COMMAND_MEMORY | COMMAND_MASTER);
    if (!error && (channel->ranges[0].count || !channel->mapped[0]))
        error = touch_asleep(guest);
    if (!error)
        error = set_power(guest, VPCI_POWER_D0);
    return !error && (channel->ranges[0].count || !channel->mapped[0]) ? -EPROTO : error;
}

/* ---- interrupts, blocks ----------------------------------------------------------------------------------------- */

static int create_interrupt(struct guest *guest, uint32_t vector)
{
    struct vpci_create_interrupt3 create = {
        .type = VPCI_CREATE_INTERRUPT3,
        .interrupt = {.vector = vector, .vector_count = 1, .processor_count = 1},
    };
    struct guest_packet answer;
    int error = guest_request(guest, &create, sizeof create, 24, &answer);
    if (error)
        return error;
    guest->message_data = guest_dword(&answer, 12);
    memcpy(&guest->message_address, answer.bytes + 16, sizeof guest->message_address);
    return 0;
}

static int delete_interrupt(struct guest *guest)
{
    struct vpci_delete_interrupt message = {
        .type = VPCI_DELETE_INTERRUPT,
        .interrupt = {.vector_count = 1, .data = guest->message_data, .address = guest->message_address},
    };
    return guest_post(guest, &message, sizeof message);
}

/* The hypercall of that name, which the VMM gets. */
static int retarget_interrupt(struct guest *guest)
{
    static const uint16_t processor = 0;
    if (guest->vmm.version < 2)
        return 0;
    return vmm_retarget(&guest->vmm, guest->message_address, guest->message_data, VECTOR, &processor, 1);
}

/* As Linux does: first with a dummy, then the real one, which it targets again when it is unmasked. */
static int set_up_interrupt(struct guest *guest)
{
    int error = create_interrupt(guest, DUMMY_VECTOR);
    if (!error)
        error = delete_interrupt(guest);
    if (!error)
        error = create_interrupt(guest, VECTOR);
    return error ? error : retarget_interrupt(guest);
}

/* While the VF is being ejected it fails, which is no fault. */
static int read_block(struct guest *guest)
{
    struct vpci_read_block read = {.type = VPCI_READ_BLOCK_MESSAGE, .bytes_requested = BLOCK_LENGTH};
    struct guest_packet answer;
    guest->blocks++;
    return guest_exchange(guest, &read, sizeof read, &answer);
}

/* ---- going ------------------------------------------------------------------------------------------------------ */

static int release(struct guest *guest)
{
    struct vpci_slot_message released = {.type = VPCI_RESOURCES_RELEASED};
    struct vpci_header exit = {VPCI_BUS_D0EXIT};
    struct guest_packet answer;
    int error = delete_interrupt(guest);
    if (!error)
        error = config_write(guest, COMMAND, 2, 0);
    if (!error)
        error = guest_post(guest, &released, sizeof released);
    return error ? error : guest_request(guest, &exit, sizeof exit, 4, &answer);
}

static int answer_eject(struct guest *guest)
{
    struct vpci_ejection_complete complete = {.type = VPCI_EJECTION_COMPLETE};
    int error = delete_interrupt(guest);
    if (!error)
        error = guest_post(guest, &complete, sizeof complete);
    while (!error && guest->vmm.channel.id)
        error = vmm_step(&guest->vmm, VMM_PATIENCE_MS);
    return error;
}

/* Works until the host wants the VF back. */
static int live(struct guest *guest)
{
    struct guest_packet packet;
    int error = 0;
    while (!error && !guest->ejected) {
        unsigned before = guest->invalidated;
        error = guest_take_packet(guest, &packet);
        if (!error)
            guest_on_unasked(guest, &packet);
        if (!error && guest->invalidated != before)
            error = read_block(guest);
    }
    return error ? error : answer_eject(guest);
}

/* One life of the channel up to its VF driver: open, find, D0, registers, interrupt, block. */
static int come_up(struct guest *guest)
{
    int (*const steps[])(struct guest *) = {agree_version, find_function,  enter_d0,         walk_capabilities,
                                            place_bars,    sleep_and_wake, set_up_interrupt, read_block};
    int error = guest->at ? guest->at(guest, GUEST_OFFERED) : 0;
    if (!error)
        error = vmm_open(&guest->vmm, GUEST_RING, GUEST_RING);
    if (!error && guest->at)
        error = guest->at(guest, GUEST_OPEN);
    for (unsigned i = 0; !error && i < sizeof steps / sizeof steps[0]; i++) {
        error = steps[i](guest);
        if (!error && steps[i] == enter_d0 && guest->at)
            error = guest->at(guest, GUEST_D0);
    }
    return error;
}

/* A driver that is loaded, unloaded, and loaded again. */
static int come_up_twice(struct guest *guest)
{
    int error = come_up(guest);
    if (!error && guest->at)
        error = guest->at(guest, GUEST_LEAVING);
    if (!error)
        error = release(guest);
    if (!error)
        error = vmm_close(&guest->vmm);
    guest->unread = 0; /* the ring is gone with the channel */
    return error ? error : come_up(guest);
}

/* A VF from its offer to its end; one that is pulled away is an end as well. */
static int have_vf(struct guest *guest)
{
    guest->ejected = false;
    guest->unread = 0;
    int error = guest->lives++ % 2 ? come_up_twice(guest) : come_up(guest);
    if (!error && guest->at)
        error = guest->at(guest, GUEST_RUNNING);
    if (!error)
        error = live(guest);
    return error == -ENODEV ? 0 : error;
}

int guest_run(struct guest *guest, const char *path)
{
    guest->vmm.packet = guest_on_packet;
    guest->vmm.context = guest;
    int error = guest->at ? guest->at(guest, GUEST_BEFORE) : 0;
    if (!error)
        error = vmm_connect(&guest->vmm, path);
    if (!error && guest->at)
        error = guest->at(guest, GUEST_CONNECTED);
    while (!error) {
        error = vmm_offered(&guest->vmm);
        if (!error)
            error = have_vf(guest);
    }
    return error == -EPIPE && guest->lives ? 0 : error;
}
