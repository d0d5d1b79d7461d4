/* SPDX-License-Identifier: MIT
 *
 * bench_registers [--quick]: what the registers of one VF and of 65,535 cost in time and memory, each beside its aim.
 * Ratios are to a bounds-checked masked store into an array, measured in the same run. The exit status says whether
 * everything could be measured, not whether the aims were met.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#include <initguid.h>
#include <wdm.h>
#include <wdmguid.h>

#include "nt/nt.h"
#include "pcibus/pcibus.h"

#define MANY     65535u
#define COMMAND  0x04u /* Bus Master has an effect */
#define MSI_ADDR 0x54u /* of the synthetic card: Message Address, plain */
#define CONTROL  0x98u /* Device Control and Status: Initiate FLR is bit 15 */
#define FLR      0x8000u
#define ROUNDS   21u

static bool quick;

/* ---- the floor ----------------------------------------------------------------------------------------------------
 */

#define DWORDS 1024u

struct array {
    uint32_t value[DWORDS], writable[DWORDS];
    volatile uint32_t offset; /* so that the compiler does not know it */
};

__attribute__((noinline)) static uint32_t store(struct array *array, uint32_t offset, uint32_t value)
{
    uint32_t index = offset / 4;
    if (index >= DWORDS)
        return 0;
    uint32_t mask = array->writable[index], old = __atomic_load_n(&array->value[index], __ATOMIC_RELAXED);
    __atomic_store_n(&array->value[index], (old & ~mask) | (value & mask), __ATOMIC_RELAXED);
    return 4;
}

static void run_store(void *context, uint64_t count)
{
    struct array *array = context;
    uint32_t offset = array->offset;
    for (uint64_t i = 0; i < count; i++)
        store(array, offset, (uint32_t)i);
}

/* ---- a card with `vfs` VFs, enabled through the interface that a PF driver gets ------------------------------------
 */

struct card {
    struct nt_partition *partition;
    struct pci_profile *profile;
    struct pci_device *device;
    PDEVICE_OBJECT pdo;
    PCI_VIRTUALIZATION_INTERFACE bus;
    uint32_t *order; /* VFs in random order */
    uint32_t vfs, at;
};

static struct pci_profile *synth(uint16_t vfs)
{
    struct pci_profile *profile = NULL;
    struct pci_error error;
    int size = pci_profile_synth(vfs, NULL, 0) + 1;
    char *text = malloc((size_t)size);
    if (text) {
        pci_profile_synth(vfs, text, (size_t)size);
        pci_profile_parse("synthetic", text, (size_t)size - 1, &profile, &error);
    }
    free(text);
    return profile;
}

static void shuffle(uint32_t *order, uint32_t count)
{
    uint32_t random = 2463534242u; /* xorshift: the same order in every run */
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i-- > 1;) {
        random ^= random << 13, random ^= random >> 17, random ^= random << 5;
        uint32_t j = random % (i + 1), swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

static bool set_enabled(struct card *card, bool enable)
{
    return NT_SUCCESS(
        card->bus.EnableVirtualization(card->bus.Context, enable ? (UINT16)card->vfs : 0, FALSE, FALSE, enable));
}

static void card_close(struct card *card)
{
    if (card->bus.Context) {
        set_enabled(card, false);
        card->bus.InterfaceDereference(card->bus.Context);
    }
    if (card->pdo)
        pcibus_remove_device(card->pdo);
    pci_device_destroy(card->device);
    nt_enter(NULL);
    nt_partition_destroy(card->partition);
    if (card->profile)
        pci_profile_unref(card->profile);
    free(card->order);
}

static bool card_open(struct card *card, uint16_t vfs)
{
    *card = (struct card){.vfs = vfs, .profile = synth(vfs), .order = malloc(vfs * sizeof(*card->order))};
    card->partition = nt_partition_create(&(struct nt_partition_options){.name = "host"});
    nt_enter(card->partition);
    if (card->profile && card->partition && card->order &&
        pci_device_create(card->profile, &(struct pci_device_options){0}, &card->device) == 0 &&
        NT_SUCCESS(pcibus_add_device(card->partition, card->device, &card->pdo)) &&
        NT_SUCCESS(nt_query_interface(card->pdo, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(card->bus), 1,
                                      (PINTERFACE)&card->bus)) &&
        set_enabled(card, true)) {
        shuffle(card->order, vfs);
        return true;
    }
    card_close(card);
    return false;
}

/* ---- accesses ------------------------------------------------------------------------------------------------------
 */

static void run_write(void *context, uint64_t count)
{
    struct pci_device *device = ((struct card *)context)->device;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)i;
        pci_config_write(device, 0, MSI_ADDR, &value, sizeof(value));
    }
}

