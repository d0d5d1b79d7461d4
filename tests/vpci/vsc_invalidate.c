/* SPDX-License-Identifier: MIT
 *
 * IOCTL_VPCI_INVALIDATE_BLOCK, and what races with a cancel (pci.md 2.7, 5.8, 5.12 rules 4 and 5).
 */
#include "vsc_rig.h"

#include <pthread.h>

/* ---- INVALIDATE (2.7) ------------------------------------------------------------------------------------------- */

static void an_invalidation_completes_the_waiting_request_with_its_mask(void **state)
{
    static const uint64_t masks[] = {1, 1ull << 63, UINT64_MAX, 0x8000000000000001};
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        struct sent sent;
        VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
        send_invalidate(&rig, &sent, &output);
        assert_int_equal(sent.returned, STATUS_PENDING);
        script_invalidate(&rig.script, 0, masks[i]);
        assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
        assert_int_equal(sent.information, 0);
        assert_true(output.BlockMask == masks[i]);
    }
    rig_down(&rig);
}

static void invalidations_before_the_first_request_add_up_and_complete_it_at_once(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
    rig_up(&rig, 0);
    script_invalidate(&rig.script, 0, 0x01);
    script_invalidate(&rig.script, 0, 0x10);
    script_invalidate(&rig.script, 0, 0x11);
    settle(&rig);
    send_invalidate(&rig, &sent, &output);
    assert_int_equal(sent.completions, 1);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 0x11);
    /* Handed over once. */
    output.BlockMask = 0x77;
    send_invalidate(&rig, &sent, &output);
    settle(&rig);
    assert_int_equal(sent.completions, 0);
    assert_true(output.BlockMask == 0x77);
    script_invalidate(&rig.script, 0, 4);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 4);
    rig_down(&rig);
}

static void an_empty_mask_and_another_slot_complete_nothing(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0x77};
    rig_up(&rig, 0);
    send_invalidate(&rig, &sent, &output);
    script_invalidate(&rig.script, 0, 0);
    script_invalidate(&rig.script, 1, 0xFF);
    script_invalidate(&rig.script, UINT32_MAX, 0xFF);
    settle(&rig);
    assert_int_equal(sent.completions, 0);
    script_invalidate(&rig.script, 0, 2);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 2);
    rig_down(&rig);
}

static void several_requests_are_served_oldest_first_one_for_each_invalidation(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent[3];
    VPCI_INVALIDATE_BLOCK_OUTPUT output[3] = {{0}, {0}, {0}};
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 3; i++)
        send_invalidate(&rig, &sent[i], &output[i]);
    for (unsigned i = 0; i < 3; i++) {
        script_invalidate(&rig.script, 0, 1ull << i);
        assert_int_equal(ioctl_end(&sent[i]), STATUS_SUCCESS);
        assert_true(output[i].BlockMask == 1ull << i);
        for (unsigned later = i + 1; later < 3; later++)
            assert_int_equal(sent[later].completions, 0);
    }
    rig_down(&rig);
}

static void the_mask_goes_to_the_output_buffer_else_to_the_input_buffer(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 6; row++) {
        struct rig rig;
        struct sent sent;
        uint64_t first = 0x55, second = 0x66;
        static const struct {
            ULONG input_length, output_length;
            bool output_null;
            int where; /* 1 output, 2 input, 0 refused */
        } rows[] = {{0, 8, false, 1}, {8, 8, false, 1}, {8, 7, false, 2},
                    {8, 0, true, 2},  {8, 8, true, 2},  {7, 7, false, 0}};
        rig_up(&rig, 0);
        ioctl_send(&rig, &sent, IOCTL_VPCI_INVALIDATE_BLOCK, &second, rows[row].input_length,
                   rows[row].output_null ? NULL : &first, rows[row].output_length);
        script_invalidate(&rig.script, 0, 0x99);
        assert_int_equal(ioctl_end(&sent), rows[row].where ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL);
        assert_true(first == (rows[row].where == 1 ? 0x99 : 0x55));
        assert_true(second == (rows[row].where == 2 ? 0x99 : 0x66));
        rig_down(&rig);
    }
    struct rig rig;
    struct sent sent;
    rig_up(&rig, 0);
    ioctl_send(&rig, &sent, IOCTL_VPCI_INVALIDATE_BLOCK, NULL, 8, NULL, 8);
    assert_int_equal(ioctl_end(&sent), STATUS_BUFFER_TOO_SMALL);
    rig_down(&rig);
}

