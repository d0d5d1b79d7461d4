/* SPDX-License-Identifier: MIT
 *
 * What the tests of NDIS stand on: a partition, a fake bus, and a miniport whose every answer a test can set and whose
 * every call is logged, in order, as words: "init restart oid:OID_... pause halt:0".
 */
#ifndef VFPLANE_TEST_NIC_H
#define VFPLANE_TEST_NIC_H

#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "fake_bus.h"
#include "ndis/ndis_room.h"

struct nic;

struct rules_sink {
    struct trace_sink sink;
    pthread_mutex_t lock;
    char rules[64][48];
    unsigned count;
    char doors[64][60]; /* of room "ndis" */
    char details[64][168];
    char results[64][64];
    unsigned door_count;
};

struct nic {
    struct nt_partition *partition;
    struct trace *trace;
    struct rules_sink sink;
    struct fake_bus *bus;
    PDRIVER_OBJECT driver;
    NDIS_HANDLE driver_handle;
    NDIS_HANDLE handle; /* the adapter's, as MiniportInitializeEx got it */
    struct ndis_adapter *adapter;
    NDIS_HANDLE binding; /* of an overlying driver, opened by nic_start */

    /* what it does */
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS characteristics;
    NDIS_STATUS options_status, register_status, initialize_status, pause_status, restart_status, reset_status;
    bool vf, sriov_off, no_sriov, no_general, with_add_device, keep_driver;
    NDIS_STATUS add_device_status;
    NDIS_SRIOV_CAPABILITIES sriov;
    NDIS_NIC_SWITCH_CAPABILITIES nic_switch;
    NDIS_STATUS (*on_initialize)(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters);
    NDIS_STATUS (*on_oid)(struct nic *nic, PNDIS_OID_REQUEST request); /* NULL: nic_default_oid */
    void (*on_cancel)(struct nic *nic, PVOID id);
    void (*on_halt)(struct nic *nic);
    void (*on_reset)(struct nic *nic);
    unsigned next_vf;

    /* what was done to it */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char log[4096];
    unsigned oids;
    KIRQL oid_irql;
    PNDIS_OID_REQUEST pended;
    unsigned completions; /* of the overlying driver */
    NDIS_STATUS last_status;
    PNDIS_OID_REQUEST last_request;
    unsigned indications;
    NDIS_STATUS last_indication;
    void *user;
};

struct nic *nic_create(enum fake_kind kind); /* partition, bus, defaults; nothing registered */
NTSTATUS nic_load(struct nic *nic);          /* DriverEntry */
NTSTATUS nic_add(struct nic *nic);           /* AddDevice */
NTSTATUS nic_start(struct nic *nic);         /* IRP_MN_START_DEVICE, then opens a binding if it started */
struct nic *nic_running(enum fake_kind kind);
struct nic *nic_with_switch(void); /* a PF with a switch of 4 VFs, nic->oids 0 */
void nic_remove(struct nic *nic);  /* closes the binding, IRP_MN_REMOVE_DEVICE */
void nic_destroy(struct nic *nic); /* removes, unloads; fails when pool leaked or an interface is still referenced */

NDIS_STATUS nic_default_oid(struct nic *nic, PNDIS_OID_REQUEST request);
NDIS_STATUS nic_pend(struct nic *nic, PNDIS_OID_REQUEST request); /* keeps it in nic->pended */
bool nic_saw_rule(struct nic *nic, const char *rule);
bool nic_saw_door(struct nic *nic, const char *door, const char *detail, const char *result);
void nic_clear_log(struct nic *nic);
void nic_log(struct nic *nic, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nic_wait(struct nic *nic, unsigned *counter, unsigned value); /* until *counter >= value */

/* A request as an overlying driver sends it; for a method `length` is both lengths. */
void nic_request(NDIS_OID_REQUEST *request, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length);
NDIS_STATUS nic_send(struct nic *nic, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length);
void nic_header(void *object, UCHAR revision, USHORT size);

/* Ready-made parameter blocks. */
NDIS_NIC_SWITCH_VF_PARAMETERS nic_vf_parameters(void);
NDIS_NIC_SWITCH_VPORT_PARAMETERS nic_vport_parameters(USHORT function);
NDIS_RECEIVE_FILTER_PARAMETERS nic_filter_parameters(ULONG vport);
NDIS_STATUS nic_allocate_vf(struct nic *nic, USHORT *vf);
NDIS_STATUS nic_free_vf(struct nic *nic, USHORT vf);
NDIS_STATUS nic_create_vport(struct nic *nic, USHORT function, ULONG *vport);
NDIS_STATUS nic_delete_vport(struct nic *nic, ULONG vport);

/* The miniport itself (miniport.c). */
extern struct nic *nic_loading;
DRIVER_INITIALIZE nic_driver_entry;
void nic_fill_characteristics(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *characteristics);
void nic_fill_capabilities(struct nic *nic);

#endif
