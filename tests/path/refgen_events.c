/* SPDX-License-Identifier: MIT
 *
 * A rebalance, and the virtualization stack's word in it (pci.md 3.6, 5.9, 5.12 rules 11 to 13, 5.13 item 16).
 */
#include "refgen_rig.h"

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    rig_create(&rig);
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

static NTSTATUS simple(ULONG code)
{
    return rig_control(&rig, code, NULL, 0, 0, NULL);
}

static NTSTATUS event_complete(NTSTATUS word)
{
    SRIOV_PNP_EVENT_COMPLETE in = {word};
    return rig_control(&rig, IOCTL_SRIOV_EVENT_COMPLETE, &in, sizeof(in), 0, NULL);
}

static void notification(struct sent *sent)
{
    assert_int_equal(sent_start(sent, &rig, IOCTL_SRIOV_NOTIFICATION, 0, 4, (struct sent_how){0}), STATUS_PENDING);
}

static ULONG event_of(struct sent *sent)
{
    ULONG code;
    assert_int_equal(sent_wait(sent), STATUS_SUCCESS);
    assert_int_equal(sent->information, 4);
    memcpy(&code, sent->buffer, sizeof(code));
    sent_free(sent);
    return code;
}

static void cancelled(struct sent *sent)
{
    IoCancelIrp(sent->irp);
    assert_int_equal(sent_wait(sent), STATUS_CANCELLED);
    assert_int_equal(sent->information, 0);
    sent_free(sent);
}

/* ---- without an event ---------------------------------------------------------------------------------------------
 */

static void attach_twice_is_a_sharing_violation(void **state)
{
    (void)state;
    assert_int_equal(simple(IOCTL_SRIOV_ATTACH), STATUS_SUCCESS);
    assert_int_equal(simple(IOCTL_SRIOV_ATTACH), STATUS_SHARING_VIOLATION);
    assert_int_equal(simple(IOCTL_SRIOV_DETACH), STATUS_SUCCESS);
    assert_int_equal(simple(IOCTL_SRIOV_ATTACH), STATUS_SUCCESS);
    assert_int_equal(simple(IOCTL_SRIOV_DETACH), STATUS_SUCCESS);
}

static void detach_when_not_attached_succeeds(void **state)
{
    (void)state;
    assert_int_equal(simple(IOCTL_SRIOV_DETACH), STATUS_SUCCESS);
    assert_int_equal(simple(IOCTL_SRIOV_DETACH), STATUS_SUCCESS);
}

static void notification_and_event_complete_need_an_attached_client(void **state)
{
    UCHAR event[4];
    (void)state;
    assert_int_equal(rig_control(&rig, IOCTL_SRIOV_NOTIFICATION, event, 0, 4, NULL), STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(event_complete(STATUS_SUCCESS), STATUS_INVALID_DEVICE_STATE);
}

static void event_complete_with_nothing_pending_is_refused(void **state)
{
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    assert_int_equal(event_complete(STATUS_SUCCESS), STATUS_INVALID_DEVICE_STATE);
    simple(IOCTL_SRIOV_DETACH);
}

static void a_rebalance_without_a_client_waits_for_nobody(void **state)
{
    (void)state;
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_QUERY_STOP_DEVICE), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE), STATUS_SUCCESS);
    assert_int_equal(pci_sriov_num_vfs(rig.device), 0);
    assert_int_equal(nt_pnp_start(rig.pdo), STATUS_SUCCESS);
    assert_int_equal(pci_sriov_num_vfs(rig.device), RIG_VFS);
    assert_int_equal(simple(IOCTL_SRIOV_ATTACH), STATUS_SUCCESS);
    simple(IOCTL_SRIOV_DETACH);
}

/* ---- a rebalance --------------------------------------------------------------------------------------------------
 */

static void a_rebalance_waits_for_the_client_twice(void **state)
{
    struct sent first, second;
    struct pnp pnp;
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    notification(&first);
    pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
    assert_int_equal(event_of(&first), SriovEventPfQueryStopDevice);
    notification(&second); /* before EVENT_COMPLETE: the event is not told twice */
    assert_false(sent_is_done(&second));
    assert_false(atomic_load(&pnp.done));
    assert_int_equal(event_complete(STATUS_SUCCESS), STATUS_SUCCESS);
    assert_int_equal(pnp_wait(&pnp), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE), STATUS_SUCCESS);
    pnp_start(&pnp, &rig, IRP_MN_CANCEL_STOP_DEVICE); /* stands for the start: both are told by one event */
    assert_int_equal(event_of(&second), SriovEventPfRestart);
    assert_false(atomic_load(&pnp.done));
    assert_int_equal(event_complete(STATUS_UNSUCCESSFUL), STATUS_SUCCESS);
    assert_int_equal(pnp_wait(&pnp), STATUS_SUCCESS); /* Restart cannot be vetoed */
    simple(IOCTL_SRIOV_DETACH);
}

