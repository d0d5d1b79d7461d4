/* SPDX-License-Identifier: MIT
 *
 * The socket to a VMM that terminates VMBus itself: it hands us the packets of its guest's rings, the accesses to the
 * configuration window, opening and closing, and gets packets, completions, interrupts and mappings back. The bytes are
 * those of vfplane/vmm_wire.h, the text is docs/vmm-integration.md.
 *
 * A `vmm` is a path that one VMM at a time connects to, for one virtual machine; each channel of it is one VF. What a
 * channel receives goes through the rings of a vmbus_local, so the VSP serves it as any other.
 *
 * Nothing the VMM sends is believed: a frame is whole before it is looked at, checked, then used. A broken rule costs
 * the frame, its channel or its connection (VFP_VMM_RULES), never another VMM. Nothing waits for a VMM: one that does
 * not read its socket loses its connection when more than VMM_UNREAD_MAX bytes wait for it; one that reads slowly is
 * told less of what changes, and later (say.c).
 *
 * Threads: vmm_loop_run by one; the others by one thread at a time a vmm, and by any those of a channel that say so.
 */
#ifndef VFPLANE_VMM_H
#define VFPLANE_VMM_H

#include <vfplane/vmm_wire.h>

#include "vmbus/vmbus.h"

struct vmm_loop;
struct vmm;
struct vmm_channel;

#define VMM_UNREAD_MAX 262144u

/* Every frame that was received whole or is being sent, on the thread that does it, in order; `length` as it says, or
 * for one that breaks FRAME_LENGTH the 16 bytes of its header. May not call in here. */
typedef void vmm_observer(void *context, bool from_vmm, const struct vfp_vmm_frame *frame);

struct vmm_loop *vmm_loop_create(void); /* NULL: no memory or descriptors */
void vmm_loop_destroy(struct vmm_loop *loop);
/* Serves the VMMs of this loop until `stop_fd` is readable (-1: for ever). 0 or -errno. */
int vmm_loop_run(struct vmm_loop *loop, int stop_fd);

/* Makes the socket (mode 0600). One that nobody serves any more is replaced. 0; -EADDRINUSE (somebody serves it, or it
 * is no socket), -ENAMETOOLONG, -ENOMEM, -errno. */
int vmm_listen(struct vmm_loop *loop, const char *path, struct vmm **vmm);
/* Its channels must be gone. Ends the connection, removes the socket. */
void vmm_close(struct vmm *vmm);
bool vmm_connected(struct vmm *vmm);                                      /* a VMM has said HELLO and is still there */
void vmm_observe(struct vmm *vmm, vmm_observer *observer, void *context); /* NULL: nobody */

/* What the VMM asks of a channel (version 2), on the loop's thread with the vmm locked: may not call in here. 0: it is
 * answered by vmm_channel_register_done or _retarget_done, once; a negative errno is the answer itself. */
struct vmm_channel_asked {
    int (*access)(void *context, const struct vfp_vmm_register *asked);
    int (*retarget)(void *context, const struct vfp_vmm_retarget *asked);
    void *context;
};

/* A channel's host end: offered now, or to the first VMM that connects. When that one goes, the channel is gone with
 * it. 0, -ENOMEM, -errno. vmbus_host_destroy() frees it. */
int vmm_channel_create(struct vmm *vmm, const struct vmbus_offer *offer, const struct vmm_channel_asked *asked,
                       struct vmm_channel **channel);
struct vmbus_host *vmm_channel_host(struct vmm_channel *channel);
void vmm_channel_answered(struct vmm_channel *channel); /* a window access: vpci_window_host.answered */

/* To the VMM, while the channel is open; any thread. An interrupt that is still unread is not sent twice. */
void vmm_channel_interrupt(struct vmm_channel *channel, uint32_t vector, bool lowest_priority, unsigned processor_count,
                           const uint16_t *processors);
/* `region`: 0 to 5, VFP_VMM_REGION_WINDOW. */
void vmm_channel_region(struct vmm_channel *channel, bool mapped, uint32_t region, uint64_t guest_address,
                        uint64_t system_address, uint64_t size);
/* For a VMM of version 1 the BAR is not mapped while it has ranges. `region` 0 to 5, at most VFP_VMM_RANGES_MAX ranges.
 */
void vmm_channel_ranges(struct vmm_channel *channel, uint32_t region, const struct vfp_vmm_range *ranges,
                        uint32_t count);
void vmm_channel_register_done(struct vmm_channel *channel, int result, uint64_t value); /* result: 0, negative errno */
void vmm_channel_retarget_done(struct vmm_channel *channel, int result);

/* "FRAME_LENGTH"; "?" for none. */
const char *vmm_rule_name(uint32_t rule);

#endif
