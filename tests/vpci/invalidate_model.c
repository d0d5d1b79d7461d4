/* SPDX-License-Identifier: MIT
 *
 * Where invalidations and the requests that wait for them meet in the guest's bus driver, in every order: the shipped
 * invalidate.c and function.c of the VSC, each access to the mask, to the function's state and to what cancels an IRP a
 * step.
 *
 * What holds: a mask never stays beside a request that waits; no bit is lost or given twice; a request completes once,
 * with a mask, as cancelled, or because the function ends, and none waits for a function that has ended; what was
 * raised for a driver that is gone does not reach the next.
 */
#include "test.h"

#include "model.h"
#include "vpci/vsc/internal.h"

#define IRPS 2u
#define ACTS 4u

enum act {
    NOTHING,
    ARRIVE,   /* the thread's own bit */
    SUBMIT_0, /* the first request, */
    SUBMIT_1, /* the second */
    CANCEL_0,
    STOP,
    REMOVE,
    RETURN, /* after REMOVE: the next driver's stack */
};

struct script {
    const char *name;
    enum act acts[MODEL_THREADS][ACTS + 1];
};

/* A request with its one stack location, and the books of it. */
struct sent {
    IRP irp;
    IO_STACK_LOCATION stack;
    VPCI_INVALIDATE_BLOCK_OUTPUT output;
    bool pends; /* submitted, and neither returned at once nor completed */
    bool returned;
    bool of_next; /* of the driver that came after the function was removed */
    unsigned completions;
    NTSTATUS status;
};

static struct world {
    const struct script *script;
    struct vsc vsc;
    struct vsc_function function;
    struct vsc_function *extension; /* of the PDO */
    DEVICE_OBJECT pdo;
    struct sent sent[IRPS];
    unsigned given[MODEL_THREADS];                    /* how often a bit was */
    bool arrived[MODEL_THREADS], over[MODEL_THREADS]; /* its call has begun, has returned */
    bool former[MODEL_THREADS];                       /* had returned before the next driver came */
} world;

/* ---- what the VSC calls ---------------------------------------------------------------------------------------- */

static const char cancel_lock;

VOID IoReleaseCancelSpinLock(KIRQL irql)
{
    (void)irql;
    model_unlock(&cancel_lock);
}

void vsc_complete(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    struct sent *sent = CONTAINING_RECORD(irp, struct sent, irp);
    assert_int_equal(information, 0);
    assert_null(irp->CancelRoutine);
    assert_int_equal(sent->completions++, 0);
    assert_false(sent->returned);
    assert_true(status == STATUS_SUCCESS || status == STATUS_CANCELLED);
    assert_true((status == STATUS_SUCCESS) == (sent->output.BlockMask != 0));
    sent->status = status;
    sent->pends = false;
    for (unsigned bit = 0; bit < MODEL_THREADS; bit++) {
        world.given[bit] += sent->output.BlockMask >> bit & 1;
        assert_false(sent->output.BlockMask >> bit & 1 && sent->of_next && world.former[bit]);
    }
}

void vsc_fail_requests(struct vsc *vsc, const struct vsc_function *function)
{
    (void)vsc, (void)function;
}

const char *nt_status_name(NTSTATUS status)
{
    (void)status;
    return "";
}

NTSTATUS IoCreateDevice(PDRIVER_OBJECT driver, ULONG extension, PUNICODE_STRING name, DEVICE_TYPE type, ULONG character,
                        BOOLEAN exclusive, PDEVICE_OBJECT *device)
{
    (void)driver, (void)extension, (void)name, (void)type, (void)character, (void)exclusive, (void)device;
    fail();
    return STATUS_UNSUCCESSFUL;
}

VOID IoDeleteDevice(PDEVICE_OBJECT device)
{
    (void)device;
    fail();
}

/* ---- acts ------------------------------------------------------------------------------------------------------ */

static void arrive(unsigned thread)
{
    world.arrived[thread] = true;
    vsc_invalidate_arrived(&world.function, 1ull << thread);
    world.over[thread] = true;
}

static void submit(struct sent *sent)
{
    NTSTATUS status;
    sent->pends = true;
    status = vsc_invalidate_submit(&world.function, &sent->irp);
    if (status == STATUS_PENDING) {
        assert_true(sent->stack.Control & SL_PENDING_RETURNED);
        return;
    }
    assert_true(status == STATUS_CANCELLED || status == STATUS_DEVICE_NOT_READY || status == STATUS_DEVICE_REMOVED);
    assert_int_equal(sent->completions, 0);
    assert_false(sent->stack.Control & SL_PENDING_RETURNED);
    sent->pends = false;
    sent->returned = true;
    sent->status = status;
}

