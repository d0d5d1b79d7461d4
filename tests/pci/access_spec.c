/* SPDX-License-Identifier: MIT */
#include "access_spec.h"

#include <string.h>

#include "test.h"

#define NOBODY MODEL_THREADS

/* Where a thread's call stands. */
struct progress {
    unsigned char call, step, dword; /* the next dword of a call that has several, or of a reset */
    bool resets;                     /* the write pulled the trigger */
};

struct machine {
    struct spec_outcome outcome;
    struct progress at[MODEL_THREADS];
    unsigned holder; /* whose call keeps others out of the VF */
    unsigned keeper; /* who makes or ends the VFs */
    bool exists;
};

struct set {
    uint64_t *hashes;
    size_t capacity, count;
};

struct spec {
    const struct spec_script *script;
    const struct pci_map *map;
    unsigned dwords;
    struct set met, outcomes;
};

/* ---- sets of hashes ------------------------------------------------------------------------------------------ */

static uint64_t hash_of(const void *object, size_t bytes)
{
    uint64_t hash = 1, word;
    for (size_t at = 0; at < bytes; at += sizeof word) {
        word = 0;
        memcpy(&word, (const uint8_t *)object + at, bytes - at < sizeof word ? bytes - at : sizeof word);
        hash = model_mix(hash, word);
    }
    return hash ? hash : 1;
}

static size_t place_of(const struct set *set, uint64_t hash)
{
    size_t at = hash % set->capacity;
    while (set->hashes[at] && set->hashes[at] != hash)
        at = (at + 1) % set->capacity;
    return at;
}

/* False: was there. */
static bool add(struct set *set, uint64_t hash)
{
    if (set->count * 2 >= set->capacity) {
        struct set grown = {.capacity = set->capacity ? set->capacity * 2 : 1024};
        grown.hashes = calloc(grown.capacity, sizeof *grown.hashes);
        assert_non_null(grown.hashes);
        for (size_t i = 0; i < set->capacity; i++)
            if (set->hashes[i])
                grown.hashes[place_of(&grown, set->hashes[i])] = set->hashes[i];
        grown.count = set->count;
        free(set->hashes);
        *set = grown;
    }
    size_t at = place_of(set, hash);
    if (set->hashes[at])
        return false;
    set->hashes[at] = hash;
    set->count++;
    return true;
}

/* ---- one step ------------------------------------------------------------------------------------------------- */

static bool has_one_piece(const struct spec_call *call)
{
    return call->length <= 4;
}

/* The byte enables and the value of what a call means for the dword at `offset`; 0: nothing. */
static unsigned part_of(const struct spec_call *call, unsigned offset, uint32_t *value)
{
    unsigned enables = 0;
    *value = 0;
    for (unsigned byte = 0; byte < 4; byte++) {
        unsigned at = offset + byte - call->offset;
        if (offset + byte < call->offset || at >= call->length)
            continue;
        enables |= 1u << byte;
        *value |= (uint32_t)(call->value >> 8 * at & 0xff) << 8 * byte;
    }
    return enables;
}

static void access_dword(const struct spec *spec, struct machine *machine, unsigned thread, unsigned index)
{
    struct progress *at = &machine->at[thread];
    const struct spec_call *call = &spec->script->calls[thread][at->call];
    const unsigned offset = spec->script->offsets[index];
    const struct pci_register *reg = &spec->map->dword[offset / 4];
    uint32_t value, *dword = &machine->outcome.dword[index];
    unsigned enables = part_of(call, offset, &value);
    if (!enables)
        return;
    if (call->kind == SPEC_RAISE)
        *dword |= (uint32_t)call->value;
    else if (call->kind == SPEC_WRITE)
        *dword = pci_law(*dword, value, enables, (struct pci_masks){reg->rw, reg->w1c, reg->trigger});
    else
        for (unsigned byte = 0; byte < 4; byte++)
            if (enables >> byte & 1)
                machine->outcome.given[thread][at->call].value |= (uint64_t)(*dword >> 8 * byte & 0xff)
                                                                  << 8 * (offset + byte - call->offset);
}

static void ends(struct machine *machine, unsigned thread, uint32_t got)
{
    struct progress *at = &machine->at[thread];
    machine->outcome.given[thread][at->call].got = got;
    if (machine->holder == thread)
        machine->holder = NOBODY;
    if (machine->keeper == thread)
        machine->keeper = NOBODY;
    *at = (struct progress){.call = (unsigned char)(at->call + 1)};
}

/* Which triggers a write of one piece pulls, in dwords that are looked at or not. */
static bool pulls(const struct spec *spec, const struct spec_call *call)
{
    const unsigned offset = call->offset & ~3u;
    const struct pci_register *reg = &spec->map->dword[offset / 4];
    uint32_t value;
    unsigned enables = part_of(call, offset, &value);
    return call->kind == SPEC_WRITE && has_one_piece(call) && value & pci_lanes(enables) & reg->trigger;
}

static void reset_dword(const struct spec *spec, struct machine *machine, unsigned index)
{
    const struct pci_register *reg = &spec->map->dword[spec->script->offsets[index] / 4];
    uint32_t *dword = &machine->outcome.dword[index];
    *dword = reg->reset ^ ((*dword ^ reg->reset) & reg->sticky);
}

