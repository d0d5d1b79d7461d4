/* SPDX-License-Identifier: MIT
 *
 * A stand-in for NDIS and the card, just large enough for refnic: it hands a miniport of the real shared module what it
 * asks for, remembers what the miniport did, and can make any one of its calls fail. With it a test reaches checks of
 * the driver that the real NDIS makes before the driver is asked.
 *
 * One thread.
 */
#ifndef VFPLANE_TESTS_REFNIC_FAKE_H
#define VFPLANE_TESTS_REFNIC_FAKE_H

#include <ndis.h>

#include "test.h"

#define FAKE_VFS      8 /* TotalVFs */
#define FAKE_SRIOV    0x160
#define FAKE_EXPRESS  0xA0
#define FAKE_MSIX     0x70
#define FAKE_PM       0x40 /* of VFs, when has_pm */
#define FAKE_BAR_SIZE 0x4000u
#define FAKE_WINDOW   0xfe000000ull /* VF BAR 0; VF BAR 3 follows */

struct fake {
    /* what the test decides before it starts the miniport */
    NDIS_HYPERVISOR_PARTITION_TYPE partition;
    int sriov_keyword;   /* -1: not set */
    int num_vfs_keyword; /* -1: not set */
    bool no_capability;  /* the PF has no SR-IOV */
    bool has_pm;         /* the VFs have Power Management */
    /* and at any time */
    bool flr_ignored;    /* Initiate FLR does nothing */
    bool msix_stuck;     /* MSI-X Enable cannot be set */
    bool gone;           /* bus data calls transfer nothing */
    bool short_transfer; /* bus data calls transfer one byte less */
    unsigned fail_at;    /* the n-th call that can fail does; 0: none */

    /* what the miniport did */
    void *module; /* its image */
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport;
    void *context;  /* NULL: not started */
    unsigned calls; /* that can fail, so far */
    size_t allocations;
    int locks;    /* held now */
    int mistakes; /* calls under a lock, locks not given back, memory freed twice, ... */
    unsigned enables, disables, sleeps, resets;
    unsigned attribute_count;
    UCHAR attribute_order[8];
    NDIS_OID oids[128];
    unsigned oid_count;
    bool has_current, has_hardware;
    NDIS_SRIOV_CAPABILITIES sriov;
    NDIS_NIC_SWITCH_CAPABILITIES nic_switch;
    UCHAR mac[6];
    ULONG64 invalidated[FAKE_VFS];
    unsigned indications;
    NDIS_LINK_STATE indicated;

    PNET_BUFFER_LIST completed; /* the last sends given back */
    struct {
        NDIS_IO_WORKITEM_ROUTINE routine; /* NULL: not queued */
        void *context;
    } work;
    struct {
        PNDIS_TIMER_FUNCTION function;
        void *context;
        bool set;
        unsigned period_ms;
    } timer;

    /* the card */
    UCHAR config[4096]; /* of the PF; in a guest, of the VF */
    UCHAR vf_config[FAKE_VFS][4096];
    unsigned num_vfs; /* enabled now */

    /* where a VF's block requests go; NULL: they fail */
    NDIS_STATUS (*block_read)(ULONG block, void *buffer, ULONG length);
    NDIS_STATUS (*block_write)(ULONG block, void *buffer, ULONG length);
};

/* The one the routines act on. A test that plays both ends makes two and puts the one in here whose driver runs. */
extern struct fake *fake;

/* Makes it, with a card in its state after power on; partition parent, no keywords. */
void fake_create(void);
/* Everything must have been given back. */
void fake_destroy(void);

/* Loads the module, runs DriverEntry, MiniportInitializeEx, Restart. */
NDIS_STATUS fake_start(const char *path);
/* Pause, HaltEx, Unload. */
void fake_stop(NDIS_HALT_ACTION action);

/* A request_sender: to the miniport's handler itself. Checks the rules that hold for every request: byte counts within
 * the buffer, nothing written behind it, not pended. */
NDIS_STATUS fake_oid(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG input, ULONG output, ULONG *needed,
                     ULONG *done);

/* Runs the work item that is queued, if any; lets a period of the timer pass, if it is set. */
void fake_run_work(void);
void fake_tick(void);

/* A VF's register, 16 bits. */
USHORT fake_vf16(unsigned vf, unsigned offset);

#endif
