/* SPDX-License-Identifier: MIT
 *
 * The register update that takes no lock, in every order its steps can be taken: the shipped access.c and device.c,
 * each atomic operation on one dword a step. Writers of 1, 2 and 4 bytes, readers, and the card that raises status bits
 * meet in it.
 *
 * What holds: there is an order of the whole calls, each thread's kept, that explains what every read gave and what the
 * dword holds in the end; and each change of a watched bit was reported once.
 */
#include "fixture.h"

#include "model.h"
#include "pci/internal.h"

#define CALLS 3

enum kind { END, WRITE, READ, RAISE };

struct call {
    enum kind kind;
    uint8_t at, length; /* bytes into the dword */
    uint32_t value;     /* of a raise: bits of the dword */
};

struct script {
    const char *name;
    int function;
    uint32_t offset;
    uint32_t start; /* written before, as a whole */
    struct call calls[MODEL_THREADS][CALLS + 1];
};

struct world {
    const struct script *script;
    struct pci_device *device;
    const struct pci_register *reg;
    uint32_t *slot;
    uint32_t start, boot;                 /* the dword, and what the slot held, when a run begins */
    uint32_t given[MODEL_THREADS][CALLS]; /* by reads */
    int risen;                            /* changes of Bus Master reported: set less cleared */
    unsigned reports;
};

static uint32_t dword_of(const struct world *world)
{
    return le32toh(*world->slot) ^ world->reg->reset;
}

static uint32_t part(uint32_t dword, const struct call *call)
{
    uint32_t value = dword >> 8 * call->at;
    return call->length == 4 ? value : value & ((1u << 8 * call->length) - 1);
}

static void body(void *context, unsigned thread)
{
    struct world *world = context;
    const struct script *script = world->script;
    for (unsigned i = 0; script->calls[thread][i].kind != END; i++) {
        const struct call *call = &script->calls[thread][i];
        uint32_t offset = script->offset + call->at, value = htole32(call->value);
        model_forget(i);
        if (call->kind == WRITE)
            assert_int_equal(pci_config_write(world->device, script->function, offset, &value, call->length),
                             call->length);
        else if (call->kind == RAISE)
            assert_true(pci_raise_status(world->device, script->function, script->offset, call->value));
        else
            world->given[thread][i] = get(world->device, script->function, offset, call->length);
    }
}

static void on_event(void *context, const struct pci_event *event)
{
    struct world *world = context;
    if (event->kind != PCI_EVENT_COMMAND)
        return;
    assert_int_not_equal(event->before, event->after);
    world->risen += (event->after >> 2 & 1) - (event->before >> 2 & 1);
    world->reports++;
}

static void begin(void *context)
{
    struct world *world = context;
    *world->slot = world->boot;
    memset(world->given, 0, sizeof world->given);
    world->risen = 0;
    world->reports = 0;
}

static uint64_t seen(void *context, unsigned thread)
{
    (void)thread;
    return *((const struct world *)context)->slot;
}

static uint64_t state(void *context)
{
    const struct world *world = context;
    uint64_t hash = model_mix(*world->slot, (uint64_t)world->reports << 32 | (uint32_t)world->risen);
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        for (unsigned k = 0; k < CALLS; k++)
            hash = model_mix(hash, world->given[i][k]);
    return hash;
}

/* ---- the whole calls, one after the other -------------------------------------------------------------------- */

static uint32_t after(const struct world *world, uint32_t dword, const struct call *call)
{
    const struct pci_masks masks = {world->reg->rw, world->reg->w1c, world->reg->trigger};
    unsigned enables = ((1u << call->length) - 1) << call->at;
    if (call->kind == RAISE)
        return dword | call->value;
    return call->kind == READ ? dword : pci_law(dword, call->value << 8 * call->at, enables, masks);
}

/* Is there an order of what is left that leads from this dword to the one there is? */
static bool explained(const struct world *world, uint32_t dword, unsigned done[MODEL_THREADS])
{
    bool any_left = false;
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        const struct call *call = &world->script->calls[i][done[i]];
        if (call->kind == END)
            continue;
        any_left = true;
        if (call->kind == READ && world->given[i][done[i]] != part(dword, call))
            continue;
        done[i]++;
        bool found = explained(world, after(world, dword, call), done);
        done[i]--;
        if (found)
            return true;
    }
    return !any_left && dword == dword_of(world);
}

static void finished(void *context)
{
    const struct world *world = context;
    unsigned done[MODEL_THREADS] = {0};
    if (!explained(world, world->start, done))
        fail_msg("%s: %08x -> %08x by no order of the calls", world->script->name, world->start, dword_of(world));
    if (world->script->offset == 0x04)
        assert_int_equal(world->risen, (int)(dword_of(world) >> 2 & 1) - (int)(world->start >> 2 & 1));
}

