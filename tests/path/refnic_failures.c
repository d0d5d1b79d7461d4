/* SPDX-License-Identifier: MIT
 *
 * Every call refnic's PF miniport makes fails once: whatever it was doing, it leaves nothing behind.
 */
#include "refnic_fake.h"
#include "refnic_requests.h"

static UCHAR buffer[REQUEST_MAX];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GOOD(oid)    request_send(fake_oid, oid, NULL, 0, buffer)

/* Each call it makes fails once; each time nothing is enabled, and a second attempt finds nothing in its way. */
static void a_switch_that_cannot_be_made_is_undone(void **state)
{
    (void)state;
    fake_create();
    for (unsigned nth = 1;; nth++) {
        assert_int_equal(fake_start(getenv("REFNIC_PF")), NDIS_STATUS_SUCCESS);
        fake->fail_at = fake->calls + nth;
        NDIS_STATUS status = GOOD(OID_NIC_SWITCH_CREATE_SWITCH);
        if (status == NDIS_STATUS_SUCCESS) {
            assert_true(nth > 4);
            break;
        }
        assert_int_equal(fake->num_vfs, 0);
        assert_int_equal(GOOD(OID_NIC_SWITCH_ALLOCATE_VF), NDIS_STATUS_INVALID_PARAMETER);
        assert_int_equal(GOOD(OID_NIC_SWITCH_CREATE_SWITCH), NDIS_STATUS_SUCCESS);
        fake_stop(NdisHaltDeviceDisabled);
        fake_destroy();
        fake_create();
    }
    fake_stop(NdisHaltDeviceDisabled);
    fake_destroy();
}

/* Start, one of everything, stop. What fails on the way, fails; what was taken must be given back, and virtualization
 * must be off at the end. True: the call to fail was reached. */
static bool life_with_failure(unsigned at)
{
    const NDIS_OID way[] = {OID_SRIOV_WRITE_VF_CONFIG_SPACE,
                            OID_SRIOV_READ_VF_CONFIG_SPACE,
                            OID_SRIOV_SET_VF_POWER_STATE,
                            OID_SRIOV_WRITE_VF_CONFIG_BLOCK,
                            OID_SRIOV_RESET_VF,
                            OID_NIC_SWITCH_CREATE_VPORT,
                            OID_NIC_SWITCH_DELETE_VPORT,
                            OID_NIC_SWITCH_FREE_VF,
                            OID_RECEIVE_FILTER_CLEAR_FILTER,
                            OID_NIC_SWITCH_DELETE_SWITCH};
    fake_create();
    fake->has_pm = true;
    fake->fail_at = at;
    fake->sriov_keyword = 1;
    if (fake_start(getenv("REFNIC_PF")) == NDIS_STATUS_SUCCESS) {
        bool made = request_populate(fake_oid);
        for (size_t i = 0; made && i < COUNT(way); i++)
            (void)GOOD(way[i]);
        unsigned before_stop = fake->calls;
        fake_stop(NdisHaltDeviceDisabled);
        if (at <= before_stop || at > fake->calls) /* else it was the disabling in HaltEx that failed */
            assert_int_equal(fake->num_vfs, 0);
    }
    bool reached = fake->calls >= at;
    fake_destroy();
    return reached;
}

static void a_failure_of_any_call_leaves_nothing_behind(void **state)
{
    (void)state;
    unsigned at = 1;
    while (life_with_failure(at))
        at++;
    assert_true(at > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switch_that_cannot_be_made_is_undone),
        cmocka_unit_test(a_failure_of_any_call_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("path / refnic / failures", tests, NULL, NULL);
}
