/* SPDX-License-Identifier: MIT
 *
 * refnic's PF miniport in the real house: every OID from the overlying driver through NDIS, the miniport and the bus
 * driver to the registers of an Intel 82576, in its documented order; and every bad one, which must change no register.
 */
#include "refnic_host.h"
#include "refnic_rows.h"

#include "drivers/common/blocks.h"

static struct host host;
static UCHAR buffer[REQUEST_MAX];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SEND(oid, ...)                                                                                                 \
    request_send(host_oid, oid, (const struct request_change[]){__VA_ARGS__},                                          \
                 COUNT(((const struct request_change[]){__VA_ARGS__})), buffer)
#define GOOD(oid)      request_send(host_oid, oid, NULL, 0, buffer)
#define VPORT_ID       offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, VPortId), 4
#define OF_FUNCTION    offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, AttachedFunctionId), 2
#define SRIOV          0x160 /* the 82576's capability */
#define MSIX           0x70
#define DEVICE_CONTROL 0xA8

static bool with_vbd; /* the program's argument: a virtual bus driver lies between the bus and the miniport */

static int empty(void **state)
{
    (void)state;
    if (with_vbd)
        host_create_with_vbd(&host, getenv("VBD_PF"));
    else
        host_create(&host);
    host_select(&host, 0);
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    host_destroy(&host);
    return 0;
}

/* The state of refnic_rows.h, but NDIS chooses the numbers of VPorts and filters: VPorts 1 and 2, filter 1. */
static int populated(void **state)
{
    empty(state);
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(host.stack[0], 4), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_ALLOCATE_VF), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_ALLOCATE_VF), NDIS_STATUS_SUCCESS);
    assert_int_equal(SEND(OID_NIC_SWITCH_CREATE_VPORT, {VPORT_ID, 0}, {OF_FUNCTION, 0}), NDIS_STATUS_SUCCESS);
    assert_int_equal(
        SEND(OID_NIC_SWITCH_CREATE_VPORT, {VPORT_ID, 0}, {OF_FUNCTION, 0xFFFF},
             {offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, VPortState), 4, NdisNicSwitchVPortStateDeactivated},
             {offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, ProcessorAffinity), 4, 1}),
        NDIS_STATUS_SUCCESS);
    assert_int_equal(SEND(OID_RECEIVE_FILTER_SET_FILTER, {offsetof(NDIS_RECEIVE_FILTER_PARAMETERS, FilterId), 4, 0}),
                     NDIS_STATUS_SUCCESS);
    return 0;
}

/* In the order of ndis.md 7.11. */
static int depopulated(void **state)
{
    assert_int_equal(SEND(OID_RECEIVE_FILTER_CLEAR_FILTER, {12, 4, 1}), NDIS_STATUS_SUCCESS);
    assert_int_equal(SEND(OID_NIC_SWITCH_DELETE_VPORT, {8, 4, 2}), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_VPORT), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_FREE_VF), NDIS_STATUS_SUCCESS);
    assert_int_equal(SEND(OID_NIC_SWITCH_FREE_VF, {8, 2, 0}), NDIS_STATUS_SUCCESS);
    return take_down(state);
}

static unsigned config16(int function, unsigned offset)
{
    uint16_t value = 0xFFFF;
    pci_config_read(host.device[0], function, offset, &value, sizeof(value));
    return value;
}

/* ---- the switch ----------------------------------------------------------------------------------------------------
 */

static void creating_the_switch_enables_vfs_and_deleting_it_disables_them(void **state)
{
    (void)state;
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(vstack_switch_create(host.stack[0], 4), NDIS_STATUS_SUCCESS);
        assert_int_equal(pci_sriov_num_vfs(host.device[0]), 4);
        assert_int_not_equal(vstack_switch_create(host.stack[0], 4), NDIS_STATUS_SUCCESS);
        assert_int_equal(vstack_switch_delete(host.stack[0]), NDIS_STATUS_SUCCESS);
        assert_int_equal(config16(PCI_FUNCTION_PF, SRIOV + 8) & 1, 0);
    }
    assert_int_not_equal(vstack_switch_create(host.stack[0], 9), NDIS_STATUS_SUCCESS);
    assert_int_equal(pci_sriov_num_vfs(host.device[0]), 0);
}

