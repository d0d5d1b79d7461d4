/* SPDX-License-Identifier: MIT
 *
 * The virtualization stack as the client of a PF driver that is no miniport: attaching, giving out VFs, what the PF
 * driver leaves out or does wrong (pci.md 3.3 to 3.7, 5.12 rule 15).
 */
#include "road_rig.h"

/* ---- attaching
 * -------------------------------------------------------------------------------------------------------- */

static void the_stack_attaches_once_and_detaches(void **state)
{
    (void)state;
    assert_true(vstack_is_generic(pf.pdo));
    assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(pf.attaches, 1);
    generic_pf_wait(&pf.notifications, 1);
    vstack_destroy(stack);
    stack = NULL;
    assert_int_equal(pf.detaches, 1);
}

static void a_pf_with_a_client_is_refused_and_left_alone(void **state)
{
    (void)state;
    pf.attach = STATUS_SHARING_VIOLATION;
    assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_SHARING_VIOLATION);
    assert_null(stack);
    assert_int_equal(pf.detaches, 0);
    assert_int_equal(pf.notifications, 0);
}

static void a_pf_without_the_interface_is_not_supported(void **state)
{
    (void)state;
    pf.offer.Size = 0;
    assert_false(vstack_is_generic(pf.pdo));
    assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_NOT_SUPPORTED);
    assert_int_equal(pf.attaches, 0);
}

static void an_interface_of_a_wrong_size_is_given_back(void **state)
{
    static const USHORT sizes[] = {32, 119, 145};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        pf.offer.Size = sizes[i];
        assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_INVALID_BUFFER_SIZE);
        assert_int_equal(pf.references, 0);
    }
}

/* ---- giving out VFs
 * --------------------------------------------------------------------------------------------------- */

static void no_more_vfs_are_given_out_than_the_pf_has(void **state)
{
    struct vstack_vf *vf;
    (void)state;
    assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(vstack_switch_create(stack, PF_VFS + 1), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(vstack_switch_create(stack, 0x10001), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(vstack_switch_create(stack, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, 2), NDIS_STATUS_INVALID_PARAMETER);
    give(0);
    give(1);
    assert_int_equal(vstack_vf_id(vfs[0]), 0);
    assert_int_equal(vstack_vf_id(vfs[1]), 1);
    assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_RESOURCES);
    assert_int_equal(vstack_switch_delete(stack), NDIS_STATUS_INVALID_PARAMETER);
    vstack_vf_free(vfs[0]);
    give(0); /* the lowest again */
    assert_int_equal(vstack_vf_id(vfs[0]), 0);
    assert_int_equal(vstack_vf_rid(vfs[0]), NDIS_MAKE_RID(0, 1, 0x80));
    vstack_vf_free(vfs[0]);
    vstack_vf_free(vfs[1]);
    assert_int_equal(vstack_switch_delete(stack), NDIS_STATUS_SUCCESS);
}

static void a_freed_vf_was_reset(void **state)
{
    (void)state;
    give(0);
    vstack_vf_free(vfs[0]);
    assert_true(atomic_load(&pf.resets) >= 1);
}

static void a_vf_without_ids_is_not_given_out(void **state)
{
    struct vstack_vf *vf;
    (void)state;
    for (unsigned i = 0; i < PF_VFS - 1; i++)
        give(i);
    assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_INVALID_DATA);
    assert_null(vf);
}

static void a_pf_that_fails_leaves_nothing_behind(void **state)
{
    struct vstack_vf *vf;
    (void)state;
    pf.answer = STATUS_UNSUCCESSFUL;
    assert_int_equal(vstack_vf_allocate(stack, &options, &vf), STATUS_UNSUCCESSFUL);
    pf.answer = STATUS_SUCCESS;
    give(0);
    assert_int_equal(vstack_vf_id(vfs[0]), 0);
}

/* ---- members that are not there
 * ---------------------------------------------------------------------------------------- */

static void the_larger_form_is_preferred_and_the_smaller_does(void **state)
{
    static const USHORT sizes[] = {144, 120};
    static const ULONG bars[] = {0xFFFF8000, 0xFFFFC000};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pf.offer.Size = sizes[i];
        assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_SUCCESS);
        assert_int_equal(vstack_switch_create(stack, 1), NDIS_STATUS_SUCCESS);
        give(0);
        assert_int_equal(vstack_vf_probed_bars(vfs[0])[0], bars[i]);
        vstack_destroy(stack);
        stack = NULL;
    }
}

