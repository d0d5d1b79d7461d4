/* SPDX-License-Identifier: MIT
 *
 * Many threads on one adapter: one request in flight, none lost, each thread's requests in its order.
 */
#include "nic.h"

#include "ndis/internal.h"

#define THREADS  8
#define REQUESTS 400

struct issuer {
    struct nic *nic;
    unsigned number;
    NDIS_HANDLE binding;
    NDIS_OID_REQUEST requests[REQUESTS];
    ULONG values[REQUESTS];
    atomic_uint completed;
    atomic_uint seen; /* requests that reached the miniport */
};

struct crowd {
    struct issuer *issuers;
    atomic_int inside;
    atomic_uint overlaps, out_of_order, total;
};

static NDIS_STATUS take(struct nic *nic, PNDIS_OID_REQUEST request)
{
    struct crowd *crowd = nic->user;
    ULONG value = *(ULONG *)request->DATA.QUERY_INFORMATION.InformationBuffer;
    struct issuer *issuer = &crowd->issuers[value >> 16];

    if (atomic_fetch_add(&crowd->inside, 1))
        atomic_fetch_add(&crowd->overlaps, 1);
    if (atomic_fetch_add(&issuer->seen, 1) != (value & 0xffff))
        atomic_fetch_add(&crowd->out_of_order, 1);
    atomic_fetch_add(&crowd->total, 1);
    atomic_fetch_sub(&crowd->inside, 1);
    if (value % 3 == 0)
        return NDIS_STATUS_SUCCESS;
    if (value % 3 == 1)
        NdisMOidRequestComplete(nic->handle, request, NDIS_STATUS_SUCCESS);
    else
        return nic_pend(nic, request);
    return NDIS_STATUS_PENDING;
}

static void completed(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct issuer *issuer = context;

    (void)request;
    assert_int_equal(status, NDIS_STATUS_SUCCESS);
    atomic_fetch_add(&issuer->completed, 1);
}

static const struct ndis_overlying overlying = {"crowd", completed, NULL};

static void *issue(void *context)
{
    struct issuer *issuer = context;
    KIRQL before;

    nt_enter(issuer->nic->partition);
    for (unsigned i = 0; i < REQUESTS; i++) {
        NDIS_STATUS status;

        issuer->values[i] = issuer->number << 16 | i;
        nic_request(&issuer->requests[i], NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &issuer->values[i], 4);
        if (i % 5 == 0)
            KeRaiseIrql(DISPATCH_LEVEL, &before);
        status = NdisOidRequest(issuer->binding, &issuer->requests[i]);
        if (i % 5 == 0)
            KeLowerIrql(before);
        if (status == NDIS_STATUS_SUCCESS)
            atomic_fetch_add(&issuer->completed, 1);
        else
            assert_int_equal(status, NDIS_STATUS_PENDING);
    }
    while (atomic_load(&issuer->completed) < REQUESTS)
        sched_yield();
    nt_enter(NULL);
    return NULL;
}

/* Plays the device: completes what the miniport pended. */
static void *complete_pended(void *context)
{
    struct nic *nic = context;
    struct crowd *crowd = nic->user;
    PNDIS_OID_REQUEST pended;
    KIRQL before;

    nt_enter(nic->partition);
    do {
        pthread_mutex_lock(&nic->lock);
        pended = nic->pended;
        nic->pended = NULL;
        pthread_mutex_unlock(&nic->lock);
        if (pended) {
            KeRaiseIrql(DISPATCH_LEVEL, &before);
            NdisMOidRequestComplete(nic->handle, pended, NDIS_STATUS_SUCCESS);
            KeLowerIrql(before);
        } else {
            sched_yield();
        }
    } while (pended || atomic_load(&crowd->total) < THREADS * REQUESTS || ndis_oids_drain(nic->adapter, 1) == false);
    nt_enter(NULL);
    return NULL;
}

static void eight_threads_keep_their_order_and_lose_nothing(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    struct crowd crowd = {.issuers = calloc(THREADS, sizeof(struct issuer))};
    pthread_t threads[THREADS], device;

    (void)state;
    nic->user = &crowd;
    nic->on_oid = take;
    for (unsigned i = 0; i < THREADS; i++) {
        crowd.issuers[i].nic = nic;
        crowd.issuers[i].number = i;
        assert_int_equal(ndis_open(nic->adapter, &overlying, &crowd.issuers[i], &crowd.issuers[i].binding), 0);
    }
    pthread_create(&device, NULL, complete_pended, nic);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, issue, &crowd.issuers[i]);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_join(device, NULL);
    assert_int_equal(atomic_load(&crowd.total), THREADS * REQUESTS);
    assert_int_equal(atomic_load(&crowd.overlaps), 0);
    assert_int_equal(atomic_load(&crowd.out_of_order), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(atomic_load(&crowd.issuers[i].completed), REQUESTS);
        ndis_close(crowd.issuers[i].binding);
    }
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
    free(crowd.issuers);
}

static NDIS_STATUS succeed(struct nic *nic, PNDIS_OID_REQUEST request)
{
    (void)nic, (void)request;
    return NDIS_STATUS_SUCCESS;
}

struct hammer {
    struct nic *nic;
    NDIS_HANDLE binding;
    atomic_uint completed, accepted;
    atomic_bool *stop;
};

static void hammered(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct hammer *hammer = context;

    (void)request, (void)status;
    atomic_fetch_add(&hammer->completed, 1);
}

static void *hammer_on(void *context)
{
    struct hammer *hammer = context;
    NDIS_OID_REQUEST request;
    UCHAR byte;

    nt_enter(hammer->nic->partition);
    while (!atomic_load(hammer->stop)) {
        unsigned before = atomic_load(&hammer->completed);

        nic_request(&request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &byte, 1);
        if (NdisOidRequest(hammer->binding, &request) == NDIS_STATUS_PENDING)
            while (atomic_load(&hammer->completed) == before)
                sched_yield();
    }
    nt_enter(NULL);
    return NULL;
}

