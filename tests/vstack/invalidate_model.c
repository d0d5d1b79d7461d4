/* SPDX-License-Identifier: MIT
 *
 * The invalidate state machine of vstack.h in every order its steps can be taken, over the shipped owner.c, bars.c and
 * request.c: raises and answers by the PF driver against an owner that takes, gives back, resets, asks, leaves and
 * comes again.
 *
 * What holds: a bit that was raised reaches the owner or waits for it, and the owner knows; no bit reaches anybody that
 * was not raised for him; the owner is told no more often than there was a reason to, and once until he
 * takes; nobody is told after he has left.
 */
#include "test.h"

#include "model.h"
#include "vstack/internal.h"

#define RAISES 3u

enum act {
    END,
    RAISE,      /* the thread's own bit */
    RAISE_SAME, /* bit 0, whoever raises */
    RAISE_ALL,  /* the thread's own bit, of every VF at once */
    TAKE,       /* as an owner that looks by itself (D0 entry) */
    TAKE_IF_TOLD,
    GIVE_BACK, /* a take that cannot be delivered: returned, and taken again later */
    RESET,
    READ,   /* a block read; its completion comes from the PF driver or from the detach */
    ANSWER, /* the PF driver gives back what it holds, if anything: a read, or the RESET_VF of an owner that left */
    DETACH,
    ATTACH,
};

static bool own_bit(enum act act)
{
    return act == RAISE || act == RAISE_ALL;
}

static bool raises(enum act act)
{
    return own_bit(act) || act == RAISE_SAME;
}

struct script {
    const char *name;
    bool owned_at_first;
    bool answers; /* the PF driver does; else it holds the last owner's RESET_VF for ever */
    enum act acts[MODEL_THREADS][6];
};

/* Books of one raise. */
struct raised {
    bool begun, ended;
    bool for_former; /* had ended when the last detach began */
    bool for_next;   /* began after the last detach had returned */
    unsigned taken;
};

struct world {
    const struct script *script;
    struct vstack stack;
    struct vstack_vf *vf;
    struct vstack_vf *functions[2];
    struct vstack_request request;
    /* books */
    struct raised raised[MODEL_THREADS];
    unsigned owner; /* counts attaches; 0: nobody */
    unsigned owners;
    unsigned told, reasons;   /* callbacks; raises begun and attaches */
    unsigned tellings, takes; /* of this owner: callbacks; takes begun */
    bool knows;               /* told since the last take */
    unsigned asked, answered;
    bool at_pf;   /* the PF driver holds a request */
    ULONG64 held; /* by who gives it back */
    bool leaving;
};

/* ---- the owner's callbacks ---------------------------------------------------------------------------------- */

static void on_invalidated(void *context)
{
    struct world *world = context;
    model_step(); /* who calls holds nothing */
    assert_true(world->owner || world->leaving);
    world->told++;
    world->knows = true;
    assert_true(world->told <= world->reasons);
    assert_true(++world->tellings <= world->takes + 1); /* one is in flight until he takes */
}

static void on_answer(struct vstack_request *request)
{
    struct world *world = request->context;
    model_step(); /* who calls holds nothing */
    assert_true(world->owner || world->leaving);
    assert_true(++world->answered <= world->asked);
    assert_true(request->status == STATUS_CANCELLED || (world->script->answers && request->status == STATUS_SUCCESS));
    assert_true(request->status == STATUS_CANCELLED || (request->length == 4 && request->data[3] == 7));
}

/* ---- the PF driver ------------------------------------------------------------------------------------------ */

static struct world *world_of(struct vstack_vf *vf)
{
    return (struct world *)((char *)vf->stack - offsetof(struct world, stack));
}

static void stage(struct vstack_vf *vf, const struct vstack_request *request)
{
    assert_true(vf->busy && vf->current == request);
}

static NDIS_STATUS send(struct vstack_vf *vf)
{
    struct world *world = world_of(vf);
    model_step();
    assert_false(world->at_pf); /* one of a VF at a time */
    world->at_pf = true;
    return NDIS_STATUS_PENDING;
}

static ULONG fetch(struct vstack_vf *vf, UCHAR *data, ULONG size)
{
    (void)vf;
    memset(data, 7, size);
    return size;
}

static const struct vstack_road road = {.stage = stage, .send = send, .fetch = fetch};

static void answer(struct world *world)
{
    model_step();
    if (!world->at_pf)
        return;
    world->at_pf = false;
    vstack_request_back(world->vf, NDIS_STATUS_SUCCESS);
}

static const struct vstack_partition partition = {.name = "guest", .invalidated = on_invalidated};

/* ---- acts --------------------------------------------------------------------------------------------------- */

