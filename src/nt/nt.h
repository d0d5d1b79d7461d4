/* SPDX-License-Identifier: MIT
 *
 * The slice of the NT executive that drivers stand on, as the other rooms see it. The routines drivers call (Ke*, Io*,
 * Ex*, Rtl*, ...) are declared in include/wdk/ and implemented here.
 *
 * A partition is one machine: its drivers, devices, pool, clock and worker threads. Two partitions in one process do
 * not see each other. A thread runs in one partition at a time (nt_enter); its IRQL is per thread.
 */
#ifndef VFPLANE_NT_H
#define VFPLANE_NT_H

#include <stdbool.h>
#include <stdint.h>
#include <wdm.h>

#include "trace/trace.h"

struct nt_partition;

enum nt_role {
    NT_PARENT, /* the management partition: hosts PF drivers */
    NT_CHILD,  /* a guest: hosts VF drivers */
    NT_BARE,   /* no hypervisor */
};

struct nt_partition_options {
    const char *name; /* shown in traces and reports, e.g. "host", "guest 1"; copied */
    enum nt_role role;
    struct trace *trace; /* borrowed, NULL = none */
    bool real_time;      /* waiting routines really wait; default: they advance the virtual clock. A wait for an object
                          * then lets the clock run to the next timer, and with a timeout takes at most 2 s of real time,
                          * after which the clock has moved by the whole timeout */
};

/* NULL on lack of memory. */
struct nt_partition *nt_partition_create(const struct nt_partition_options *options);
/* All drivers should be unloaded (one that is not is reported, DRIVER_STILL_LOADED, and unloaded). Ends the worker
 * threads, reports pool that was not freed (TRACE_REFUSE "POOL_LEAK" by tag), and frees it. Returns the bytes that
 * leaked. Not from a thread of the partition. */
size_t nt_partition_destroy(struct nt_partition *partition);

/* This thread now runs in `partition` (and reports to its trace); returns the partition before, for restoring. NULL is
 * none. IRQL of a thread that never entered is PASSIVE_LEVEL. */
struct nt_partition *nt_enter(struct nt_partition *partition);
struct nt_partition *nt_current(void);
const char *nt_partition_name(const struct nt_partition *partition);
enum nt_role nt_partition_role(const struct nt_partition *partition);

/* Nanoseconds since the partition was made: virtual clock (plus what was waited), or real. */
uint64_t nt_clock_ns(struct nt_partition *partition);
/* Below DISPATCH_LEVEL returns when all timers and DPCs that fell due have run (on the partition's clock thread, at
 * DISPATCH_LEVEL); above, or from a DPC, only moves the clock. Nothing when real time is asked for. */
void nt_clock_advance(struct nt_partition *partition, uint64_t ns);

/* Runs `routine(context)` on a worker thread of the partition at PASSIVE_LEVEL. Never blocks; false: no memory. */
bool nt_queue_work(struct nt_partition *partition, void (*routine)(void *context), void *context);
/* A worker thread runs from now on, so that no work item of a driver is lost. False: none can be started. */
bool nt_work_promise(struct nt_partition *partition);
/* Returns when every work item queued before the call has finished. Not from a worker thread. */
void nt_drain_work(struct nt_partition *partition);

/* free(memory) when some dozens more were freed so, or with the partition: what a driver must not use any more can then
 * say so when it is used. Any thread, any IRQL. */
void nt_free_late(struct nt_partition *partition, void *memory);

/* Where the values in the software keys of devices come from (IoOpenDeviceRegistryKey, PLUGPLAY_REGKEY_DRIVER): `value`
 * gives the text of one, to be freed; NULL: there is none. A decimal or 0x number then reads as REG_DWORD, other text
 * as REG_SZ. To be set before drivers start; until then no key has a value. */
void nt_device_values(struct nt_partition *partition, char *(*value)(struct nt_partition *partition, const char *name));

/* Per-partition slot for a higher room's own state (NDIS keeps its driver list here). */
enum nt_slot { NT_SLOT_NDIS, NT_SLOT_HOST, NT_SLOTS };
void nt_slot_set(struct nt_partition *partition, enum nt_slot slot, void *value);
void *nt_slot(struct nt_partition *partition, enum nt_slot slot);

/* ---- drivers --------------------------------------------------------------------------------------------------- */

struct nt_load_error {
    char text[1024]; /* one line for a person, with the path as it was given: "build/mynic.so: no DriverEntry" */
};

/* Loads a driver image and runs its DriverEntry at PASSIVE_LEVEL in `partition`. Each load has its own copy of the
 * driver's globals, also when the same file is loaded by another partition of this process.
 * STATUS_SUCCESS; STATUS_OBJECT_NAME_NOT_FOUND (no such file); STATUS_INVALID_IMAGE_FORMAT (not loadable, unresolved
 * symbols: the text names them all); STATUS_DRIVER_ENTRYPOINT_NOT_FOUND (no DriverEntry); else what DriverEntry
 * returned.
 */
NTSTATUS nt_driver_load(struct nt_partition *partition, const char *path, PDRIVER_OBJECT *driver,
                        struct nt_load_error *error);
