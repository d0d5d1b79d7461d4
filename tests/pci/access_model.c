/* SPDX-License-Identifier: MIT
 *
 * The register update in every order its steps can be taken: the shipped access.c, device.c, effects.c, ready.c and
 * sriov.c, each access to the dwords that are looked at a step, and the room's spinning lock (lock.c) one of the
 * scheduler's. Writers of one piece and of several, readers, the card that raises status bits, resets, and the end of
 * the VFs meet in it.
 *
 * What holds: what every call gave and what the dwords hold in the end is what the rules allow (access_spec.h); and
 * each change of Bus Master was reported once.
 */
#include "access_spec.h"
#include "fixture.h"

struct world {
    const struct spec_script *script;
    struct pci_device *device;
    struct spec *spec;
    struct spec_outcome outcome;
    uint32_t *slots;
    unsigned dwords;
    uint32_t start[SPEC_DWORDS], boot[SPEC_DWORDS]; /* the dwords, and their slots, when a run begins */
    int risen;                                      /* changes of Bus Master reported: set less cleared */
    unsigned reports;
};

/* ---- locks ------------------------------------------------------------------------------------------------------- */

static const struct pci_device *locking; /* whose locks are steps */

/* Of the stripes only that of VF 0: nobody asks for another at the same time. */
static bool is_contended(const struct pci_lock *lock)
{
    return lock == &locking->lock || lock == &locking->stripes[0].lock;
}

void pci_lock(struct pci_lock *lock)
{
    if (model_running() && is_contended(lock))
        model_lock(lock);
    assert_int_equal(atomic_exchange(&lock->held, 1), 0);
}

