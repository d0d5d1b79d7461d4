/* SPDX-License-Identifier: MIT
 *
 * The device: a register access of a VF, as the PCI bus driver makes it.
 */
#include "bench.h"

#include "pci/pci.h"

#define COMMAND 0x04u

static void run_write(void *context, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = i & 1 ? 0x0004 : 0; /* Bus Master on, off, ... */
        pci_config_write(context, 0, COMMAND, &value, sizeof(value));
    }
}

static void run_read(void *context, uint64_t count)
{
    uint32_t value;
    for (uint64_t i = 0; i < count; i++)
        pci_config_read(context, 0, COMMAND, &value, sizeof(value));
}

static void measure(struct bench_table *table, struct pci_device *device)
{
    bench_row(table, &(struct bench){"pci_config_read, 4 bytes of a VF", FLOOR_STORE, run_read, device});
    bench_row(table, &(struct bench){"pci_config_write, 4 bytes of a VF", FLOOR_STORE, run_write, device});
}

void bench_device(struct bench_table *table)
{
    struct pci_profile *profile;
    struct pci_device *device;
    struct pci_error error;
    if (pci_profile_load(BENCH_PROFILE, &profile, &error) != 0) {
        bench_not_measured(table, "pci_config_write, 4 bytes of a VF", FLOOR_STORE, error.text);
        return;
    }
    if (pci_device_create(profile, &(struct pci_device_options){0}, &device) == 0) {
        if (pci_sriov_enable(device, 4) == PCI_OK)
            measure(table, device);
        pci_device_destroy(device);
    }
    pci_profile_unref(profile);
}
