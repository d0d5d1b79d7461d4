/* SPDX-License-Identifier: MIT
 *
 * The registers of one VF and of 65,535: the device alone, and behind the interface that a PF driver gets from the PCI
 * bus driver.
 */
#include "card.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY    65535u
#define COMMAND 0x04u /* Bus Master has an effect */
#define FLR     0x8000u
#define ROUNDS  21u

/* ---- accesses --------------------------------------------------------------------------------------------------- */

static void run_read(void *context, uint64_t count)
{
    const struct bench_card *card = context;
    struct pci_device *device = card->device;
    uint32_t value, offset = card->plain;
    for (uint64_t i = 0; i < count; i++)
        pci_config_read(device, 0, offset, &value, sizeof(value));
}

static void run_write(void *context, uint64_t count)
{
    const struct bench_card *card = context;
    struct pci_device *device = card->device;
    uint32_t offset = card->plain;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)i;
        pci_config_write(device, 0, offset, &value, sizeof(value));
    }
}

static void run_effect(void *context, uint64_t count)
{
    struct pci_device *device = ((struct bench_card *)context)->device;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = i & 1 ? 4 : 0;
        pci_config_write(device, 0, COMMAND, &value, sizeof(value));
    }
}

/* Each register that a VF keeps gets its reset value: an FLR made of writes. */
static void run_own_registers(void *context, uint64_t count)
{
    struct bench_card *card = context;
    const struct pci_map *map = &card->profile->vf;
    for (uint64_t i = 0; i < count; i++)
        for (unsigned slot = 0; slot < map->slots; slot++)
            pci_config_write(card->device, 0, map->slot_dword[slot] * 4u, &map->dword[map->slot_dword[slot]].reset, 4);
}

static void set(struct bench_card *card, uint32_t vf, uint32_t offset, uint32_t value)
{
    card->bus.SetVirtualFunctionData(card->bus.Context, (USHORT)vf, &value, offset, sizeof(value));
}

static void run_set(void *context, uint64_t count)
{
    struct bench_card *card = context;
    for (uint64_t i = 0; i < count; i++)
        set(card, 0, card->plain, (uint32_t)i);
}

static void run_set_same(void *context, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        set(context, 0, COMMAND, 4);
}

static void run_set_effect(void *context, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        set(context, 0, COMMAND, i & 1 ? 4 : 0);
}

static void run_get(void *context, uint64_t count)
{
    struct bench_card *card = context;
    ULONG value;
    for (uint64_t i = 0; i < count; i++)
        card->bus.GetVirtualFunctionData(card->bus.Context, 0, &value, card->plain, sizeof(value));
}

static void run_set_random(void *context, uint64_t count)
{
    struct bench_card *card = context;
    for (uint64_t i = 0; i < count; i++) {
        set(card, card->order[card->at], card->plain, (uint32_t)i);
        card->at = card->at + 1 < card->vfs ? card->at + 1 : 0;
    }
}

static void run_flr(void *context, uint64_t count)
{
    struct bench_card *card = context;
    for (uint64_t i = 0; i < count; i++)
        set(card, 0, card->control, FLR);
}

/* ---- the whole card --------------------------------------------------------------------------------------------- */

/* Every VF has been written to before, so that there is memory to clear: disabling does it. */
static void measure_switch(struct bench_table *table, struct bench_card *card)
{
    double on[ROUNDS], off[ROUNDS];
    struct bench_watch watch;
    bench_watch_start(&watch, 1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        run_set_random(card, card->vfs);
        uint64_t start = bench_machine->now_ns();
        bench_card_enable(card, false);
        uint64_t middle = bench_machine->now_ns();
        bench_card_enable(card, true);
        off[i] = (double)(middle - start);
        on[i] = (double)(bench_machine->now_ns() - middle);
    }
    double taken = bench_watch_end(&watch);
    bench_values(table, ROW_ENABLE, on, ROUNDS, taken);
    bench_values(table, ROW_DISABLE, off, ROUNDS, taken);
}

static double resident_bytes(void)
{
    long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* In a process of its own, which had no other cards: what the device takes when every VF holds a value. */
static double bytes_per_vf(void)
{
    int pipes[2];
    double bytes = -1;
    if (pipe(pipes) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        struct bench_card card;
        double before = resident_bytes();
        if (bench_card_open(&card, MANY)) {
            run_set_random(&card, MANY);
            bytes = (resident_bytes() - before - (double)(MANY * sizeof(*card.order))) / MANY;
        }
        _exit(write(pipes[1], &bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : 1);
    }
    close(pipes[1]);
    if (child < 0 || read(pipes[0], &bytes, sizeof(bytes)) != sizeof(bytes))
        bytes = -1;
    close(pipes[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return bytes;
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

enum card { ONE_VF, ALL_VFS, CARDS };

static const struct {
    enum bench_row_id row;
    enum card card;
    void (*run)(void *context, uint64_t count);
    void (*floor)(void *context, uint64_t count); /* over the one VF; NULL: a store */
} accesses[] = {
    {ROW_REGISTER_READ, ONE_VF, run_read, NULL},
    {ROW_REGISTER_WRITE, ONE_VF, run_write, NULL},
    {ROW_REGISTER_EFFECT, ONE_VF, run_effect, NULL},
    {ROW_GET, ONE_VF, run_get, NULL},
    {ROW_SET, ONE_VF, run_set, NULL},
    {ROW_SET_SAME, ONE_VF, run_set_same, NULL},
    {ROW_SET_EFFECT, ONE_VF, run_set_effect, NULL},
    {ROW_SET_RANDOM, ALL_VFS, run_set_random, run_set},
    {ROW_FLR, ONE_VF, run_flr, run_own_registers},
    {ROW_FLR_MANY, ALL_VFS, run_flr, run_flr},
};

static void measure(struct bench_table *table, struct bench_card cards[CARDS])
{
    struct bench_op own = {.run = run_own_registers, .context = &cards[ONE_VF]};
    run_set_random(&cards[ALL_VFS], MANY); /* its memory is there from now on */
    bench_duel(table, ROW_OWN_REGISTERS, &own, NULL, 1);
    for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        struct bench_op op = {.run = accesses[i].run, .context = &cards[accesses[i].card]};
        struct bench_op floor = {.run = accesses[i].floor, .context = &cards[ONE_VF]};
        if (!accesses[i].floor)
            floor = bench_floor_store();
        bench_duel(table, accesses[i].row, &op, &floor, 1);
    }
    measure_switch(table, &cards[ALL_VFS]);
}

void bench_device(struct bench_table *table)
{
    static struct bench_card cards[CARDS];
    double bytes = bytes_per_vf();
    if (bytes < 0)
        bench_failed(table, ROW_VF_MEMORY, "no card with 65,535 VFs");
    else
        bench_exact(table, ROW_VF_MEMORY, bytes);
    bool one = bench_card_open(&cards[ONE_VF], 1), all = bench_card_open(&cards[ALL_VFS], MANY);
    if (one && all)
        measure(table, cards);
    else
        bench_failed(table, ROW_SET, "no card");
    if (one)
        bench_card_close(&cards[ONE_VF]);
    if (all)
        bench_card_close(&cards[ALL_VFS]);
}
