/* SPDX-License-Identifier: MIT */
#include "nt_test.h"

#include "nt/internal.h"

static void a_thread_that_never_entered_is_at_passive_level(void **state)
{
    (void)state;
    assert_null(nt_current());
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

static void raise_and_lower_nest(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KIRQL first, second;
    KeRaiseIrql(APC_LEVEL, &first);
    KeRaiseIrql(DISPATCH_LEVEL, &second);
    assert_int_equal(first, PASSIVE_LEVEL);
    assert_int_equal(second, APC_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(second);
    KeLowerIrql(first);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    nt_test_finish(fixture);
}

static void raising_down_and_lowering_up_are_reported_and_change_nothing(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KIRQL before;
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    KfRaiseIrql(APC_LEVEL);
    nt_test_expect(fixture, "IRQL_RAISED_DOWN");
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(before);
    KeLowerIrql(DISPATCH_LEVEL);
    nt_test_expect(fixture, "IRQL_LOWERED_UP");
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    nt_test_finish(fixture);
}

static void too_high_an_irql_is_reported_by_routine_and_counted(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KIRQL before;
    assert_true(nt_irql_at_most(PASSIVE_LEVEL, "Routine"));
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    assert_false(nt_irql_at_most(APC_LEVEL, "Routine"));
    assert_true(nt_irql_at_most(DISPATCH_LEVEL, "Routine"));
    KeLowerIrql(before);
    assert_non_null(strstr(fixture->details[0], "Routine"));
    nt_test_expect(fixture, "IRQL_TOO_HIGH");
    assert_int_equal(nt_violations(fixture->partition), 1);
    nt_test_finish(fixture);
}

static void a_spin_lock_raises_to_dispatch_and_restores(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KSPIN_LOCK lock;
    KLOCK_QUEUE_HANDLE handle;
    KIRQL before;
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLock(&lock, &before);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_false(KeTryToAcquireSpinLockAtDpcLevel(&lock));
    KeReleaseSpinLock(&lock, before);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeAcquireInStackQueuedSpinLock(&lock, &handle);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeReleaseInStackQueuedSpinLock(&handle);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    nt_test_finish(fixture);
}

static void spin_lock_misuse_is_reported_and_does_not_hang(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KSPIN_LOCK lock;
    KIRQL outer, inner;
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLock(&lock, &outer);
    KeAcquireSpinLock(&lock, &inner);
    nt_test_expect(fixture, "SPIN_LOCK_RECURSION");
    KeReleaseSpinLock(&lock, outer);
    KeReleaseSpinLock(&lock, PASSIVE_LEVEL);
    nt_test_expect(fixture, "SPIN_LOCK_NOT_OWNED");
    KeAcquireSpinLockAtDpcLevel(&lock);
    nt_test_expect(fixture, "IRQL_TOO_LOW");
    KeReleaseSpinLockFromDpcLevel(&lock);
    nt_test_finish(fixture);
}

struct counted {
    struct nt_partition *partition;
    KSPIN_LOCK lock;
    unsigned count; /* plain: only the lock makes it right */
};

static void *count_under_lock(void *context)
{
    struct counted *counted = context;
    nt_enter(counted->partition);
    for (int i = 0; i < 20000; i++) {
        KIRQL irql;
        KeAcquireSpinLock(&counted->lock, &irql);
        counted->count++;
        KeReleaseSpinLock(&counted->lock, irql);
    }
    return NULL;
}

static void a_spin_lock_excludes_other_threads(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct counted counted = {.partition = fixture->partition};
    pthread_t threads[3];
    KeInitializeSpinLock(&counted.lock);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_under_lock, &counted), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counted.count, 3 * 20000);
    nt_test_finish(fixture);
}

static void partitions_keep_their_own_violations(void **state)
{
    (void)state;
    struct nt_partition *first = nt_partition_create(&(struct nt_partition_options){.name = "first"});
    struct nt_partition *second =
        nt_partition_create(&(struct nt_partition_options){.name = "second", .role = NT_CHILD});
    assert_null(nt_enter(first));
    KeLowerIrql(DISPATCH_LEVEL); /* from PASSIVE_LEVEL */
    assert_ptr_equal(nt_enter(second), first);
    assert_int_equal(nt_violations(first), 1);
    assert_int_equal(nt_violations(second), 0);
    assert_int_equal(nt_partition_role(second), NT_CHILD);
    assert_string_equal(nt_partition_name(second), "second");
    nt_slot_set(first, NT_SLOT_NDIS, first);
    assert_null(nt_slot(second, NT_SLOT_NDIS));
    nt_enter(NULL);
    assert_int_equal(nt_partition_destroy(first), 0);
    assert_int_equal(nt_partition_destroy(second), 0);
}