/* Others are kept out, dword by dword. */
static void step_alone(const struct spec *spec, struct machine *machine, unsigned thread)
{
    struct progress *at = &machine->at[thread];
    const struct spec_call *call = &spec->script->calls[thread][at->call];
    bool resets = at->resets || call->kind == SPEC_RESET;
    if (at->step == 1) {
        machine->holder = thread;
        at->step = 2;
        if (!machine->exists) {
            ends(machine, thread, resets ? call->kind == SPEC_RESET ? 1 : call->length : 0);
            return;
        }
    }
    if (resets)
        reset_dword(spec, machine, at->dword);
    else
        access_dword(spec, machine, thread, at->dword);
    if (++at->dword == spec->dwords)
        ends(machine, thread, call->kind == SPEC_RESET ? 1 : call->length);
}

/* Gone first and then emptied; emptied and then there. */
static void step_of_vfs(const struct spec *spec, struct machine *machine, unsigned thread)
{
    struct progress *at = &machine->at[thread];
    bool enable = spec->script->calls[thread][at->call].kind == SPEC_ENABLE;
    bool empties = at->step == (enable ? 0 : 1);
    if (at->step == 0 && machine->exists == enable) {
        ends(machine, thread, 0);
        return;
    }
    machine->keeper = thread;
    for (unsigned i = 0; i < spec->dwords && empties; i++)
        machine->outcome.dword[i] = spec->map->dword[spec->script->offsets[i] / 4].reset;
    if (!empties)
        machine->exists = enable;
    if (at->step++)
        ends(machine, thread, 1);
}

static void step(const struct spec *spec, struct machine *machine, unsigned thread)
{
    struct progress *at = &machine->at[thread];
    const struct spec_call *call = &spec->script->calls[thread][at->call];
    if (call->kind == SPEC_DISABLE || call->kind == SPEC_ENABLE) {
        step_of_vfs(spec, machine, thread);
    } else if (at->step == 0) {
        at->step = 1;
        if (!machine->exists)
            ends(machine, thread, 0);
    } else if (call->kind == SPEC_RESET || !has_one_piece(call) || at->resets) {
        step_alone(spec, machine, thread);
    } else {
        for (unsigned i = 0; i < spec->dwords; i++)
            access_dword(spec, machine, thread, i);
        if (pulls(spec, call))
            at->resets = true;
        else
            ends(machine, thread, call->kind == SPEC_RAISE ? 1 : call->length);
    }
}

static bool can_step(const struct spec *spec, const struct machine *machine, unsigned thread)
{
    const struct progress *at = &machine->at[thread];
    const struct spec_call *call = &spec->script->calls[thread][at->call];
    bool of_vfs = call->kind == SPEC_DISABLE || call->kind == SPEC_ENABLE;
    bool alone = call->kind == SPEC_RESET || at->resets || !has_one_piece(call);
    if (call->kind == SPEC_END)
        return false;
    if (of_vfs && at->step == 0)
        return machine->keeper == NOBODY;
    alone |= call->kind == SPEC_DISABLE;
    return !alone || at->step == 0 || machine->holder == NOBODY || machine->holder == thread;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static void explore(struct spec *spec, const struct machine *machine)
{
    bool ended = true;
    if (!add(&spec->met, hash_of(machine, sizeof *machine)))
        return;
    for (unsigned thread = 0; thread < MODEL_THREADS; thread++) {
        ended &= spec->script->calls[thread][machine->at[thread].call].kind == SPEC_END;
        if (!can_step(spec, machine, thread))
            continue;
        struct machine next;
        memcpy(&next, machine, sizeof next); /* padding included: it is hashed */
        step(spec, &next, thread);
        explore(spec, &next);
    }
    if (ended)
        add(&spec->outcomes, hash_of(&machine->outcome, sizeof machine->outcome));
}

struct spec *spec_work_out(const struct spec_script *script, const struct pci_map *map,
                           const uint32_t dword[SPEC_DWORDS])
{
    struct spec *spec = calloc(1, sizeof *spec);
    struct machine machine;
    assert_non_null(spec);
    spec->script = script;
    spec->map = map;
    while (spec->dwords < SPEC_DWORDS && script->offsets[spec->dwords])
        spec->dwords++;
    memset(&machine, 0, sizeof machine);
    memcpy(machine.outcome.dword, dword, sizeof machine.outcome.dword);
    machine.holder = machine.keeper = NOBODY;
    machine.exists = true;
    explore(spec, &machine);
    return spec;
}

void spec_free(struct spec *spec)
{
    free(spec->met.hashes);
    free(spec->outcomes.hashes);
    free(spec);
}

size_t spec_outcomes(const struct spec *spec)
{
    return spec->outcomes.count;
}

bool spec_allows(const struct spec *spec, const struct spec_outcome *outcome)
{
    uint64_t hash = hash_of(outcome, sizeof *outcome);
    return spec->outcomes.hashes[place_of(&spec->outcomes, hash)] == hash;
}
