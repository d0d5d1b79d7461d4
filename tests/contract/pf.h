/* SPDX-License-Identifier: MIT
 *
 * A PF miniport that keeps every rule, on the real rooms, and places where a test makes it break one.
 */
#ifndef VFPLANE_TEST_CONTRACT_PF_H
#define VFPLANE_TEST_CONTRACT_PF_H

#include "test.h"

#include "ndis/ndis_room.h"
#include "nt/contract.h"

#define PF_VFS 4u

struct pf;

/* What a test breaks. Each may be NULL; what is returned is what the handler returns. */
struct bad {
    NTSTATUS (*entry)(PDRIVER_OBJECT driver, PUNICODE_STRING path); /* instead of DriverEntry */
    NDIS_STATUS (*attributes)(struct pf *pf);                       /* instead of setting attributes */
    NDIS_STATUS (*initialize)(struct pf *pf, NDIS_STATUS good);     /* after the good one */
    NDIS_STATUS (*pause)(struct pf *pf);
    void (*halt)(struct pf *pf); /* instead of giving virtualization back */
    void (*unload)(void);        /* before deregistration */
    bool no_deregister;
    bool static_model; /* VFs are enabled in MiniportInitializeEx */
    NDIS_OID oid;      /* ... `request` has instead of the good handler */
    NDIS_STATUS (*request)(struct pf *pf, PNDIS_OID_REQUEST request);
    void (*run)(struct pf *pf); /* the host's part, instead of pf_run */
};

struct pf {
    const struct bad *bad;
    NDIS_HANDLE handle;
    bool enabled;
    bool allocated[PF_VFS];
    USHORT num_vfs;
    UCHAR block[128];
    /* the host's side */
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT pdo;
    struct pci_device *device;
    struct ndis_adapter *adapter;
    NDIS_HANDLE binding;
    PNDIS_OID_REQUEST pended;
    unsigned completions;
};

DRIVER_INITIALIZE pf_entry;
extern struct pf *pf_next; /* whose MiniportInitializeEx comes next */
extern const struct bad *pf_driver_bad;
void pf_fill_characteristics(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *characteristics);
extern NDIS_HANDLE pf_driver_handle;

/* Parts of a good driver, for those that are bad in one place only. */
NDIS_STATUS pf_request(struct pf *pf, PNDIS_OID_REQUEST request);
NDIS_STATUS pf_set_attributes(struct pf *pf);
NDIS_STATUS pf_enable(struct pf *pf, USHORT vfs);
NDIS_STATUS pf_disable(struct pf *pf);

/* The host sends, as an overlying driver; `raw` past NDIS's own checks. The final status. */
NDIS_STATUS pf_send(struct pf *pf, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length, bool raw);
NDIS_STATUS pf_space(struct pf *pf, bool write, USHORT vf, ULONG offset, void *data, ULONG length);
NDIS_STATUS pf_allocate(struct pf *pf);
NDIS_STATUS pf_free(struct pf *pf, USHORT vf);
/* Switch with two VFs, one of them used for everything, given back. */
void pf_run(struct pf *pf);

#endif
