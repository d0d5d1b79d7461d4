/* SPDX-License-Identifier: MIT
 *
 * A bus driver of nothing: one PDO that offers what a PF's bus (host) or a VF's bus (guest) offers, records the calls
 * and answers what the test says.
 */
#ifndef VFPLANE_TEST_FAKE_BUS_H
#define VFPLANE_TEST_FAKE_BUS_H

#include "nt/nt.h"

#include <pthread.h>
#include <vpci.h>

enum fake_kind { FAKE_PLAIN, FAKE_HOST, FAKE_GUEST };

struct fake_call {
    char what[16]; /* "SetVf", "GetVf", "Location", "Enable", "Bars", "SetBus", "GetBus", "WriteBlock", "ReadBlock" */
    unsigned vf, offset, length; /* offset: also block id, NumVFs */
    unsigned flag;
};

struct fake_bus {
    enum fake_kind kind;
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT pdo;
    int references; /* of the three interfaces */

    struct fake_call calls[64];
    unsigned count;

    UCHAR space[4096]; /* own configuration space; also that of VF 0 */
    UCHAR block[128];
    unsigned enabled;   /* VFs */
    unsigned total_vfs; /* more: STATUS_INVALID_PARAMETER */
    NTSTATUS block_status;
    ULONG serial;
    unsigned bars;     /* memory descriptors in the resources at start, of 1000h bytes from 1000h on */
    unsigned large;    /* then one of 4 GiB from 100'0000'0000h on, of this CM_RESOURCE_MEMORY_LARGE_* kind, if not 0 */
    unsigned messages; /* then message interrupts, at IRQL 5 */
    unsigned ports;    /* then a range of 40h ports from 400h on, if not 0 */

    pthread_mutex_t lock;
    PIRP invalidate; /* the pending IOCTL_VPCI_INVALIDATE_BLOCK */
    ULONG64 cached;
    unsigned armed;         /* IOCTLs that arrived */
    unsigned most_at_once;  /* pending at the same time */
    bool refuse_invalidate; /* complete it with STATUS_NOT_SUPPORTED */
    bool removed, started;
};

struct fake_bus *fake_bus_create(struct nt_partition *partition, enum fake_kind kind);
void fake_bus_destroy(struct fake_bus *bus); /* after IRP_MN_REMOVE_DEVICE of the PDO */
/* The host invalidates blocks: completes the pending IOCTL with all that is cached, at `irql`. */
void fake_bus_invalidate(struct fake_bus *bus, ULONG64 mask, KIRQL irql);
unsigned fake_bus_calls(const struct fake_bus *bus, const char *what);

#endif