/* ---- runs ---------------------------------------------------------------------------------------------------- */

#define PF PCI_FUNCTION_PF

static const struct script scripts[] = {
    {"the driver's Bus Master, the card's status",
     0,
     0x04,
     0,
     {{{WRITE, 0, 2, 0x0004}, {WRITE, 0, 2, 0x0000}}, {{RAISE, 0, 4, 0x01000000}}, {{RAISE, 0, 4, 0x08000000}}}},
    {"one status bit is cleared while others rise",
     0,
     0x04,
     0,
     {{{RAISE, 0, 4, 0x01000000}, {WRITE, 2, 2, 0x0100}, {READ, 2, 2, 0}},
      {{RAISE, 0, 4, 0x08000000}, {WRITE, 2, 2, 0x0800}},
      {{WRITE, 0, 2, 0x0004}, {READ, 0, 4, 0}}}},
    {"Bus Master is set and cleared at once",
     0,
     0x04,
     0,
     {{{WRITE, 0, 2, 0x0004}, {READ, 0, 2, 0}}, {{WRITE, 0, 2, 0x0000}, {READ, 0, 2, 0}}, {{WRITE, 0, 1, 0x04}}}},
    {"a dword write that clears a status bit it saw set",
     0,
     0x04,
     0,
     {{{RAISE, 0, 4, 0x01000000}, {WRITE, 0, 4, 0x01000004}}, {{RAISE, 0, 4, 0x01000000}}, {{READ, 0, 4, 0}}}},
    {"four writers, a byte each",
     PF,
     0x20,
     0x11111111,
     {{{WRITE, 0, 1, 0xa0}, {READ, 0, 1, 0}},
      {{WRITE, 1, 1, 0xa1}},
      {{WRITE, 2, 1, 0xa2}},
      {{WRITE, 3, 1, 0xa3}, {READ, 3, 1, 0}}}},
    {"bytes, words and dwords over each other",
     PF,
     0x20,
     0x11111111,
     {{{WRITE, 0, 4, 0x22222222}, {READ, 0, 4, 0}},
      {{WRITE, 0, 2, 0x3333}, {WRITE, 2, 2, 0x4444}},
      {{WRITE, 1, 1, 0x55}, {READ, 0, 4, 0}}}},
    {"two words, read as a dword",
     PF,
     0x20,
     0x11111111,
     {{{WRITE, 0, 2, 0x2222}, {WRITE, 0, 2, 0x3333}}, {{WRITE, 2, 2, 0x4444}}, {{READ, 0, 4, 0}, {READ, 0, 4, 0}}}},
};

static struct model_result explore(struct model *model, struct world *world, const struct script *script)
{
    const struct pci_map *map = pci_map_of(world->device, script->function);
    world->script = script;
    world->reg = &map->dword[script->offset / 4];
    uint32_t *slots = script->function == PF ? world->device->pf_slots : pci_vf_at(world->device, 0)->slots;
    world->slot = &slots[world->reg->slot];
    if (script->start)
        set(world->device, script->function, script->offset, 4, script->start);
    world->boot = *world->slot;
    world->start = dword_of(world);
    model->watched = world->slot;
    model->watched_bytes = 4;
    model->threads = 0;
    while (model->threads < MODEL_THREADS && script->calls[model->threads][0].kind != END)
        model->threads++;
    return model_explore(model);
}

static void an_order_of_whole_calls_explains_every_order_of_steps(void **test)
{
    (void)test;
    struct world *world = calloc(1, sizeof *world);
    struct capture_page page;
    assert_non_null(world);
    page_load(&page, CARD_82576);
    world->device = page_device(&page, &(struct pci_device_options){.context = world, .on_event = on_event});
    assert_int_equal(pci_sriov_enable(world->device, 1), PCI_OK);
    struct model model = {
        .body = body, .begin = begin, .state = state, .seen = seen, .finished = finished, .context = world};
    for (unsigned i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct model_result result = explore(&model, world, &scripts[i]);
        assert_true(result.atomics > 0); /* the shipped files were compiled for the model */
        print_message("# %s: %lu orders, %lu states, %lu steps\n", scripts[i].name, result.runs, result.states,
                      result.steps);
    }
    pci_device_destroy(world->device);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_of_whole_calls_explains_every_order_of_steps),
    };
    return cmocka_run_group_tests_name("access model", tests, NULL, NULL);
}