static void a_cancelled_request_loses_no_mask(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent[3];
    VPCI_INVALIDATE_BLOCK_OUTPUT output[3] = {{0x77}, {0x77}, {0x77}};
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 3; i++)
        send_invalidate(&rig, &sent[i], &output[i]);
    assert_true(IoCancelIrp(sent[0].irp));
    assert_int_equal(sent[0].completions, 1);
    assert_int_equal(ioctl_end(&sent[0]), STATUS_CANCELLED);
    assert_int_equal(sent[0].information, 0);
    assert_true(output[0].BlockMask == 0x77);
    assert_true(IoCancelIrp(sent[2].irp));
    assert_int_equal(ioctl_end(&sent[2]), STATUS_CANCELLED);
    script_invalidate(&rig.script, 0, 8);
    assert_int_equal(ioctl_end(&sent[1]), STATUS_SUCCESS);
    assert_true(output[1].BlockMask == 8);
    rig_down(&rig);
}

static void the_cached_mask_survives_a_stop_and_ends_with_removal(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
    rig_up(&rig, 0);
    script_invalidate(&rig.script, 0, 0x20);
    settle(&rig);
    nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE);
    nt_pnp_start(rig.pdo);
    send_invalidate(&rig, &sent, &output);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 0x20);
    script_invalidate(&rig.script, 0, 0x40);
    settle(&rig);
    nt_pnp_simple(rig.pdo, IRP_MN_REMOVE_DEVICE);
    nt_pnp_start(rig.pdo);
    send_invalidate(&rig, &sent, &output);
    settle(&rig);
    assert_int_equal(sent.completions, 0);
    script_invalidate(&rig.script, 0, 0x80);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 0x80);
    rig_down(&rig);
}

static void too_many_waiting_requests_are_refused(void **state)
{
    enum { COUNT = 66 };
    (void)state;
    struct rig rig;
    static struct sent sent[COUNT];
    VPCI_INVALIDATE_BLOCK_OUTPUT output;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < COUNT; i++)
        send_invalidate(&rig, &sent[i], &output);
    nt_pnp_simple(rig.pdo, IRP_MN_REMOVE_DEVICE);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(ioctl_end(&sent[i]), i < 64 ? STATUS_CANCELLED : STATUS_INSUFFICIENT_RESOURCES);
    rig_down(&rig);
}

/* ---- races ------------------------------------------------------------------------------------------------------ */

#define RACES 3000u

struct canceller {
    struct nt_partition *partition;
    struct sent *sent;
    sem_t go, gone;
    bool stop;
    pthread_t thread;
};

static void *cancel_on_demand(void *context)
{
    struct canceller *canceller = context;
    nt_enter(canceller->partition);
    for (;;) {
        while (sem_wait(&canceller->go) < 0)
            continue;
        if (canceller->stop)
            break;
        IoCancelIrp(canceller->sent->irp);
        sem_post(&canceller->gone);
    }
    nt_enter(NULL);
    return NULL;
}

static void canceller_start(struct canceller *canceller, struct nt_partition *partition)
{
    memset(canceller, 0, sizeof *canceller);
    canceller->partition = partition;
    sem_init(&canceller->go, 0, 0);
    sem_init(&canceller->gone, 0, 0);
    pthread_create(&canceller->thread, NULL, cancel_on_demand, canceller);
}