static void the_start_after_a_stop_tells_of_the_restart(void **state)
{
    struct sent sent;
    struct pnp pnp;
    (void)state;
    nt_pnp_simple(rig.pdo, IRP_MN_QUERY_STOP_DEVICE); /* not attached */
    nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_STOP_DEVICE);
    simple(IOCTL_SRIOV_ATTACH);
    notification(&sent);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_STOP_DEVICE), STATUS_SUCCESS); /* none was on: no event */
    assert_false(sent_is_done(&sent));
    pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
    assert_int_equal(event_of(&sent), SriovEventPfQueryStopDevice);
    event_complete(STATUS_SUCCESS);
    assert_int_equal(pnp_wait(&pnp), STATUS_SUCCESS);
    pnp_start(&pnp, &rig, IRP_MN_CANCEL_STOP_DEVICE);
    notification(&sent); /* comes after the event, or before it: told either way */
    assert_int_equal(event_of(&sent), SriovEventPfRestart);
    event_complete(STATUS_SUCCESS);
    assert_int_equal(pnp_wait(&pnp), STATUS_SUCCESS);
    simple(IOCTL_SRIOV_DETACH);
}

static void a_veto_fails_the_query_and_ends_the_rebalance(void **state)
{
    static const struct {
        NTSTATUS word, status;
    } rows[] = {
        {STATUS_DEVICE_BUSY, STATUS_DEVICE_BUSY},
        {STATUS_UNSUCCESSFUL, STATUS_UNSUCCESSFUL},
        {STATUS_PENDING, STATUS_UNSUCCESSFUL}, /* must not leak into a PnP completion */
    };
    struct sent sent;
    struct pnp pnp;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        simple(IOCTL_SRIOV_ATTACH);
        notification(&sent);
        pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
        event_of(&sent);
        assert_int_equal(event_complete(rows[i].word), STATUS_SUCCESS);
        assert_int_equal(pnp_wait(&pnp), rows[i].status);
        simple(IOCTL_SRIOV_DETACH);
        assert_int_equal(simple(IOCTL_SRIOV_ATTACH), STATUS_SUCCESS); /* no rebalance to wait for */
        assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_STOP_DEVICE), STATUS_SUCCESS);
        simple(IOCTL_SRIOV_DETACH);
        assert_int_equal(pci_sriov_num_vfs(rig.device), RIG_VFS);
    }
}

static void a_short_event_complete_leaves_the_event_pending(void **state)
{
    struct sent sent;
    struct pnp pnp;
    UCHAR in[4] = {0};
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    notification(&sent);
    pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
    event_of(&sent);
    assert_int_equal(rig_control(&rig, IOCTL_SRIOV_EVENT_COMPLETE, in, 3, 0, NULL), STATUS_BUFFER_TOO_SMALL);
    assert_false(atomic_load(&pnp.done));
    assert_int_equal(event_complete(STATUS_SUCCESS), STATUS_SUCCESS);
    assert_int_equal(pnp_wait(&pnp), STATUS_SUCCESS);
    simple(IOCTL_SRIOV_DETACH);
    nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_STOP_DEVICE);
}

static void detach_resolves_a_pending_query_stop_with_success(void **state)
{
    struct sent sent;
    struct pnp pnp;
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    notification(&sent);
    pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
    event_of(&sent);
    assert_int_equal(simple(IOCTL_SRIOV_DETACH), STATUS_SUCCESS);
    assert_int_equal(pnp_wait(&pnp), STATUS_SUCCESS);
    nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_STOP_DEVICE);
}

/* ---- NOTIFICATION -------------------------------------------------------------------------------------------------
 */

static void notifications_are_first_in_first_out_and_an_event_takes_one(void **state)
{
    struct sent sent[3];
    struct pnp pnp;
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    for (unsigned i = 0; i < 3; i++)
        notification(&sent[i]);
    pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
    assert_int_equal(event_of(&sent[0]), SriovEventPfQueryStopDevice);
    assert_false(sent_is_done(&sent[1]));
    event_complete(STATUS_SUCCESS);
    pnp_wait(&pnp);
    pnp_start(&pnp, &rig, IRP_MN_CANCEL_STOP_DEVICE);
    assert_int_equal(event_of(&sent[1]), SriovEventPfRestart);
    event_complete(STATUS_SUCCESS);
    pnp_wait(&pnp);
    simple(IOCTL_SRIOV_DETACH);
    assert_false(sent_is_done(&sent[2])); /* stays queued until it is cancelled (pci.md 6.27) */
    cancelled(&sent[2]);
}

