/* SPDX-License-Identifier: MIT
 *
 * The PCI bus driver: SetVirtualFunctionData through the interface pointer a PF driver holds.
 */
#include "bench.h"

#include <initguid.h>
#include <wdm.h>
#include <wdmguid.h>

#include "nt/nt.h"
#include "pcibus/pcibus.h"

#define VERSION 1 /* pci.md 1.4: what callers pass */
#define NAME    "SetVirtualFunctionData, 4 bytes"
#define COMMAND 0x04u

static void run_set(void *context, uint64_t count)
{
    PCI_VIRTUALIZATION_INTERFACE *bus = context;
    for (uint64_t i = 0; i < count; i++) {
        ULONG value = i & 1 ? 0x0004 : 0;
        bus->SetVirtualFunctionData(bus->Context, 0, &value, COMMAND, sizeof(value));
    }
}

/* Takes the interface as a PF driver does; returns why it could not be measured, or NULL. */
static const char *measure(struct bench_table *table, struct nt_partition *partition, struct pci_device *device)
{
    PDEVICE_OBJECT pdo;
    PCI_VIRTUALIZATION_INTERFACE bus = {0};
    if (pcibus_add_device(partition, device, &pdo) != STATUS_SUCCESS)
        return "no PDO";
    NTSTATUS status =
        nt_query_interface(pdo, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(bus), VERSION, (PINTERFACE)&bus);
    if (status == STATUS_SUCCESS) {
        bus.EnableVirtualization(bus.Context, 4, FALSE, FALSE, TRUE);
        bench_row(table, &(struct bench){NAME, FLOOR_CALL, run_set, &bus});
        bus.EnableVirtualization(bus.Context, 0, FALSE, FALSE, FALSE);
        bus.InterfaceDereference(bus.Context);
    }
    pcibus_remove_device(pdo);
    return status == STATUS_SUCCESS ? NULL : "no PCI_VIRTUALIZATION_INTERFACE";
}

void bench_interface(struct bench_table *table)
{
    struct pci_profile *profile;
    struct pci_device *device;
    struct pci_error error;
    const char *why = "no device";
    if (pci_profile_load(BENCH_PROFILE, &profile, &error) != 0) {
        bench_not_measured(table, NAME, FLOOR_CALL, error.text);
        return;
    }
    struct nt_partition *partition = nt_partition_create(&(struct nt_partition_options){.name = "host"});
    struct nt_partition *before = nt_enter(partition);
    if (partition && pci_device_create(profile, &(struct pci_device_options){0}, &device) == 0) {
        why = measure(table, partition, device);
        pci_device_destroy(device);
    }
    nt_enter(before);
    if (partition)
        nt_partition_destroy(partition);
    pci_profile_unref(profile);
    if (why)
        bench_not_measured(table, NAME, FLOOR_CALL, why);
}
