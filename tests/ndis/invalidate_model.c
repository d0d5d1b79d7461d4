/* SPDX-License-Identifier: MIT
 *
 * Invalidations on their way through the guest's NDIS, in every order: the shipped invalidate.c, each access to its
 * five words (mask, turns, ended, delivering, and whether the OID path is closed) a step. Around it stand, as the
 * test's, the bus with its one request, the worker threads, and a miniport that answers at once or later.
 *
 * What holds: a bit that the bus had reaches the miniport once, or waits where the next delivery finds it, and there is
 * one; one delivery at a time; the request is always below, until it is stopped, and then never again.
 */
#include "test.h"

#include "model.h"
#include "ndis/internal.h"
#include "model_lock.h"

#define ACTS 2u
#define BITS (MODEL_THREADS * ACTS)

enum act {
    NOTHING,
    RAISE, /* the act's own bit, by the bus */
    RESET, /* the OID path is closed and opened again, as ndis_reset() does */
    STOP,  /* the miniport is halted: the request comes back */
    SERVE, /* works off what is queued and answers for the miniport, until nobody makes more */
};

struct script {
    const char *name;
    bool pends; /* the miniport answers later */
    enum act acts[MODEL_THREADS][ACTS + 1];
};

static struct world {
    const struct script *script;
    struct ndis_adapter adapter;
    struct ndis_partition room;
    DEVICE_OBJECT lower;
    IRP irp;
    IO_STACK_LOCATION stack[2];
    bool allocated;
    /* the bus */
    ULONG64 below;
    bool holds;
    /* the workers and the miniport */
    void (*work)(void *context);
    PNDIS_OID_REQUEST answers; /* what the miniport has still to answer */
    bool delivers;             /* it has a request */
    unsigned active;           /* threads that may make work */
    /* books */
    unsigned inside; /* ndis_work_begin less ndis_work_end */
    bool raised[BITS], stopped;
    unsigned given[BITS];
} world;

static const char bus, desk; /* the locks of the two */

/* ---- locks ------------------------------------------------------------------------------------------------------ */

void model_lock_taken(struct ndis_lock *lock)
{
    if (model_running())
        model_lock(lock);
}

void model_lock_given(struct ndis_lock *lock)
{
    if (model_running())
        model_unlock(lock);
}

void ndis_gate_begin(struct ndis_gate *gate)
{
    model_lock_taken(&gate->lock);
}

void ndis_gate_end(struct ndis_gate *gate)
{
    model_wake(gate);
    model_lock_given(&gate->lock);
}

bool ndis_gate_wait(struct ndis_gate *gate, bool (*check)(const void *object), const void *object, unsigned ms)
{
    assert_int_equal(ms, 0);
    model_lock(&gate->lock);
    while (!check(object))
        model_wait(gate, &gate->lock);
    model_unlock(&gate->lock);
    return true;
}

/* ---- the bus ---------------------------------------------------------------------------------------------------- */

PIRP IoAllocateIrp(CCHAR locations, BOOLEAN charge)
{
    (void)locations, (void)charge;
    assert_false(world.allocated);
    world.allocated = true;
    return &world.irp;
}

VOID IoFreeIrp(PIRP irp)
{
    assert_true(irp == &world.irp && world.allocated && !world.holds);
    world.allocated = false;
}

VOID IoReuseIrp(PIRP irp, NTSTATUS status)
{
    assert_false(world.holds);
    irp->IoStatus.Status = status;
    irp->Tail.Overlay.CurrentStackLocation = &world.stack[1];
}

static void complete(PIRP irp, NTSTATUS status, ULONG64 mask)
{
    IO_STACK_LOCATION *next = IoGetNextIrpStackLocation(irp);
    irp->IoStatus.Status = status;
    ((VPCI_INVALIDATE_BLOCK_OUTPUT *)irp->UserBuffer)->BlockMask = mask;
    assert_int_equal(next->CompletionRoutine(NULL, irp, next->Context), STATUS_MORE_PROCESSING_REQUIRED);
}

NTSTATUS IofCallDriver(PDEVICE_OBJECT device, PIRP irp)
{
    ULONG64 mask;
    assert_ptr_equal(device, &world.lower);
    if (model_running())
        model_lock(&bus);
    assert_true(world.allocated && !world.holds && !world.stopped);
    mask = world.below;
    world.below = 0;
    world.holds = !mask;
    if (model_running())
        model_unlock(&bus);
    if (mask)
        complete(irp, STATUS_SUCCESS, mask);
    return STATUS_PENDING;
}

BOOLEAN IoCancelIrp(PIRP irp)
{
    bool held;
    model_lock(&bus);
    assert_true(world.allocated);
    held = world.holds;
    world.holds = false;
    model_unlock(&bus);
    if (held)
        complete(irp, STATUS_CANCELLED, 0);
    return held;
}

static void raise_bit(unsigned bit)
{
    ULONG64 mask = 0;
    model_lock(&bus);
    world.raised[bit] = true;
    world.below |= 1ull << bit;
    if (world.holds) {
        mask = world.below;
        world.below = 0;
        world.holds = false;
    }
    model_unlock(&bus);
    if (mask)
        complete(&world.irp, STATUS_SUCCESS, mask);
}

