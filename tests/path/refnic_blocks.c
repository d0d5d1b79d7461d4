/* SPDX-License-Identifier: MIT
 *
 * The PF's end of the backchannel: each field has one writer, and what a VF sends is stored whole or not at all.
 */
#include "refnic_fake.h"
#include "refnic_requests.h"

#include "drivers/common/blocks.h"
#include "drivers/refnic/refnic.h"

static UCHAR buffer[REQUEST_MAX];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SEND(oid, ...)                                                                                                 \
    request_send(fake_oid, oid, (const struct request_change[]){__VA_ARGS__},                                          \
                 COUNT(((const struct request_change[]){__VA_ARGS__})), buffer)
#define GOOD(oid) request_send(fake_oid, oid, NULL, 0, buffer)

static int populated(void **state)
{
    (void)state;
    fake_create();
    return fake_start(getenv("REFNIC_PF")) == NDIS_STATUS_SUCCESS && request_populate(fake_oid) ? 0 : -1;
}

static int take_down(void **state)
{
    (void)state;
    fake_stop(NdisHaltDeviceDisabled);
    fake_destroy();
    return 0;
}

static NDIS_STATUS write_block(ULONG block, const void *data, ULONG length)
{
    memset(buffer, 0, sizeof(buffer));
    request_fill(OID_SRIOV_WRITE_VF_CONFIG_BLOCK, buffer);
    memcpy(buffer + 8, &block, 4);
    memcpy(buffer + 12, &length, 4);
    memcpy(buffer + 20, data, length);
    return fake_oid(NdisRequestSetInformation, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, buffer, 20 + length, 0, NULL, NULL);
}

static void read_block(ULONG block, void *data, ULONG length)
{
    assert_int_equal(SEND(OID_SRIOV_READ_VF_CONFIG_BLOCK, {8, 4, block}, {12, 4, length}), NDIS_STATUS_SUCCESS);
    memcpy(data, buffer + 20, length);
}

static void a_link_change_updates_the_link_block_of_every_vf_and_invalidates_it(void **state)
{
    (void)state;
    struct refnic_link link;
    read_block(REFNIC_BLOCK_LINK, &link, sizeof(link));
    assert_memory_equal(link.mac, "\x02\x00\x00\x00\x11\x22", 6);
    assert_int_equal(link.connected, 1);
    assert_int_equal(GOOD(OID_GEN_LINK_PARAMETERS), NDIS_STATUS_SUCCESS);
    read_block(REFNIC_BLOCK_LINK, &link, sizeof(link));
    assert_int_equal(link.transmit_speed, 10000000000ull);
    assert_int_equal(link.generation, 2);
    assert_true(fake->invalidated[0] == REFNIC_MASK(REFNIC_BLOCK_LINK));
    assert_true(fake->invalidated[1] == REFNIC_MASK(REFNIC_BLOCK_LINK));
    assert_int_equal(fake->invalidated[2], 0);
    assert_int_equal(fake->indications, 1);
    fake->invalidated[0] = 0;
    assert_int_equal(GOOD(OID_GEN_LINK_PARAMETERS), NDIS_STATUS_SUCCESS); /* no change, nothing to tell */
    assert_int_equal(fake->invalidated[0], 0);
    assert_int_equal(SEND(OID_GEN_LINK_PARAMETERS, {8, 4, 0}, {12, 4, 0}), NDIS_STATUS_SUCCESS);
    read_block(REFNIC_BLOCK_LINK, &link, sizeof(link));
    assert_int_equal(link.connected, 0);
    assert_int_equal(fake->indicated.MediaConnectState, MediaConnectStateDisconnected);
}

static void a_vf_that_writes_a_whole_block_wipes_nothing_of_the_pf(void **state)
{
    (void)state;
    struct refnic_control control = {.capabilities = REFNIC_AGENT_STATISTICS, .version = 1, .rings = 2};
    control.control = 0xFF, control.command = 0x1234, control.reserved[3] = 7;
    assert_int_equal(write_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control)), NDIS_STATUS_SUCCESS);
    read_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    assert_int_equal(control.control, REFNIC_AGENT_STATISTICS);
    assert_int_equal(control.command, REFNIC_COMMAND_SNAPSHOT);
    assert_int_equal(control.rings, 2);
    assert_int_equal(control.reserved[3], 0);
    assert_int_equal(fake->invalidated[0], 1 << REFNIC_BLOCK_CONTROL);

    fake->invalidated[0] = 0;
    control.command_ack = REFNIC_COMMAND_SNAPSHOT;
    assert_int_equal(write_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control)), NDIS_STATUS_SUCCESS);
    read_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    assert_int_equal(control.command, REFNIC_COMMAND_NONE); /* taken back, and asked once only */
    assert_int_equal(fake->invalidated[0], 0);
}

static void a_short_write_stores_the_fields_it_covers(void **state)
{
    (void)state;
    struct refnic_control control = {.capabilities = 0, .command_ack = 5, .version = 9, .rings = 3};
    assert_int_equal(write_block(REFNIC_BLOCK_CONTROL, &control, 13), NDIS_STATUS_SUCCESS);
    read_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    assert_int_equal(control.command_ack, 5);
    assert_int_equal(control.version, 0);
    assert_int_equal(control.rings, 0);
}

