/* SPDX-License-Identifier: MIT
 *
 * A PF miniport for tests of what stands above it: eight VFs whose configuration space is an image with masks, blocks
 * that keep what is written, every OID recorded, any of them made to fail or to pend. It runs on the miniport of
 * tests/ndis.
 */
#ifndef VFPLANE_TEST_FAKE_PF_H
#define VFPLANE_TEST_FAKE_PF_H

#include "../ndis/nic.h"
#include "vstack/vstack.h"

#define FAKE_VFS     8
#define FAKE_VFS_MAX 300
#define FAKE_BLOCKS  8

struct fake_dword {
    unsigned offset;
    uint32_t value, rw, w1c;
};

/* A raw VF as hardware has it, and what its PF driver says of it. */
struct fake_device {
    const char *name;
    USHORT vendor, device;
    ULONG probed[6];
    const struct fake_dword *dwords;
    unsigned count;
};
extern const struct fake_device fake_82576, fake_nvme;

struct fake_oid {
    NDIS_OID oid;
    NDIS_REQUEST_TYPE type;
    USHORT vf;
    ULONG offset, length; /* offset: also block id, BAR index, power state */
    uint32_t value;       /* first bytes of what was written */
    NDIS_STATUS status;
};

struct fake_pf {
    struct nic *nic;
    const struct fake_device *device;
    unsigned vfs;
    UCHAR space[FAKE_VFS_MAX][4096];
    UCHAR block[FAKE_VFS_MAX][FAKE_BLOCKS][128];
    bool allocated[FAKE_VFS_MAX];

    pthread_mutex_t lock;
    struct fake_oid log[512];
    unsigned logged;

    /* what it does wrong */
    NDIS_OID fail_oid;
    NDIS_STATUS fail_status;
    _Atomic NDIS_OID pend_oid;  /* kept until fake_pf_complete */
    _Atomic NDIS_OID block_oid; /* MiniportOidRequest does not return until fake_pf_unblock */
    unsigned blocked;           /* in there now; under lock */
    pthread_cond_t block_changed;
    _Atomic ULONG short_by; /* bytes that reads leave unwritten and unreported */
    bool null_bar_resources, bar_resources_refused;
    _Atomic bool long_claim; /* reads say that they filled all there is room for */
    int vf_id; /* >= 0: ALLOCATE_VF gives this one */
};

struct fake_pf *fake_pf_create(const struct fake_device *device);
struct fake_pf *fake_pf_create_large(const struct fake_device *device, unsigned vfs); /* at most FAKE_VFS_MAX */
void fake_pf_destroy(struct fake_pf *pf);
/* Does what the pended request asks (when `status` is success) and completes it. */
void fake_pf_complete(struct fake_pf *pf, NDIS_STATUS status);
void fake_pf_wait_pended(struct fake_pf *pf);
void fake_pf_wait_blocked(struct fake_pf *pf);
void fake_pf_unblock(struct fake_pf *pf); /* and no OID blocks any more */
void fake_pf_clear_log(struct fake_pf *pf);
/* Records of that OID since the log was cleared; *last: the latest. */
unsigned fake_pf_seen(struct fake_pf *pf, NDIS_OID oid, struct fake_oid *last);
void fake_pf_invalidate(struct fake_pf *pf, USHORT vf, ULONG64 mask);
uint32_t fake_pf_dword(struct fake_pf *pf, USHORT vf, unsigned offset);
unsigned fake_pf_logged(struct fake_pf *pf); /* OIDs of any kind since the log was cleared */
void fake_pf_fill_block(struct fake_pf *pf, USHORT vf, unsigned block, UCHAR byte);
UCHAR fake_pf_block_byte(struct fake_pf *pf, USHORT vf, unsigned block, unsigned at);
void fake_pf_poke(struct fake_pf *pf, USHORT vf, unsigned offset, uint32_t value);

/* The stack with a switch of all the PF's VFs. */
struct vstack *fake_pf_stack(struct fake_pf *pf);
struct vstack_vf *fake_pf_vf(struct vstack *stack);

#endif
