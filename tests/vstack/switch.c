/* SPDX-License-Identifier: MIT
 *
 * VFs from allocation to freeing: the order of OIDs, what is learned, and that a failure at any step leaves nothing.
 */
#include "fake_pf.h"

static int set_up(void **state)
{
    *state = fake_pf_create(&fake_82576);
    return 0;
}

static int tear_down(void **state)
{
    fake_pf_destroy(*state);
    return 0;
}

static const struct vstack_vf_options options = {.vm_name = "guest 1", .mac = {2, 0, 0, 0, 0, 1}};

static void allocation_learns_identity_bars_and_routing_id(void **state)
{
    struct fake_pf *pf = *state;
    struct vstack *stack = fake_pf_stack(pf);
    struct vstack_vf *vf = fake_pf_vf(stack), *other = fake_pf_vf(stack);
    const struct vstack_identity *identity = vstack_vf_identity(vf);
    assert_int_equal(identity->vendor, 0x8086);
    assert_int_equal(identity->device, 0x10CA);
    assert_int_equal(identity->revision, 1);
    assert_int_equal(identity->base_class, 2);
    assert_int_equal(identity->sub_vendor, 0x1AF4);
    assert_int_equal(identity->sub_system, 0x1100);
    assert_int_equal(vstack_vf_rid(vf), NDIS_MAKE_RID(0, 1, 0x80));
    assert_int_equal(vstack_vf_id(other), 1);
    assert_int_not_equal(identity->serial, vstack_vf_identity(other)->serial);
    assert_memory_equal(vstack_vf_probed_bars(vf), fake_82576.probed, 24);
    assert_true(vstack_vf_bar_size(vf, 0) == 0x4000 && vstack_vf_bar_size(vf, 1) == 0);
    assert_true(vstack_vf_bar_size(vf, 3) == 0x4000 && vstack_vf_bar_size(vf, 6) == 0);
    vstack_destroy(stack);
}

static void freeing_goes_port_reset_function_in_that_order(void **state)
{
    struct fake_pf *pf = *state;
    struct vstack *stack = fake_pf_stack(pf);
    struct vstack_vf *vf = fake_pf_vf(stack);
    fake_pf_clear_log(pf);
    vstack_vf_free(vf);
    assert_int_equal(fake_pf_logged(pf), 3);
    assert_int_equal(pf->log[0].oid, OID_NIC_SWITCH_DELETE_VPORT);
    assert_int_equal(pf->log[1].oid, OID_SRIOV_RESET_VF);
    assert_int_equal(pf->log[2].oid, OID_NIC_SWITCH_FREE_VF);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pf->log[i].status, NDIS_STATUS_SUCCESS);
    vstack_destroy(stack);
}

static void destroying_the_stack_frees_everything(void **state)
{
    struct fake_pf *pf = *state;
    struct vstack *stack = fake_pf_stack(pf);
    for (unsigned i = 0; i < FAKE_VFS; i++)
        fake_pf_vf(stack);
    vstack_destroy(stack);
    for (unsigned i = 0; i < FAKE_VFS; i++)
        assert_false(pf->allocated[i]);
    assert_int_equal(fake_pf_seen(pf, OID_NIC_SWITCH_DELETE_SWITCH, NULL), 1);
}

/* The PF driver refuses one OID: the allocation fails with its status, what was done is undone, the next one works. */
static void failure_at_any_step_leaves_nothing(void **state)
{
    struct fake_pf *pf = *state;
    struct vstack *stack = fake_pf_stack(pf);
    static const NDIS_OID steps[] = {OID_NIC_SWITCH_ALLOCATE_VF, OID_NIC_SWITCH_CREATE_VPORT,
                                     OID_SRIOV_VF_VENDOR_DEVICE_ID, OID_SRIOV_PROBED_BARS,
                                     OID_SRIOV_READ_VF_CONFIG_SPACE};
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct vstack_vf *vf = (void *)1;
        pf->fail_oid = steps[i];
        pf->fail_status = NDIS_STATUS_RESOURCES;
        fake_pf_clear_log(pf);
        assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_RESOURCES);
        assert_null(vf);
        assert_false(pf->allocated[0]);
        assert_int_equal(fake_pf_seen(pf, OID_NIC_SWITCH_FREE_VF, NULL), i >= 1);
        assert_int_equal(fake_pf_seen(pf, OID_NIC_SWITCH_DELETE_VPORT, NULL), i >= 2);
        pf->fail_oid = 0;
        vf = fake_pf_vf(stack);
        assert_int_equal(vstack_vf_id(vf), 0);
        vstack_vf_free(vf);
    }
    vstack_destroy(stack);
}

static void bars_that_cannot_be_are_refused(void **state)
{
    struct fake_pf *pf = *state;
    struct vstack *stack = fake_pf_stack(pf);
    static const ULONG bad[][6] = {
        {0xFFFFC00D, 0, 0, 0, 0, 0},          /* I/O */
        {0xFFFFC002, 0, 0, 0, 0, 0},          /* reserved type */
        {0xFFFF400C, 0xFFFFFFFF, 0, 0, 0, 0}, /* not a size mask */
        {0, 0, 0, 0, 0, 0xFFFFC00C},          /* 64 bits at the last register */
        {0x0000000C, 0, 0, 0, 0, 0},          /* no size */
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fake_device device = fake_82576;
        struct vstack_vf *vf;
        memcpy(device.probed, bad[i], sizeof device.probed);
        pf->device = &device;
        assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_INVALID_DATA);
        assert_false(pf->allocated[0]);
        pf->device = &fake_82576;
    }
    vstack_destroy(stack);
}