static void set(struct card *card, uint32_t vf, uint32_t offset, uint32_t value)
{
    card->bus.SetVirtualFunctionData(card->bus.Context, (USHORT)vf, &value, offset, sizeof(value));
}

static void run_set(void *context, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        set(context, 0, MSI_ADDR, (uint32_t)i);
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
    struct card *card = context;
    ULONG value;
    for (uint64_t i = 0; i < count; i++)
        card->bus.GetVirtualFunctionData(card->bus.Context, 0, &value, MSI_ADDR, sizeof(value));
}

static void run_set_random(void *context, uint64_t count)
{
    struct card *card = context;
    for (uint64_t i = 0; i < count; i++) {
        set(card, card->order[card->at], MSI_ADDR, (uint32_t)i);
        card->at = card->at + 1 < card->vfs ? card->at + 1 : 0;
    }
}

static void run_flr(void *context, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        set(context, 0, CONTROL, FLR);
}

/* ---- whole-card rows -----------------------------------------------------------------------------------------------
 */

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Every VF has been written to before, so that there is memory to clear: disabling does it. */
static void switch_us(struct card *card, double *enable, double *disable)
{
    double on[ROUNDS], off[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        run_set_random(card, card->vfs);
        double start = now_us();
        set_enabled(card, false);
        off[i] = now_us() - start;
        start = now_us();
        set_enabled(card, true);
        on[i] = now_us() - start;
    }
    qsort(on, ROUNDS, sizeof(on[0]), ascending);
    qsort(off, ROUNDS, sizeof(off[0]), ascending);
    *enable = on[ROUNDS / 2];
    *disable = off[ROUNDS / 2];
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
        struct card card;
        double before = resident_bytes();
        if (card_open(&card, MANY)) {
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

/* ---- the table -----------------------------------------------------------------------------------------------------
 */

static double median(void (*run)(void *context, uint64_t count), void *context)
{
    struct bench_result result;
    bench_measure(quick, &(struct bench){.run = run, .context = context}, &result);
    return result.median_ns;
}

static void row(const char *name, double value, const char *unit)
{
    printf("%-52s %9.1f %-6s\n", name, value, unit);
}

/* `limit` 0: no aim. */
static void ratio(const char *name, double value, const char *unit, double of, double limit, const char *to)
{
    printf("%-52s %9.1f %-6s %5.1f x %s", name, value, unit, value / of, to);
    if (limit > 0)
        printf(", aim <= %g x%s", limit, value / of <= limit ? "" : ": MISSED");
    printf("\n");
}

static void limit(const char *name, double value, const char *unit, double most)
{
    printf("%-52s %9.1f %-6s aim <= %g%s\n", name, value, unit, most, value <= most ? "" : ": MISSED");
}

static void measure(struct card *one, struct card *many)
{
    static struct array array = {.offset = MSI_ADDR};
    array.writable[MSI_ADDR / 4] = 0xfffffffc;
    double floor = median(run_store, &array);
    row("store into an array: bounds, mask", floor, "ns");
    ratio("pci_config_write, 4 bytes, no effect", median(run_write, one), "ns", floor, 3, "the store");
    double set_one = median(run_set, one);
    ratio("SetVirtualFunctionData, 4 bytes, no effect", set_one, "ns", floor, 8, "the store");
    ratio("SetVirtualFunctionData, Command as it is", median(run_set_same, one), "ns", floor, 8, "the store");
    ratio("SetVirtualFunctionData, Bus Master on and off", median(run_set_effect, one), "ns", floor, 0, "the store");
    ratio("GetVirtualFunctionData, 4 bytes", median(run_get, one), "ns", floor, 0, "the store");
    ratio("SetVirtualFunctionData, 65,535 VFs in random order", median(run_set_random, many), "ns", set_one, 4,
          "one VF");
    double flr_one = median(run_flr, one);
    row("FLR of the only VF", flr_one, "ns");
    ratio("FLR of one VF of 65,535", median(run_flr, many), "ns", flr_one, 1.2, "the only one");
    double enable, disable;
    switch_us(many, &enable, &disable);
    limit("enabling 65,535 VFs", enable, "us", 50000);
    row("disabling them, all written to", disable, "us");
}

int main(int argc, char **argv)
{
    struct card one, many;
    quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        fprintf(stderr, "usage: bench_registers [--quick]\n");
        return EXIT_FAILURE;
    }
    bench_pin(0);
    double bytes = bytes_per_vf();
    if (bytes < 0 || !card_open(&one, 1))
        return EXIT_FAILURE;
    bool opened = card_open(&many, MANY);
    if (opened) {
        measure(&one, &many);
        limit("memory of a VF, resident, of 65,535 written to", bytes, "bytes", 512);
        card_close(&many);
    }
    card_close(&one);
    return opened ? EXIT_SUCCESS : EXIT_FAILURE;
}
