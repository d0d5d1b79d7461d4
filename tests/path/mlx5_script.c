/* SPDX-License-Identifier: MIT
 *
 * Checklist 15 of vpci-wire.md 9.4: the script of its section 7.3, packet by packet. The VF driver is the one of 7.2 as
 * Linux has it for mlx5, played by this program on the wire; all of the host is real, with refnic's PF miniport.
 */
#include "refnic_host.h"

#include <sched.h>

#include "../vpci/raw_guest.h"

#include "drivers/common/blocks.h"
#include "drivers/refnic/refnic.h"

#define RINGS   8u
#define PIECES  3u /* 8 records of 32 bytes in pieces of 120 */
#define SECOND  10u
#define UNKNOWN 2u /* an agent the VF does not have */

/* The VF driver. */
struct mlx5 {
    struct raw_guest *guest;
    uint32_t capabilities;
    uint16_t sequence, period;
    unsigned control_reads, control_writes, pieces;
};

struct world {
    struct host host;
    struct raw_host vpci;
    struct mlx5 vf;
};

/* ---- the VF driver, vpci-wire.md 7.2 ---------------------------------------------------------------------------- */

static void snapshot(struct mlx5 *vf)
{
    struct refnic_statistics piece = {.sequence = ++vf->sequence};
    for (piece.index = 0; piece.index < PIECES; piece.index++) {
        piece.data[0] = 1000u * vf->sequence + piece.index;
        assert_int_equal(raw_block_write(vf->guest, REFNIC_BLOCK_STATISTICS, &piece, sizeof(piece)),
                         VPCI_STATUS_SUCCESS);
        vf->pieces++;
    }
}

/* The agent has a work queue of its own, so what it writes may be there first. */
static void command(struct mlx5 *vf, struct refnic_control *control)
{
    control->version = REFNIC_FORMAT_VERSION;
    control->rings = RINGS;
    if (control->command == REFNIC_COMMAND_SNAPSHOT)
        snapshot(vf);
    else
        vf->period = control->command;
}

static void control_work(struct mlx5 *vf)
{
    struct refnic_control control;
    struct reply reply;
    assert_int_equal(raw_block_read(vf->guest, REFNIC_BLOCK_CONTROL, sizeof(control), &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.length, 136); /* 4 + 128, padded */
    vf->control_reads++;
    memcpy(&control, reply.bytes + 4, sizeof(control));
    if (!vf->capabilities) {
        memset(&control, 0, sizeof(control));
    } else {
        control.capabilities = vf->capabilities;
        if (control.control & ~control.capabilities)
            return; /* not acknowledged */
        if (control.control & REFNIC_AGENT_STATISTICS)
            command(vf, &control);
        control.command_ack = control.command;
    }
    assert_int_equal(raw_block_write(vf->guest, REFNIC_BLOCK_CONTROL, &control, sizeof(control)), VPCI_STATUS_SUCCESS);
    vf->control_writes++;
}

/* The next INVALIDATE_BLOCK, handled; its mask. */
static uint64_t told(struct mlx5 *vf)
{
    struct vpci_invalidate_block block;
    struct reply reply;
    raw_in_band(vf->guest, VPCI_INVALIDATE_BLOCK, &reply);
    memcpy(&block, reply.bytes, sizeof(block));
    assert_int_equal(block.slot, 0);
    if (block.block_mask & REFNIC_MASK(REFNIC_BLOCK_CONTROL))
        control_work(vf);
    return block.block_mask;
}

static void count(struct mlx5 *vf, unsigned reads, unsigned writes, unsigned pieces)
{
    assert_int_equal(vf->control_reads, reads);
    assert_int_equal(vf->control_writes, writes);
    assert_int_equal(vf->pieces, pieces);
    vf->control_reads = vf->control_writes = vf->pieces = 0;
    assert_true(raw_nothing(vf->guest, VPCI_INVALIDATE_BLOCK));
}

/* ---- the PF ------------------------------------------------------------------------------------------------------ */

static void pf_asks(struct world *world, uint32_t agents, uint16_t what)
{
    REFNIC_VF_COMMAND asked = {.Control = agents, .Command = what, .VFId = vstack_vf_id(world->vf.guest->vf)};
    assert_int_equal(host_oid(NdisRequestSetInformation, OID_REFNIC_VF_COMMAND, &asked, sizeof(asked), 0, NULL, NULL),
                     NDIS_STATUS_SUCCESS);
}

static void pf_invalidates(struct world *world, uint64_t mask)
{
    NdisMInvalidateConfigBlock(ndis_adapter_of(world->host.pdo[0]), vstack_vf_id(world->vf.guest->vf), mask);
}

static struct refnic_control pf_control(struct world *world)
{
    struct refnic_control control;
    assert_int_equal(vstack_vf_read(world->vf.guest->vf, VSTACK_BLOCK, REFNIC_BLOCK_CONTROL, &control, sizeof(control)),
                     NDIS_STATUS_SUCCESS);
    return control;
}

static struct refnic_statistics pf_snapshot(struct world *world)
{
    struct refnic_statistics first;
    assert_int_equal(vstack_vf_read(world->vf.guest->vf, VSTACK_BLOCK, REFNIC_BLOCK_STATISTICS, &first, sizeof(first)),
                     NDIS_STATUS_SUCCESS);
    return first;
}

/* ---- the script ----------------------------------------------------------------------------------------------------
 */

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    host_create(&world->host);
    host_select(&world->host, 0);
    assert_int_equal(host_start(&world->host, 0), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(world->host.stack[0], 4), NDIS_STATUS_SUCCESS);
    world->vpci.stack = world->host.stack[0];
    world->vpci.vsp = vsp_create(world->host.partition, 1);
    assert_non_null(world->vpci.vsp);
    world->vf.guest = raw_guest_open(&world->vpci, 1);
    *state = world;
    return 0;
}

