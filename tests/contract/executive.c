/* SPDX-License-Identifier: MIT
 *
 * Rows of the executive: IRQL, locks, memory, time: each has a bad driver that breaks it in one place.
 */
#include "rig.h"

/* ---- IRQL, locks, memory, time */

static KSPIN_LOCK lock;

static NDIS_STATUS sleeps_with_lock(struct pf *pf, NDIS_STATUS good)
{
    KIRQL irql;

    (void)pf;
    KeAcquireSpinLock(&lock, &irql);
    NdisMSleep(10);
    KeReleaseSpinLock(&lock, irql);
    return good;
}

static NDIS_STATUS keeps_lock(struct pf *pf, NDIS_STATUS good)
{
    KIRQL irql;

    (void)pf;
    KeAcquireSpinLock(&lock, &irql);
    return good;
}

static NDIS_STATUS takes_lock_twice(struct pf *pf, NDIS_STATUS good)
{
    KIRQL irql;

    (void)pf;
    KeAcquireSpinLock(&lock, &irql);
    KeAcquireSpinLockAtDpcLevel(&lock);
    KeReleaseSpinLock(&lock, irql);
    return good;
}

static NDIS_STATUS drops_free_lock(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    KeReleaseSpinLock(&lock, PASSIVE_LEVEL);
    return good;
}

static NDIS_STATUS stays_raised(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    KfRaiseIrql(DISPATCH_LEVEL);
    return good;
}

static NDIS_STATUS frees_twice(struct pf *pf, NDIS_STATUS good)
{
    void *memory = ExAllocatePoolWithTag(NonPagedPool, 16, 'tseT');

    (void)pf;
    ExFreePoolWithTag(memory, 'tseT');
    ExFreePoolWithTag(memory, 'tseT');
    return good;
}

static NDIS_STATUS frees_own_variable(struct pf *pf, NDIS_STATUS good)
{
    ExFreePoolWithTag(&pf->block, 'tseT');
    return good;
}

static NDIS_STATUS frees_with_another_tag(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, 16, 'tseT'), 'rehO');
    return good;
}

static NDIS_STATUS leaks_pool(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    ExAllocatePoolWithTag(NonPagedPool, 100, 'tseT');
    return good;
}

static NDIS_STATUS leaks_mdl(struct pf *pf, NDIS_STATUS good)
{
    IoAllocateMdl(pf->block, sizeof pf->block, FALSE, FALSE, NULL);
    return good;
}

static NDIS_STATUS leaks_lock(struct pf *pf, NDIS_STATUS good)
{
    NdisAllocateRWLock(pf->handle);
    return good;
}

static NDIS_STATUS bitmap_too_large(struct pf *pf, NDIS_STATUS good)
{
    PULONG bits = ExAllocatePoolWithTag(NonPagedPool, 8, 'tseT');
    RTL_BITMAP map;

    (void)pf;
    RtlInitializeBitMap(&map, bits, 65);
    ExFreePoolWithTag(bits, 'tseT');
    return good;
}

static NDIS_STATUS bit_out_of_range(struct pf *pf, NDIS_STATUS good)
{
    ULONG bits = 0;
    RTL_BITMAP map;

    (void)pf;
    RtlInitializeBitMap(&map, &bits, 32);
    RtlSetBits(&map, 32, 1);
    return good;
}

static NDIS_STATUS stalls(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    NdisStallExecution(1000);
    return good;
}

static NDIS_STATUS dpc_lock_at_passive(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    KeAcquireSpinLockAtDpcLevel(&lock);
    KeReleaseSpinLockFromDpcLevel(&lock);
    return good;
}

static NDIS_STATUS lowers_up(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    KeLowerIrql(DISPATCH_LEVEL);
    return good;
}

static NDIS_STATUS raises_down(struct pf *pf, NDIS_STATUS good)
{
    KIRQL irql, inner;

    (void)pf;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    KeRaiseIrql(APC_LEVEL, &inner);
    KeLowerIrql(irql);
    return good;
}

static NDIS_STATUS leaves_region(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    KeLeaveCriticalRegion();
    return good;
}

static NDIS_STATUS releases_mutex(struct pf *pf, NDIS_STATUS good)
{
    KMUTEX mutex;

    (void)pf;
    KeInitializeMutex(&mutex, 0);
    KeReleaseMutex(&mutex, FALSE);
    return good;
}

static NDIS_STATUS over_the_limit(struct pf *pf, NDIS_STATUS good)
{
    KSEMAPHORE semaphore;

    (void)pf;
    KeInitializeSemaphore(&semaphore, 1, 1);
    KeReleaseSemaphore(&semaphore, 0, 1, FALSE);
    return good;
}

static NDIS_STATUS releases_fast_mutex(struct pf *pf, NDIS_STATUS good)
{
    FAST_MUTEX mutex;

    (void)pf;
    ExInitializeFastMutex(&mutex);
    ExReleaseFastMutex(&mutex);
    return good;
}

static NDIS_STATUS frees_held_lock(struct pf *pf, NDIS_STATUS good)
{
    NDIS_SPIN_LOCK held;

    (void)pf;
    NdisAllocateSpinLock(&held);
    NdisAcquireSpinLock(&held);
    NdisFreeSpinLock(&held);
    NdisReleaseSpinLock(&held);
    return good;
}

static NDIS_STATUS pool_without_tag(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, 0);
    return good;
}