static void pageable_code_above_apc_level_is_reported(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KIRQL before;
    PAGED_CODE();
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    PAGED_CODE();
    KeLowerIrql(before);
    nt_test_expect(fixture, "PAGED_CODE");
    nt_test_finish(fixture);
}

static void raising_to_dispatch_level_is_never_down(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    assert_int_equal(KeRaiseIrqlToDpcLevel(), PASSIVE_LEVEL);
    assert_int_equal(KeRaiseIrqlToDpcLevel(), DISPATCH_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(PASSIVE_LEVEL);
    nt_test_finish(fixture);
}

static void apcs_are_disabled_in_a_critical_region_and_at_apc_level(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KIRQL before;
    assert_false(KeAreApcsDisabled());
    KeEnterCriticalRegion();
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    assert_true(KeAreApcsDisabled());
    KeLeaveCriticalRegion();
    assert_false(KeAreApcsDisabled());
    KeRaiseIrql(APC_LEVEL, &before);
    assert_true(KeAreApcsDisabled());
    KeLowerIrql(before);
    KeLeaveCriticalRegion();
    nt_test_expect(fixture, "CRITICAL_REGION_NOT_ENTERED");
    nt_test_finish(fixture);
}

#define LOCKS 20u /* more than are remembered by address */

static void locks_are_given_back_in_any_order(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KSPIN_LOCK locks[LOCKS];
    KIRQL before;
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    for (unsigned i = 0; i < LOCKS; i++) {
        KeInitializeSpinLock(&locks[i]);
        KeAcquireSpinLockAtDpcLevel(&locks[i]);
    }
    for (unsigned i = 0; i < LOCKS; i++)
        KeReleaseSpinLockFromDpcLevel(&locks[i]);
    for (unsigned i = 0; i < LOCKS; i++)
        assert_int_equal(locks[i], 0);
    KeLowerIrql(before);
    nt_test_finish(fixture);
}

/* What a handler kept is given free when it returns: those it took, and of those what is left. */
static void locks_that_were_kept_are_given_free_but_for_the_first(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KSPIN_LOCK locks[4];
    KIRQL before;
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    for (unsigned i = 0; i < 4; i++) {
        KeInitializeSpinLock(&locks[i]);
        KeAcquireSpinLockAtDpcLevel(&locks[i]);
    }
    KeReleaseSpinLockFromDpcLevel(&locks[1]); /* not the one taken last */
    nt_locks_release(1);
    assert_int_not_equal(locks[0], 0);
    assert_true(locks[1] == 0 && locks[2] == 0 && locks[3] == 0);
    KeReleaseSpinLockFromDpcLevel(&locks[0]);
    KeLowerIrql(before);
    nt_test_finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_never_entered_is_at_passive_level),
        cmocka_unit_test(raise_and_lower_nest),
        cmocka_unit_test(raising_down_and_lowering_up_are_reported_and_change_nothing),
        cmocka_unit_test(too_high_an_irql_is_reported_by_routine_and_counted),
        cmocka_unit_test(a_spin_lock_raises_to_dispatch_and_restores),
        cmocka_unit_test(spin_lock_misuse_is_reported_and_does_not_hang),
        cmocka_unit_test(a_spin_lock_excludes_other_threads),
        cmocka_unit_test(partitions_keep_their_own_violations),
        cmocka_unit_test(pageable_code_above_apc_level_is_reported),
        cmocka_unit_test(raising_to_dispatch_level_is_never_down),
        cmocka_unit_test(apcs_are_disabled_in_a_critical_region_and_at_apc_level),
        cmocka_unit_test(locks_are_given_back_in_any_order),
        cmocka_unit_test(locks_that_were_kept_are_given_free_but_for_the_first),
    };
    return cmocka_run_group_tests_name("irql", tests, NULL, NULL);
}