static void a_snapshot_is_put_together_from_its_pieces_in_order(void **state)
{
    (void)state;
    struct refnic_control control = {.capabilities = 0, .rings = 8}; /* 256 bytes: 3 pieces */
    struct refnic_statistics piece = {.sequence = 7}, got;
    write_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    for (piece.index = 0; piece.index < 2; piece.index++) {
        piece.data[0] = 100u + piece.index;
        assert_int_equal(write_block(REFNIC_BLOCK_STATISTICS, &piece, sizeof(piece)), NDIS_STATUS_SUCCESS);
    }
    read_block(REFNIC_BLOCK_STATISTICS, &got, sizeof(got));
    assert_int_equal(got.sequence, 0); /* not complete */
    piece.sequence = 8;
    assert_int_equal(write_block(REFNIC_BLOCK_STATISTICS, &piece, sizeof(piece)), NDIS_STATUS_INVALID_PARAMETER);
    piece.sequence = 7;
    assert_int_equal(write_block(REFNIC_BLOCK_STATISTICS, &piece, sizeof(piece)), NDIS_STATUS_SUCCESS);
    read_block(REFNIC_BLOCK_STATISTICS, &got, sizeof(got));
    assert_int_equal(got.sequence, 7);
    assert_int_equal(got.data[0], 100);
    piece.index = 3;
    assert_int_equal(write_block(REFNIC_BLOCK_STATISTICS, &piece, sizeof(piece)), NDIS_STATUS_INVALID_PARAMETER);
}

/* The two come from work queues of their own: the pieces may be there before the VF has said how many it has. */
static void a_snapshot_may_overtake_the_control_block(void **state)
{
    (void)state;
    struct refnic_control control = {.rings = 5}; /* 160 bytes: 2 pieces */
    struct refnic_statistics piece = {.sequence = 3}, got;
    for (piece.index = 0; piece.index < 2; piece.index++)
        assert_int_equal(write_block(REFNIC_BLOCK_STATISTICS, &piece, sizeof(piece)), NDIS_STATUS_SUCCESS);
    read_block(REFNIC_BLOCK_STATISTICS, &got, sizeof(got));
    assert_int_equal(got.sequence, 0);
    write_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    read_block(REFNIC_BLOCK_STATISTICS, &got, sizeof(got));
    assert_int_equal(got.sequence, 3);
}

static NDIS_STATUS command(USHORT vf, ULONG agents, USHORT what, ULONG length)
{
    REFNIC_VF_COMMAND asked = {.Control = agents, .Command = what, .VFId = vf};
    return fake_oid(NdisRequestSetInformation, OID_REFNIC_VF_COMMAND, &asked, length, 0, NULL, NULL);
}

static void a_command_stands_in_block_0_until_it_is_acknowledged(void **state)
{
    (void)state;
    struct refnic_control control = {.capabilities = REFNIC_AGENT_STATISTICS}, acknowledged;
    write_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    fake->invalidated[0] = 0;
    assert_int_equal(command(0, REFNIC_AGENT_STATISTICS, 10, 8), NDIS_STATUS_SUCCESS);
    assert_int_equal(fake->invalidated[0], 1 << REFNIC_BLOCK_CONTROL);
    assert_int_equal(fake->invalidated[1], 0);
    write_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control)); /* another word of the VF */
    read_block(REFNIC_BLOCK_CONTROL, &acknowledged, sizeof(acknowledged));
    assert_int_equal(acknowledged.command, 10);
    control.command_ack = 10;
    write_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    read_block(REFNIC_BLOCK_CONTROL, &acknowledged, sizeof(acknowledged));
    assert_int_equal(acknowledged.command, 0);
    assert_int_equal(acknowledged.control, 0);
}

static void a_command_for_no_vf_or_cut_short_changes_nothing(void **state)
{
    (void)state;
    struct refnic_control control;
    assert_int_equal(command(2, REFNIC_AGENT_STATISTICS, 10, 8), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(command(0xFFFF, REFNIC_AGENT_STATISTICS, 10, 8), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(command(0, REFNIC_AGENT_STATISTICS, 10, 7), NDIS_STATUS_INVALID_LENGTH);
    read_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    assert_int_equal(control.control | control.command, 0);
    assert_int_equal(fake->invalidated[0], 0);
}

static void a_reset_forgets_what_the_vf_said_and_keeps_its_link(void **state)
{
    (void)state;
    struct refnic_control control = {.capabilities = REFNIC_AGENT_STATISTICS, .rings = 1};
    struct refnic_link link;
    write_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    assert_int_equal(GOOD(OID_SRIOV_RESET_VF), NDIS_STATUS_SUCCESS);
    read_block(REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    assert_int_equal(control.capabilities | control.control | control.command | control.rings, 0);
    read_block(REFNIC_BLOCK_LINK, &link, sizeof(link));
    assert_int_equal(link.mac[5], 0x22);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, populated, take_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_link_change_updates_the_link_block_of_every_vf_and_invalidates_it),
        CASE(a_vf_that_writes_a_whole_block_wipes_nothing_of_the_pf),
        CASE(a_short_write_stores_the_fields_it_covers),
        CASE(a_snapshot_is_put_together_from_its_pieces_in_order),
        CASE(a_snapshot_may_overtake_the_control_block),
        CASE(a_command_stands_in_block_0_until_it_is_acknowledged),
        CASE(a_command_for_no_vf_or_cut_short_changes_nothing),
        CASE(a_reset_forgets_what_the_vf_said_and_keeps_its_link),
    };
    return cmocka_run_group_tests_name("path / refnic / blocks", tests, NULL, NULL);
}