static void a_card_left_with_its_switch_is_taken_down_at_halt(void **state)
{
    (void)state;
    struct vstack_vf *vf;
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(host.stack[0], 8), NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < 8; i++) {
        struct vstack_vf_options options = {.vm_name = "vm", .mac = {2, 0, 0, 0, 0, (UCHAR)i}};
        assert_int_equal(vstack_vf_allocate(host.stack[0], &options, &vf), NDIS_STATUS_SUCCESS);
        assert_int_equal(vstack_vf_id(vf), i);
        assert_int_equal(vstack_vf_rid(vf), 0x180 + 2 * i);
        assert_int_equal(vstack_vf_identity(vf)->device, 0x10ca);
    }
    assert_int_not_equal(vstack_vf_allocate(host.stack[0], &(struct vstack_vf_options){.vm_name = "vm"}, &vf),
                         NDIS_STATUS_SUCCESS);
}

static void the_sriov_keyword_0_leaves_a_plain_adapter(void **state)
{
    (void)state;
    assert_true(ndis_set_keyword(host.partition, "*SRIOV", "0"));
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_null(ndis_sriov_capabilities(ndis_adapter_of(host.pdo[0])));
    assert_null(host.stack[0]);
}

static void the_num_vfs_keyword_bounds_the_switch(void **state)
{
    (void)state;
    assert_true(ndis_set_keyword(host.partition, "*NumVFs", "2"));
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(ndis_switch_capabilities(ndis_adapter_of(host.pdo[0]))->MaxNumVFs, 2);
    assert_int_equal(vstack_switch_create(host.stack[0], 3), NDIS_STATUS_INVALID_PARAMETER);
}

static void two_cards_of_one_driver_do_not_meet(void **state)
{
    (void)state;
    USHORT command = 0xFFFF;
    for (unsigned i = 0; i < HOST_CARDS; i++) {
        assert_int_equal(host_start(&host, i), STATUS_SUCCESS);
        assert_int_equal(vstack_switch_create(host.stack[i], 2 + i), NDIS_STATUS_SUCCESS);
        host_select(&host, i);
        assert_int_equal(GOOD(OID_NIC_SWITCH_ALLOCATE_VF), NDIS_STATUS_SUCCESS);
    }
    assert_int_equal(pci_sriov_num_vfs(host.device[0]), 2);
    assert_int_equal(GOOD(OID_SRIOV_WRITE_VF_CONFIG_SPACE), NDIS_STATUS_SUCCESS);
    assert_int_equal(config16(0, 4), 0);
    assert_int_equal(pci_config_read(host.device[1], 0, 4, &command, 2), 2);
    assert_int_equal(command, 4);
    for (unsigned i = 0; i < HOST_CARDS; i++) {
        host_select(&host, i);
        assert_int_equal(SEND(OID_NIC_SWITCH_FREE_VF, {8, 2, 0}), NDIS_STATUS_SUCCESS);
    }
}

/* Strict: the device answers nothing for 100 ms after VF Enable and FLR, so the driver must have waited. */
static void the_driver_waits_as_long_as_the_card_may_take(void **state)
{
    (void)state;
    struct vstack_vf *vf;
    struct pci_counters counters;
    host.strict = true;
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(host.stack[0], 1), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_vf_allocate(host.stack[0], &(struct vstack_vf_options){.vm_name = "vm"}, &vf),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_SRIOV_RESET_VF), NDIS_STATUS_SUCCESS);
    pci_counters(host.device[0], &counters);
    assert_int_equal(counters.vf_resets, 1);
    assert_int_equal(counters.early_accesses, 0);
}

/* ---- a VF's registers -----------------------------------------------------------------------------------------------
 */