static int take_down(void **state)
{
    struct world *world = *state;
    raw_guest_destroy(world->vf.guest);
    vsp_destroy(world->vpci.vsp);
    host_destroy(&world->host);
    free(world);
    return 0;
}

/* (a): the control agent comes alone, then the statistics agent. */
static void load(struct mlx5 *vf)
{
    control_work(vf);
    vf->capabilities = REFNIC_AGENT_STATISTICS;
    control_work(vf);
}

static void checklist_15_mlx5_script(void **state)
{
    struct world *world = *state;
    struct mlx5 *vf = &world->vf;
    raw_up(vf->guest);

    load(vf); /* (a) */
    assert_int_equal(pf_control(world).capabilities, 1);
    assert_true(told(vf) == 1); /* (b), which refnic's PF asks of every VF that comes */
    count(vf, 3, 3, PIECES);
    assert_int_equal(pf_control(world).command_ack, REFNIC_COMMAND_SNAPSHOT);
    assert_int_equal(pf_control(world).version, 1);
    assert_int_equal(pf_control(world).rings, RINGS);
    assert_int_equal(pf_snapshot(world).sequence, 1);
    assert_int_equal(pf_snapshot(world).data[0], 1000);

    pf_asks(world, 1, REFNIC_COMMAND_SNAPSHOT); /* (b) once more */
    assert_true(told(vf) == 1);
    count(vf, 1, 1, PIECES);
    assert_int_equal(pf_snapshot(world).data[0], 2000);

    pf_asks(world, 1, SECOND); /* (c) */
    assert_true(told(vf) == 1);
    count(vf, 1, 1, 0);
    assert_int_equal(vf->period, SECOND);
    assert_int_equal(pf_control(world).command_ack, SECOND);
    snapshot(vf); /* the period is over */
    count(vf, 0, 0, PIECES);
    assert_int_equal(pf_snapshot(world).data[0], 3000);

    pf_asks(world, 1, REFNIC_COMMAND_NONE); /* (d) */
    assert_true(told(vf) == 1);
    count(vf, 1, 1, 0);
    assert_int_equal(vf->period, 0);

    pf_asks(world, UNKNOWN, SECOND); /* (e) */
    assert_true(told(vf) == 1);
    count(vf, 1, 0, 0);
    assert_int_equal(pf_control(world).control, UNKNOWN); /* stands, unacknowledged */
    assert_int_equal(pf_control(world).command_ack, 0);

    pf_asks(world, 1, REFNIC_COMMAND_NONE);
    assert_true(told(vf) == 1);
    count(vf, 1, 1, 0);
    pf_invalidates(world, 1ull << 0 | 1ull << 5); /* (f) */
    assert_true(told(vf) == (1ull << 0 | 1ull << 5));
    count(vf, 1, 1, 0);
}

static void each_delivered_invalidate_costs_one_read_and_coalesced_ones_cost_one_in_total(void **state)
{
    struct world *world = *state;
    struct mlx5 *vf = &world->vf;
    raw_up(vf->guest);
    load(vf);
    assert_true(told(vf) == 1);
    count(vf, 3, 3, PIECES);
    uint64_t sent = raw_stats(vf->guest).invalidates_sent;
    for (unsigned i = 0; i < 3; i++) { /* (g) */
        pf_invalidates(world, 1);
        assert_true(told(vf) == 1);
    }
    count(vf, 3, 3, 0);
    pf_invalidates(world, 1); /* lies in the ring until it is read */
    while (raw_stats(vf->guest).invalidates_sent != sent + 4)
        sched_yield();
    for (unsigned i = 0; i < 100; i++)
        pf_invalidates(world, 1);
    assert_true(told(vf) == 1);
    assert_true(told(vf) == 1); /* one for a hundred */
    count(vf, 2, 2, 0);
}

static void a_vf_that_writes_zeros_at_its_start_wipes_nothing_of_the_pf(void **state)
{
    struct world *world = *state;
    struct mlx5 *vf = &world->vf;
    pf_asks(world, 1, SECOND); /* before the VF has a driver */
    raw_up(vf->guest);
    control_work(vf); /* all zero */
    assert_int_equal(pf_control(world).control, 1);
    assert_int_equal(pf_control(world).command, SECOND);
    vf->capabilities = REFNIC_AGENT_STATISTICS;
    control_work(vf);
    assert_int_equal(vf->period, SECOND);
    assert_true(told(vf) == 1); /* was raised before anybody listened; the VF did not need it */
    count(vf, 3, 3, 0);
}

static void a_block_that_is_nobodys_fails_with_the_pf_drivers_status(void **state)
{
    static const uint32_t blocks[] = {2, 31, 33, 64, 0xFFFFFFFF};
    struct world *world = *state;
    UCHAR data[128] = {0};
    raw_up(world->vf.guest);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(raw_block_read(world->vf.guest, blocks[i], 128, NULL), VPCI_STATUS_INVALID_PARAMETER);
        assert_int_equal(raw_block_write(world->vf.guest, blocks[i], data, 128), VPCI_STATUS_INVALID_PARAMETER);
    }
    assert_int_equal(raw_stats(world->vf.guest).bad_data, 0); /* the VSP found nothing wrong */
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, take_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(checklist_15_mlx5_script),
        CASE(each_delivered_invalidate_costs_one_read_and_coalesced_ones_cost_one_in_total),
        CASE(a_vf_that_writes_zeros_at_its_start_wipes_nothing_of_the_pf),
        CASE(a_block_that_is_nobodys_fails_with_the_pf_drivers_status),
    };
    return cmocka_run_group_tests_name("path / mlx5 script", tests, NULL, NULL);
}