/* Every request that was taken is answered although the device is stopped under them. */
static void stop_in_the_middle_of_requests_answers_every_one(void **state)
{
    static const struct ndis_overlying above = {"hammer", hammered, NULL};

    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        struct nic *nic = nic_running(FAKE_HOST);
        struct hammer hammers[4] = {0};
        atomic_bool stop = false;
        pthread_t threads[4];

        nic->on_oid = succeed;
        for (unsigned i = 0; i < 4; i++) {
            hammers[i].nic = nic;
            hammers[i].stop = &stop;
            ndis_open(nic->adapter, &above, &hammers[i], &hammers[i].binding);
            pthread_create(&threads[i], NULL, hammer_on, &hammers[i]);
        }
        nic_wait(nic, &nic->oids, 20);
        nt_pnp_simple(nic->bus->pdo, round % 2 ? IRP_MN_SURPRISE_REMOVAL : IRP_MN_STOP_DEVICE);
        atomic_store(&stop, true);
        for (unsigned i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            ndis_close(hammers[i].binding);
        }
        assert_int_equal(nt_violations(nic->partition), 0);
        nic_destroy(nic);
    }
}

static void *invalidate_blocks(void *context)
{
    struct nic *nic = context;

    nt_enter(nic->partition);
    for (unsigned i = 0; i < 2000; i++)
        NdisMInvalidateConfigBlock(nic->handle, 0, 1);
    nt_enter(NULL);
    return NULL;
}

static void count_call(void *context, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 mask)
{
    (void)vf, (void)mask;
    atomic_fetch_add((atomic_uint *)context, 1);
}

static void removed_listener_is_never_called_again(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    pthread_t thread;

    (void)state;
    ndis_switch_create(nic->adapter, 1);
    nic_allocate_vf(nic, NULL);
    pthread_create(&thread, NULL, invalidate_blocks, nic);
    for (unsigned i = 0; i < 200; i++) {
        atomic_uint *calls = calloc(1, sizeof *calls);

        ndis_on_invalidate(nic->adapter, count_call, calls);
        sched_yield();
        ndis_on_invalidate(nic->adapter, NULL, NULL);
        free(calls); /* a late call would write to it */
    }
    pthread_join(thread, NULL);
    nic_destroy(nic);
}

/* A handler that is still inside when the adapter goes. */
struct inside {
    struct nic *nic;
    bool direct, pends;
    NDIS_OID_REQUEST request;
    ULONG value;
    atomic_bool entered, halted, overlapped;
};

static NDIS_STATUS stay_inside(struct nic *nic, PNDIS_OID_REQUEST request)
{
    struct inside *inside = nic->user;

    (void)request;
    atomic_store(&inside->entered, true);
    for (unsigned i = 0; i < 20000 && !atomic_load(&inside->halted); i++)
        sched_yield();
    atomic_store(&inside->overlapped, atomic_load(&inside->halted));
    return inside->pends ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
}

static void halt_ends_what_is_pended(struct nic *nic)
{
    struct inside *inside = nic->user;

    atomic_store(&inside->halted, true);
    if (inside->pends && inside->direct)
        NdisMDirectOidRequestComplete(nic->handle, &inside->request, NDIS_STATUS_NOT_ACCEPTED);
    else if (inside->pends)
        NdisMOidRequestComplete(nic->handle, &inside->request, NDIS_STATUS_NOT_ACCEPTED);
}

static NDIS_STATUS direct_handler(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
    return stay_inside(context, request);
}

static VOID no_cancel(NDIS_HANDLE context, PVOID id)
{
    (void)context, (void)id;
}

static void *issue_one(void *context)
{
    struct inside *inside = context;

    nt_enter(inside->nic->partition);
    nic_request(&inside->request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &inside->value, 4);
    if (inside->direct)
        NdisDirectOidRequest(inside->nic->binding, &inside->request);
    else
        NdisOidRequest(inside->nic->binding, &inside->request);
    nt_enter(NULL);
    return NULL;
}

static void a_removed_adapter_is_halted_when_its_handlers_have_returned(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 4; row++) {
        struct nic *nic = nic_create(FAKE_HOST);
        struct inside inside = {.nic = nic, .direct = row & 1, .pends = row & 2};
        pthread_t thread;

        nic->characteristics.DirectOidRequestHandler = direct_handler;
        nic->characteristics.CancelDirectOidRequestHandler = no_cancel;
        nic->user = &inside;
        nic->on_oid = stay_inside;
        nic->on_halt = halt_ends_what_is_pended;
        assert_int_equal(nic_load(nic), STATUS_SUCCESS);
        nic_add(nic);
        assert_int_equal(nic_start(nic), STATUS_SUCCESS);
        pthread_create(&thread, NULL, issue_one, &inside);
        while (!atomic_load(&inside.entered))
            sched_yield();
        ndis_surprise_removed(nic->adapter);
        ndis_halt(nic->adapter, NdisHaltDeviceSurpriseRemoved);
        pthread_join(thread, NULL);
        assert_true(inside.halted);
        assert_false(inside.overlapped);
        assert_int_equal(nt_violations(nic->partition), 0);
        nic_destroy(nic);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_threads_keep_their_order_and_lose_nothing),
        cmocka_unit_test(stop_in_the_middle_of_requests_answers_every_one),
        cmocka_unit_test(removed_listener_is_never_called_again),
        cmocka_unit_test(a_removed_adapter_is_halted_when_its_handlers_have_returned),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
