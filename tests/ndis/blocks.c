/* SPDX-License-Identifier: MIT
 *
 * The backchannel: NdisMRead/WriteConfigBlock, NdisMInvalidateConfigBlock, and the guest's pending
 * IOCTL_VPCI_INVALIDATE_BLOCK (ndis.md 4.7, 5.6, 5.7, 7.6, 7.7, 8.1, 12.6).
 */
#include "nic.h"

static void blocks_go_through_the_vpci_interface(void **state)
{
    struct nic *nic = nic_running(FAKE_GUEST);
    UCHAR out[128], in[128];
    KIRQL before;

    (void)state;
    for (unsigned i = 0; i < 128; i++)
        out[i] = (UCHAR)i;
    KeRaiseIrql(APC_LEVEL, &before);
    assert_int_equal(NdisMWriteConfigBlock(nic->handle, 0xfffffff0, out, 128), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMReadConfigBlock(nic->handle, 5, in, 128), NDIS_STATUS_SUCCESS);
    KeLowerIrql(before);
    assert_memory_equal(in, out, 128);
    assert_int_equal(nic->bus->calls[0].offset, 0xfffffff0);
    assert_int_equal(nic->bus->calls[1].offset, 5);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void block_rows_of_8_1_fail_and_nothing_is_sent(void **state)
{
    struct nic *nic = nic_running(FAKE_GUEST);
    UCHAR buffer[256];
    KIRQL before;

    (void)state;
    memset(buffer, 0xa5, sizeof buffer);
    assert_int_equal(NdisMReadConfigBlock(nic->handle, 0, NULL, 4), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMReadConfigBlock(nic->handle, 0, buffer, 0), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMReadConfigBlock(nic->handle, 0, buffer, 129), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMReadConfigBlock(nic->handle, 0, buffer, 0xffffffff), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMWriteConfigBlock(nic->handle, 0, NULL, 4), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMWriteConfigBlock(nic->handle, 0, buffer, 0), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMWriteConfigBlock(nic->handle, 0, buffer, 129), NDIS_STATUS_FAILURE);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    assert_int_equal(NdisMWriteConfigBlock(nic->handle, 0, buffer, 4), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMReadConfigBlock(nic->handle, 0, buffer, 4), NDIS_STATUS_FAILURE);
    KeLowerIrql(before);
    assert_int_equal(nt_violations(nic->partition), 2);
    assert_int_equal(nic->bus->count, 0);
    assert_int_equal(buffer[0], 0xa5);
    nic_destroy(nic);
}

static void pf_caller_fails(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR buffer[4];

    (void)state;
    assert_int_equal(NdisMReadConfigBlock(nic->handle, 0, buffer, 4), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMWriteConfigBlock(nic->handle, 0, buffer, 4), NDIS_STATUS_FAILURE);
    nic_destroy(nic);
}

static void any_failure_below_is_failure_and_leaves_the_buffer(void **state)
{
    static const NTSTATUS statuses[] = {STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_DEVICE_NOT_CONNECTED,
                                        STATUS_UNSUCCESSFUL, STATUS_PENDING};
    struct nic *nic = nic_running(FAKE_GUEST);
    UCHAR buffer[8];

    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        nic->bus->block_status = statuses[i];
        memset(buffer, 0xa5, sizeof buffer);
        assert_int_equal(NdisMReadConfigBlock(nic->handle, 1, buffer, 8), NDIS_STATUS_FAILURE);
        assert_int_equal(buffer[0], 0xa5);
        assert_int_equal(NdisMWriteConfigBlock(nic->handle, 1, buffer, 8), NDIS_STATUS_FAILURE);
    }
    nic_destroy(nic);
}

/* ---- host end --------------------------------------------------------------------------------------------- */

struct heard {
    unsigned calls;
    USHORT vf;
    ULONG64 mask;
    KIRQL irql;
};

static void hear(void *context, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 mask)
{
    struct heard *heard = context;

    heard->calls++;
    heard->vf = vf;
    heard->mask = mask;
    heard->irql = KeGetCurrentIrql();
}

static void invalidation_reaches_the_listener_at_the_drivers_irql(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    struct heard heard = {0};
    KIRQL before;

    (void)state;
    ndis_switch_create(nic->adapter, 2);
    nic_allocate_vf(nic, NULL);
    ndis_on_invalidate(nic->adapter, hear, &heard);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    NdisMInvalidateConfigBlock(nic->handle, 0, 0x8000000000000002);
    KeLowerIrql(before);
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.vf, 0);
    assert_true(heard.mask == 0x8000000000000002);
    assert_int_equal(heard.irql, DISPATCH_LEVEL);
    ndis_on_invalidate(nic->adapter, NULL, NULL);
    NdisMInvalidateConfigBlock(nic->handle, 0, 1);
    assert_int_equal(heard.calls, 1);
    nic_destroy(nic);
}

