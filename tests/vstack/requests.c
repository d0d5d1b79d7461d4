/* SPDX-License-Identifier: MIT
 *
 * Requests that the PF driver answers, answers late, wrongly or never.
 */
#include "waited.h"

/* ---- blocks ------------------------------------------------------------------------------------------------- */

static void blocks_of_1_to_128_bytes_pass_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    static const ULONG lengths[] = {1, 3, 4, 127, 128, 0, 129, 0xFFFFFFFF};
    UCHAR data[128];
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (UCHAR)(i + 1);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct waited *w = waited_new();
        bool good = lengths[i] >= 1 && lengths[i] <= 128;
        fake_pf_clear_log(f->pf);
        vstack_block_write(f->vf, &w->request, 2, data, lengths[i]);
        assert_int_equal(done(w), 1);
        assert_int_equal(w->request.status, good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
        vstack_block_read(f->vf, &w->request, 2, lengths[i]);
        assert_int_equal(done(w), 2);
        assert_int_equal(w->request.status, good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
        assert_int_equal(w->request.length, good ? lengths[i] : 0);
        if (good)
            assert_memory_equal(w->request.data, data, lengths[i]);
        for (ULONG at = w->request.length; at < 128; at++)
            assert_int_equal(w->request.data[at], 0);
        assert_int_equal(fake_pf_logged(f->pf), good ? 2 : 0);
        free(w);
    }
}