static void raise_bit(struct world *world, unsigned thread, unsigned bit, bool of_all)
{
    struct raised *raised = &world->raised[thread];
    *raised = (struct raised){.begun = true, .for_next = world->owners > 0 && !world->owner && !world->leaving};
    world->reasons++;
    if (of_all)
        vstack_invalidate_all(&world->stack, 1ull << bit);
    else
        vstack_on_invalidate(&world->stack, 1, 1ull << bit);
    raised->ended = true;
}

/* Nothing is invented: a bit comes from a raise that was not taken before and was not the former owner's. */
static void account(struct world *world, ULONG64 mask)
{
    bool same = false;
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        for (unsigned k = 0; k < 6; k++)
            same |= world->script->acts[i][k] == RAISE_SAME;
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(mask >> bit & 1))
            continue;
        if (same) {
            assert_int_equal(bit, 0);
            assert_true(++world->raised[0].taken <= world->reasons);
            continue;
        }
        assert_true(bit < MODEL_THREADS && world->raised[bit].begun);
        assert_false(world->raised[bit].for_former);
        assert_int_equal(world->raised[bit].taken++, 0);
    }
}

static void take(struct world *world, bool only_if_told)
{
    ULONG64 mask;
    if (!world->owner || (only_if_told && !world->knows))
        return;
    world->knows = false;
    world->takes++;
    mask = vstack_take_invalidations(world->vf);
    account(world, mask);
}

static void give_back(struct world *world)
{
    if (!world->owner)
        return;
    world->knows = false;
    world->takes++;
    world->held = vstack_take_invalidations(world->vf);
    vstack_return_invalidations(world->vf, world->held);
    world->knows |= world->held != 0; /* comes again by itself */
    world->held = 0;
}

static void detach(struct world *world)
{
    world->leaving = true;
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        world->raised[i].for_former |= world->raised[i].ended;
    world->owner = 0;
    vstack_vf_detach(world->vf);
    world->leaving = false;
    world->knows = false;
    assert_int_equal(world->answered, world->asked); /* every request has completed */
}

static void attach(struct world *world)
{
    world->owner = ++world->owners;
    world->tellings = world->takes = 0;
    world->reasons++;
    assert_int_equal(vstack_vf_attach(world->vf, &partition, world), STATUS_SUCCESS);
}

static void read_block(struct world *world)
{
    if (!world->owner)
        return;
    world->request.done = on_answer;
    world->request.context = world;
    world->asked++;
    vstack_block_read(world->vf, &world->request, 1, 4);
}

static void body(void *context, unsigned thread)
{
    struct world *world = context;
    for (const enum act *act = world->script->acts[thread]; *act != END; act++) {
        model_forget((unsigned)(act - world->script->acts[thread]));
        switch (*act) {
        case RAISE:
            raise_bit(world, thread, thread, false);
            break;
        case RAISE_SAME:
            raise_bit(world, thread, 0, false);
            break;
        case RAISE_ALL:
            raise_bit(world, thread, thread, true);
            break;
        case TAKE:
            take(world, false);
            break;
        case TAKE_IF_TOLD:
            take(world, true);
            break;
        case GIVE_BACK:
            give_back(world);
            break;
        case RESET:
            vstack_guest_reset(world->vf);
            break;
        case READ:
            read_block(world);
            break;
        case ANSWER:
            answer(world);
            break;
        case DETACH:
            detach(world);
            break;
        default:
            attach(world);
        }
    }
}

/* ---- runs --------------------------------------------------------------------------------------------------- */

static void begin(void *context)
{
    struct world *world = context;
    struct vstack_vf *vf = world->vf;
    memset(world->raised, 0, sizeof world->raised);
    memset(&world->request, 0, sizeof world->request);
    world->owner = world->owners = world->told = world->reasons = world->asked = world->answered = 0;
    world->tellings = world->takes = 0;
    world->held = 0;
    world->knows = world->leaving = false;
    vf->attached = vf->announced = vf->raised = false;
    vf->calls = 0;
    vf->head = vf->tail = vf->current = NULL;
    vf->busy = vf->resetting = !world->script->answers; /* of the last owner */
    world->at_pf = vf->busy;
    atomic_store_explicit(&vf->invalid, 0, memory_order_relaxed);
    if (!world->script->owned_at_first)
        return;
    vf->attached = true;
    vf->partition = partition;
    vf->context = world;
    world->owner = world->owners = 1;
}