static void invalidation_of_nothing_is_silent(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    struct heard heard = {0};

    (void)state;
    ndis_on_invalidate(nic->adapter, hear, &heard);
    ndis_switch_create(nic->adapter, 2);
    nic_allocate_vf(nic, NULL);
    NdisMInvalidateConfigBlock(nic->handle, 0, 0);      /* mask 0 */
    NdisMInvalidateConfigBlock(nic->handle, 1, 1);      /* not allocated */
    NdisMInvalidateConfigBlock(nic->handle, 0xffff, 1); /* no VF */
    nic_free_vf(nic, 0);
    NdisMInvalidateConfigBlock(nic->handle, 0, 1); /* freed */
    assert_int_equal(heard.calls, 0);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
    nic = nic_running(FAKE_GUEST);
    ndis_on_invalidate(nic->adapter, hear, &heard);
    NdisMInvalidateConfigBlock(nic->handle, 0, 1); /* a VF */
    assert_int_equal(heard.calls, 0);
    nic_destroy(nic);
}

/* ---- guest end -------------------------------------------------------------------------------------------- */

struct told {
    pthread_mutex_t lock;
    ULONG64 all, last;
    unsigned oids;
    bool hold;
};

static NDIS_STATUS take_mask(struct nic *nic, PNDIS_OID_REQUEST request)
{
    struct told *told = nic->user;
    const NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO *info = request->DATA.METHOD_INFORMATION.InformationBuffer;

    assert_int_equal(request->DATA.METHOD_INFORMATION.Oid, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK);
    assert_int_equal(request->RequestType, NdisRequestMethod);
    assert_int_equal(request->DATA.METHOD_INFORMATION.InputBufferLength, 16);
    assert_int_equal(request->DATA.METHOD_INFORMATION.OutputBufferLength, 16);
    assert_int_equal(info->Header.Size, 16);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    pthread_mutex_lock(&told->lock);
    told->last = info->BlockMask;
    told->all |= info->BlockMask;
    pthread_mutex_unlock(&told->lock);
    if (told->hold)
        return nic_pend(nic, request);
    return NDIS_STATUS_SUCCESS;
}

static struct nic *listening(struct told *told)
{
    struct nic *nic = nic_running(FAKE_GUEST);

    *told = (struct told){.lock = PTHREAD_MUTEX_INITIALIZER};
    nic->user = told;
    nic->on_oid = take_mask;
    return nic;
}

static void one_ioctl_is_pending_from_start_to_halt(void **state)
{
    struct nic *nic = nic_running(FAKE_GUEST);
    struct nic *pf = NULL;

    (void)state;
    assert_int_equal(nic->bus->armed, 1);
    assert_non_null(nic->bus->invalidate);
    ndis_close(nic->binding);
    nic->binding = NULL;
    nt_pnp_simple(nic->bus->pdo, IRP_MN_REMOVE_DEVICE);
    nic->adapter = NULL;
    assert_null(nic->bus->invalidate);
    nic_destroy(nic);
    pf = nic_running(FAKE_HOST);
    assert_int_equal(pf->bus->armed, 0);
    nic_destroy(pf);
}

