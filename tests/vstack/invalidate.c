/* SPDX-License-Identifier: MIT
 *
 * Invalidations: ORed until taken, told once, none lost, none invented (the state machine stands in vstack.h).
 */
#include "fake_pf.h"

struct fixture {
    struct fake_pf *pf;
    struct vstack *stack;
    struct vstack_vf *vf;
    _Atomic unsigned told;
};

static void on_invalidated(void *context)
{
    atomic_fetch_add(&((struct fixture *)context)->told, 1);
}

static const struct vstack_partition partition = {.name = "guest 1", .invalidated = on_invalidated};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->pf = fake_pf_create(&fake_82576);
    f->stack = fake_pf_stack(f->pf);
    f->vf = fake_pf_vf(f->stack);
    assert_int_equal(vstack_vf_attach(f->vf, &partition, f), STATUS_SUCCESS);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    vstack_destroy(f->stack);
    fake_pf_destroy(f->pf);
    free(f);
    return 0;
}

static void masks_are_ored_and_told_once_until_taken(void **state)
{
    struct fixture *f = *state;
    fake_pf_invalidate(f->pf, 0, 1);
    fake_pf_invalidate(f->pf, 0, 0x8000000000000000);
    fake_pf_invalidate(f->pf, 0, 1);
    assert_int_equal(f->told, 1);
    assert_true(vstack_take_invalidations(f->vf) == 0x8000000000000001);
    assert_true(vstack_take_invalidations(f->vf) == 0);
    fake_pf_invalidate(f->pf, 0, ~0ull);
    assert_int_equal(f->told, 2);
    assert_true(vstack_take_invalidations(f->vf) == ~0ull);
}

static void mask_zero_and_other_vfs_change_nothing(void **state)
{
    struct fixture *f = *state;
    fake_pf_invalidate(f->pf, 0, 0);
    fake_pf_invalidate(f->pf, 1, 1);
    fake_pf_invalidate(f->pf, 0xFFFF, 1);
    assert_int_equal(f->told, 0);
    assert_true(vstack_take_invalidations(f->vf) == 0);
}

static void returned_masks_stay_without_a_callback(void **state)
{
    struct fixture *f = *state;
    fake_pf_invalidate(f->pf, 0, 6);
    ULONG64 mask = vstack_take_invalidations(f->vf);
    vstack_return_invalidations(f->vf, mask);
    assert_int_equal(f->told, 1);
    fake_pf_invalidate(f->pf, 0, 8);
    assert_true(vstack_take_invalidations(f->vf) == 14);
    fake_pf_invalidate(f->pf, 0, 1);
    assert_true(f->told >= 2);
}

static void reset_keeps_them(void **state)
{
    struct fixture *f = *state;
    struct vstack_request request = {0};
    fake_pf_invalidate(f->pf, 0, 4);
    vstack_reset(f->vf, &request);
    assert_int_equal(request.status, STATUS_SUCCESS);
    assert_true(vstack_take_invalidations(f->vf) == 4);
}

static void raised_without_an_owner_they_wait_for_the_next_and_detach_drops_the_old_ones(void **state)
{
    struct fixture *f = *state;
    fake_pf_invalidate(f->pf, 0, 1);
    vstack_vf_detach(f->vf);
    fake_pf_invalidate(f->pf, 0, 2);
    assert_int_equal(f->told, 1);
    assert_int_equal(vstack_vf_attach(f->vf, &partition, f), STATUS_SUCCESS);
    assert_int_equal(f->told, 2);
    assert_true(vstack_take_invalidations(f->vf) == 2);
}

