/* SPDX-License-Identifier: MIT
 *
 * The error rows of ndis.md 8.2 at refnic's PF miniport itself: each request is a good one with one thing wrong, must
 * fail as documented, and must change nothing: no register, no memory, not the request's buffer.
 */
#include "refnic_fake.h"
#include "refnic_rows.h"

struct picture {
    UCHAR config[4096], vf_config[FAKE_VFS][4096];
    size_t allocations;
    ULONG64 invalidated[FAKE_VFS];
    unsigned indications, num_vfs;
};

static void take_picture(struct picture *picture)
{
    memset(picture, 0, sizeof(*picture));
    memcpy(picture->config, fake->config, sizeof(picture->config));
    memcpy(picture->vf_config, fake->vf_config, sizeof(picture->vf_config));
    memcpy(picture->invalidated, fake->invalidated, sizeof(picture->invalidated));
    picture->allocations = fake->allocations;
    picture->indications = fake->indications;
    picture->num_vfs = fake->num_vfs;
}

static void run_row(const struct row *row)
{
    static struct picture before, after;
    UCHAR buffer[REQUEST_MAX] = {0}, sent[REQUEST_MAX] = {0};
    ULONG needed;
    take_picture(&before);
    NDIS_STATUS status = row_send(row, fake_oid, buffer, &needed);
    take_picture(&after);
    (void)row_send(row, request_discard, sent, NULL);
    if (status != row->status || (status == NDIS_STATUS_INVALID_LENGTH && needed != row->needed))
        fail_msg("%s: status %08x, %u bytes needed; not %08x, %u", row->rule, (unsigned)status, needed,
                 (unsigned)row->status, row->needed);
    if (memcmp(&before, &after, sizeof(before)) != 0 || memcmp(sent, buffer, sizeof(sent)) != 0)
        fail_msg("%s: something changed", row->rule);
}

static void a_bad_request_fails_as_documented_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < row_count; i++)
        run_row(&rows[i]);
}

/* With the card gone, and with *SRIOV = 0, the answer comes before any look at the request. */
static void a_removed_adapter_accepts_nothing(void **state)
{
    (void)state;
    NET_DEVICE_PNP_EVENT event = {.DevicePnPEvent = NdisDevicePnPEventSurpriseRemoved};
    fake->miniport.DevicePnPEventNotifyHandler(fake->context, &event);
    fake->gone = true;
    for (size_t i = 0; i < row_count; i++) {
        UCHAR buffer[REQUEST_MAX] = {0};
        assert_int_equal(row_send(&rows[i], fake_oid, buffer, NULL), NDIS_STATUS_NOT_ACCEPTED);
    }
    fake->gone = false; /* the fixture takes it down in order */
}

static int with_switch(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_bad_request_fails_as_documented_and_changes_nothing, with_switch, take_down),
        cmocka_unit_test_setup_teardown(a_removed_adapter_accepts_nothing, with_switch, take_down),
    };
    return cmocka_run_group_tests_name("path / refnic / rules", tests, NULL, NULL);
}
