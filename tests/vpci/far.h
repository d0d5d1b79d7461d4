/* SPDX-License-Identifier: MIT
 *
 * The host's end of two machines whose VMMs connect to it, each with one channel, and what a VMM does frame by frame.
 * Whatever the first does, the second must notice nothing.
 */
#ifndef VFPLANE_TEST_FAR_H
#define VFPLANE_TEST_FAR_H

#include "raw_guest.h"
#include "vpci/vmm/vmm.h"

#define FAR_RING 16384u /* bytes a direction, as Linux asks for */

struct far_host;

struct far {
    struct far_host *host;
    struct vmm *vmm;
    uint32_t relid;
    char path[64];

    /* the channel at the host's end */
    struct vstack_vf *vf;
    struct vmm_channel *end;
    struct vsp_channel *channel;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended; /* under lock, with the next two */
    bool orderly;
    char reason[128];

    /* the VMM */
    int fd;           /* -1: not connected */
    uint16_t version; /* the highest it speaks; 0: 1 */
    uint32_t filled, used;
    uint8_t buffer[65536];
    uint32_t id;       /* of the channel, from OFFER */
    uint32_t frame_id; /* of the last frame */
    uint64_t transaction;
    uint32_t credit;   /* ours */
    uint32_t taken;    /* of the host's, not given back */
    bool keeps_credit; /* packets that are read give nothing back */
    struct vfp_vmm_region regions[7];
    bool mapped[7];
    unsigned interrupts, invalidates, ranges;
    struct vfp_vmm_interrupt interrupt; /* the last */
};

struct far_host {
    struct raw_host *raw;
    struct vmm_loop *loop;
    pthread_t thread;
    int stop;
    char folder[32];
    struct far first, second; /* of far_set_up */
};

/* The host without machines, and a machine on it: listened for and offered, nobody connected. */
void far_host_start(struct far_host *host, struct raw_host *raw);
void far_host_stop(struct far_host *host); /* destroys `raw` as well; without machines again */
void far_pause(struct far_host *host);     /* nobody serves sockets */
void far_resume(struct far_host *host);
void far_make(struct far_host *host, struct far *far, uint32_t relid);
void far_unmake(struct far *far);

int far_set_up(void **state);      /* struct far_host; both offered, nobody connected */
int far_set_up_open(void **state); /* both in D0, assigned, with a block and a window access done */
int far_tear_down(void **state);   /* the second still works */

/* ---- the VMM, frame by frame ---- */
void far_connect(struct far *far);
void far_disconnect(struct far *far);
void far_say(struct far *far, const void *frame, uint32_t bytes);
/* A frame of that type, channel filled in, and `length` bytes in all, of which what is behind the header comes from
 * `rest` (NULL: zero). Its id is far->frame_id. */
void far_send(struct far *far, uint16_t type, uint32_t length, const void *rest);
/* The next frame of that type; valid until the next call. What comes before it is booked: credit, regions, interrupts;
 * an ERROR or a RESCIND that is not wanted fails the test. */
const void *far_hear(struct far *far, uint16_t type);
const void *far_hear_any(struct far *far); /* the next frame, of whatever type */
void far_hear_error(struct far *far, uint32_t rule, uint16_t type, uint32_t id);
void far_hear_end(struct far *far); /* the connection ends, and nothing comes before that */

void far_hello(struct far *far);
void far_offered(struct far *far);
void far_open(struct far *far, uint32_t to_host, uint32_t to_guest);
void far_packet(struct far *far, uint16_t type, uint16_t flags, uint64_t transaction, const void *payload,
                uint32_t length);
const struct vfp_vmm_packet *far_completion(struct far *far, uint64_t transaction);
/* A message and its completion's status. */
uint32_t far_request(struct far *far, const void *payload, uint32_t length);
uint64_t far_window(struct far *far, bool write, uint64_t address, uint32_t size, uint64_t value);
void far_up(struct far *far);    /* connected to assigned */
bool far_alive(struct far *far); /* a block goes there and back, a register is read */

/* ---- the host's end ---- */
void far_offer(struct far *far); /* a channel with a new VF */
void far_take_back(struct far *far);
void far_wait_ended(struct far *far);
unsigned far_ended(struct far *far);
struct vsp_stats far_stats(struct far *far);

#endif