static void a_cancelled_notification_consumes_no_event(void **state)
{
    struct sent sent[2];
    struct pnp pnp;
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    notification(&sent[0]);
    notification(&sent[1]);
    cancelled(&sent[0]);
    pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
    assert_int_equal(event_of(&sent[1]), SriovEventPfQueryStopDevice);
    simple(IOCTL_SRIOV_DETACH);
    pnp_wait(&pnp);
    nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_STOP_DEVICE);
}

static void a_short_notification_does_not_lose_the_event(void **state)
{
    struct sent sent;
    struct pnp pnp;
    UCHAR event[4];
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    assert_int_equal(rig_control(&rig, IOCTL_SRIOV_NOTIFICATION, event, 0, 3, NULL), STATUS_BUFFER_TOO_SMALL);
    pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
    assert_int_equal(rig_control(&rig, IOCTL_SRIOV_NOTIFICATION, event, 0, 3, NULL), STATUS_BUFFER_TOO_SMALL);
    notification(&sent);
    assert_int_equal(event_of(&sent), SriovEventPfQueryStopDevice);
    simple(IOCTL_SRIOV_DETACH);
    assert_int_equal(pnp_wait(&pnp), STATUS_SUCCESS);
    nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_STOP_DEVICE);
}

static void a_notification_that_was_cancelled_before_it_arrived_is_cancelled(void **state)
{
    PDEVICE_OBJECT top = nt_stack_top(rig.pdo);
    UCHAR buffer[4];
    KEVENT event;
    IO_STATUS_BLOCK result;
    PIRP irp;
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(IOCTL_SRIOV_NOTIFICATION, top, NULL, 0, buffer, 4, TRUE, &event, &result);
    IoCancelIrp(irp);
    assert_int_equal(IoCallDriver(top, irp), STATUS_PENDING);
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(result.Status, STATUS_CANCELLED);
    simple(IOCTL_SRIOV_DETACH);
}

/* ---- ATTACH that waits --------------------------------------------------------------------------------------------
 */

struct attacher {
    pthread_t thread;
    atomic_bool may_end, early;
    NTSTATUS status;
};

static void *attach_main(void *context)
{
    struct attacher *attacher = context;
    nt_enter(rig.partition);
    attacher->status = simple(IOCTL_SRIOV_ATTACH);
    atomic_store(&attacher->early, !atomic_load(&attacher->may_end));
    nt_enter(NULL);
    return NULL;
}

static void attach_start(struct attacher *attacher)
{
    atomic_init(&attacher->may_end, false);
    atomic_init(&attacher->early, false);
    assert_int_equal(pthread_create(&attacher->thread, NULL, attach_main, attacher), 0);
}

static NTSTATUS attach_wait(struct attacher *attacher)
{
    pthread_join(attacher->thread, NULL);
    assert_false(atomic_load(&attacher->early));
    return attacher->status;
}

static void attach_during_a_rebalance_ends_when_it_is_over(void **state)
{
    static const bool stopped[] = {false, true};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct attacher attacher;
        nt_pnp_simple(rig.pdo, IRP_MN_QUERY_STOP_DEVICE);
        if (stopped[i])
            nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE);
        attach_start(&attacher);
        atomic_store(&attacher.may_end, true);
        assert_int_equal(stopped[i] ? nt_pnp_start(rig.pdo) : nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_STOP_DEVICE),
                         STATUS_SUCCESS);
        assert_int_equal(attach_wait(&attacher), STATUS_SUCCESS);
        simple(IOCTL_SRIOV_DETACH);
    }
}

static void of_two_that_wait_to_attach_one_gets_in(void **state)
{
    struct attacher attachers[2];
    NTSTATUS first, second;
    (void)state;
    nt_pnp_simple(rig.pdo, IRP_MN_QUERY_STOP_DEVICE);
    attach_start(&attachers[0]);
    attach_start(&attachers[1]);
    atomic_store(&attachers[0].may_end, true);
    atomic_store(&attachers[1].may_end, true);
    nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_STOP_DEVICE);
    first = attach_wait(&attachers[0]);
    second = attach_wait(&attachers[1]);
    assert_true((first == STATUS_SUCCESS && second == STATUS_SHARING_VIOLATION) ||
                (second == STATUS_SUCCESS && first == STATUS_SHARING_VIOLATION));
    simple(IOCTL_SRIOV_DETACH);
}

