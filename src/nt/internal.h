/* SPDX-License-Identifier: MIT
 *
 * What the files of this room share.
 *
 * Locks, outermost first: loader, partition->lock, cancel lock, work lock, clock lock, the lock bit of a dispatcher
 * object, pool lock. None is held while a driver is called, but for the cancel lock, which a cancel routine releases.
 */
#ifndef VFPLANE_NT_INTERNAL_H
#define VFPLANE_NT_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "nt/contract.h"
#include "nt/nt.h"

#define NT_EXPORT    __attribute__((visibility("default")))
#define NT_NS_PER_US UINT64_C(1000)
#define NT_NS_PER_MS UINT64_C(1000000)

/* ---- objects ---------------------------------------------------------------------------------------------------- */

enum nt_object_type {
    NT_OBJECT_THREAD = 0x4e540001,
    NT_OBJECT_DEVICE,
    NT_OBJECT_DRIVER,
    NT_OBJECT_EVENT,
    NT_OBJECT_KEY,
};

/* Stands directly before the body that drivers see. 16 bytes aligned, as pool is. */
struct nt_object {
    uint32_t type; /* enum nt_object_type: also tells an object from anything else */
    _Atomic int32_t references;
    struct nt_partition *partition;
    void (*destroy)(void *body);
    void *reserved;
};
_Static_assert(sizeof(struct nt_object) % 16 == 0, "the body keeps pool alignment");

/* Zeroed body with one reference; NULL on lack of memory. */
void *nt_object_create(struct nt_partition *partition, enum nt_object_type type, size_t size, void (*destroy)(void *));
struct nt_object *nt_object_of(const void *body);
void nt_object_reference(void *body);
void nt_object_dereference(void *body);
/* NULL on lack of memory. The handle takes over one reference. */
HANDLE nt_handle_create(struct nt_partition *partition, void *body);

/* ---- threads ---------------------------------------------------------------------------------------------------- */

struct _KTHREAD {
    DISPATCHER_HEADER header; /* signalled when the thread ends */
    void (*routine)(void *context);
    void *context;
    pthread_t native;
    struct nt_partition *before;
    NTSTATUS exit_status;
    LONG priority;
};

/* ---- partition -------------------------------------------------------------------------------------------------- */

#define NT_WORKERS_MAX 32u

/* A WORK_QUEUE_ITEM as the queue sees it: what a driver has allocated is all that queueing it takes. */
struct nt_work {
    LIST_ENTRY entry;
    void (*routine)(void *context);
    void *context;
};
_Static_assert(sizeof(struct nt_work) == sizeof(WORK_QUEUE_ITEM), "one lies in the other");

struct nt_worker {
    struct nt_partition *partition;
    pthread_t thread;
    uint64_t running; /* sequence of the item it runs, 0 = idle */
};

struct nt_work_queue {
    pthread_mutex_t lock;
    pthread_cond_t arrived, finished;
    LIST_ENTRY items; /* oldest first; their sequences follow each other */
    uint64_t last;    /* sequence of the youngest item, queued or not any more */
    uint64_t taken;   /* sequence of the last one taken */
    struct nt_worker workers[NT_WORKERS_MAX];
    unsigned count, idle;
    bool stopping;
};

struct nt_clock {
    pthread_mutex_t lock;
    pthread_cond_t work, quiet;
    _Atomic uint64_t now_ns;   /* the virtual clock */
    _Atomic uint64_t next_due; /* of the earliest timer, UINT64_MAX = none */
    uint64_t base_ns;          /* CLOCK_MONOTONIC when the partition was made */
    LIST_ENTRY timers;         /* KTIMER by due time */
    LIST_ENTRY dpcs;           /* KDPC, first in first out */
    pthread_t thread;
    bool started, running, stopping;
};

struct nt_finding;

struct nt_contracts {
    enum vfp_contracts mode;
    void (*visit)(const struct vfp_finding *finding, void *context);
    void *context;
    _Atomic uint64_t broken[VFP_PORTABILITY + 1];
    pthread_mutex_t lock; /* the list; nothing is called while it is held */
    struct nt_finding *first, **last;
    unsigned count;
};

void nt_contracts_init(struct nt_contracts *contracts);
void nt_contracts_destroy(struct nt_contracts *contracts);

struct nt_pool_block;
struct nt_faults;

struct nt_pool {
    pthread_mutex_t lock;
    struct nt_pool_block **buckets;
    size_t bucket_count, blocks, bytes;
};

#define NT_LATE_MAX 64u /* frees that nt_free_late puts off */

struct nt_partition {
    char name[32];
    enum nt_role role;
    bool real_time;
    struct trace *trace;
    _Atomic(void *) slots[NT_SLOTS];
    pthread_mutex_t lock; /* drivers, device stacks, handles, I/O windows */
    LIST_ENTRY drivers;
    LIST_ENTRY windows;
    LIST_ENTRY names;
    _Atomic uint32_t last_luid;
    char *(*device_value)(struct nt_partition *partition, const char *name);
    _Atomic(void *) late[NT_LATE_MAX]; /* a ring */
    _Atomic uint32_t late_next;
    void **handles;
    size_t handle_count;
    _Atomic uint32_t threads; /* system threads of drivers that have not ended */
    KSPIN_LOCK cancel_lock;
    struct nt_work_queue work;
    struct nt_clock clock;
    struct nt_pool pool;
    struct nt_contracts contracts;
    _Atomic(struct nt_faults *) faults; /* NULL: fault injection was never asked for */
};

extern _Thread_local struct nt_partition *nt_partition_current __attribute__((tls_model("initial-exec")));