/* As the I/O manager does it. */
static void cancel(struct sent *sent)
{
    PDRIVER_CANCEL routine;
    model_lock(&cancel_lock);
    sent->irp.Cancel = TRUE;
    model_step();
    model_overlook(true);
    routine = IoSetCancelRoutine(&sent->irp, NULL);
    model_overlook(false);
    if (routine)
        routine(&world.pdo, &sent->irp);
    else
        model_unlock(&cancel_lock);
}

static void next_driver(void)
{
    model_step(); /* not at once */
    memcpy(world.former, world.over, sizeof world.former);
    vsc_function_again(&world.function);
    vsc_function_start(&world.function);
    world.sent[1].of_next = true;
}

static void body(void *context, unsigned thread)
{
    (void)context;
    for (unsigned i = 0; world.script->acts[thread][i] != NOTHING; i++) {
        model_forget(i);
        switch (world.script->acts[thread][i]) {
        case ARRIVE:
            arrive(thread);
            break;
        case SUBMIT_0:
            submit(&world.sent[0]);
            break;
        case SUBMIT_1:
            submit(&world.sent[1]);
            break;
        case CANCEL_0:
            cancel(&world.sent[0]);
            break;
        case STOP:
            vsc_function_end(&world.function, VSC_STOPPED);
            break;
        case REMOVE:
            vsc_function_end(&world.function, VSC_REMOVED);
            break;
        default:
            next_driver();
        }
    }
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static void begin(void *context)
{
    (void)context;
    memset(world.sent, 0, sizeof world.sent);
    memset(world.given, 0, sizeof world.given);
    memset(world.arrived, 0, sizeof world.arrived);
    memset(world.over, 0, sizeof world.over);
    memset(world.former, 0, sizeof world.former);
    for (unsigned i = 0; i < IRPS; i++) {
        struct sent *sent = &world.sent[i];
        sent->irp.StackCount = sent->irp.CurrentLocation = 1;
        sent->irp.Tail.Overlay.CurrentStackLocation = &sent->stack;
        sent->irp.UserBuffer = &sent->output;
        sent->stack.Parameters.DeviceIoControl.OutputBufferLength = sizeof sent->output;
    }
    atomic_store(&world.function.state, VSC_STARTED);
    atomic_store(&world.function.invalid_blocks, 0);
    atomic_store(&world.function.gate.users, 0);
    InitializeListHead(&world.function.invalidates);
    world.function.invalidate_count = 0;
}

/* The mask, which requests wait and in which order, and what a cancel has taken; not the books. */
static uint64_t seen(void *context, unsigned thread, const void *lock)
{
    const struct vsc_function *function = &world.function;
    uint64_t hash = atomic_load_explicit(&function->invalid_blocks, memory_order_relaxed);
    (void)context, (void)thread, (void)lock;
    hash = model_mix(hash, (uint64_t)atomic_load_explicit(&function->state, memory_order_relaxed));
    for (LIST_ENTRY *link = function->invalidates.Flink; link != &function->invalidates; link = link->Flink)
        hash = model_mix(hash, (uintptr_t)link);
    for (unsigned i = 0; i < IRPS; i++) {
        const IRP *irp = &world.sent[i].irp;
        hash = model_mix(hash, (uint64_t)irp->Cancel | (uint64_t)(irp->CancelRoutine != NULL) << 1 |
                                   (uint64_t)(irp->Tail.Overlay.DriverContext[1] != NULL) << 2);
    }
    return hash;
}

static uint64_t state(void *context)
{
    uint64_t hash =
        model_mix(seen(context, 0, NULL), atomic_load_explicit(&world.function.gate.users, memory_order_relaxed));
    for (unsigned i = 0; i < IRPS; i++) {
        const struct sent *sent = &world.sent[i];
        hash = model_mix(hash, (uint64_t)sent->pends | (uint64_t)sent->returned << 1 | (uint64_t)sent->of_next << 2 |
                                   (uint64_t)sent->completions << 8 | (uint64_t)(uint32_t)sent->status << 32);
        hash = model_mix(hash, sent->output.BlockMask);
    }
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        hash = model_mix(hash, (uint64_t)world.given[i] << 4 | (uint64_t)world.arrived[i] |
                                   (uint64_t)world.over[i] << 1 | (uint64_t)world.former[i] << 2);
    return hash;
}

static bool has(const struct script *script, enum act act)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        for (unsigned k = 0; k < ACTS; k++) {
            if (script->acts[i][k] == act)
                return true;
        }
    }
    return false;
}