/* ---- the workers and the miniport -------------------------------------------------------------------------------- */

void ndis_work_begin(struct ndis_adapter *adapter)
{
    (void)adapter;
    world.inside++;
}

void ndis_work_end(struct ndis_adapter *adapter)
{
    (void)adapter;
    assert_true(world.inside-- > 0);
}

bool nt_queue_work(struct nt_partition *partition, void (*routine)(void *context), void *context)
{
    (void)partition;
    assert_ptr_equal(context, &world.adapter);
    model_lock(&desk);
    assert_null(world.work); /* one delivery at a time */
    assert_false(world.delivers);
    world.work = routine;
    model_wake(&desk);
    model_unlock(&desk);
    return true;
}

const char *ndis_status_name(NDIS_STATUS status)
{
    (void)status;
    return "";
}

void ndis_request_init(PNDIS_OID_REQUEST request, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length)
{
    assert_int_equal(type, NdisRequestMethod);
    assert_int_equal(oid, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK);
    assert_int_equal(length, NDIS_SIZEOF_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO_REVISION_1);
    request->DATA.METHOD_INFORMATION.InformationBuffer = buffer;
}

NDIS_STATUS ndis_submit(struct ndis_binding *binding, PNDIS_OID_REQUEST request)
{
    const NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO *info = request->DATA.METHOD_INFORMATION.InformationBuffer;
    ULONG64 mask = info->BlockMask;
    assert_ptr_equal(binding, &world.adapter.invalidate.binding);
    assert_true(mask);
    model_lock(&desk);
    assert_false(world.delivers);
    for (unsigned bit = 0; bit < BITS; bit++)
        world.given[bit] += mask >> bit & 1;
    if (world.script->pends) {
        world.delivers = true;
        world.answers = request;
        model_wake(&desk);
    }
    model_unlock(&desk);
    return world.script->pends ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
}

static void answer(PNDIS_OID_REQUEST request)
{
    struct ndis_binding *binding = &world.adapter.invalidate.binding;
    binding->driver.complete(binding->context, request, NDIS_STATUS_SUCCESS);
}

static void serve(void)
{
    model_lock(&desk);
    while (world.work || world.answers || world.active) {
        void (*work)(void *context) = world.work;
        PNDIS_OID_REQUEST request = world.answers;
        if (!work && !request) {
            model_wait(&desk, &desk);
            continue;
        }
        world.work = NULL;
        world.answers = NULL;
        if (request)
            world.delivers = false;
        world.active++;
        model_unlock(&desk);
        if (work)
            work(&world.adapter);
        else
            answer(request);
        model_forget(0);
        model_lock(&desk);
        world.active--;
        model_wake(&desk);
    }
    model_unlock(&desk);
}

/* ---- acts -------------------------------------------------------------------------------------------------------- */

static void close_or_open(NDIS_STATUS status)
{
    model_step();
    model_overlook(true);
    atomic_store(&world.adapter.oids.closed, status);
    model_overlook(false);
}

static void reset(void)
{
    struct ndis_adapter *adapter = &world.adapter;
    close_or_open(NDIS_STATUS_NOT_ACCEPTED);
    close_or_open(NDIS_STATUS_SUCCESS);
    ndis_invalidate_kick(adapter);
}