static void config_space_is_reached_through_the_driver(void **state)
{
    (void)state;
    assert_int_equal(GOOD(OID_SRIOV_WRITE_VF_CONFIG_SPACE), NDIS_STATUS_SUCCESS);
    assert_int_equal(config16(0, 4), 4);
    assert_int_equal(config16(1, 4), 0);
    assert_int_equal(SEND(OID_SRIOV_READ_VF_CONFIG_SPACE, {8, 4, 0x2C}), NDIS_STATUS_SUCCESS);
    assert_memory_equal(buffer + 20, "\xf4\x1a\x00\x11", 4);
    assert_int_equal(GOOD(OID_SRIOV_READ_VF_CONFIG_SPACE), NDIS_STATUS_SUCCESS);
    assert_memory_equal(buffer + 20, "\xff\xff\xff\xff", 4);
}

static void a_reset_returns_the_vf_to_its_reset_values(void **state)
{
    (void)state;
    const struct request_change enable_msix[] = {{8, 4, MSIX + 2}, {20, 2, 0x8002}};
    struct pci_counters counters;
    GOOD(OID_SRIOV_WRITE_VF_CONFIG_SPACE);
    request_send(host_oid, OID_SRIOV_WRITE_VF_CONFIG_SPACE, enable_msix, 2, buffer);
    assert_int_equal(config16(0, MSIX + 2), 0x8002);
    assert_int_equal(GOOD(OID_SRIOV_RESET_VF), NDIS_STATUS_SUCCESS);
    assert_int_equal(config16(0, 4), 0);
    assert_int_equal(config16(0, MSIX + 2), 0x0002);
    assert_int_equal(config16(0, DEVICE_CONTROL), 0);
    pci_counters(host.device[0], &counters);
    assert_int_equal(counters.vf_resets, 1);
}

static void power_goes_down_and_up(void **state)
{
    (void)state;
    assert_int_equal(GOOD(OID_SRIOV_SET_VF_POWER_STATE), NDIS_STATUS_SUCCESS);
    assert_int_equal(SEND(OID_SRIOV_SET_VF_POWER_STATE, {12, 1, 1}), NDIS_STATUS_SUCCESS);
    assert_int_equal(SEND(OID_SRIOV_SET_VF_POWER_STATE, {8, 4, NdisDeviceStateD0}), NDIS_STATUS_SUCCESS);
}

static void identity_bars_and_slices_are_those_of_the_card(void **state)
{
    (void)state;
    CM_PARTIAL_RESOURCE_DESCRIPTOR slice;
    struct ndis_adapter *adapter = ndis_adapter_of(host.pdo[0]);
    ULONG bars[6];
    assert_int_equal(GOOD(OID_SRIOV_VF_VENDOR_DEVICE_ID), NDIS_STATUS_SUCCESS);
    assert_memory_equal(buffer + 6, "\x86\x80\xca\x10", 4);
    assert_int_equal(ndis_query_probed_bars(adapter, bars), NDIS_STATUS_SUCCESS);
    assert_int_equal(bars[0], 0xffffc00c);
    assert_int_equal(bars[3], 0xffffc00c);
    assert_int_equal(bars[2], 0);
    for (USHORT vf = 0; vf < 2; vf++) {
        assert_int_equal(ndis_query_bar_resource(adapter, vf, 3, &slice), NDIS_STATUS_SUCCESS);
        assert_int_equal(slice.u.Memory.Start.QuadPart, 0xfe020000 + 0x4000 * vf);
        assert_int_equal(slice.u.Memory.Length, 0x4000);
    }
    assert_int_not_equal(ndis_query_bar_resource(adapter, 0, 1, &slice), NDIS_STATUS_SUCCESS);
    assert_int_not_equal(ndis_query_bar_resource(adapter, 2, 0, &slice), NDIS_STATUS_SUCCESS);
}