void pci_unlock(struct pci_lock *lock)
{
    assert_int_equal(atomic_exchange(&lock->held, 0), 1);
    if (model_running() && is_contended(lock))
        model_unlock(lock);
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

static const struct pci_register *register_of(const struct world *world, unsigned index)
{
    return &pci_map_of(world->device, world->script->function)->dword[world->script->offsets[index] / 4];
}

static uint32_t *slot_of(const struct world *world, unsigned index)
{
    return &world->slots[register_of(world, index)->slot];
}

static uint32_t dword_of(const struct world *world, unsigned index)
{
    return le32toh(__atomic_load_n(slot_of(world, index), __ATOMIC_RELAXED)) ^ register_of(world, index)->reset;
}

static void call_one(struct world *world, const struct spec_call *call, struct spec_given *given)
{
    struct pci_device *device = world->device;
    const int function = world->script->function;
    uint64_t value = htole64(call->value);
    switch (call->kind) {
    case SPEC_WRITE:
        given->got = pci_config_write(device, function, call->offset, &value, call->length);
        break;
    case SPEC_READ:
        value = 0;
        given->got = pci_config_read(device, function, call->offset, &value, call->length);
        given->value = given->got ? le64toh(value) : 0;
        break;
    case SPEC_RAISE:
        given->got = pci_raise_status(device, function, call->offset, (uint32_t)call->value);
        break;
    case SPEC_RESET:
        given->got = pci_vf_reset(device, (uint16_t)function) == PCI_OK;
        break;
    case SPEC_DISABLE:
        given->got = pci_sriov_disable(device) == PCI_OK;
        break;
    default:
        given->got = pci_sriov_enable(device, 1) == PCI_OK;
    }
}

static void body(void *context, unsigned thread)
{
    struct world *world = context;
    for (unsigned i = 0; world->script->calls[thread][i].kind != SPEC_END; i++) {
        struct spec_given given = {0};
        model_forget(i);
        call_one(world, &world->script->calls[thread][i], &given);
        world->outcome.given[thread][i].got = given.got;
        world->outcome.given[thread][i].value = given.value;
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

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static void begin(void *context)
{
    struct world *world = context;
    if (!pci_sriov_num_vfs(world->device))
        assert_int_equal(pci_sriov_enable(world->device, 1), PCI_OK);
    for (unsigned i = 0; i < world->dwords; i++)
        __atomic_store_n(slot_of(world, i), world->boot[i], __ATOMIC_RELAXED);
    memset(&world->outcome, 0, sizeof world->outcome);
    world->risen = 0;
    world->reports = 0;
}

static uint64_t seen(void *context, unsigned thread, const void *lock)
{
    const struct world *world = context;
    uint64_t hash = model_mix(atomic_load_explicit(&world->device->existing, memory_order_relaxed),
                              atomic_load_explicit(&world->device->reachable, memory_order_relaxed));
    (void)thread, (void)lock;
    for (unsigned i = 0; i < world->dwords; i++)
        hash = model_mix(hash, dword_of(world, i));
    return hash;
}

static uint64_t state(void *context)
{
    const struct world *world = context;
    uint64_t hash = model_mix(seen(context, 0, NULL), (uint64_t)world->reports << 32 | (uint32_t)world->risen);
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        for (unsigned k = 0; k < SPEC_CALLS; k++)
            hash = model_mix(model_mix(hash, world->outcome.given[i][k].got), world->outcome.given[i][k].value);
    return hash;
}

static bool has(const struct spec_script *script, enum spec_kind kind)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        for (unsigned k = 0; k < SPEC_CALLS; k++)
            if (script->calls[i][k].kind == kind)
                return true;
    return false;
}

static void finished(void *context)
{
    struct world *world = context;
    for (unsigned i = 0; i < world->dwords; i++)
        world->outcome.dword[i] = dword_of(world, i);
    if (!spec_allows(world->spec, &world->outcome))
        fail_msg("%s: %08x %08x %08x -> %08x %08x %08x and what the calls gave by no order of the rules",
                 world->script->name, world->start[0], world->start[1], world->start[2], world->outcome.dword[0],
                 world->outcome.dword[1], world->outcome.dword[2]);
    bool only_written = !has(world->script, SPEC_RESET) && !has(world->script, SPEC_DISABLE);
    if (only_written && world->script->offsets[0] == 0x04)
        assert_int_equal(world->risen, (int)(world->outcome.dword[0] >> 2 & 1) - (int)(world->start[0] >> 2 & 1));
}

#define PF     PCI_FUNCTION_PF
#define WRITE  SPEC_WRITE
#define READ   SPEC_READ
#define RAISE  SPEC_RAISE
#define STATUS 0x104 /* Uncorrectable Error Status: write 1 to clear, kept over a reset */
#define FLR                                                                                                            \
    {                                                                                                                  \
        WRITE, 0x99, 1, 0x80                                                                                           \
    }
#define RESET                                                                                                          \
    {                                                                                                                  \
        SPEC_RESET, 0, 0, 0                                                                                            \
    }
#define DISABLE                                                                                                        \
    {                                                                                                                  \
        SPEC_DISABLE, 0, 0, 0                                                                                          \
    }
#define ENABLE                                                                                                         \
    {                                                                                                                  \
        SPEC_ENABLE, 0, 0, 0                                                                                           \
    }

static const struct spec_script scripts[] = {
    {"the driver's Bus Master, the card's status",
     0,
     {0x04},
     {0},
     {{{WRITE, 0x04, 2, 0x0004}, {WRITE, 0x04, 2, 0x0000}},
      {{RAISE, 0x04, 4, 0x01000000}},
      {{RAISE, 0x04, 4, 0x08000000}}}},
    {"one status bit is cleared while others rise",
     0,
     {0x04},
     {0},
     {{{RAISE, 0x04, 4, 0x01000000}, {WRITE, 0x06, 2, 0x0100}, {READ, 0x06, 2, 0}},
      {{RAISE, 0x04, 4, 0x08000000}, {WRITE, 0x06, 2, 0x0800}},
      {{WRITE, 0x04, 2, 0x0004}, {READ, 0x04, 4, 0}}}},
    {"Bus Master is set and cleared at once",
     0,
     {0x04},
     {0},
     {{{WRITE, 0x04, 2, 0x0004}, {READ, 0x04, 2, 0}},
      {{WRITE, 0x04, 2, 0x0000}, {READ, 0x04, 2, 0}},
      {{WRITE, 0x04, 1, 0x04}}}},
    {"a dword write that clears a status bit it saw set",
     0,
     {0x04},
     {0},
     {{{RAISE, 0x04, 4, 0x01000000}, {WRITE, 0x04, 4, 0x01000004}},
      {{RAISE, 0x04, 4, 0x01000000}},
      {{READ, 0x04, 4, 0}}}},
    {"four writers, a byte each",
     0,
     {0x58},
     {0x11111111},
     {{{WRITE, 0x58, 1, 0xa0}, {READ, 0x58, 1, 0}},
      {{WRITE, 0x59, 1, 0xa1}},
      {{WRITE, 0x5a, 1, 0xa2}},
      {{WRITE, 0x5b, 1, 0xa3}, {READ, 0x5b, 1, 0}}}},
    {"bytes, words and dwords over each other",
     PF,
     {0x58},
     {0x11111111},
     {{{WRITE, 0x58, 4, 0x22222222}, {READ, 0x58, 4, 0}},
      {{WRITE, 0x58, 2, 0x3333}, {WRITE, 0x5a, 2, 0x4444}},
      {{WRITE, 0x59, 1, 0x55}, {READ, 0x58, 4, 0}}}},
    {"two words, read as a dword",
     PF,
     {0x58},
     {0x11111111},
     {{{WRITE, 0x58, 2, 0x2222}, {WRITE, 0x58, 2, 0x3333}},
      {{WRITE, 0x5a, 2, 0x4444}},
      {{READ, 0x58, 4, 0}, {READ, 0x58, 4, 0}}}},
    {"two calls of eight bytes, and one that reads them",
     0,
     {0x54, 0x58},
     {0x11111110, 0x11111111},
     {{{WRITE, 0x54, 8, 0x2222222222222220}},
      {{WRITE, 0x54, 8, 0x3333333333333330}},
      {{READ, 0x54, 8, 0}, {READ, 0x54, 8, 0}}}},
    {"a call of eight bytes of the PF among its other writers",
     PF,
     {0x54, 0x58},
     {0x11111110, 0x11111111},
     {{{WRITE, 0x54, 8, 0x2222222222222220}, {READ, 0x54, 8, 0}},
      {{WRITE, 0x54, 8, 0x3333333333333330}},
      {{WRITE, 0x59, 1, 0x44}, {READ, 0x58, 4, 0}}}},
    {"eight bytes and a byte of them",
     0,
     {0x54, 0x58},
     {0x11111110, 0x11111111},
     {{{WRITE, 0x54, 8, 0x2222222222222220}, {READ, 0x54, 8, 0}},
      {{WRITE, 0x59, 1, 0x33}, {READ, 0x58, 4, 0}},
      {{WRITE, 0x57, 1, 0x44}}}},
    {"a reset by register against a call of eight bytes",
     0,
     {0x54, 0x58},
     {0x11111110, 0x11111111},
     {{FLR}, {{WRITE, 0x54, 8, 0x2222222222222220}, {READ, 0x54, 8, 0}}, {{READ, 0x54, 8, 0}}}},
    {"two resets, one by who has the VF, against writers",
     0,
     {0x54, 0x58},
     {0x11111110, 0x11111111},
     {{FLR, {READ, 0x54, 8, 0}}, {RESET}, {{WRITE, 0x58, 4, 0x22222222}}}},
    {"a reset while the card raises bits that survive it",
     0,
     {0x04, STATUS},
     {0, 0},
     {{FLR, {READ, STATUS, 4, 0}},
      {{RAISE, STATUS, 4, 0x00001000}, {RAISE, 0x04, 4, 0x08000000}},
      {{RAISE, STATUS, 4, 0x00004000}, {WRITE, STATUS, 4, 0x00004000}}}},
    {"a reset while the driver sets Bus Master",
     0,
     {0x04, 0x58},
     {0, 0x11111111},
     {{RESET, {READ, 0x04, 2, 0}}, {{WRITE, 0x04, 2, 0x0004}, {READ, 0x04, 2, 0}}, {{WRITE, 0x58, 2, 0x2222}}}},
    {"the VFs end and come again among calls of one piece",
     0,
     {0x58},
     {0x11111111},
     {{DISABLE, ENABLE, {READ, 0x58, 4, 0}},
      {{WRITE, 0x58, 4, 0x22222222}, {READ, 0x58, 4, 0}},
      {{RAISE, STATUS, 4, 0x00001000}}}},
    {"the VFs end and come again among calls of eight bytes",
     0,
     {0x54, 0x58},
     {0x11111110, 0x11111111},
     {{DISABLE, ENABLE, {READ, 0x54, 8, 0}}, {{WRITE, 0x54, 8, 0x2222222222222220}, {READ, 0x54, 8, 0}}}},
    {"a write that the end of the VFs overtakes, then new ones",
     0,
     {0x58},
     {0x11111111},
     {{DISABLE}, {{WRITE, 0x58, 4, 0x22222222}, ENABLE, {READ, 0x58, 4, 0}}, {{WRITE, 0x5a, 1, 0x33}}}},
    {"the VFs are ended twice at once",
     0,
     {0x54, 0x58},
     {0x11111110, 0x11111111},
     {{DISABLE, ENABLE}, {DISABLE, ENABLE}, {{READ, 0x54, 8, 0}}}},
    {"the VFs end and come again among resets",
     0,
     {0x54, STATUS},
     {0x11111110, 0},
     {{DISABLE, ENABLE}, {FLR}, {RESET}}},
};

#define SCRIPTS (sizeof scripts / sizeof *scripts)

/* In the order of the scripts. */
static const struct model_count counts[SCRIPTS] = {
    {1513, 1114},   {17125, 14077}, {3145, 2395}, {693, 462},    {3300, 1980},   {1296, 864},  {600, 375},
    {1515, 808},    {3402, 1944},   {2736, 1596}, {1515, 808},   {1495, 805},    {7070, 4930}, {3153, 2117},
    {17024, 11732}, {5268, 3620},   {8222, 5330}, {15321, 8838}, {24265, 15120},
};
static struct model_result results[SCRIPTS];

static void prepare(struct model *model, struct world *world, const struct spec_script *script)
{
    struct pci_device *device = world->device;
    world->script = script;
    world->slots = script->function == PF ? device->pf_slots : pci_vf_at(device, 0)->slots;
    world->dwords = 0;
    memset(model->watched, 0, sizeof model->watched);
    memset(world->start, 0, sizeof world->start);
    for (unsigned i = 0; i < SPEC_DWORDS && script->offsets[i]; i++) {
        world->dwords++;
        set(device, script->function, script->offsets[i], 4, script->start[i]);
        world->boot[i] = *slot_of(world, i);
        world->start[i] = dword_of(world, i);
        model->watched[i] = (struct model_range){slot_of(world, i), 4};
    }
    if (has(script, SPEC_DISABLE)) {
        model->watched[world->dwords] = (struct model_range){&device->existing, sizeof device->existing};
        model->watched[world->dwords + 1] = (struct model_range){&device->reachable, sizeof device->reachable};
    }
    model->threads = 0;
    while (model->threads < MODEL_THREADS && script->calls[model->threads][0].kind != SPEC_END)
        model->threads++;
}

static void every_order_of_steps_gives_what_the_rules_allow(void **test)
{
    (void)test;
    struct world *world = calloc(1, sizeof *world);
    struct capture_page page;
    assert_non_null(world);
    page_load(&page, CARD_SYNTHETIC);
    world->device = page_device(&page, &(struct pci_device_options){.context = world, .on_event = on_event});
    locking = world->device;
    assert_int_equal(pci_sriov_enable(world->device, 1), PCI_OK);
    struct model model = {
        .body = body, .begin = begin, .state = state, .seen = seen, .finished = finished, .context = world};
    for (unsigned i = 0; i < SCRIPTS; i++) {
        prepare(&model, world, &scripts[i]);
        world->spec = spec_work_out(&scripts[i], pci_map_of(world->device, scripts[i].function), world->start);
        results[i] = model_explore(&model);
        print_message("# %s: the rules allow %zu outcomes\n", scripts[i].name, spec_outcomes(world->spec));
        spec_free(world->spec);
    }
    pci_device_destroy(world->device);
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
        cmocka_unit_test(every_order_of_steps_gives_what_the_rules_allow),
        cmocka_unit_test(every_access_was_a_step),
    };
    return cmocka_run_group_tests_name("access model", tests, NULL, NULL);
}
