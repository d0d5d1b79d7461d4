/* SPDX-License-Identifier: MIT
 *
 * refnic's VF miniport: what it does to its function, and the backchannel with a real PF miniport at the other end: the
 * block requests of the one become the OIDs of the other, as the virtualization stack would make them.
 */
#include "refnic_fake.h"
#include "refnic_requests.h"

#include "drivers/common/blocks.h"
#include "drivers/refnic/refnic.h"

#define COMMAND      4
#define MSIX_CONTROL (FAKE_MSIX + 2)

static struct fake *host, *guest;
static UCHAR buffer[REQUEST_MAX];
static unsigned block_reads[REFNIC_BLOCKS], block_writes[REFNIC_BLOCKS];

/* ---- the road between the two
 * ---------------------------------------------------------------------------------------- */

static NDIS_STATUS as_oid(NDIS_OID oid, ULONG block, void *data, ULONG length)
{
    bool read = oid == OID_SRIOV_READ_VF_CONFIG_BLOCK;
    memset(buffer, 0, sizeof(buffer));
    request_fill(oid, buffer);
    memcpy(buffer + 8, &block, 4);
    memcpy(buffer + 12, &length, 4);
    memcpy(buffer + 20, data, length);
    fake = host;
    NDIS_STATUS status = fake_oid(read ? NdisRequestMethod : NdisRequestSetInformation, oid, buffer, 20 + length,
                                  read ? 20 + length : 0, NULL, NULL);
    fake = guest;
    if (read)
        memcpy(data, buffer + 20, length);
    return status;
}

static NDIS_STATUS block_read(ULONG block, void *data, ULONG length)
{
    block_reads[block]++;
    return as_oid(OID_SRIOV_READ_VF_CONFIG_BLOCK, block, data, length);
}

static NDIS_STATUS block_write(ULONG block, void *data, ULONG length)
{
    block_writes[block]++;
    return as_oid(OID_SRIOV_WRITE_VF_CONFIG_BLOCK, block, data, length);
}

static NDIS_STATUS deliver(ULONG64 mask)
{
    NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO info = {.BlockMask = mask};
    info.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof(info)};
    return fake_oid(NdisRequestMethod, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, &info, sizeof(info), sizeof(info), NULL,
                    NULL);
}

/* What the PF has invalidated is taken and told to the VF, what the VF then queued is run, until there is nothing more.
 */
static void deliver_all(void)
{
    for (unsigned rounds = 0; host->invalidated[0]; rounds++) {
        ULONG64 mask = host->invalidated[0];
        host->invalidated[0] = 0;
        assert_int_equal(deliver(mask), NDIS_STATUS_SUCCESS);
        fake_run_work();
        assert_true(rounds < 4); /* each answer must not raise the next question */
    }
}

static int both(void **state)
{
    (void)state;
    memset(block_reads, 0, sizeof(block_reads));
    memset(block_writes, 0, sizeof(block_writes));
    fake_create();
    host = fake;
    if (fake_start(getenv("REFNIC_PF")) != NDIS_STATUS_SUCCESS || !request_populate(fake_oid))
        return -1;
    fake_create();
    guest = fake;
    guest->partition = NdisHypervisorPartitionMsHvChild;
    guest->block_read = block_read;
    guest->block_write = block_write;
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    fake = guest;
    if (fake->context)
        fake_stop(NdisHaltDeviceDisabled);
    fake_destroy();
    fake = host;
    fake_stop(NdisHaltDeviceDisabled);
    fake_destroy();
    return 0;
}

static void start(void)
{
    assert_int_equal(fake_start(getenv("REFNIC_VF")), NDIS_STATUS_SUCCESS);
}

static unsigned config16(unsigned offset)
{
    return guest->config[offset] | (unsigned)guest->config[offset + 1] << 8;
}

/* ---- cases
 * ------------------------------------------------------------------------------------------------------------- */

static void only_a_guest_has_a_vf(void **state)
{
    (void)state;
    guest->partition = NdisHypervisorPartitionTypeMsHvParent;
    assert_int_equal(fake_start(getenv("REFNIC_VF")), NDIS_STATUS_FAILURE);
    guest->partition = NdisHypervisorPartitionTypeUnknown;
    assert_int_equal(fake_start(getenv("REFNIC_VF")), NDIS_STATUS_FAILURE);
    assert_int_equal(guest->attribute_count, 0);
}