/* ---- the card is pulled -------------------------------------------------------------------------------------------
 */

static void surprise_removal_lets_the_pnp_thread_go(void **state)
{
    struct sent sent;
    struct pnp pnp;
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    notification(&sent);
    pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
    event_of(&sent);
    notification(&sent);
    pcibus_surprise_remove(rig.pdo);
    assert_int_equal(pnp_wait(&pnp), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(sent_wait(&sent), STATUS_NO_SUCH_DEVICE);
    sent_free(&sent);
    assert_int_equal(event_complete(STATUS_SUCCESS), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(simple(IOCTL_SRIOV_DETACH), STATUS_SUCCESS);
    assert_int_equal(simple(IOCTL_SRIOV_ATTACH), STATUS_NO_SUCH_DEVICE);
}

static void surprise_removal_lets_a_waiting_attach_go(void **state)
{
    struct attacher attacher;
    (void)state;
    nt_pnp_simple(rig.pdo, IRP_MN_QUERY_STOP_DEVICE);
    attach_start(&attacher);
    atomic_store(&attacher.may_end, true);
    pcibus_surprise_remove(rig.pdo);
    assert_int_equal(attach_wait(&attacher), STATUS_NO_SUCH_DEVICE);
}

static void removal_waits_for_nobody_and_asks_nobody(void **state)
{
    struct sent sent;
    (void)state;
    simple(IOCTL_SRIOV_ATTACH);
    notification(&sent);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_QUERY_REMOVE_DEVICE), STATUS_SUCCESS);
    assert_false(sent_is_done(&sent)); /* there is no event for it (pci.md 6.11) */
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_CANCEL_REMOVE_DEVICE), STATUS_SUCCESS);
    rig_remove(&rig);
    assert_int_equal(sent_wait(&sent), STATUS_NO_SUCH_DEVICE);
    sent_free(&sent);
}

/* ---- cancel against completion ------------------------------------------------------------------------------------
 */

static void *cancel_main(void *context)
{
    struct sent *sent = context;
    nt_enter(rig.partition);
    IoCancelIrp(sent->irp);
    nt_enter(NULL);
    return NULL;
}

/* Exactly one of them ends the request, and an event that a cancelled request did not carry is not lost. */
static void a_cancel_that_races_with_the_event_loses_neither(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        struct sent first, second;
        struct pnp pnp;
        pthread_t thread;
        simple(IOCTL_SRIOV_ATTACH);
        notification(&first);
        pthread_create(&thread, NULL, cancel_main, &first);
        pnp_start(&pnp, &rig, IRP_MN_QUERY_STOP_DEVICE);
        pthread_join(thread, NULL);
        if (sent_wait(&first) == STATUS_CANCELLED) {
            notification(&second);
            assert_int_equal(event_of(&second), SriovEventPfQueryStopDevice);
        }
        sent_free(&first);
        assert_int_equal(event_complete(STATUS_DEVICE_BUSY), STATUS_SUCCESS);
        assert_int_equal(pnp_wait(&pnp), STATUS_DEVICE_BUSY);
        simple(IOCTL_SRIOV_DETACH);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(attach_twice_is_a_sharing_violation),
        CASE(detach_when_not_attached_succeeds),
        CASE(notification_and_event_complete_need_an_attached_client),
        CASE(event_complete_with_nothing_pending_is_refused),
        CASE(a_rebalance_without_a_client_waits_for_nobody),
        CASE(a_rebalance_waits_for_the_client_twice),
        CASE(the_start_after_a_stop_tells_of_the_restart),
        CASE(a_veto_fails_the_query_and_ends_the_rebalance),
        CASE(a_short_event_complete_leaves_the_event_pending),
        CASE(detach_resolves_a_pending_query_stop_with_success),
        CASE(notifications_are_first_in_first_out_and_an_event_takes_one),
        CASE(a_cancelled_notification_consumes_no_event),
        CASE(a_short_notification_does_not_lose_the_event),
        CASE(a_notification_that_was_cancelled_before_it_arrived_is_cancelled),
        CASE(attach_during_a_rebalance_ends_when_it_is_over),
        CASE(of_two_that_wait_to_attach_one_gets_in),
        CASE(surprise_removal_lets_the_pnp_thread_go),
        CASE(surprise_removal_lets_a_waiting_attach_go),
        CASE(removal_waits_for_nobody_and_asks_nobody),
        CASE(a_cancel_that_races_with_the_event_loses_neither),
    };
    return cmocka_run_group_tests_name("path / refgen / events", tests, NULL, NULL);
}