/* Where the requests are. */
static uint64_t requests_of(const struct world *world)
{
    const struct vstack_vf *vf = world->vf;
    return (uint64_t)vf->busy | (uint64_t)vf->resetting << 1 | (uint64_t)(vf->head != NULL) << 2 |
           (uint64_t)(vf->head == &vf->reset) << 3 | (uint64_t)(vf->current == &vf->reset) << 4 |
           (uint64_t)(vf->current == &world->request) << 5 | (uint64_t)world->at_pf << 6;
}

/* A raise decides by who owns, who is told and whether the word was zero; an owner by the requests that wait. What a
 * take brought stands in the books (held) at once, and what a wait found shows in where the thread stands. */
static uint64_t seen(void *context, unsigned thread, const void *lock)
{
    const struct world *world = context;
    const struct vstack_vf *vf = world->vf;
    (void)lock;
    if (!raises(world->script->acts[thread][0]))
        return (uint64_t)vf->attached << 8 | requests_of(world);
    return (uint64_t)vf->attached | (uint64_t)vf->announced << 1 |
           (uint64_t)(atomic_load_explicit(&vf->invalid, memory_order_relaxed) != 0) << 2 | (uint64_t)vf->raised << 3;
}

static uint64_t state(void *context)
{
    const struct world *world = context;
    const struct vstack_vf *vf = world->vf;
    uint64_t hash = atomic_load_explicit(&vf->invalid, memory_order_relaxed);
    hash = model_mix(hash, (uint64_t)vf->attached | (uint64_t)vf->announced << 1 | (uint64_t)(vf->head != NULL) << 2 |
                               (uint64_t)vf->raised << 3 | (uint64_t)vf->calls << 8);
    hash = model_mix(model_mix(hash, world->held), requests_of(world));
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        hash = model_mix(hash, (uint64_t)world->raised[i].begun | (uint64_t)world->raised[i].ended << 1 |
                                   (uint64_t)world->raised[i].for_former << 2 |
                                   (uint64_t)world->raised[i].for_next << 3 | (uint64_t)world->raised[i].taken << 4);
    hash = model_mix(hash, (uint64_t)world->owner | (uint64_t)world->owners << 8 | (uint64_t)world->told << 16 |
                               (uint64_t)world->reasons << 24 | (uint64_t)world->asked << 32 |
                               (uint64_t)world->answered << 40);
    return model_mix(hash, (uint64_t)world->knows | (uint64_t)world->leaving << 1 | (uint64_t)world->tellings << 8 |
                               (uint64_t)world->takes << 16);
}

static bool detaches(const struct script *script)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        for (unsigned k = 0; k < 6; k++) {
            if (script->acts[i][k] == DETACH)
                return true;
        }
    }
    return false;
}

/* Nothing is lost: what was raised was taken, or stands in the word and the owner knows. */
static void finished(void *context)
{
    const struct world *world = context;
    ULONG64 word = atomic_load_explicit(&world->vf->invalid, memory_order_relaxed);
    assert_true(!word || !world->owner || world->knows);
    assert_int_equal(world->vf->calls, 0);
    assert_int_equal(world->vf->busy, world->at_pf); /* what waits is sent when there is room for it */
    assert_true(world->vf->busy || !world->vf->head);
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        const struct raised *raised = &world->raised[i];
        bool counts = raised->begun && (!detaches(world->script) || raised->for_next);
        if (counts && own_bit(world->script->acts[i][0]))
            assert_true(raised->taken == 1 || word >> i & 1);
        if (raised->for_former)
            assert_false(raised->taken == 0 && word >> i & 1 && own_bit(world->script->acts[i][0]));
    }
}

