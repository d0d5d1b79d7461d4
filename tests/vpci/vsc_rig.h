/* SPDX-License-Identifier: MIT
 *
 * A guest partition whose VSC is connected to a scripted host, and IRPs to send to its PDO.
 */
#ifndef VFPLANE_TEST_VSC_RIG_H
#define VFPLANE_TEST_VSC_RIG_H

#include "test.h"

#include <semaphore.h>

#include "script_host.h"
#include "vpci/vsc/vsc.h"

#include <ntddk.h>
#include <vpci.h>
#include <wdmguid.h>

#define RIG_RELID 7u

struct rig {
    struct script script;
    unsigned fds; /* open before */
    struct nt_partition *partition;
    struct vsc *vsc;
    PDEVICE_OBJECT pdo; /* of the first function */
    BUS_INTERFACE_STANDARD bus;
    VPCI_INTERFACE_STANDARD vpci;
};

/* Partition and honest script, nothing connected. */
void rig_prepare(struct rig *rig);
/* Connects; what vsc_connect_with returned. timeout_ms 0 = the default. */
int rig_connect(struct rig *rig, int timeout_ms);
/* Both, and the first function started and its interfaces taken. */
void rig_up(struct rig *rig, int timeout_ms);
/* Takes everything down, in whatever state it is, and checks that nothing stayed behind. */
void rig_down(struct rig *rig);

/* One IRP and its end. */
struct sent {
    PIRP irp;
    NTSTATUS returned; /* by the dispatch routine */
    sem_t ended;
    _Atomic unsigned completions;
    NTSTATUS status;
    ULONG_PTR information;
    KIRQL irql; /* of the completion */
};

/* Sends an internal device control; mode KernelMode. */
void ioctl_send(struct rig *rig, struct sent *sent, ULONG code, void *input, ULONG input_length, void *output,
                ULONG output_length);
/* The same with everything chosen: major function and requestor mode. */
void ioctl_send_as(struct rig *rig, struct sent *sent, UCHAR major, KPROCESSOR_MODE mode, ULONG code, void *input,
                   ULONG input_length, void *output, ULONG output_length);
/* Waits for its completion, frees it; the status. */
NTSTATUS ioctl_end(struct sent *sent);
/* Sends a write or a read of a block. */
void send_write(struct rig *rig, struct sent *sent, ULONG id, const void *data, ULONG length);
void send_read(struct rig *rig, struct sent *sent, ULONG id, void *data, ULONG length);
void send_invalidate(struct rig *rig, struct sent *sent, VPCI_INVALIDATE_BLOCK_OUTPUT *output);

/* ---- blocks and configuration space through the interfaces --------------------------------------------------------
 */

/* A test's own answers to one kind of message: it holds the completions back, or sends these bytes. */
struct manners {
    uint32_t type;
    bool hold;
    uint8_t bytes[256];
    uint32_t length;
};

/* rig_up, and from then on the script behaves like that. */
void rig_up_with(struct rig *rig, struct manners *manners, int timeout_ms);
NTSTATUS write_block(struct rig *rig, ULONG id, void *buffer, ULONG length);
NTSTATUS read_block(struct rig *rig, ULONG id, void *buffer, ULONG length);
unsigned messages(struct rig *rig);
/* Everything the host sent so far has been taken in when this returns. */
void settle(struct rig *rig);

ULONG get_config(struct rig *rig, void *buffer, ULONG offset, ULONG length);
ULONG set_config(struct rig *rig, void *buffer, ULONG offset, ULONG length);
unsigned window_accesses(struct rig *rig);

#endif