static void the_rest_of_the_switch_oids(void **state)
{
    (void)state;
    assert_int_equal(GOOD(OID_NIC_SWITCH_PARAMETERS), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_VPORT_PARAMETERS), NDIS_STATUS_SUCCESS); /* activates VPort 2 */
    assert_int_equal(SEND(OID_RECEIVE_FILTER_MOVE_FILTER, {4, 4, 1}, {12, 4, 0}, {20, 4, 1}), NDIS_STATUS_SUCCESS);
    assert_int_not_equal(GOOD(OID_NIC_SWITCH_DELETE_VPORT), NDIS_STATUS_SUCCESS); /* it has a filter */
    assert_int_not_equal(SEND(OID_NIC_SWITCH_FREE_VF, {8, 2, 0}), NDIS_STATUS_SUCCESS);
    assert_int_equal(SEND(OID_RECEIVE_FILTER_MOVE_FILTER, {4, 4, 1}, {12, 4, 1}, {20, 4, 0}), NDIS_STATUS_SUCCESS);
}

/* ---- the backchannel
 * ------------------------------------------------------------------------------------------------- */

static unsigned told;

static void invalidated(void *context)
{
    (void)context;
    told++;
}

static void ignore(void *context)
{
    (void)context;
}

static void a_link_change_reaches_the_partition_that_owns_the_vf(void **state)
{
    (void)state;
    const struct vstack_partition partition = {.name = "guest", .invalidated = invalidated, .removed = ignore};
    struct vstack_request request = {.done = (void (*)(struct vstack_request *))ignore};
    struct refnic_link link;
    struct vstack_vf *vf;
    told = 0;
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(host.stack[0], 1), NDIS_STATUS_SUCCESS);
    assert_int_equal(
        vstack_vf_allocate(host.stack[0], &(struct vstack_vf_options){.vm_name = "vm", .mac = {2, 4}}, &vf),
        NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_vf_attach(vf, &partition, NULL), STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_GEN_LINK_PARAMETERS), NDIS_STATUS_SUCCESS);
    assert_int_equal(told, 1);
    assert_int_equal(vstack_take_invalidations(vf), REFNIC_MASK(REFNIC_BLOCK_LINK));
    vstack_block_read(vf, &request, REFNIC_BLOCK_LINK, sizeof(link));
    assert_int_equal(request.status, STATUS_SUCCESS);
    memcpy(&link, request.data, sizeof(link));
    assert_memory_equal(link.mac, "\x02\x04\x00\x00\x00\x00", 6);
    assert_int_equal(link.transmit_speed, 10000000000ull);
    vstack_block_write(vf, &request, REFNIC_BLOCK_LINK, &link, sizeof(link));
    assert_int_not_equal(request.status, STATUS_SUCCESS);
    vstack_vf_detach(vf);
}

/* ---- what must fail
 * --------------------------------------------------------------------------------------------------- */

static bool is_issued_by_ndis_alone(NDIS_OID oid)
{
    return oid == OID_NIC_SWITCH_CREATE_SWITCH || oid == OID_NIC_SWITCH_DELETE_SWITCH || oid == OID_SRIOV_PROBED_BARS ||
           oid == OID_SRIOV_BAR_RESOURCES;
}

/* NDIS looks before the miniport: it measures a method's buffer by the larger of its lengths, chooses the
 * numbers of new VPorts and filters, and has a word of its own for what it does not know (ndis.md 4.18). */
static bool is_documented(const struct row *row, NDIS_STATUS status)
{
    if (is_issued_by_ndis_alone(row->oid))
        return status == NDIS_STATUS_NOT_SUPPORTED;
    if ((row->oid == OID_NIC_SWITCH_CREATE_VPORT || row->oid == OID_RECEIVE_FILTER_SET_FILTER) &&
        status == NDIS_STATUS_INVALID_PARAMETER)
        return true;
    return status == row->status ||
           (row->status == NDIS_STATUS_INVALID_PARAMETER && status == NDIS_STATUS_FILE_NOT_FOUND) ||
           (row->status == NDIS_STATUS_FILE_NOT_FOUND && status == NDIS_STATUS_INVALID_PARAMETER);
}

