/* SPDX-License-Identifier: MIT
 *
 * A PF driver of the test's own that answers for pages of its VFs' BARs: what it says of them is the test's to choose,
 * right or wrong. BAR 0 of a VF has eight pages, the others are not there.
 */
#ifndef VFPLANE_TESTS_MITIGABLE_PF_H
#define VFPLANE_TESTS_MITIGABLE_PF_H

#include "generic_pf.h"

#define PF_PAGES  8
#define PF_RANGES 4

struct mitigable_pf {
    struct generic_pf pf; /* first: `other` finds the rest by it */
    pthread_mutex_t lock; /* what it says: under it, also the test's */
    /* IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT */
    NTSTATUS count_status; /* STATUS_PENDING: the request waits */
    ULONG_PTR count_information;
    ULONG counts[6];
    /* IOCTL_SRIOV_QUERY_MITIGATED_RANGES: of any VF and BAR */
    NTSTATUS ranges_status;
    ULONG_PTR ranges_information; /* 0: as it should be */
    unsigned too_small;           /* that many more are too small */
    SRIOV_MITIGATED_RANGES_OUTPUT ranges[PF_RANGES];
    NTSTATUS update; /* STATUS_PENDING: it waits */
    bool late;       /* SetVfPowerState announces a change */

    atomic_uint count_asks, ranges_asks, updates; /* IOCTLs seen */
    atomic_uint lates;
    atomic_uint accesses;
    struct { /* the last access; under pf.lock */
        USHORT vf, bar;
        BOOLEAN read;
        ULONGLONG offset;
        ULONG length;
        UCHAR data[8];
    } access;
};

/* `pf` offers the interface with that size, and says STATUS_SUCCESS and no ranges at first. */
void mitigable_pf_create(struct mitigable_pf *pf, USHORT size);
void mitigable_pf_destroy(struct mitigable_pf *pf);
/* What it does with IOCTLs: for a test that does something before, or else. */
NTSTATUS mitigable_pf_control(struct generic_pf *pf, ULONG code, PIRP irp);
/* Where they wait. */
#define MITIGABLE_UPDATE(vf) (2u + (vf))
#define MITIGABLE_COUNT(vf)  (2u + PF_VFS + (vf))
/* BAR 0 has this one range; pages 0: none. */
void mitigable_pf_range(struct mitigable_pf *pf, ULONG64 base, ULONG pages, bool reads, bool writes);
/* Completes the update that waits for that VF; waits for it to arrive first. */
void mitigable_pf_update(struct mitigable_pf *pf, USHORT vf, USHORT named, NTSTATUS status, ULONG_PTR information);

#endif