static void what_a_pf_leaves_out_is_not_supported(void **state)
{
    UCHAR data[4] = {0};
    struct asked asked;
    (void)state;
    give(0);
    vstack_destroy(stack);
    pf.offer.ReadVfConfigBlock = NULL;
    pf.offer.WriteVfConfigBlock = NULL;
    pf.offer.WriteVfConfig = NULL;
    pf.offer.ResetVf = NULL;
    pf.offer.SetVfPowerState = NULL;
    pf.offer.GetResourceForBar = NULL;
    pf.offer.QueryProbedBars = NULL;
    pf.offer.QueryProbedBars_2 = NULL;
    pf.offer.QueryLuid = NULL;
    assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, 2), NDIS_STATUS_SUCCESS);
    give(0);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(vstack_vf_probed_bars(vfs[0])[i], 0);
    vstack_block_read(vfs[0], &ready(&asked)->request, 1, 4);
    assert_int_equal(asked.request.status, STATUS_NOT_SUPPORTED);
    vstack_block_write(vfs[0], &ready(&asked)->request, 1, data, 4);
    assert_int_equal(asked.request.status, STATUS_NOT_SUPPORTED);
    vstack_reset(vfs[0], &ready(&asked)->request);
    assert_int_equal(asked.request.status, STATUS_NOT_SUPPORTED);
    vstack_set_power(vfs[0], &ready(&asked)->request, NdisDeviceStateD3);
    assert_int_equal(asked.request.status, STATUS_NOT_SUPPORTED);
}

static void a_vf_that_cannot_be_read_or_placed_is_not_given_out(void **state)
{
    struct vstack_vf *vf;
    (void)state;
    pf.offer.GetDeviceLocation = NULL;
    assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, 1), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_FAILURE);
    vstack_destroy(stack);
    stack = NULL;
    pf.offer.ReadVfConfig = NULL;
    assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, 1), NDIS_STATUS_NOT_SUPPORTED);
}

static void a_status_that_is_no_success_is_none(void **state)
{
    static const struct {
        NTSTATUS answer, status;
    } rows[] = {
        {STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER}, {STATUS_PENDING, NDIS_STATUS_FAILURE},
        {STATUS_OBJECT_NAME_EXISTS, STATUS_SUCCESS},          {STATUS_DEVICE_BUSY, STATUS_DEVICE_BUSY},
        {STATUS_NO_SUCH_DEVICE, STATUS_NO_SUCH_DEVICE},
    };
    struct asked asked;
    (void)state;
    give(0);
    memset(pf.block[0], 0x42, 128);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pf.answer = rows[i].answer;
        vstack_block_read(vfs[0], &ready(&asked)->request, 1, 4);
        pf.answer = STATUS_SUCCESS;
        assert_int_equal(asked.request.status, rows[i].status);
        assert_int_equal(asked.request.length, NT_SUCCESS(rows[i].status) ? 4 : 0);
        assert_int_equal(asked.request.data[0], NT_SUCCESS(rows[i].status) ? 0x42 : 0);
        assert_int_equal(asked.request.data[4], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BARE(the_stack_attaches_once_and_detaches),
        BARE(a_pf_with_a_client_is_refused_and_left_alone),
        BARE(a_pf_without_the_interface_is_not_supported),
        BARE(an_interface_of_a_wrong_size_is_given_back),
        BARE(no_more_vfs_are_given_out_than_the_pf_has),
        CASE(a_freed_vf_was_reset),
        CASE(a_vf_without_ids_is_not_given_out),
        CASE(a_pf_that_fails_leaves_nothing_behind),
        BARE(the_larger_form_is_preferred_and_the_smaller_does),
        CASE(what_a_pf_leaves_out_is_not_supported),
        BARE(a_vf_that_cannot_be_read_or_placed_is_not_given_out),
        CASE(a_status_that_is_no_success_is_none),
    };
    return cmocka_run_group_tests_name("path / generic road", tests, NULL, NULL);
}
