/* SPDX-License-Identifier: MIT
 *
 * What the files of the host room share. This room wires the others together behind include/vfplane/; it holds no rule
 * of its own.
 */
#ifndef VFPLANE_HOST_INTERNAL_H
#define VFPLANE_HOST_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <vfplane/guest.h>
#include <vfplane/host.h>
#include <vfplane/vmm.h>

#include "ndis/ndis_room.h"
#include "nt/contract.h"
#include "nt/nt.h"
#include "pci/pci.h"
#include "pcibus/pcibus.h"
#include "vpci/vmm/vmm.h"
#include "vpci/vsc/vsc.h"
#include "vpci/vsp/vsp.h"
#include "vstack/vstack.h"

/* A NULL-terminated-by-next list of what a host owns; each kind embeds it first. */
struct owned {
    struct owned *next;
};

#define HOST_RELIDS 2048 /* vpci-wire.md 3.3: child relid 1..2047 */

/* What the partition's findings do (contract.c). */
struct host_contracts {
    enum vfp_contracts mode;
    void (*visit)(const struct vfp_finding *finding, void *context);
    void *context;
};

/* To be called when the partition is made; `contracts` lives as long. */
void host_contracts_init(struct nt_partition *partition, struct host_contracts *contracts);

struct vfp_host {
    struct host_contracts contracts;
    struct trace *trace;
    struct nt_partition *partition;
    bool strict_timing;
    struct vsp *vsp;
    struct vmm_loop *loop;
    struct vfp_vmm *vmms;
    struct vfp_pf *pfs;
    struct vfp_driver *drivers;
    struct vfp_adapter *adapters;
    uint64_t relids[HOST_RELIDS / 64]; /* channels in use, one bit a relid; 0 is never used */
    FILE *packets;                     /* of channels opened from now on; NULL: none */
    bool has_patience;                 /* else NDIS's own */
    unsigned patience_ms;
    uint32_t vfs_made; /* for MAC addresses that differ */
    char error[1200];  /* a loader lists all unresolved symbols */
};

struct vfp_pf {
    struct owned owned;
    struct vfp_host *host;
    struct pci_device *device;
    PDEVICE_OBJECT pdo;
};

struct vfp_driver {
    struct owned owned;
    struct vfp_host *host;
    PDRIVER_OBJECT object;
};

struct vfp_adapter {
    struct owned owned;
    struct vfp_host *host;
    struct vfp_pf *pf;
    NDIS_HANDLE binding;       /* the host program as an overlying driver: status, OIDs where there is no stack */
    pthread_mutex_t lock;      /* stack: who makes it */
    pthread_mutex_t listening; /* heard: held while it runs */
    void (*heard)(void *context, const struct vfp_status *status);
    void *heard_context;
    bool generic;                   /* its PF driver is no NDIS miniport: there is no binding */
    _Atomic(struct vstack *) stack; /* made with the first use, needs SR-IOV */
    struct vfp_vf *vfs;
};

struct vfp_vf {
    struct owned owned;
    struct vfp_adapter *adapter;
    struct vstack_vf *vf;
    struct vfp_channel *channel;
};

struct vfp_vmm {
    struct owned owned;
    struct vfp_host *host;
    struct vmm *vmm;
};

struct vfp_channel {
    struct vfp_vf *vf;
    struct vsp_channel *channel;
    struct vfp_vmm *vmm;                /* NULL: the guest is at the other end of a socket of its own */
    struct vmm_channel *far;            /* with it */
    struct vfp_channel_options options; /* name: not kept */
    uint32_t relid;
};

/* channel.c: a channel over that carrier, whose context is the channel. 0 or as vfp_channel_open. */
struct host_carrier {
    struct vfp_vmm *vmm;
    int (*create)(void *channel, const struct vmbus_offer *offer, struct vmbus_host **host);
    void (*answered)(void *channel);
    int socket;
};
int host_channel_add(struct vfp_vf *vf, const struct host_carrier *carrier, const struct vfp_channel_options *options,
                     struct vfp_channel **channel);

/* mitigation.c: what the channel's VF has of mitigated ranges, told on. */
void host_channel_ranges(const struct vfp_channel *channel, unsigned index, const struct vstack_range *ranges,
                         unsigned count);
/* What a VMM asks of the channel that is its context. */
extern const struct vmm_channel_asked host_channel_asked;

void host_list_add(void *list, void *element);
void host_list_remove(void *list, void *element);

NDIS_STATUS host_open(struct vfp_adapter *adapter); /* its binding */

/* generic.c: which road leads to a PF driver that has just started; NDIS_STATUS_NOT_SUPPORTED: none does. */
NDIS_STATUS host_find_road(struct vfp_adapter *adapter);
int host_generic_link(struct vfp_adapter *adapter, bool up, uint64_t speed);
int host_generic_read(struct vfp_vf *vf, enum vstack_access what, uint32_t where, void *buffer, uint32_t length);
int host_generic_write(struct vfp_vf *vf, enum vstack_access what, uint32_t where, const void *buffer, uint32_t length);

/* The stack of an adapter, made when it is first asked for. Any thread. */
NDIS_STATUS host_stack(struct vfp_adapter *adapter);
/* Whose OIDs a host program sends: the stack's where the adapter has SR-IOV, so that the program may free what the
 * stack allocated. */
NDIS_HANDLE host_binding(struct vfp_adapter *adapter);

/* Stores the line that vfp_host_error() returns; passes `error` through. */
int host_fail(struct vfp_host *host, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Writes `space`, a view of a function that exists, as `lspci -F` reads it. 0 or -EIO. */
int host_dump(struct vfp_pf *pf, int function, const uint8_t space[PCI_CONFIG_SIZE], FILE *stream);

/* The calling thread runs in the host's partition until it leaves. */
#define HOST_ENTER(host) struct nt_partition *entered_from = nt_enter((host)->partition)
#define HOST_LEAVE()     ((void)nt_enter(entered_from))

/* The errno that tells a Linux program what a status means. 0 for success (and for NDIS_STATUS_PENDING: never passed).
 */
int host_errno(NTSTATUS status);

#endif