static void block_ids_are_opaque_and_the_pf_drivers_status_comes_back_verbatim(void **state)
{
    struct fixture *f = *state;
    struct waited *w = waited_new();
    struct fake_oid oid;
    vstack_block_read(f->vf, &w->request, 0xFFFFFFFF, 16);
    assert_int_equal(w->request.status, NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(fake_pf_seen(f->pf, OID_SRIOV_READ_VF_CONFIG_BLOCK, &oid), 1);
    assert_int_equal(oid.offset, 0xFFFFFFFF);
    f->pf->fail_oid = OID_SRIOV_WRITE_VF_CONFIG_BLOCK;
    f->pf->fail_status = NDIS_STATUS_NOT_SUPPORTED;
    vstack_block_write(f->vf, &w->request, 1, "x", 1);
    assert_int_equal(w->request.status, NDIS_STATUS_NOT_SUPPORTED);
    free(w);
}

static void a_positive_status_that_is_no_success_is_a_failure(void **state)
{
    struct fixture *f = *state;
    struct waited *w = waited_new();
    f->pf->fail_oid = OID_SRIOV_READ_VF_CONFIG_SPACE;
    f->pf->fail_status = NDIS_STATUS_NOT_ACCEPTED;
    vstack_config_read(f->vf, &w->request, 0x04, 4);
    assert_true(w->request.status < 0);
    assert_int_equal(w->request.value, 0xFFFFFFFF);
    free(w);
}

static void short_reads_bring_what_was_written_and_never_more(void **state)
{
    struct fixture *f = *state;
    struct waited *w = waited_new();
    fake_pf_fill_block(f->pf, 0, 3, 0xAA);
    f->pf->short_by = 6;
    vstack_block_read(f->vf, &w->request, 3, 16);
    assert_int_equal(w->request.length, 10);
    for (unsigned i = 0; i < 128; i++)
        assert_int_equal(w->request.data[i], i < 10 ? 0xAA : 0);
    f->pf->short_by = 1;
    vstack_config_read(f->vf, &w->request, 0x04, 4);
    assert_true(w->request.status < 0);
    assert_int_equal(w->request.value, 0xFFFFFFFF);
    free(w);
}

static void the_guest_never_names_the_vf(void **state)
{
    struct fixture *f = *state;
    struct vstack_vf *other = fake_pf_vf(f->stack);
    struct waited *w = waited_new();
    struct fake_oid oid;
    assert_int_equal(vstack_vf_attach(other, &partition, f), STATUS_SUCCESS);
    fake_pf_clear_log(f->pf);
    vstack_block_write(other, &w->request, 1, "x", 1);
    fake_pf_seen(f->pf, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, &oid);
    assert_int_equal(oid.vf, vstack_vf_id(other));
    assert_int_equal(oid.type, NdisRequestSetInformation);
    free(w);
}

static void power_states_outside_d0_to_d3_are_refused(void **state)
{
    struct fixture *f = *state;
    struct waited *w = waited_new();
    for (int power = -1; power < 7; power++) {
        bool good = power >= NdisDeviceStateD0 && power <= NdisDeviceStateD3;
        fake_pf_clear_log(f->pf);
        vstack_set_power(f->vf, &w->request, (NDIS_DEVICE_POWER_STATE)power);
        assert_int_equal(w->request.status, good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
        assert_int_equal(fake_pf_logged(f->pf), good);
    }
    free(w);
}

/* ---- pending ------------------------------------------------------------------------------------------------ */

static void pended_request_completes_later_with_its_data(void **state)
{
    struct fixture *f = *state;
    struct waited *w = waited_new();
    fake_pf_fill_block(f->pf, 0, 1, 0x5A);
    f->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    vstack_block_read(f->vf, &w->request, 1, 32);
    assert_int_equal(done(w), 0);
    fake_pf_complete(f->pf, NDIS_STATUS_SUCCESS);
    wait_done(w, 1);
    assert_int_equal(w->request.status, STATUS_SUCCESS);
    assert_int_equal(w->request.length, 32);
    assert_int_equal(w->request.data[31], 0x5A);
    free(w);
}

static void one_request_of_a_vf_is_at_the_pf_driver_the_others_follow_in_order(void **state)
{
    struct fixture *f = *state;
    struct waited *w[4];
    f->pf->pend_oid = OID_SRIOV_WRITE_VF_CONFIG_BLOCK;
    for (unsigned i = 0; i < 4; i++) {
        w[i] = waited_new();
        vstack_block_write(f->vf, &w[i]->request, i, "x", 1);
    }
    for (unsigned i = 0; i < 4; i++) {
        struct fake_oid oid;
        fake_pf_wait_pended(f->pf);
        assert_int_equal(fake_pf_seen(f->pf, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, &oid), i + 1);
        assert_int_equal(oid.offset, i);
        assert_int_equal(done(w[i]), 0);
        fake_pf_complete(f->pf, NDIS_STATUS_SUCCESS);
        wait_done(w[i], 1);
    }
    for (unsigned i = 0; i < 4; i++)
        free(w[i]);
}

static void what_is_answered_above_the_pf_driver_does_not_wait_for_it(void **state)
{
    struct fixture *f = *state;
    struct waited *slow = waited_new(), *quick = waited_new();
    f->pf->pend_oid = OID_SRIOV_WRITE_VF_CONFIG_BLOCK;
    vstack_block_write(f->vf, &slow->request, 1, "x", 1);
    vstack_config_read(f->vf, &quick->request, 0x00, 2);
    assert_int_equal(done(quick), 1);
    assert_int_equal(quick->request.value, 0x8086);
    fake_pf_complete(f->pf, NDIS_STATUS_SUCCESS);
    wait_done(slow, 1);
    free(slow);
    free(quick);
}

static void abandoned_request_completes_at_once_and_its_late_completion_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct waited *w = waited_new(), *next = waited_new(), *last = waited_new();
    f->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    vstack_block_read(f->vf, &w->request, 1, 8);
    vstack_block_read(f->vf, &next->request, 2, 8);
    vstack_block_read(f->vf, &last->request, 3, 8);
    assert_true(vstack_abandon(&w->request, STATUS_IO_TIMEOUT));
    assert_int_equal(done(w), 1);
    assert_int_equal(w->request.status, STATUS_IO_TIMEOUT);
    assert_false(vstack_abandon(&w->request, STATUS_IO_TIMEOUT));
    assert_true(vstack_abandon(&next->request, STATUS_IO_TIMEOUT)); /* from the queue */
    free(w);                                                        /* the memory is the caller's again */
    free(next);
    fake_pf_complete(f->pf, NDIS_STATUS_SUCCESS);
    fake_pf_complete(f->pf, NDIS_STATUS_SUCCESS);
    wait_done(last, 1);
    assert_int_equal(last->request.status, STATUS_SUCCESS);
    free(last);
}

static void detach_completes_everything_and_resets_before_the_next_owner_is_served(void **state)
{
    struct fixture *f = *state;
    struct waited *w = waited_new(), *queued = waited_new(), *other = waited_new();
    static const struct vstack_partition second = {.name = "guest 2"};
    f->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    vstack_block_read(f->vf, &w->request, 1, 8);
    vstack_block_write(f->vf, &queued->request, 1, "x", 1);
    vstack_vf_detach(f->vf);
    assert_int_equal(done(w), 1);
    assert_int_equal(done(queued), 1);
    assert_int_equal(w->request.status, STATUS_CANCELLED);
    assert_int_equal(queued->request.status, STATUS_CANCELLED);
    free(w);
    free(queued);
    assert_int_equal(vstack_vf_attach(f->vf, &second, NULL), STATUS_SUCCESS);
    vstack_block_write(f->vf, &other->request, 5, "y", 1);
    assert_int_equal(done(other), 0);
    fake_pf_complete(f->pf, NDIS_STATUS_SUCCESS);
    wait_done(other, 1);
    assert_int_equal(other->request.status, STATUS_SUCCESS);
    assert_int_equal(f->pf->log[0].oid, OID_SRIOV_READ_VF_CONFIG_BLOCK);
    assert_int_equal(f->pf->log[1].oid, OID_SRIOV_RESET_VF);
    assert_int_equal(f->pf->log[2].oid, OID_SRIOV_WRITE_VF_CONFIG_BLOCK);
    assert_int_equal(f->pf->log[2].offset, 5);
    free(other);
}

static void detach_resets_the_guests_view_and_the_hardware(void **state)
{
    struct fixture *f = *state;
    struct waited *w = waited_new();
    vstack_config_write(f->vf, &w->request, 0x04, 2, 0x0006);
    vstack_config_write(f->vf, &w->request, 0x3C, 1, 0x0B);
    vstack_vf_detach(f->vf);
    assert_int_equal(fake_pf_seen(f->pf, OID_SRIOV_RESET_VF, NULL), 1);
    assert_int_equal(vstack_vf_attach(f->vf, &partition, f), STATUS_SUCCESS);
    vstack_config_read(f->vf, &w->request, 0x04, 4);
    assert_int_equal(w->request.value, 0x00100000);
    vstack_config_read(f->vf, &w->request, 0x3C, 1);
    assert_int_equal(w->request.value, 0);
    free(w);
}

static void requests_without_an_owner_fail_and_reach_nobody(void **state)
{
    struct fixture *f = *state;
    struct waited *w = waited_new();
    vstack_vf_detach(f->vf);
    fake_pf_clear_log(f->pf);
    vstack_config_read(f->vf, &w->request, 0x00, 4);
    assert_int_equal(w->request.status, STATUS_DEVICE_NOT_CONNECTED);
    assert_int_equal(w->request.value, 0xFFFFFFFF);
    vstack_config_write(f->vf, &w->request, 0x04, 2, 6);
    assert_int_equal(w->request.status, STATUS_DEVICE_NOT_CONNECTED);
    vstack_block_write(f->vf, &w->request, 0, "x", 1);
    assert_int_equal(w->request.status, STATUS_DEVICE_NOT_CONNECTED);
    assert_int_equal(fake_pf_logged(f->pf), 0);
    assert_int_equal(done(w), 3);
    free(w);
}

static void pf_removal_tells_each_owner_once_and_fails_everything_after(void **state)
{
    struct fixture *f = *state;
    struct waited *pended = waited_new(), *queued = waited_new(), *w = waited_new();
    f->pf->pend_oid = OID_SRIOV_WRITE_VF_CONFIG_BLOCK;
    vstack_block_write(f->vf, &pended->request, 0, "x", 1);
    vstack_block_write(f->vf, &queued->request, 0, "x", 1);
    vstack_pf_removed(f->stack);
    vstack_pf_removed(f->stack);
    assert_int_equal(f->removed, 1);
    assert_int_equal(done(queued), 1);
    assert_int_equal(queued->request.status, STATUS_DEVICE_REMOVED);
    assert_int_equal(done(pended), 0);
    fake_pf_complete(f->pf, NDIS_STATUS_NOT_ACCEPTED);
    wait_done(pended, 1);
    assert_int_equal(pended->request.status, STATUS_DEVICE_REMOVED);
    vstack_config_read(f->vf, &w->request, 0x00, 4);
    assert_int_equal(w->request.status, STATUS_DEVICE_REMOVED);
    assert_int_equal(w->request.value, 0xFFFFFFFF);
    free(pended);
    free(queued);
    free(w);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(blocks_of_1_to_128_bytes_pass_and_nothing_else),
        CASE(block_ids_are_opaque_and_the_pf_drivers_status_comes_back_verbatim),
        CASE(a_positive_status_that_is_no_success_is_a_failure),
        CASE(short_reads_bring_what_was_written_and_never_more),
        CASE(the_guest_never_names_the_vf),
        CASE(power_states_outside_d0_to_d3_are_refused),
        CASE(pended_request_completes_later_with_its_data),
        CASE(one_request_of_a_vf_is_at_the_pf_driver_the_others_follow_in_order),
        CASE(what_is_answered_above_the_pf_driver_does_not_wait_for_it),
        CASE(abandoned_request_completes_at_once_and_its_late_completion_is_dropped),
        CASE(detach_completes_everything_and_resets_before_the_next_owner_is_served),
        CASE(detach_resets_the_guests_view_and_the_hardware),
        CASE(requests_without_an_owner_fail_and_reach_nobody),
        CASE(pf_removal_tells_each_owner_once_and_fails_everything_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
