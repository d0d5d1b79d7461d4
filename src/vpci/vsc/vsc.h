/* SPDX-License-Identifier: MIT
 *
 * The VSC: the guest's end of the vPCI protocol, which is the guest's VPCI bus driver. For each function the host
 * describes it makes a PDO that answers BUS_INTERFACE_STANDARD, VPCI_INTERFACE_STANDARD and the three IOCTL_VPCI_*.
 *
 * Facts: vpci-wire.md 1.7, 2.2, 5.3 (checks against a hostile host), 9.2; pci.md 1.3, 2, 5.5-5.8.
 */
#ifndef VFPLANE_VSC_H
#define VFPLANE_VSC_H

#include "nt/nt.h"

struct vsc;

#define VSC_TIMEOUT_MS 30000 /* how long an answer of the host is waited for: vpci-wire.md 9.2 */

struct vsc_options {
    int timeout_ms;      /* 0 = VSC_TIMEOUT_MS */
    unsigned spin;       /* rounds before a waiting thread sleeps at most: vmbus.h, struct vmbus_spin */
    unsigned ring_pages; /* of each ring, header included; 0 = 5 as Linux (vpci-wire.md 1.1) */
};

/* Threads: connect and disconnect by one thread; everything else, and the interfaces and IRPs of the PDOs, from any.
 * Requests are completed at DISPATCH_LEVEL on the VSC's receiver thread.
 *
 * Opens the channel on a connected socket (becomes the VSC's), negotiates 1.4 down to 1.1, queries bus relations and
 * resource requirements, enters D0, assigns resources. Returns when the functions are known. 0; -ETIMEDOUT, -EPROTO,
 * -EPIPE, -errno. */
int vsc_connect(struct nt_partition *partition, int socket, struct vsc **vsc);
/* The same; options NULL = defaults. The socket is closed on failure. */
int vsc_connect_with(struct nt_partition *partition, int socket, const struct vsc_options *options, struct vsc **vsc);
/* RESOURCES_RELEASED, D0EXIT, close; deletes the PDOs, whose stacks must be gone (IRP_MN_REMOVE_DEVICE). Every pended
 * request has completed by then (pci.md 5.8): INVALIDATE with STATUS_CANCELLED, READ and WRITE with
 * STATUS_DEVICE_NOT_CONNECTED. Interfaces still referenced keep their context; their routines fail from now on. */
void vsc_disconnect(struct vsc *vsc);

/* Changes options.spin. Any thread, any time; 0 = threads sleep at once. */
void vsc_set_spin(struct vsc *vsc, unsigned rounds);

unsigned vsc_function_count(struct vsc *vsc);
PDEVICE_OBJECT vsc_pdo(struct vsc *vsc, unsigned index); /* NULL beyond the count */
bool vsc_gone(struct vsc *vsc);                          /* host gone or rescinded */
/* Waits until the host ejects the device or goes away, or the timeout: 0 = eject requested, -EPIPE, -ETIMEDOUT. */
int vsc_wait_event(struct vsc *vsc, int timeout_ms);
void vsc_eject_complete(struct vsc *vsc); /* after the function's driver was halted */

/* Message interrupts of a function (vpci-wire.md 1.6.14, 1.6.15). Connecting asks the host for the address and the data
 * which the function is to write, and calls `handler` whenever it did, at DISPATCH_LEVEL on the VSC's receiver thread,
 * one interrupt at a time; raisings before the handler ran may come as one. Whoever connects writes address and data to
 * the function's MSI-X table or MSI capability. Both at PASSIVE_LEVEL; not from a handler.
 *
 * STATUS_SUCCESS; STATUS_DEVICE_REMOVED, STATUS_DEVICE_NOT_CONNECTED, STATUS_IO_TIMEOUT,
 * STATUS_INSUFFICIENT_RESOURCES (no vector or memory), STATUS_UNSUCCESSFUL (a malformed answer), else what the host
 * answered. */
struct vsc_interrupt;
typedef void vsc_interrupt_handler(void *context);
NTSTATUS vsc_interrupt_connect(PDEVICE_OBJECT pdo, vsc_interrupt_handler *handler, void *context,
                               struct vsc_interrupt **interrupt);
/* The host deletes it; when this returns the handler has returned and is not called again. Also after the function was
 * removed or the host went away, and after vsc_disconnect. */
void vsc_interrupt_disconnect(struct vsc_interrupt *interrupt);
void vsc_interrupt_message(const struct vsc_interrupt *interrupt, uint64_t *address, uint32_t *data);

/* A configuration access as a processor in the guest makes it: one trapped load or store of 1, 2 or 4 bytes in the
 * window page of function `index`. Reads of a window that is not there give all ones. What replaying a capture uses. */
uint32_t vsc_window_read(struct vsc *vsc, unsigned index, uint32_t offset, uint32_t size);
void vsc_window_write(struct vsc *vsc, unsigned index, uint32_t offset, uint32_t size, uint32_t value);

#endif
