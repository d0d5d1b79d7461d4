/* SPDX-License-Identifier: MIT
 *
 * A host for testing the VSC: plays vPCI on the raw vmbus host end, on a thread of its own. By default it is honest: it
 * has one function in slot 0 (unless told otherwise), a configuration space of plain bytes and 64 blocks of 128 bytes.
 * A test gives it a `hook` that sees each packet first and may answer it wrongly, late or never.
 */
#ifndef VFPLANE_TEST_SCRIPT_HOST_H
#define VFPLANE_TEST_SCRIPT_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "vmbus/vmbus.h"
#include "vpci/window.h"
#include "vpci/wire.h"

#define SCRIPT_SLOTS           4u
#define SCRIPT_MESSAGE_ADDRESS 0xFEE00000u /* of every interrupt; its data is the vector */

struct script_packet {
    uint64_t id;
    bool flagged;
    uint32_t length;
    uint32_t type;
    uint8_t bytes[512];
};

struct script {
    /* set before script_start */
    uint32_t lowest, highest; /* versions accepted */
    uint32_t count;           /* functions listed */
    struct vpci_function2 function[SCRIPT_SLOTS];
    bool relations1; /* BUS_RELATIONS instead of BUS_RELATIONS2 */
    uint32_t probed[VPCI_BARS];
    uint32_t d0_refusals; /* BUS_D0ENTRY fails this often */
    uint32_t block_status;
    bool deaf_window;                                                        /* accesses are taken and not answered */
    bool (*hook)(struct script *script, const struct script_packet *packet); /* true: dealt with */
    void *context;

    /* what happened, under lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct script_packet log[512];
    unsigned logged;
    struct vpci_window_access access[4096];
    unsigned accesses;
    bool open, closed, gone;

    uint8_t config[SCRIPT_SLOTS][VPCI_CONFIG_SIZE];
    uint8_t block[64][VPCI_BLOCK_MAX];
    uint8_t shown_config[SCRIPT_SLOTS][VPCI_CONFIG_SIZE]; /* the test's copies */
    uint8_t shown_block[64][VPCI_BLOCK_MAX];
    uint32_t selected;
    uint64_t base; /* of the window, 0 outside D0 */
    struct vmbus_host *host;
    struct vpci_window_host window;
    pthread_t thread;
    int stop;
};

/* Zeroes it and fills in the honest defaults. */
void script_init(struct script *script);
/* Starts the host; returns the guest's end of the socket. */
int script_start(struct script *script, uint32_t relid);
/* Ends the thread and frees the host's end; the guest notices. May be called before the guest disconnects. */
void script_stop(struct script *script);

/* From any thread. */
void script_send(struct script *script, uint16_t type, uint64_t id, const void *payload, uint32_t length);
void script_complete(struct script *script, uint64_t id, const void *payload, uint32_t length);
void script_status(struct script *script, uint64_t id, uint32_t status);
void script_relations(struct script *script);
void script_invalidate(struct script *script, uint32_t slot, uint64_t mask);
void script_eject(struct script *script, uint32_t slot);
void script_rescind(struct script *script);
void script_raise(struct script *script, uint32_t vector);
/* Waits until `count` messages of that type have come; the last of them. */
struct script_packet script_wait(struct script *script, uint32_t type, unsigned count);
unsigned script_seen(struct script *script, uint32_t type);
/* A copy of what is stored at present (good until the next call), and storing something in slot 0. */
uint8_t (*script_config(struct script *script))[VPCI_CONFIG_SIZE];
void script_put(struct script *script, uint32_t offset, const void *bytes, uint32_t length);
uint8_t (*script_blocks(struct script *script))[VPCI_BLOCK_MAX];
struct vpci_window_access script_access(struct script *script, unsigned index);
/* Waits until the guest has closed the channel. */
void script_wait_closed(struct script *script);

#endif