bool nt_work_init(struct nt_partition *partition);
void nt_work_stop(struct nt_partition *partition);
void nt_work_insert(struct nt_partition *partition, struct nt_work *work);
/* After a callback that must come back at the IRQL it was entered at: reports and repairs. */
void nt_irql_expect(KIRQL expected, const char *callback);
/* Gives free the spin locks of this thread but for the `keep` it took first. */
void nt_locks_release(unsigned keep);

bool nt_clock_init(struct nt_partition *partition);
void nt_clock_stop(struct nt_partition *partition);
/* A thread is about to wait: lets the virtual clock run to the next timer due up to `limit_ns`. False: none is. */
bool nt_clock_skip(struct nt_partition *partition, uint64_t limit_ns);
/* What a driver asks the clock costs time, so that a driver that polls the clock gets on. */
uint64_t nt_clock_read(struct nt_partition *partition);
void nt_clock_flush_dpcs(struct nt_partition *partition);
uint64_t nt_monotonic_ns(void);

bool nt_pool_init(struct nt_pool *pool);
/* Reports what is left by tag, frees it, returns its bytes. */
size_t nt_pool_destroy(struct nt_pool *pool);
/* Reports by tag what a driver (nt_callback.driver, compared by address) has not freed; NULL: whatever is left. */
void nt_pool_leaks(struct nt_pool *pool, const char *owner);
/* Bytes from `address` to the end of its pool block; SIZE_MAX when it lies in none. Slow: looks at every block. */
size_t nt_pool_room(struct nt_pool *pool, const void *address);
#define NT_TAG_MDL     0x206c644du /* "Mdl " */
#define NT_TAG_RW_LOCK 0x4e645277u /* of NdisAllocateRWLock */
void *nt_pool_allocate(struct nt_partition *partition, size_t size, uint32_t tag, bool zero);
/* The same, zeroed, for a driver that called the executive from `caller`, where a leak comes from; NULL: not known. */
void *nt_pool_allocate_for(struct nt_partition *partition, size_t size, uint32_t tag, void *caller);
void nt_pool_free(struct nt_partition *partition, void *block, uint32_t tag, bool check_tag);

void nt_faults_free(struct nt_faults *faults);

void nt_windows_destroy(struct nt_partition *partition);

/* The partition's names of devices, links and device interfaces. */
bool nt_name_find(struct nt_partition *partition, PCUNICODE_STRING name);
/* STATUS_SUCCESS, STATUS_OBJECT_NAME_COLLISION, STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS nt_name_add(struct nt_partition *partition, PCUNICODE_STRING name, const void *owner);
/* Those of one owner; NULL: all. Returns how many symbolic links were among them. */
unsigned nt_names_remove(struct nt_partition *partition, const void *owner);

/* ---- dispatcher objects ----------------------------------------------------------------------------------------- */

enum nt_dispatcher_type {
    NT_EVENT_NOTIFICATION = 0,
    NT_EVENT_SYNCHRONIZATION = 1,
    NT_MUTANT = 2,
    NT_SEMAPHORE = 5,
    NT_THREAD = 6,
    NT_TIMER_NOTIFICATION = 8,
    NT_TIMER_SYNCHRONIZATION = 9,
};

void nt_dispatcher_init(DISPATCHER_HEADER *header, enum nt_dispatcher_type type, LONG signalled);
void nt_dispatcher_lock(DISPATCHER_HEADER *header);
void nt_dispatcher_unlock(DISPATCHER_HEADER *header);
/* With the lock held: wakes every waiter; each takes the object for itself or sleeps on. */
void nt_dispatcher_wake(DISPATCHER_HEADER *header);
/* Sets the signal state, wakes, returns the state before. */
LONG nt_dispatcher_signal(DISPATCHER_HEADER *header, LONG state);
LONG nt_dispatcher_state(DISPATCHER_HEADER *header);

/* ---- IRPs -------------------------------------------------------------------------------------------------------- */

#define NT_TAG_IRP   0x20707249u /* "Irp " */
#define NT_IRP_OWNED 0x01u       /* IRP.AllocationFlags: made by IoBuild*, freed by us when it is completed */

/* System buffer and MDLs of an IRP that IoBuild* made. */
void nt_irp_free_buffers(PIRP irp);

/* Sends an IRP_MJ_PNP with this stack location (MajorFunction is set here) to the top of the device's stack, waits,
 * returns its status and IoStatus.Information. */
NTSTATUS nt_pnp_send(PDEVICE_OBJECT device, const IO_STACK_LOCATION *stack, ULONG_PTR *information);
/* The device's drivers see what it requires before it starts. */
void nt_pnp_filter_requirements(PDEVICE_OBJECT pdo, const CM_RESOURCE_LIST *resources);

/* ---- drivers, devices -------------------------------------------------------------------------------------------- */

struct nt_driver_extension {
    struct nt_driver_extension *next;
    PVOID id;
}; /* the driver's bytes follow */
_Static_assert(sizeof(struct nt_driver_extension) % 16 == 0, "the bytes that follow keep pool alignment");

struct nt_driver {
    DRIVER_OBJECT object; /* first: a PDRIVER_OBJECT is a struct nt_driver */
    DRIVER_EXTENSION extension;
    LIST_ENTRY entry; /* in partition->drivers */
    struct nt_partition *partition;
    void *image;  /* dlopen */
    int image_fd; /* private copy of the file, -1 = none */
    struct nt_driver_extension *extensions;
    char name[64];
    WCHAR object_name[96], service_key[160];
};

struct nt_device {
    DEVICE_OBJECT object; /* first */
    PDEVICE_OBJECT below; /* the device this one is attached to */
    struct nt_partition *partition;
    bool deleted;
    POWER_STATE power[2]; /* by POWER_STATE_TYPE, as PoSetPowerState left it */
};

#endif
