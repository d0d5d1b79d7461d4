/* SPDX-License-Identifier: MIT
 *
 * What the files of this room share: a PF on the bus, and the interfaces to it that are handed out.
 */
#ifndef VFPLANE_PCIBUS_INTERNAL_H
#define VFPLANE_PCIBUS_INTERNAL_H

#include <stdatomic.h>

#include "pcibus/contract.h"
#include "pcibus/pcibus.h"

#define PCIBUS_TAG 0x49435050u /* "PPCI" */

struct pcibus_pf;

enum pcibus_interface_kind {
    PCIBUS_BUS_STANDARD = 0x50430001, /* no small numbers: the kind also tells a context of ours from anything else */
    PCIBUS_VIRTUALIZATION,
};

/* Busy: one thread reads or writes what is kept; whoever comes meanwhile leaves it alone. */
enum pcibus_kept_state { PCIBUS_KEPT_NOTHING, PCIBUS_KEPT_BUSY, PCIBUS_KEPT };

/* The Context of an interface. All who asked for it share it; it lives while the PDO or a reference does. */
struct pcibus_interface {
    enum pcibus_interface_kind kind;
    _Atomic int32_t references; /* handed out and not given back */
    struct pcibus_pf *pf;
};

/* Nobody waits for a call to end: what a call touches lives as long as the interface it came through. A call that was
 * under way when the PDO went away ends on a device that its owner has ended (pci_device_destroy). */
struct pcibus_pf {
    struct pci_device *device; /* held */
    struct nt_partition *partition;
    PDEVICE_OBJECT pdo;
    _Atomic uint32_t holds; /* the PDO and every reference of an interface */
    _Atomic bool removed;   /* the PDO is gone */
    _Atomic bool started;
    _Atomic bool surprised;             /* the card was pulled: reads give all ones */
    _Atomic unsigned kept_state;        /* enum pcibus_kept_state */
    uint32_t kept[PCI_CONFIG_SIZE / 4]; /* the configuration space when it left D0 */
    struct pcibus_interface bus_standard, virtualization;
};

/* The device; NULL: the PDO is gone. Any IRQL. */
static inline struct pci_device *pcibus_present(struct pcibus_pf *pf)
{
    return __builtin_expect(atomic_load_explicit(&pf->removed, memory_order_acquire), 0) ? NULL : pf->device;
}
void pcibus_release(struct pcibus_pf *pf); /* gives a hold back */

/* The PF behind an interface's Context; NULL: not a live context of this kind, reported. */
struct pcibus_pf *pcibus_not_live(struct pcibus_interface *interface, enum pcibus_interface_kind kind,
                                  const char *routine);
static inline struct pcibus_pf *pcibus_pf_of(PVOID context, enum pcibus_interface_kind kind, const char *routine)
{
    struct pcibus_interface *interface = context;
    if (__builtin_expect(interface && interface->kind == kind &&
                             atomic_load_explicit(&interface->references, memory_order_relaxed) > 0,
                         1))
        return interface->pf;
    return pcibus_not_live(interface, kind, routine);
}
VOID pcibus_reference(PVOID context);
VOID pcibus_dereference(PVOID context);

/* D0 to D3 of the PF, 0..3; awake again it has the registers that it had, its VFs too. */
void pcibus_set_power(struct pcibus_pf *pf, unsigned d_state);

/* Configuration space; rows 3 to 11 of pci.md 5.1. */
ULONG pcibus_read(struct pcibus_pf *pf, int function, PVOID buffer, ULONG offset, ULONG length);
ULONG pcibus_write(struct pcibus_pf *pf, int function, PVOID buffer, ULONG offset, ULONG length);

/* Up to 8 bytes as a little-endian number, for traces: " <- 00000006" with " <- " before; "" for none and for more. */
struct pcibus_value {
    char text[24];
};
struct pcibus_value pcibus_value(const char *before, PVOID buffer, ULONG length);

/* Routines of each interface, filled behind the INTERFACE header. */
void pcibus_fill_bus_standard(PINTERFACE out);
void pcibus_fill_virtualization(PINTERFACE out);
struct _DMA_ADAPTER *pcibus_dma_adapter(struct _DEVICE_DESCRIPTION *description, PULONG map_registers);

/* IRP_MJ_PNP minor functions; each returns the status the IRP completes with. IoStatus.Status holds the one it came
 * with, to be returned by who does not handle it. */
NTSTATUS pcibus_query_interface(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS pcibus_query_resources(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS pcibus_query_capabilities(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS pcibus_query_id(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS pcibus_query_bus_information(struct pcibus_pf *pf, PIRP irp, PIO_STACK_LOCATION stack);

#endif