/* Those with the fewest orders first: a mistake is found soon. */
static const struct script scripts[] = {
    {"two raise, the owner takes when told",
     true,
     false,
     {{RAISE}, {RAISE}, {TAKE_IF_TOLD, TAKE_IF_TOLD, TAKE_IF_TOLD}}},
    {"a mask given back before a change of owner", true, false, {{RAISE}, {GIVE_BACK, DETACH, ATTACH, TAKE_IF_TOLD}}},
    {"one raises for all VFs, one for this",
     true,
     false,
     {{RAISE_ALL}, {RAISE}, {TAKE_IF_TOLD, TAKE_IF_TOLD, TAKE_IF_TOLD}}},
    {"the guest reads a block", true, false, {{RAISE}, {RAISE}, {TAKE_IF_TOLD, READ, TAKE_IF_TOLD}}},
    {"the guest resets its VF", true, false, {{RAISE}, {RAISE}, {TAKE_IF_TOLD, RESET, TAKE_IF_TOLD}}},
    {"one bit is raised twice at once", true, false, {{RAISE_SAME}, {RAISE_SAME}, {TAKE_IF_TOLD, TAKE, TAKE_IF_TOLD}}},
    {"the first owner comes", false, false, {{RAISE}, {RAISE}, {ATTACH, TAKE_IF_TOLD, TAKE_IF_TOLD}}},
    {"two raise, the owner takes by itself", true, false, {{RAISE}, {RAISE}, {TAKE, TAKE, TAKE_IF_TOLD}}},
    {"a mask that cannot be delivered", true, false, {{RAISE}, {RAISE}, {GIVE_BACK, TAKE_IF_TOLD, TAKE_IF_TOLD}}},
    {"the owner leaves", true, false, {{RAISE}, {RAISE}, {TAKE_IF_TOLD, DETACH}}},
    {"two raise for all VFs", true, false, {{RAISE_ALL}, {RAISE_ALL}, {TAKE, TAKE_IF_TOLD, TAKE_IF_TOLD}}},
    {"the owner leaves and comes again", true, false, {{RAISE}, {RAISE}, {TAKE_IF_TOLD, DETACH, ATTACH, TAKE_IF_TOLD}}},
    {"the owner leaves, asks, resets and takes", true, false, {{RAISE}, {DETACH, ATTACH, READ, RESET, TAKE}, {RAISE}}},
    {"three raise, the owner takes by itself", true, false, {{RAISE}, {RAISE}, {RAISE}, {TAKE}}},
    {"the owner leaves with a read at the PF driver", true, false, {{RAISE}, {RAISE}, {READ, TAKE, DETACH}}},
    {"all VFs are told of while the owner changes",
     true,
     false,
     {{RAISE_ALL}, {RAISE}, {DETACH, ATTACH, TAKE_IF_TOLD}}},
    {"a read is answered while one raises", true, true, {{RAISE}, {READ, TAKE_IF_TOLD}, {ANSWER}}},
    {"the owner leaves while his read is answered", true, true, {{READ, DETACH}, {ANSWER, ANSWER}}},
    {"the reset of who left is answered while one raises", true, true, {{RAISE}, {DETACH}, {ANSWER}}},
    {"a late answer, and the next owner's read", true, true, {{READ, DETACH, ATTACH, READ}, {ANSWER, ANSWER, ANSWER}}},
    {"an owner leaves and the next comes while both are answered",
     true,
     true,
     {{RAISE}, {READ, DETACH, ATTACH, TAKE_IF_TOLD}, {ANSWER, ANSWER}}},
    {"the next owner is told while the reset is answered",
     true,
     true,
     {{RAISE}, {DETACH, ATTACH, TAKE_IF_TOLD}, {ANSWER}}},
};

#define SCRIPTS (sizeof scripts / sizeof *scripts)

/* In the order of the scripts. */
static const struct model_count counts[SCRIPTS] = {
    {12263, 2812},     {12740, 3139},     {18224, 3904},     {49082, 11310},    {74933, 16666},    {140792, 37460},
    {144604, 31105},   {394697, 111768},  {1008010, 312762}, {738907, 135714},  {1131880, 266978}, {1722422, 340594},
    {2354142, 418840}, {3689897, 847420}, {4724175, 801953}, {4572642, 811242}, {4610, 712},       {19007, 998},
    {29325, 3544},     {49830, 3846},     {4200296, 506507}, {99051, 15479},
};
static struct model_result results[SCRIPTS];

static bool no_register(void *context, unsigned offset, uint32_t *value)
{
    (void)context, (void)offset;
    *value = 0;
    return true;
}

static void none_lost_none_invented_in_any_order(void **test)
{
    struct vstack_source source = {.read = no_register};
    struct world *world = calloc(1, sizeof *world);
    struct model model = {
        .body = body, .begin = begin, .state = state, .seen = seen, .finished = finished, .context = world};
    (void)test;
    world->vf = calloc(1, sizeof *world->vf);
    world->stack.functions = world->functions;
    world->functions[1] = world->vf;
    world->vf->stack = &world->stack;
    world->stack.road = &road;
    world->stack.vfs = world->vf;
    world->vf->id = 1;
    assert_true(vstack_view_build(&world->vf->view, &source));
    model.watched[0] = (struct model_range){&world->vf->invalid, sizeof world->vf->invalid};
    for (unsigned i = 0; i < SCRIPTS; i++) {
        world->script = &scripts[i];
        model.threads = 0;
        while (model.threads < MODEL_THREADS && scripts[i].acts[model.threads][0] != END)
            model.threads++;
        results[i] = model_explore(&model);
    }
    vstack_view_free(&world->vf->view);
    free(world->vf);
    free(world);
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
        cmocka_unit_test(none_lost_none_invented_in_any_order),
        cmocka_unit_test(every_access_was_a_step),
    };
    return cmocka_run_group_tests_name("invalidate model", tests, NULL, NULL);
}
