/* SPDX-License-Identifier: MIT
 *
 * The VMM's side of the socket (docs/vmm-integration.md), for one virtual machine with one VF: an example to copy from.
 * It needs vfplane/vmm_wire.h and nothing else of vfplane. One thread; a VMM with vCPU threads puts a lock round it.
 *
 * What a real VMM does where this one only notes it: `packet` writes to the guest's ring and vmm_read() is called when
 * the guest has read; MAP and UNMAP change what the guest's physical addresses mean; INTERRUPT is injected; a page that
 * vmm_is_mitigated() is not mapped, so that the guest's access exits to vmm_register().
 */
#ifndef EXAMPLE_VMM_H
#define EXAMPLE_VMM_H

#include <stdbool.h>

#include <vfplane/vmm_wire.h>

#define VMM_PATIENCE_MS 30000

/* The mitigated ranges of a BAR, as the last RANGES said. */
struct vmm_ranges {
    uint32_t count;
    struct vfp_vmm_range list[VFP_VMM_RANGES_MAX];
};

struct vmm_channel {
    uint32_t id; /* 0: none is offered */
    bool open;
    uint8_t instance_id[16];
    uint32_t credit; /* what we may still send */
    uint32_t owed;   /* what the guest has read and the host has not been told */
    uint32_t ring;   /* bytes of the ring to the guest */
    struct vfp_vmm_region region[7];
    bool mapped[7];
    struct vmm_ranges ranges[VFP_VMM_BARS];
    unsigned interrupts;
};

struct vmm {
    int fd;
    uint16_t highest;  /* version to be spoken; 0: the highest there is */
    uint16_t version;  /* that was agreed on */
    uint32_t frame_id; /* of the last frame sent */
    struct vmm_channel channel;
    /* answers to frames of ours */
    uint32_t answered; /* the id of the last one answered */
    uint32_t status;   /* OPENED, REGISTER_DONE, RETARGETED */
    uint64_t value;    /* WINDOW_DONE, REGISTER_DONE */
    uint32_t error;    /* the rule of the last ERROR, 0: there was none */
    /* A packet for the guest's ring; an interrupt for its processors (NULL: only counted). */
    void (*packet)(void *context, const struct vfp_vmm_packet *packet, uint32_t length);
    void (*interrupt)(void *context, const struct vfp_vmm_interrupt *interrupt);
    void *context;
    uint32_t filled, used;
    uint8_t buffer[2 * VFP_VMM_FRAME_MAX];
};

/* All return 0 or a negative errno: -EPIPE the host is gone, -ETIMEDOUT, -EPROTO it said ERROR or something that is not
 * in the protocol, -ENODEV the offer was taken back. */
int vmm_connect(struct vmm *vmm, const char *path); /* and HELLO; vmm zero-initialised but for `packet`, `context` */
void vmm_disconnect(struct vmm *vmm);
int vmm_step(struct vmm *vmm, int timeout_ms); /* takes one frame */
int vmm_offered(struct vmm *vmm);              /* waits for an OFFER */
int vmm_open(struct vmm *vmm, uint32_t to_host, uint32_t to_guest);
int vmm_close(struct vmm *vmm);
/* A packet of the guest's ring; waits for credit, as a VMM would leave it in the ring. */
int vmm_packet(struct vmm *vmm, uint16_t type, uint16_t flags, uint64_t transaction_id, const void *payload,
               uint32_t length);
int vmm_read(struct vmm *vmm, uint32_t length); /* the guest has read a packet of that payload */
/* An access that was trapped in the window. */
int vmm_access(struct vmm *vmm, bool write, uint64_t address, uint32_t size, uint64_t *value);

/* Version 2. Must the access, which crosses no edge of a page, not reach the BAR? The one that vmm_register hands over:
 * failed reads give all ones. -ENOENT: it is the guest's own after all. Another target of the interrupt with that
 * address and data; -ENOENT: there is none. */
bool vmm_is_mitigated(const struct vmm *vmm, uint32_t region, uint64_t offset, uint32_t size, bool write);
int vmm_register(struct vmm *vmm, bool write, uint32_t region, uint64_t offset, uint32_t size, uint64_t *value);
int vmm_retarget(struct vmm *vmm, uint64_t address, uint32_t data, uint32_t vector, const uint16_t *processors,
                 uint16_t count);

/* Sends bytes as they are; fills in a frame header. */
int vmm_send(struct vmm *vmm, const void *bytes, uint32_t length);
struct vfp_vmm_frame vmm_header(struct vmm *vmm, uint16_t type, uint32_t length);

#endif