static void each_completion_becomes_an_oid_and_is_armed_again(void **state)
{
    struct told told;
    struct nic *nic = listening(&told);
    static const KIRQL irqls[] = {PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fake_bus_invalidate(nic->bus, 1ull << (i + 1), irqls[i]);
        nic_wait(nic, &nic->oids, i + 1);
        nt_drain_work(nic->partition);
        assert_true(told.last == 1ull << (i + 1));
        assert_int_equal(nic->bus->armed, i + 2);
        assert_non_null(nic->bus->invalidate);
    }
    assert_int_equal(nic->bus->most_at_once, 1);
    assert_int_equal(nic->oids, 3);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void masks_during_a_delivery_make_one_more_with_their_or(void **state)
{
    struct told told;
    struct nic *nic = listening(&told);

    (void)state;
    told.hold = true;
    fake_bus_invalidate(nic->bus, 1, DISPATCH_LEVEL);
    nic_wait(nic, &nic->oids, 1);
    nt_drain_work(nic->partition);
    fake_bus_invalidate(nic->bus, 2, DISPATCH_LEVEL);
    fake_bus_invalidate(nic->bus, 4, DISPATCH_LEVEL);
    fake_bus_invalidate(nic->bus, 8, DISPATCH_LEVEL);
    nt_drain_work(nic->partition);
    assert_int_equal(nic->oids, 1);
    told.hold = false;
    NdisMOidRequestComplete(nic->handle, nic->pended, NDIS_STATUS_FAILURE); /* its status does not matter */
    nic_wait(nic, &nic->oids, 2);
    nt_drain_work(nic->partition);
    assert_true(told.last == 14);
    assert_int_equal(nic->oids, 2);
    assert_int_equal(nic->bus->armed, 5);
    nic_destroy(nic);
}

static void mask_cached_before_the_ioctl_is_delivered_once(void **state)
{
    struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct nic *nic = nic_create(FAKE_GUEST);

    (void)state;
    nic->user = &told;
    nic->on_oid = take_mask;
    nic->bus->cached = 0x30;
    nic_load(nic);
    nic_add(nic);
    nic_start(nic);
    nic_wait(nic, &nic->oids, 1);
    nt_drain_work(nic->partition);
    assert_true(told.all == 0x30);
    assert_int_equal(nic->oids, 1);
    assert_int_equal(nic->bus->armed, 2);
    nic_destroy(nic);
}

static void bus_that_refuses_the_ioctl_is_not_asked_again(void **state)
{
    struct nic *nic = nic_create(FAKE_GUEST);

    (void)state;
    nic->bus->refuse_invalidate = true;
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_int_equal(nic->bus->armed, 1);
    nic_destroy(nic);
}

static void removal_while_a_delivery_is_pended_ends_it(void **state)
{
    struct told told;
    struct nic *nic = listening(&told);

    (void)state;
    told.hold = true;
    fake_bus_invalidate(nic->bus, 1, DISPATCH_LEVEL);
    nic_wait(nic, &nic->oids, 1);
    nt_drain_work(nic->partition);
    nt_pnp_simple(nic->bus->pdo, IRP_MN_SURPRISE_REMOVAL);
    nic_remove(nic);
    assert_true(nic_saw_rule(nic, "OID_NEVER_COMPLETED"));
    assert_null(nic->bus->invalidate);
    nic_destroy(nic);
}

static void invalidate_now(struct nic *nic)
{
    fake_bus_invalidate(nic->bus, 0x100, DISPATCH_LEVEL);
    nt_drain_work(nic->partition);
    assert_int_equal(nic->oids, 0);
}

static void mask_that_comes_during_a_reset_is_delivered_after_it(void **state)
{
    struct told told;
    struct nic *nic = listening(&told);

    (void)state;
    nic->on_reset = invalidate_now;
    ndis_reset(nic->adapter);
    nic_wait(nic, &nic->oids, 1);
    nt_drain_work(nic->partition);
    assert_int_equal(nic->oids, 1);
    assert_true(told.all == 0x100);
    nic_destroy(nic);
}

static void *invalidate_many(void *context)
{
    struct nic *nic = context;

    nt_enter(nic->partition);
    for (unsigned i = 0; i < 640; i++)
        fake_bus_invalidate(nic->bus, 1ull << (i % 64), i % 2 ? DISPATCH_LEVEL : PASSIVE_LEVEL);
    nt_enter(NULL);
    return NULL;
}

static void no_mask_is_lost_or_invented_under_load(void **state)
{
    struct told told;
    struct nic *nic = listening(&told);
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, invalidate_many, nic);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < 4; i++)
        nt_drain_work(nic->partition);
    assert_true(told.all == ~0ull);
    assert_true(nic->oids <= 640);
    told.all = 0;
    fake_bus_invalidate(nic->bus, 0x40, DISPATCH_LEVEL);
    for (unsigned i = 0; i < 4; i++)
        nt_drain_work(nic->partition);
    assert_true(told.all == 0x40);
    nic_destroy(nic);
}

static void stopping_during_invalidations_comes_back_clean(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct told told;
        struct nic *nic = listening(&told);
        pthread_t thread;

        pthread_create(&thread, NULL, invalidate_many, nic);
        nt_pnp_simple(nic->bus->pdo, IRP_MN_STOP_DEVICE);
        assert_null(nic->bus->invalidate);
        pthread_join(thread, NULL);
        assert_int_equal(nt_violations(nic->partition), 0);
        nic_destroy(nic);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_go_through_the_vpci_interface),
        cmocka_unit_test(block_rows_of_8_1_fail_and_nothing_is_sent),
        cmocka_unit_test(pf_caller_fails),
        cmocka_unit_test(any_failure_below_is_failure_and_leaves_the_buffer),
        cmocka_unit_test(invalidation_reaches_the_listener_at_the_drivers_irql),
        cmocka_unit_test(invalidation_of_nothing_is_silent),
        cmocka_unit_test(one_ioctl_is_pending_from_start_to_halt),
        cmocka_unit_test(each_completion_becomes_an_oid_and_is_armed_again),
        cmocka_unit_test(masks_during_a_delivery_make_one_more_with_their_or),
        cmocka_unit_test(mask_cached_before_the_ioctl_is_delivered_once),
        cmocka_unit_test(bus_that_refuses_the_ioctl_is_not_asked_again),
        cmocka_unit_test(removal_while_a_delivery_is_pended_ends_it),
        cmocka_unit_test(mask_that_comes_during_a_reset_is_delivered_after_it),
        cmocka_unit_test(no_mask_is_lost_or_invented_under_load),
        cmocka_unit_test(stopping_during_invalidations_comes_back_clean),
    };
    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