static void it_declares_itself_enables_its_function_and_takes_its_address(void **state)
{
    (void)state;
    start();
    assert_int_equal(guest->sriov.SriovCapabilities, 5);
    assert_int_equal(guest->nic_switch.MaxNumVFs, 0);
    assert_memory_equal(guest->mac, "\x02\x00\x00\x00\x11\x22", 6);
    assert_int_equal(config16(COMMAND), 0x0006);
    assert_int_equal(config16(MSIX_CONTROL), 0x8005);
    assert_int_equal(guest->indications, 0);                    /* NDIS has the link from the attributes */
    assert_int_equal(block_writes[REFNIC_BLOCK_STATISTICS], 0); /* nobody has asked */
}

static void halting_takes_everything_back(void **state)
{
    (void)state;
    struct refnic_control control;
    start();
    fake_stop(NdisHaltDeviceDisabled);
    assert_int_equal(config16(COMMAND), 0);
    assert_int_equal(config16(MSIX_CONTROL), 0x0005);
    as_oid(OID_SRIOV_READ_VF_CONFIG_BLOCK, REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    assert_int_equal(control.capabilities, 0);
    assert_int_equal(control.command, 0);
}

static void a_pulled_vf_is_not_touched_any_more(void **state)
{
    (void)state;
    start();
    unsigned calls = guest->calls;
    guest->gone = true;
    fake_stop(NdisHaltDeviceSurpriseRemoved);
    assert_int_equal(guest->calls, calls);
}

static void the_pf_asks_once_for_statistics_and_gets_them(void **state)
{
    (void)state;
    struct refnic_control control;
    struct refnic_statistics piece;
    start();
    assert_int_equal(host->invalidated[0], 1 << REFNIC_BLOCK_CONTROL);
    deliver_all();
    assert_int_equal(block_writes[REFNIC_BLOCK_STATISTICS], 2); /* 5 rings */
    as_oid(OID_SRIOV_READ_VF_CONFIG_BLOCK, REFNIC_BLOCK_CONTROL, &control, sizeof(control));
    assert_int_equal(control.command_ack, REFNIC_COMMAND_SNAPSHOT);
    assert_int_equal(control.command, REFNIC_COMMAND_NONE);
    assert_int_equal(control.version, REFNIC_FORMAT_VERSION);
    assert_int_equal(control.rings, 5);
    as_oid(OID_SRIOV_READ_VF_CONFIG_BLOCK, REFNIC_BLOCK_STATISTICS, &piece, sizeof(piece));
    assert_int_equal(piece.sequence, 0);
    assert_int_equal(piece.index, 0);
    /* The driver is loaded anew without a reset of the VF: it is asked again. */
    fake_stop(NdisHaltDeviceDisabled);
    start();
    assert_int_equal(host->invalidated[0], 1 << REFNIC_BLOCK_CONTROL);
}

/* An administrator's command at the PF, and what it makes the VF do. */
static void ask(ULONG agents, USHORT command)
{
    REFNIC_VF_COMMAND asked = {.Control = agents, .Command = command};
    fake = host;
    assert_int_equal(fake_oid(NdisRequestSetInformation, OID_REFNIC_VF_COMMAND, &asked, sizeof(asked), 0, NULL, NULL),
                     NDIS_STATUS_SUCCESS);
    fake = guest;
    deliver_all();
}

static void count(unsigned control_reads, unsigned control_writes, unsigned pieces)
{
    assert_int_equal(block_reads[REFNIC_BLOCK_CONTROL], control_reads);
    assert_int_equal(block_writes[REFNIC_BLOCK_CONTROL], control_writes);
    assert_int_equal(block_writes[REFNIC_BLOCK_STATISTICS], pieces);
    memset(block_reads, 0, sizeof(block_reads));
    memset(block_writes, 0, sizeof(block_writes));
}

static void the_script_of_vpci_wire_7_3_as_this_driver_plays_it(void **state)
{
    (void)state;
    start(); /* (a): the control agent alone, then with the statistics agent */
    count(2, 2, 0);
    deliver_all(); /* (b) */
    count(1, 1, 2);
    ask(REFNIC_AGENT_STATISTICS, 10); /* (c) */
    count(1, 1, 0);
    assert_int_equal(guest->timer.period_ms, 1000);
    for (unsigned i = 0; i < 3; i++) {
        fake_tick();
        fake_run_work();
    }
    count(0, 0, 6);
    ask(REFNIC_AGENT_STATISTICS, 0); /* (d) */
    count(1, 1, 0);
    assert_false(guest->timer.set);
    ask(2, 10); /* (e) */
    count(1, 0, 0);
    assert_false(guest->timer.set);
    ask(REFNIC_AGENT_STATISTICS, 0);
    count(1, 1, 0);
    assert_int_equal(deliver(1ull << 0 | 1ull << 5), NDIS_STATUS_SUCCESS); /* (f), (g) */
    count(1, 1, 0);
    fake_stop(NdisHaltDeviceDisabled);
    count(1, 1, 0);
}

static void a_write_that_fails_ends_the_period_until_the_pf_asks_again(void **state)
{
    (void)state;
    start();
    deliver_all();
    ask(REFNIC_AGENT_STATISTICS, 1);
    guest->block_write = NULL;
    fake_tick();
    fake_run_work();
    guest->block_write = block_write;
    count(4, 4, 2);
    fake_tick();
    fake_run_work();
    count(0, 0, 0);
    ask(REFNIC_AGENT_STATISTICS, 1);
    fake_tick();
    fake_run_work();
    count(1, 1, 2);
}

static void what_comes_while_a_snapshot_is_written_is_one_more(void **state)
{
    (void)state;
    start();
    deliver_all();
    ask(REFNIC_AGENT_STATISTICS, 1);
    count(4, 4, 2);
    fake_tick();
    fake_tick(); /* a period that was missed is not made up for */
    fake_run_work();
    count(0, 0, 2);
    fake_tick();
    REFNIC_VF_COMMAND asked = {.Control = REFNIC_AGENT_STATISTICS, .Command = REFNIC_COMMAND_SNAPSHOT};
    fake = host;
    fake_oid(NdisRequestSetInformation, OID_REFNIC_VF_COMMAND, &asked, sizeof(asked), 0, NULL, NULL);
    fake = guest;
    assert_int_equal(deliver(1), NDIS_STATUS_SUCCESS);
    fake_run_work(); /* of the period, and the one asked for */
    count(1, 1, 4);
}

static void a_driver_that_halts_in_mid_snapshot_waits_for_it(void **state)
{
    (void)state;
    start();
    deliver_all();
    ask(REFNIC_AGENT_STATISTICS, 1);
    count(4, 4, 2);
    fake_tick();
    fake_stop(NdisHaltDeviceDisabled);
    count(1, 1, 2);
}

static void a_link_change_in_the_host_is_indicated_in_the_guest(void **state)
{
    (void)state;
    start();
    deliver_all();
    fake = host;
    assert_int_equal(request_send(fake_oid, OID_GEN_LINK_PARAMETERS, NULL, 0, buffer), NDIS_STATUS_SUCCESS);
    fake = guest;
    deliver_all();
    assert_int_equal(guest->indications, 1);
    assert_int_equal(guest->indicated.XmitLinkSpeed, 10000000000ull);
    assert_int_equal(guest->indicated.MediaConnectState, MediaConnectStateConnected);
    assert_int_equal(deliver(REFNIC_MASK(REFNIC_BLOCK_LINK)), NDIS_STATUS_SUCCESS);
    assert_int_equal(guest->indications, 1); /* nothing changed */
}

static void bits_of_unknown_blocks_are_ignored_and_failures_reported(void **state)
{
    (void)state;
    start();
    unsigned reads = block_reads[REFNIC_BLOCK_CONTROL] + block_reads[REFNIC_BLOCK_LINK];
    assert_int_equal(deliver(~(1ull | REFNIC_MASK(REFNIC_BLOCK_LINK))), NDIS_STATUS_SUCCESS);
    assert_int_equal(deliver(0), NDIS_STATUS_SUCCESS);
    assert_int_equal(block_reads[REFNIC_BLOCK_CONTROL] + block_reads[REFNIC_BLOCK_LINK], reads);
    assert_int_equal(block_reads[REFNIC_BLOCK_STATISTICS], 0);
    guest->block_read = NULL;
    assert_int_equal(deliver(~0ull), NDIS_STATUS_FAILURE);
}

static void a_bad_invalidation_is_refused(void **state)
{
    (void)state;
    NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO info = {.BlockMask = 3};
    ULONG needed;
    start();
    assert_int_equal(
        fake_oid(NdisRequestMethod, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, &info, sizeof(info), 0, NULL, NULL),
        NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(
        fake_oid(NdisRequestSetInformation, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, &info, 15, 0, &needed, NULL),
        NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(needed, 16);
    assert_int_equal(fake_oid(NdisRequestSetInformation, OID_SRIOV_CONFIG_STATE, &info, 12, 0, NULL, NULL),
                     NDIS_STATUS_NOT_SUPPORTED);
}

static void a_function_that_cannot_be_enabled_fails_the_start(void **state)
{
    (void)state;
    guest->msix_stuck = true;
    assert_int_equal(fake_start(getenv("REFNIC_VF")), NDIS_STATUS_FAILURE);
    assert_int_equal(config16(COMMAND), 0);
}

/* Start, an invalidation, stop, with one call failing. */
static bool life_with_failure(unsigned at)
{
    both(NULL);
    guest->fail_at = at;
    bool started = fake_start(getenv("REFNIC_VF")) == NDIS_STATUS_SUCCESS;
    if (started) {
        (void)deliver(1 | REFNIC_MASK(REFNIC_BLOCK_LINK));
        fake_run_work();
        fake_stop(NdisHaltDeviceDisabled);
    }
    if (!started)
        assert_int_equal(config16(COMMAND), 0);
    bool reached = guest->calls >= at;
    take_down(NULL);
    return reached;
}

static void a_failure_of_any_call_leaves_nothing_behind(void **state)
{
    (void)state;
    unsigned at = 1;
    while (life_with_failure(at))
        at++;
    assert_true(at > 30);
}

static void general_oids_are_answered(void **state)
{
    (void)state;
    UCHAR answer[256];
    ULONG written, needed;
    start();
    assert_int_equal(fake_oid(NdisRequestQueryInformation, OID_802_3_CURRENT_ADDRESS, answer, 6, 6, NULL, &written),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(written, 6);
    assert_memory_equal(answer, guest->mac, 6);
    assert_int_equal(fake_oid(NdisRequestQueryInformation, OID_802_3_PERMANENT_ADDRESS, answer, 5, 5, &needed, NULL),
                     NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(needed, 6);
    assert_int_equal(fake_oid(NdisRequestQueryInformation, OID_GEN_STATISTICS, answer, 256, 256, NULL, &written),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(written, NDIS_SIZEOF_STATISTICS_INFO_REVISION_1);
    assert_int_equal(fake_oid(NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, answer, 3, 0, &needed, NULL),
                     NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(needed, 4);
    assert_int_equal(fake_oid(NdisRequestSetInformation, OID_802_3_CURRENT_ADDRESS, answer, 6, 0, NULL, NULL),
                     NDIS_STATUS_NOT_SUPPORTED);
}

static void sends_come_back_with_a_status(void **state)
{
    (void)state;
    NET_BUFFER_LIST lists[2] = {0};
    start();
    NET_BUFFER_LIST_NEXT_NBL(&lists[0]) = &lists[1];
    guest->miniport.SendNetBufferListsHandler(guest->context, lists, 0, 0);
    assert_ptr_equal(guest->completed, lists);
    assert_int_not_equal(NET_BUFFER_LIST_STATUS(&lists[1]), NDIS_STATUS_SUCCESS);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, both, take_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(only_a_guest_has_a_vf),
        CASE(it_declares_itself_enables_its_function_and_takes_its_address),
        CASE(halting_takes_everything_back),
        CASE(a_pulled_vf_is_not_touched_any_more),
        CASE(the_pf_asks_once_for_statistics_and_gets_them),
        CASE(the_script_of_vpci_wire_7_3_as_this_driver_plays_it),
        CASE(a_write_that_fails_ends_the_period_until_the_pf_asks_again),
        CASE(what_comes_while_a_snapshot_is_written_is_one_more),
        CASE(a_driver_that_halts_in_mid_snapshot_waits_for_it),
        CASE(a_link_change_in_the_host_is_indicated_in_the_guest),
        CASE(bits_of_unknown_blocks_are_ignored_and_failures_reported),
        CASE(a_bad_invalidation_is_refused),
        CASE(a_function_that_cannot_be_enabled_fails_the_start),
        cmocka_unit_test(a_failure_of_any_call_leaves_nothing_behind),
        CASE(general_oids_are_answered),
        CASE(sends_come_back_with_a_status),
    };
    return cmocka_run_group_tests_name("path / refnic / VF", tests, NULL, NULL);
}