static unsigned mapped;

static void on_bar(void *context, unsigned index, bool is_mapped, ULONG64 guest, ULONG64 system, ULONG64 size)
{
    (void)context, (void)index, (void)guest, (void)system, (void)size;
    mapped += is_mapped;
}

static void both_ways_to_say_no_bar_resource_are_tolerated_and_such_a_bar_is_never_mapped(void **state)
{
    struct fake_pf *pf = *state;
    struct vstack *stack = fake_pf_stack(pf);
    static const struct vstack_partition partition = {.name = "guest 1", .bar = on_bar};
    for (unsigned way = 0; way < 2; way++) {
        pf->null_bar_resources = way == 0;
        pf->bar_resources_refused = way == 1;
        struct vstack_vf *vf = fake_pf_vf(stack);
        struct vstack_request request = {0};
        ULONG bars[6] = {0x4000, 0x10, 0, 0, 0, 0};
        mapped = 0;
        assert_int_equal(vstack_vf_attach(vf, &partition, NULL), STATUS_SUCCESS);
        assert_int_equal(vstack_assign_bars(vf, bars), STATUS_SUCCESS);
        vstack_config_write(vf, &request, 4, 2, 2);
        assert_int_equal(request.status, STATUS_SUCCESS);
        assert_int_equal(mapped, 0);
        vstack_vf_free(vf);
    }
    vstack_destroy(stack);
}

static void names_are_utf8_of_at_most_255_characters(void **state)
{
    struct fake_pf *pf = *state;
    struct vstack *stack = fake_pf_stack(pf);
    char longest[257];
    static const struct {
        const char *name;
        NDIS_STATUS status;
    } rows[] = {{NULL, NDIS_STATUS_SUCCESS},
                {"", NDIS_STATUS_SUCCESS},
                {"G\xC3\xA4st \xE2\x82\xAC \xF0\x9F\x98\x80", NDIS_STATUS_SUCCESS},
                {"\xC3", NDIS_STATUS_INVALID_PARAMETER},
                {"\x80", NDIS_STATUS_INVALID_PARAMETER},
                {"a\xFF", NDIS_STATUS_INVALID_PARAMETER}};
    struct vstack_vf *vf;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vstack_vf_options named = {.vm_name = rows[i].name};
        assert_int_equal(vstack_vf_allocate(stack, &named, &vf), rows[i].status);
        vstack_vf_free(vf);
    }
    memset(longest, 'x', 256);
    longest[256] = 0;
    struct vstack_vf_options named = {.vm_name = longest};
    assert_int_equal(vstack_vf_allocate(stack, &named, &vf), NDIS_STATUS_INVALID_PARAMETER);
    longest[255] = 0;
    assert_int_equal(vstack_vf_allocate(stack, &named, &vf), NDIS_STATUS_SUCCESS);
    vstack_destroy(stack);
}

static void a_vf_has_one_owner(void **state)
{
    struct fake_pf *pf = *state;
    struct vstack *stack = fake_pf_stack(pf);
    struct vstack_vf *vf = fake_pf_vf(stack);
    static const struct vstack_partition one = {.name = "guest 1"}, two = {.name = "guest 2"};
    assert_int_equal(vstack_vf_attach(vf, &one, NULL), STATUS_SUCCESS);
    assert_int_equal(vstack_vf_attach(vf, &two, NULL), STATUS_SHARING_VIOLATION);
    vstack_vf_detach(vf);
    vstack_vf_detach(vf);
    assert_int_equal(vstack_vf_attach(vf, &two, NULL), STATUS_SUCCESS);
    vstack_destroy(stack);
}

static void switch_is_needed_and_only_one(void **state)
{
    struct fake_pf *pf = *state;
    struct vstack *stack;
    struct vstack_vf *vf;
    assert_int_equal(vstack_create(pf->nic->adapter, &stack), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(vstack_switch_create(stack, FAKE_VFS), NDIS_STATUS_SUCCESS);
    assert_int_not_equal(vstack_switch_create(stack, FAKE_VFS), NDIS_STATUS_SUCCESS);
    vf = fake_pf_vf(stack);
    assert_int_equal(vstack_switch_delete(stack), NDIS_STATUS_INVALID_PARAMETER);
    vstack_vf_free(vf);
    assert_int_equal(vstack_switch_delete(stack), NDIS_STATUS_SUCCESS);
    vstack_destroy(stack);
}

static void a_miniport_without_sriov_is_not_supported(void **state)
{
    (void)state;
    struct nic *nic = nic_create(FAKE_HOST);
    struct vstack *stack = (void *)1;
    nic->no_sriov = true;
    assert_int_equal(nic_load(nic), STATUS_SUCCESS);
    assert_int_equal(nic_add(nic), STATUS_SUCCESS);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_int_equal(vstack_create(nic->adapter, &stack), NDIS_STATUS_NOT_SUPPORTED);
    assert_null(stack);
    nic_destroy(nic);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(allocation_learns_identity_bars_and_routing_id),
        CASE(freeing_goes_port_reset_function_in_that_order),
        CASE(destroying_the_stack_frees_everything),
        CASE(failure_at_any_step_leaves_nothing),
        CASE(bars_that_cannot_be_are_refused),
        CASE(both_ways_to_say_no_bar_resource_are_tolerated_and_such_a_bar_is_never_mapped),
        CASE(names_are_utf8_of_at_most_255_characters),
        CASE(a_vf_has_one_owner),
        CASE(switch_is_needed_and_only_one),
        cmocka_unit_test(a_miniport_without_sriov_is_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