static void freeing_the_vf_forgets_them(void **state)
{
    struct fixture *f = *state;
    fake_pf_invalidate(f->pf, 0, 1);
    vstack_vf_free(f->vf);
    fake_pf_invalidate(f->pf, 0, 2);
    f->vf = fake_pf_vf(f->stack);
    assert_int_equal(vstack_vf_attach(f->vf, &partition, f), STATUS_SUCCESS);
    assert_int_equal(f->told, 1);
    assert_true(vstack_take_invalidations(f->vf) == 0);
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

#define RAISERS 3
#define BITS    20 /* of each raiser */
#define TURNS   400

struct raiser {
    struct fixture *f;
    unsigned first;
    _Atomic unsigned *received; /* by bit */
    bool lost;
};

/* Raises one bit after another and waits until the taker saw each: a lost one would hang, so turns are bounded by
 * what the taker reports at the end. */
static void *raise_bits(void *context)
{
    struct raiser *raiser = context;
    nt_enter(raiser->f->pf->nic->partition);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        unsigned bit = raiser->first + turn % BITS;
        unsigned before = atomic_load(&raiser->received[bit]);
        fake_pf_invalidate(raiser->f->pf, 0, 1ull << bit);
        while (atomic_load(&raiser->received[bit]) == before)
            sched_yield();
        raiser->lost |= atomic_load(&raiser->received[bit]) != before + 1;
    }
    nt_enter(NULL);
    return NULL;
}

/* The owner takes when told, and now and then gives back what it could not deliver and comes again by itself. */
static void none_is_lost_and_none_invented_while_raise_take_and_return_race(void **state)
{
    struct fixture *f = *state;
    static _Atomic unsigned received[64];
    struct raiser raisers[RAISERS];
    pthread_t threads[RAISERS];
    unsigned total = 0, seen = 0, turn = 0;

    memset(received, 0, sizeof received);
    for (unsigned i = 0; i < RAISERS; i++) {
        raisers[i] = (struct raiser){.f = f, .first = i * BITS, .received = received};
        assert_int_equal(pthread_create(&threads[i], NULL, raise_bits, &raisers[i]), 0);
    }
    while (total < RAISERS * TURNS) {
        bool owe = false;
        if (atomic_load(&f->told) == seen) {
            sched_yield();
            continue;
        }
        do {
            seen = atomic_load(&f->told);
            ULONG64 mask = vstack_take_invalidations(f->vf);
            owe = ++turn % 5 == 0 && mask;
            if (owe) {
                vstack_return_invalidations(f->vf, mask);
                continue;
            }
            for (unsigned bit = 0; bit < 64; bit++) {
                if (mask >> bit & 1) {
                    total++;
                    atomic_fetch_add(&received[bit], 1);
                }
            }
        } while (owe);
    }
    for (unsigned i = 0; i < RAISERS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(raisers[i].lost);
    }
    assert_int_equal(total, RAISERS * TURNS);
    assert_true(vstack_take_invalidations(f->vf) == 0);
}

static void *raise_blindly(void *context)
{
    struct fixture *f = context;
    nt_enter(f->pf->nic->partition);
    for (unsigned i = 0; i < 3000; i++)
        fake_pf_invalidate(f->pf, 0, 1ull << i % 64);
    nt_enter(NULL);
    return NULL;
}

static void raising_races_with_attach_and_detach(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    vstack_vf_detach(f->vf);
    assert_int_equal(pthread_create(&thread, NULL, raise_blindly, f), 0);
    for (unsigned i = 0; i < 300; i++) {
        unsigned before = atomic_load(&f->told);
        assert_int_equal(vstack_vf_attach(f->vf, &partition, f), STATUS_SUCCESS);
        vstack_vf_detach(f->vf);
        assert_true(atomic_load(&f->told) <= before + 1); /* nobody took: told at most once */
    }
    pthread_join(thread, NULL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(masks_are_ored_and_told_once_until_taken),
        CASE(mask_zero_and_other_vfs_change_nothing),
        CASE(returned_masks_stay_without_a_callback),
        CASE(reset_keeps_them),
        CASE(raised_without_an_owner_they_wait_for_the_next_and_detach_drops_the_old_ones),
        CASE(freeing_the_vf_forgets_them),
        CASE(none_is_lost_and_none_invented_while_raise_take_and_return_race),
        CASE(raising_races_with_attach_and_detach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