/* Number 0 of a new VPort or filter means to NDIS that it shall choose one: a good request. */
static bool is_good_to_ndis(const struct row *row)
{
    ULONG number = row->oid == OID_NIC_SWITCH_CREATE_VPORT     ? offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, VPortId)
                   : row->oid == OID_RECEIVE_FILTER_SET_FILTER ? offsetof(NDIS_RECEIVE_FILTER_PARAMETERS, FilterId)
                                                               : 0;
    return number && row->patch[0].at == number && row->patch[0].value == 0;
}

static void take_dump(char dump[5][16384])
{
    for (int function = -1; function < 4; function++)
        assert_true(pci_dump(host.device[0], function, dump[function + 1], 16384) < 16384);
}

static void a_bad_request_fails_and_changes_no_register(void **state)
{
    (void)state;
    static char before[5][16384], after[5][16384];
    take_dump(before);
    for (size_t i = 0; i < row_count; i++) {
        ULONG needed = 0;
        if (is_good_to_ndis(&rows[i]))
            continue;
        memset(buffer, 0, sizeof(buffer));
        NDIS_STATUS status = row_send(&rows[i], host_oid, buffer, &needed);
        take_dump(after);
        if (!is_documented(&rows[i], status) || (status == NDIS_STATUS_INVALID_LENGTH && needed != rows[i].needed))
            fail_msg("%s: status %08x, %u bytes needed", rows[i].rule, (unsigned)status, needed);
        if (memcmp(before, after, sizeof(before)) != 0)
            fail_msg("%s: a register changed", rows[i].rule);
    }
    assert_int_equal(nt_violations(host.partition), 0);
}

static void a_pulled_card_fails_every_request_and_stops_in_order(void **state)
{
    (void)state;
    struct vstack_vf *vf;
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(host.stack[0], 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_vf_allocate(host.stack[0], &(struct vstack_vf_options){.vm_name = "vm"}, &vf),
                     NDIS_STATUS_SUCCESS);
    pcibus_surprise_remove(host.pdo[0]);
    assert_int_equal(GOOD(OID_SRIOV_READ_VF_CONFIG_SPACE), NDIS_STATUS_NOT_ACCEPTED);
    assert_int_equal(GOOD(OID_SRIOV_RESET_VF), NDIS_STATUS_NOT_ACCEPTED);
    assert_int_equal(GOOD(OID_GEN_LINK_PARAMETERS), NDIS_STATUS_NOT_ACCEPTED);
}

#define CASE(test)      cmocka_unit_test_setup_teardown(test, empty, take_down)
#define POPULATED(test) cmocka_unit_test_setup_teardown(test, populated, depopulated)

int main(int argc, char **argv)
{
    with_vbd = argc == 2 && strcmp(argv[1], "vbd") == 0;
    const struct CMUnitTest tests[] = {
        CASE(creating_the_switch_enables_vfs_and_deleting_it_disables_them),
        CASE(a_card_left_with_its_switch_is_taken_down_at_halt),
        CASE(the_sriov_keyword_0_leaves_a_plain_adapter),
        CASE(the_num_vfs_keyword_bounds_the_switch),
        CASE(two_cards_of_one_driver_do_not_meet),
        CASE(the_driver_waits_as_long_as_the_card_may_take),
        POPULATED(config_space_is_reached_through_the_driver),
        POPULATED(a_reset_returns_the_vf_to_its_reset_values),
        POPULATED(power_goes_down_and_up),
        POPULATED(identity_bars_and_slices_are_those_of_the_card),
        POPULATED(the_rest_of_the_switch_oids),
        CASE(a_link_change_reaches_the_partition_that_owns_the_vf),
        POPULATED(a_bad_request_fails_and_changes_no_register),
        CASE(a_pulled_card_fails_every_request_and_stops_in_order),
    };
    return cmocka_run_group_tests_name("path / refnic / house", tests, NULL, NULL);
}