static void canceller_wait(struct canceller *canceller)
{
    while (sem_wait(&canceller->gone) < 0)
        continue;
}

static void canceller_end(struct canceller *canceller)
{
    canceller->stop = true;
    sem_post(&canceller->go);
    pthread_join(canceller->thread, NULL);
    sem_destroy(&canceller->go);
    sem_destroy(&canceller->gone);
}

/* What is owed is exactly what the next request gets. */
static void collect(struct rig *rig, uint64_t owed)
{
    struct sent sent;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
    settle(rig);
    if (!owed)
        return;
    send_invalidate(rig, &sent, &output);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == owed);
}

/* Each request is ended once, by the mask or by the cancel; each bit arrives once. */
static void cancel_and_invalidation_race_without_loss(void **state)
{
    (void)state;
    struct rig rig;
    struct canceller canceller;
    uint64_t owed = 0;
    rig_up(&rig, 0);
    canceller_start(&canceller, rig.partition);
    for (unsigned i = 0; i < RACES; i++) {
        struct sent sent;
        VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
        uint64_t mask = 1ull << i % 64;
        send_invalidate(&rig, &sent, &output);
        canceller.sent = &sent;
        if (i & 1)
            script_invalidate(&rig.script, 0, mask);
        sem_post(&canceller.go);
        if (!(i & 1))
            script_invalidate(&rig.script, 0, mask);
        owed |= mask;
        canceller_wait(&canceller);
        NTSTATUS status = ioctl_end(&sent);
        assert_int_equal(output.BlockMask != 0, status == STATUS_SUCCESS);
        assert_int_equal(output.BlockMask & ~owed, 0);
        owed &= ~output.BlockMask;
        if (i % 32 != 31)
            continue;
        collect(&rig, owed);
        owed = 0;
    }
    canceller_end(&canceller);
    rig_down(&rig);
}

static void cancel_and_completion_of_a_write_race_without_loss(void **state)
{
    (void)state;
    struct rig rig;
    struct canceller canceller;
    rig_up(&rig, 0);
    canceller_start(&canceller, rig.partition);
    for (unsigned i = 0; i < 500; i++) {
        struct sent sent;
        send_write(&rig, &sent, 1, &i, 4);
        canceller.sent = &sent;
        sem_post(&canceller.go);
        canceller_wait(&canceller);
        assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    }
    canceller_end(&canceller);
    rig_down(&rig);
}

static void *write_many(void *context)
{
    struct rig *rig = context;
    unsigned failed = 0;
    nt_enter(rig->partition);
    for (uint32_t i = 0; i < 200; i++)
        failed += write_block(rig, i, &i, 4) != STATUS_SUCCESS;
    nt_enter(NULL);
    return (void *)(uintptr_t)failed;
}

static void callers_on_several_threads_each_get_their_own_answer(void **state)
{
    (void)state;
    struct rig rig;
    pthread_t threads[4];
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_many, &rig);
    for (unsigned i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invalidation_completes_the_waiting_request_with_its_mask),
        cmocka_unit_test(invalidations_before_the_first_request_add_up_and_complete_it_at_once),
        cmocka_unit_test(an_empty_mask_and_another_slot_complete_nothing),
        cmocka_unit_test(several_requests_are_served_oldest_first_one_for_each_invalidation),
        cmocka_unit_test(the_mask_goes_to_the_output_buffer_else_to_the_input_buffer),
        cmocka_unit_test(a_cancelled_request_loses_no_mask),
        cmocka_unit_test(the_cached_mask_survives_a_stop_and_ends_with_removal),
        cmocka_unit_test(too_many_waiting_requests_are_refused),
        cmocka_unit_test(cancel_and_invalidation_race_without_loss),
        cmocka_unit_test(cancel_and_completion_of_a_write_race_without_loss),
        cmocka_unit_test(callers_on_several_threads_each_get_their_own_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