/* The same with an entry point in this program. */
NTSTATUS nt_driver_start(struct nt_partition *partition, const char *name, PDRIVER_INITIALIZE entry,
                         PDRIVER_OBJECT *driver);
/* Calls DriverUnload (if any), waits for work items and DPCs, reports and deletes devices that remain (DEVICE_LEAK),
 * closes the image. PASSIVE_LEVEL, not from a worker thread. */
void nt_driver_unload(PDRIVER_OBJECT driver);
struct nt_partition *nt_driver_partition(PDRIVER_OBJECT driver);
const char *nt_driver_name(PDRIVER_OBJECT driver);
/* Partition of a device: that of its driver. */
struct nt_partition *nt_device_partition(PDEVICE_OBJECT device);
/* A driver object for one of our own bus drivers (no image): what is no driver of anybody's is not in the trace. */
NTSTATUS nt_builtin_driver(struct nt_partition *partition, const char *name, PDRIVER_OBJECT *driver);

/* ---- PnP: what the PnP manager does to a device stack. PASSIVE_LEVEL. ------------------------------------------- */

/* AddDevice of the driver on the PDO. STATUS_INVALID_DEVICE_REQUEST: the driver has no AddDevice. */
NTSTATUS nt_pnp_add_device(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo);
/* IRP_MN_QUERY_RESOURCES to the PDO's stack, then IRP_MN_START_DEVICE with what it answered (raw = translated). */
NTSTATUS nt_pnp_start(PDEVICE_OBJECT pdo);
/* IRP_MN_QUERY_STOP_DEVICE, ..., IRP_MN_REMOVE_DEVICE, IRP_MN_SURPRISE_REMOVAL and the like without parameters. */
NTSTATUS nt_pnp_simple(PDEVICE_OBJECT pdo, UCHAR minor);
/* IRP_MN_QUERY_INTERFACE to the top of the stack that `device` belongs to, status pre-set to STATUS_NOT_SUPPORTED. */
NTSTATUS nt_query_interface(PDEVICE_OBJECT device, const GUID *type, USHORT size, USHORT version, PINTERFACE out);
/* Sends an IRP that the caller allocated with IoAllocateIrp and filled (next stack location set; its completion routine
 * is taken), and waits for it. Returns IoStatus.Status; the IRP stays the caller's. */
NTSTATUS nt_call_driver_and_wait(PDEVICE_OBJECT device, PIRP irp);
/* Top of the stack over `device`. */
PDEVICE_OBJECT nt_stack_top(PDEVICE_OBJECT device);

/* ---- contracts ------------------------------------------------------------------------------------------------- */

/* This thread's IRQL. Read it; KeRaiseIrql and KeLowerIrql change it. */
extern _Thread_local KIRQL nt_irql __attribute__((tls_model("initial-exec")));
bool nt_irql_too_high(KIRQL maximum, const char *routine); /* reports IRQL_TOO_HIGH; false */
/* True when this thread's IRQL is at most `maximum`; otherwise reports IRQL_TOO_HIGH for `routine` once per call and
 * returns false. Costs a thread-local load and a compare. */
static inline bool nt_irql_at_most(KIRQL maximum, const char *routine)
{
    return __builtin_expect(nt_irql <= maximum, 1) || nt_irql_too_high(maximum, routine);
}
/* How many times a rule of severity VFP_VIOLATION was broken in the partition (nt/contract.h). */
uint64_t nt_violations(const struct nt_partition *partition);

/* Is that a block of this thread's partition's pool, as it was allocated, of `size` bytes or more? For handles that are
 * pool: what a driver passes may be freed already, or anything. Any IRQL. */
bool nt_pool_holds(const void *address, size_t size);
/* ExAllocatePoolWithTag of nonpaged pool by a routine of another room on behalf of a driver, which called it from
 * `caller`: where a leak comes from. Also there one of the calls that can be made to fail. */
PVOID nt_pool_for_driver(SIZE_T size, ULONG tag, PVOID caller);
/* IoAllocateMdl in the same way. */
PMDL nt_mdl_for_driver(PVOID address, ULONG length, PVOID caller);

/* ---- fault injection (include/vfplane/fault.h) ------------------------------------------------------------------ */

/* At the start of a routine that drivers call and that may fail: true when this call shall fail. Costs a load and a
 * compare unless armed. `routine` is a constant. Any IRQL, no lock of this room held. */
bool nt_fault(const char *routine);
/* Sites are counted from 1 again; the one with number `fail` (0 = none) fails when first reached. false: no memory. */
bool nt_fault_arm(struct nt_partition *partition, unsigned fail);
void nt_fault_disarm(struct nt_partition *partition); /* what was counted stays to be asked for */
unsigned nt_fault_sites(struct nt_partition *partition, bool *failed);
/* "NdisMQueryProbedBars from pf_enable+0x42 (mynic.so)"; snprintf rule, 0: no such site. */
int nt_fault_site_name(struct nt_partition *partition, unsigned site, char *text, size_t size);

/* "INVALID_PARAMETER" for STATUS_INVALID_PARAMETER, for traces and reports; eight hexadecimal digits for a status
 * without a name, in memory of this thread that the fourth such call after this one uses again. */
const char *nt_status_name(NTSTATUS status);

#endif