static NDIS_STATUS closes_nothing(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    ZwClose((HANDLE)(ULONG_PTR)0x1234);
    return good;
}

static NDIS_STATUS unmaps_nothing(struct pf *pf, NDIS_STATUS good)
{
    MmUnmapIoSpace(pf->block, sizeof pf->block);
    return good;
}

static NDIS_STATUS breaks(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    DbgBreakPoint();
    return good;
}

/* ---- devices, threads, IRPs, what a driver says of itself */

static NDIS_STATUS takes_fast_mutex_twice(struct pf *pf, NDIS_STATUS good)
{
    FAST_MUTEX mutex;

    (void)pf;
    ExInitializeFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    ExReleaseFastMutex(&mutex);
    return good;
}

static NDIS_STATUS releases_remove_lock(struct pf *pf, NDIS_STATUS good)
{
    IO_REMOVE_LOCK removal;

    (void)pf;
    IoInitializeRemoveLock(&removal, 'tseT', 0, 0);
    IoReleaseRemoveLock(&removal, NULL);
    IoReleaseRemoveLock(&removal, NULL);
    return good;
}

static NDIS_STATUS ends_foreign_thread(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    assert_int_equal(PsTerminateSystemThread(STATUS_SUCCESS), STATUS_INVALID_PARAMETER);
    return good;
}

static NDIS_STATUS asserts(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    RtlAssert((PVOID) "one == two", (PVOID) "driver.c", 7, NULL);
    return good;
}

static NDIS_STATUS attaches_to_itself(struct pf *pf, NDIS_STATUS good)
{
    PDEVICE_OBJECT device;

    assert_int_equal(IoCreateDevice(pf->driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device), STATUS_SUCCESS);
    assert_null(IoAttachDeviceToDeviceStack(device, device));
    IoDeleteDevice(device);
    return good;
}

static NDIS_STATUS deletes_device_twice(struct pf *pf, NDIS_STATUS good)
{
    PDEVICE_OBJECT device;

    assert_int_equal(IoCreateDevice(pf->driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device), STATUS_SUCCESS);
    ObReferenceObject(device);
    IoDeleteDevice(device);
    IoDeleteDevice(device);
    ObDereferenceObject(device);
    return good;
}

static NDIS_STATUS writes_to_a_device(struct pf *pf, NDIS_STATUS good)
{
    assert_null(IoBuildAsynchronousFsdRequest(IRP_MJ_WRITE, pf->pdo, pf->block, 4, NULL, NULL));
    return good;
}

/* ---- rows */

static const struct row rows[] = {
    {"FAST_MUTEX_RECURSION", {.initialize = takes_fast_mutex_twice}},
    {"REMOVE_LOCK_UNDERFLOW", {.initialize = releases_remove_lock}},
    {"NOT_A_SYSTEM_THREAD", {.initialize = ends_foreign_thread}},
    {"DRIVER_ASSERTION", {.initialize = asserts}},
    {"BAD_ATTACH", {.initialize = attaches_to_itself}},
    {"DEVICE_DELETED_TWICE", {.initialize = deletes_device_twice}},
    {"FSD_REQUEST_WITH_BUFFER", {.initialize = writes_to_a_device}},
    {"IRQL_TOO_HIGH", {.initialize = sleeps_with_lock}},
    {"IRQL_NOT_RESTORED", {.initialize = stays_raised}},
    {"SPIN_LOCK_KEPT", {.initialize = keeps_lock}},
    {"SPIN_LOCK_RECURSION", {.initialize = takes_lock_twice}},
    {"SPIN_LOCK_NOT_OWNED", {.initialize = drops_free_lock}},
    {"POOL_BAD_FREE", {.initialize = frees_twice}},
    {"POOL_BAD_FREE", {.initialize = frees_own_variable}},
    {"POOL_WRONG_TAG", {.initialize = frees_with_another_tag}},
    {"POOL_LEAK", {.initialize = leaks_pool}},
    {"MDL_LEAK", {.initialize = leaks_mdl}},
    {"LOCK_LEAK", {.initialize = leaks_lock}},
    {"BITMAP_BUFFER_TOO_SMALL", {.initialize = bitmap_too_large}},
    {"BITMAP_RANGE", {.initialize = bit_out_of_range}},
    {"STALL_TOO_LONG", {.initialize = stalls}},
    {"IRQL_TOO_LOW", {.initialize = dpc_lock_at_passive}},
    {"IRQL_LOWERED_UP", {.initialize = lowers_up}},
    {"IRQL_RAISED_DOWN", {.initialize = raises_down}},
    {"CRITICAL_REGION_NOT_ENTERED", {.initialize = leaves_region}},
    {"MUTEX_NOT_OWNED", {.initialize = releases_mutex}},
    {"SEMAPHORE_LIMIT", {.initialize = over_the_limit}},
    {"FAST_MUTEX_NOT_OWNED", {.initialize = releases_fast_mutex}},
    {"SPIN_LOCK_HELD", {.initialize = frees_held_lock}},
    {"POOL_BAD_PARAMETER", {.initialize = pool_without_tag}},
    {"INVALID_HANDLE", {.initialize = closes_nothing}},
    {"NOT_MAPPED", {.initialize = unmaps_nothing}},
    {"DBG_BREAK_POINT", {.initialize = breaks}},
};

int main(void)
{
    return rig_main(rows, sizeof rows / sizeof *rows);
}