static void body(void *context, unsigned thread)
{
    const enum act *acts = world.script->acts[thread];
    (void)context;
    for (unsigned i = 0; acts[i] != NOTHING; i++) {
        model_forget(i);
        if (acts[i] == SERVE) {
            serve();
            return;
        }
        if (acts[i] == RAISE)
            raise_bit(thread * ACTS + i);
        else if (acts[i] == RESET)
            reset();
        else
            ndis_invalidate_stop(&world.adapter);
        world.stopped |= acts[i] == STOP;
    }
    model_forget(ACTS);
    model_lock(&desk);
    world.active--;
    model_wake(&desk);
    model_unlock(&desk);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static void begin(void *context)
{
    (void)context;
    memset(&world.adapter.invalidate, 0, sizeof world.adapter.invalidate);
    memset(world.raised, 0, sizeof world.raised);
    memset(world.given, 0, sizeof world.given);
    world.below = 0;
    world.holds = world.allocated = world.stopped = world.delivers = false;
    world.work = NULL;
    world.answers = NULL;
    world.inside = world.active = 0;
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        world.active += world.script->acts[i][0] != NOTHING && world.script->acts[i][0] != SERVE;
    atomic_store(&world.adapter.oids.closed, NDIS_STATUS_SUCCESS);
    ndis_invalidate_arm(&world.adapter);
    assert_true(world.holds);
}

static uint64_t seen(void *context, unsigned thread, const void *lock)
{
    const struct ndis_invalidate *in = &world.adapter.invalidate;
    (void)context, (void)thread;
    if (lock == &bus)
        return model_mix(world.below, world.holds);
    if (lock == &desk)
        return (uint64_t)(world.work != NULL) | (uint64_t)(world.answers != NULL) << 1 |
               (uint64_t)(world.active != 0) << 2;
    return (uint64_t)in->irp_state | (uint64_t)in->stopping << 4 | (uint64_t)(in->irp != NULL) << 5;
}

static uint64_t state(void *context)
{
    const struct ndis_adapter *adapter = &world.adapter;
    const struct ndis_invalidate *in = &adapter->invalidate;
    uint64_t hash = model_mix(seen(context, 0, &bus), seen(context, 0, &desk));
    hash = model_mix(hash, seen(context, 0, NULL));
    hash = model_mix(hash, atomic_load_explicit(&in->ended, memory_order_relaxed));
    hash = model_mix(hash, atomic_load_explicit(&in->mask, memory_order_relaxed));
    hash = model_mix(hash, atomic_load_explicit(&in->turns, memory_order_relaxed));
    hash = model_mix(hash, (uint64_t)atomic_load_explicit(&in->delivering, memory_order_relaxed) |
                               (uint64_t)(uint32_t)atomic_load_explicit(&adapter->oids.closed, memory_order_relaxed)
                                   << 32);
    hash = model_mix(hash, in->output.BlockMask);
    hash = model_mix(hash, in->info.BlockMask);
    hash = model_mix(hash, (uint64_t)world.inside | (uint64_t)world.active << 8 | (uint64_t)world.delivers << 16 |
                               (uint64_t)world.stopped << 17 | (uint64_t)world.allocated << 18);
    for (unsigned i = 0; i < BITS; i++)
        hash = model_mix(hash, (uint64_t)world.given[i] << 1 | world.raised[i]);
    return hash;
}

static void finished(void *context)
{
    const struct ndis_invalidate *in = &world.adapter.invalidate;
    ULONG64 mask = atomic_load_explicit(&in->mask, memory_order_relaxed);
    (void)context;
    assert_int_equal(world.inside, 0);
    assert_false(atomic_load_explicit(&in->delivering, memory_order_relaxed));
    assert_int_equal(mask, 0); /* there is nobody any more who would deliver it */
    assert_int_equal(world.holds, !world.stopped);
    assert_int_equal(world.allocated, !world.stopped);
    assert_true(world.stopped || !world.below);
    for (unsigned bit = 0; bit < BITS; bit++)
        assert_int_equal(world.given[bit] + (world.below >> bit & 1), world.raised[bit]);
}

static const struct script scripts[] = {
    {"one raises", false, {{RAISE}, {SERVE}}},
    {"one raises twice", false, {{RAISE, RAISE}, {SERVE}}},
    {"one raises twice, the miniport answers later", true, {{RAISE, RAISE}, {SERVE}, {SERVE}}},
    {"two raise", false, {{RAISE}, {RAISE}, {SERVE}}},
    {"two raise, the miniport answers later", true, {{RAISE}, {RAISE}, {SERVE}}},
    {"the miniport is reset", false, {{RAISE}, {RESET}, {SERVE}}},
    {"the miniport is reset and answers later", true, {{RAISE, RAISE}, {RESET}, {SERVE}}},
    {"the miniport is halted", false, {{RAISE}, {STOP}, {SERVE}}},
};

#define SCRIPTS (sizeof scripts / sizeof *scripts)

/* In the order of the scripts. */
static const struct model_count counts[SCRIPTS] = {
    {1010, 473},      {22423, 11221},  {1094080, 439585},  {596874, 276948},
    {593980, 246698}, {127890, 58344}, {3801367, 1738287}, {292290, 128195},
};
static struct model_result results[SCRIPTS];

static void every_bit_reaches_the_miniport_once_in_any_order(void **test)
{
    struct ndis_adapter *adapter = &world.adapter;
    struct ndis_invalidate *in = &adapter->invalidate;
    struct model model = {.body = body, .begin = begin, .state = state, .seen = seen, .finished = finished};
    (void)test;
    adapter->below.has_vpci = true;
    adapter->lower = &world.lower;
    adapter->room = &world.room;
    model.watched[0] = (struct model_range){&in->mask, sizeof in->mask};
    model.watched[1] = (struct model_range){&in->turns, sizeof in->turns};
    model.watched[2] = (struct model_range){&in->ended, sizeof in->ended};
    model.watched[3] = (struct model_range){&in->delivering, sizeof in->delivering};
    model.watched[4] = (struct model_range){&adapter->oids.closed, sizeof adapter->oids.closed};
    for (unsigned i = 0; i < SCRIPTS; i++) {
        world.script = &scripts[i];
        model.threads = 0;
        while (model.threads < MODEL_THREADS && scripts[i].acts[model.threads][0] != NOTHING)
            model.threads++;
        results[i] = model_explore(&model);
    }
}

static void every_access_was_a_step(void **test)
{
    bool counted = true;
    (void)test;
    for (unsigned i = 0; i < SCRIPTS; i++)
        counted &= model_counted(scripts[i].name, &results[i], counts[i]);
    assert_true(counted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_reaches_the_miniport_once_in_any_order),
        cmocka_unit_test(every_access_was_a_step),
    };
    return cmocka_run_group_tests_name("NDIS invalidate model", tests, NULL, NULL);
}