static void finished(void *context)
{
    const struct vsc_function *function = &world.function;
    uint64_t mask = atomic_load_explicit(&function->invalid_blocks, memory_order_relaxed);
    int now = atomic_load_explicit(&function->state, memory_order_relaxed);
    unsigned waiting = 0;
    (void)context;
    for (unsigned i = 0; i < IRPS; i++)
        waiting += world.sent[i].pends;
    assert_int_equal(function->invalidate_count, waiting);
    assert_int_equal(atomic_load_explicit(&function->gate.users, memory_order_relaxed), waiting);
    assert_true(IsListEmpty(&function->invalidates) == !waiting);
    assert_false(mask && waiting);
    assert_false(now != VSC_STARTED && waiting);
    for (unsigned bit = 0; bit < MODEL_THREADS; bit++) {
        assert_true(world.given[bit] + (mask >> bit & 1) <= world.arrived[bit]);
        if (now != VSC_REMOVED && !has(world.script, REMOVE))
            assert_int_equal(world.given[bit] + (mask >> bit & 1), world.arrived[bit]);
    }
}

static const struct script scripts[] = {
    {"one arrives, one waits", {{ARRIVE}, {SUBMIT_0}}},
    {"one arrives, two wait", {{ARRIVE}, {SUBMIT_0}, {SUBMIT_1}}},
    {"two arrive, one waits", {{ARRIVE}, {ARRIVE}, {SUBMIT_0}}},
    {"two arrive, two wait", {{ARRIVE}, {ARRIVE}, {SUBMIT_0, SUBMIT_1}}},
    {"the waiting request is cancelled", {{ARRIVE}, {SUBMIT_0, SUBMIT_1}, {CANCEL_0}}},
    {"one is cancelled, another comes", {{ARRIVE}, {SUBMIT_0, CANCEL_0}, {SUBMIT_1}}},
    {"the function stops", {{ARRIVE}, {SUBMIT_0, SUBMIT_1}, {STOP}}},
    {"the function is removed", {{ARRIVE}, {SUBMIT_0}, {REMOVE}}},
    {"the function is removed, and the next driver comes", {{ARRIVE}, {SUBMIT_0, REMOVE, RETURN, SUBMIT_1}}},
    {"the function stops while a request is cancelled", {{SUBMIT_0}, {CANCEL_0}, {STOP}}},
};

#define SCRIPTS (sizeof scripts / sizeof *scripts)

/* In the order of the scripts. */
static const struct model_count counts[SCRIPTS] = {
    {477, 187},       {31839, 13534},  {791683, 349755}, {6321184, 2808402}, {961573, 409571},
    {321732, 137769}, {154751, 76602}, {70024, 35846},   {22158, 13659},     {7680, 3426},
};
static struct model_result results[SCRIPTS];

/* What nobody changes is not looked at, so that there are fewer steps. */
static void watch(struct model *model, const struct script *script)
{
    struct vsc_function *function = &world.function;
    unsigned count = 0;
    memset(model->watched, 0, sizeof model->watched);
    model->watched[count++] = (struct model_range){&function->invalid_blocks, sizeof function->invalid_blocks};
    if (has(script, STOP) || has(script, REMOVE))
        model->watched[count++] = (struct model_range){&function->state, sizeof function->state};
    if (has(script, CANCEL_0)) {
        const IRP *irp = &world.sent[0].irp;
        model->watched[count++] = (struct model_range){&irp->Cancel, sizeof irp->Cancel};
        model->watched[count++] = (struct model_range){&irp->CancelRoutine, sizeof irp->CancelRoutine};
    }
    model->threads = 0;
    while (model->threads < MODEL_THREADS && script->acts[model->threads][0] != NOTHING)
        model->threads++;
}

static void a_mask_and_a_request_never_miss_each_other_in_any_order(void **test)
{
    struct vsc_function *function = &world.function;
    struct model model = {.body = body, .begin = begin, .state = state, .seen = seen, .finished = finished};
    (void)test;
    function->vsc = &world.vsc;
    world.extension = function;
    world.pdo.DeviceExtension = &world.extension;
    for (unsigned i = 0; i < SCRIPTS; i++) {
        world.script = &scripts[i];
        watch(&model, &scripts[i]);
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
        cmocka_unit_test(a_mask_and_a_request_never_miss_each_other_in_any_order),
        cmocka_unit_test(every_access_was_a_step),
    };
    return cmocka_run_group_tests_name("VSC invalidate model", tests, NULL, NULL);
}
