/* SPDX-License-Identifier: MIT
 *
 * A guest whose every packet is made by hand, and the host it talks to: the fake PF, the stack, a VSP with one worker.
 */
#ifndef VFPLANE_TEST_RAW_GUEST_H
#define VFPLANE_TEST_RAW_GUEST_H

#include "../vstack/fake_pf.h"
#include "vmbus/vmbus.h"
#include "vpci/vsp/vsp.h"
#include "vpci/window.h"
#include "vpci/wire.h"

#define WINDOW 0x1000000000ull

struct raw_host {
    struct fake_pf *pf;
    struct vstack *stack;
    struct vsp *vsp;
    bool borrowed; /* the VSP is another's */
    FILE *packets; /* of guests made from now on; NULL: not wanted */
};

struct raw_bar {
    bool mapped;
    uint64_t guest_address, system_address, size;
    unsigned changes;
};

/* One guest with its VF and channel. */
struct raw_guest {
    struct raw_host *host;
    struct vstack_vf *vf;
    struct vsp_channel *channel;
    struct vmbus_guest *guest;
    struct vpci_window_guest window;
    uint64_t next_id;
    uint32_t relid;
    int socket; /* the guest's end while it is not connected */

    /* in-band packets that came while something else was waited for */
    struct {
        uint32_t length;
        uint8_t bytes[256];
    } queue[32];
    unsigned queued;

    /* `ended` */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended;
    bool orderly;
    char reason[128];

    /* interrupts and BARs as the host program is told; under lock */
    unsigned interrupts;
    struct vsp_delivery last;
    uint16_t processors[32]; /* of the last */
    struct raw_bar bars[6];
    unsigned bars_mapped_at_end;             /* when `ended` was called */
    void (*unmapped)(struct raw_guest *raw); /* inside that callback; NULL */
};

struct reply {
    uint32_t length; /* padded payload */
    union {
        uint8_t bytes[4096];
        uint32_t dwords[1024];
    };
};

/* What most tests start from: two guests on one host; the second must notice nothing. */
struct raw_pair {
    struct raw_host *host;
    struct raw_guest *guest, *second;
};
int raw_pair_set_up(void **state);    /* the second in D0, the first open without a version */
int raw_pair_set_up_d0(void **state); /* both in D0, assigned */
int raw_pair_tear_down(void **state); /* the second still works; leaves nothing */

struct raw_host *raw_host_create(const struct fake_device *device);
struct raw_host *raw_host_create_large(const struct fake_device *device, unsigned vfs, unsigned workers);
struct raw_host *raw_host_beside(struct raw_host *host); /* another adapter of the same VSP; destroyed before it */
void raw_host_destroy(struct raw_host *host);

struct raw_guest *raw_guest_create(struct raw_host *host, uint32_t relid);         /* VF and channel; not connected */
struct raw_guest *raw_guest_on(struct raw_host *host, uint32_t relid, int socket); /* the guest is someone else's */
void raw_connect(struct raw_guest *raw);                                           /* connected, offered */
void raw_open(struct raw_guest *raw, uint32_t pages_out, uint32_t pages_in);
struct raw_guest *raw_guest_open(struct raw_host *host, uint32_t relid); /* all of it, rings of 4 data pages */
void raw_guest_destroy(struct raw_guest *raw); /* leaves in order if connected; removes the channel, frees the VF */

void raw_send(struct raw_guest *raw, uint16_t type, uint16_t flags, uint64_t id, const void *payload, uint32_t length);
/* A message; its completion. Fails the test when there is none within seconds. */
uint32_t raw_request(struct raw_guest *raw, const void *payload, uint32_t length, struct reply *reply);
/* A message without the completion flag. */
void raw_post(struct raw_guest *raw, const void *payload, uint32_t length);
/* The next packet of that kind; fails when there is none. */
void raw_completion(struct raw_guest *raw, uint64_t id, struct reply *reply);
uint64_t raw_next_completion(struct raw_guest *raw, struct reply *reply); /* whose ever it is */
void raw_in_band(struct raw_guest *raw, uint32_t type, struct reply *reply);
/* After a round trip: no in-band packet of that type has come. */
bool raw_nothing(struct raw_guest *raw, uint32_t type);

uint32_t raw_version(struct raw_guest *raw, uint32_t version);
uint32_t raw_d0(struct raw_guest *raw, uint64_t base);
uint32_t raw_d0_exit(struct raw_guest *raw);
uint32_t raw_assign(struct raw_guest *raw); /* as Linux: RESOURCES_ASSIGNED2, 202 bytes, all zero */
void raw_up(struct raw_guest *raw);         /* version 1.4, D0 at WINDOW, assigned */
uint32_t raw_block_write(struct raw_guest *raw, uint32_t block, const void *data, uint32_t length);
uint32_t raw_block_read(struct raw_guest *raw, uint32_t block, uint32_t length, struct reply *reply);
bool raw_alive(struct raw_guest *raw); /* a block goes there and back */

/* One access of the mailbox. */
uint64_t raw_window(struct raw_guest *raw, bool write, uint64_t address, uint32_t size, uint64_t value);
uint32_t raw_config_read(struct raw_guest *raw, uint32_t offset, uint32_t size);
void raw_config_write(struct raw_guest *raw, uint32_t offset, uint32_t size, uint32_t value);

void raw_wait_gone(struct raw_guest *raw); /* the offer was taken back */
void raw_wait_ended(struct raw_guest *raw);
unsigned raw_ended(struct raw_guest *raw);
unsigned raw_interrupts(struct raw_guest *raw);
struct raw_bar raw_bar(struct raw_guest *raw, unsigned index);
struct vsp_stats raw_stats(struct raw_guest *raw);

#endif
