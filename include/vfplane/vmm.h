/* SPDX-License-Identifier: MIT
 *
 * The host end for a virtual machine whose VMM terminates VMBus itself. The VMM connects to a path and hands over what
 * its guest does, byte for byte as in vfplane/vmm_wire.h; docs/vmm-integration.md tells the whole of it.
 *
 *     struct vfp_vmm *vmm = vfp_channel_listen(host, "/run/vm7.vpci");
 *     vfp_channel_offer(vmm, vf, &(struct vfp_channel_options){.name = "vm7"}, &channel);
 *     vfp_host_run(host, stop_fd);
 *
 * What a channel is otherwise (ended, eject, close, interrupts raised by the VF's device) stands in vfplane/host.h; the
 * VMM is sent the interrupts, BARs and mitigated ranges, and the channel's callbacks for them, where there are any, are
 * called too. What the VMM asks (accesses to those ranges, other targets of interrupts) is done without the program.
 */
#ifndef VFP_VMM_H
#define VFP_VMM_H

#include <stdbool.h>

#include <vfplane/host.h>
#include <vfplane/vmm_wire.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfp_vmm;

/* Makes an AF_UNIX SOCK_STREAM socket at `path` (mode 0600) that one VMM at a time may connect to. One whose host was
 * killed is replaced. NULL: somebody serves that path, it is a file that is no socket, longer than 107 bytes, or the
 * folder does not let us. */
struct vfp_vmm *vfp_channel_listen(struct vfp_host *host, const char *path);
/* Closes its channels as vfp_channel_close does, ends the connection, removes the socket. */
void vfp_vmm_close(struct vfp_vmm *vmm);
/* A VMM has said HELLO and is still there. Any thread. */
bool vfp_vmm_connected(struct vfp_vmm *vmm);

/* Offers the VF to the machine: now, or to the first VMM that connects. When that VMM goes, breaks the protocol or lets
 * the offer go, `ended` is called as for any channel; vfp_channel_close, and the VF may be offered again. -EBUSY,
 * -ENOSPC, -ENOMEM, -EAGAIN as vfp_channel_open. */
int vfp_channel_offer(struct vfp_vmm *vmm, struct vfp_vf *vf, const struct vfp_channel_options *options,
                      struct vfp_channel **channel);

/* Serves the VMMs of this host on the calling thread until `stop_fd` is readable (-1: for ever). Other calls on the
 * host may be made meanwhile by another thread, but not vfp_host_destroy. 0; -EBADF, -EPERM: `stop_fd` is nothing that
 * can be waited for; -ENOMEM, -ENOSPC: the system takes no more to wait for. */
int vfp_host_run(struct vfp_host *host, int stop_fd);

/* From now on `observer` gets every frame received whole, before it is judged, and every frame to be sent, in order
 * (NULL: nobody). On whichever thread it happens; it may not call into the host. `frame->length` bytes are there, for a
 * frame from the VMM whose length breaks FRAME_LENGTH the header alone. */
typedef void vfp_vmm_observer(void *context, bool from_vmm, const struct vfp_vmm_frame *frame);
void vfp_vmm_observe(struct vfp_vmm *vmm, vfp_vmm_observer *observer, void *context);

#ifdef __cplusplus
}
#endif
#endif
