/* SPDX-License-Identifier: MIT
 *
 * Reference-counted objects and the partition's handle table; system threads.
 */
#include "nt/internal.h"

#include <stdlib.h>
#include <unistd.h>

void *nt_object_create(struct nt_partition *partition, enum nt_object_type type, size_t size, void (*destroy)(void *))
{
    struct nt_object *object = NULL;
    if (posix_memalign((void **)&object, 16, sizeof(*object) + size) != 0)
        return NULL;
    __builtin_memset(object, 0, sizeof(*object) + size);
    object->type = type;
    object->partition = partition;
    object->destroy = destroy;
    atomic_init(&object->references, 1);
    return object + 1;
}

struct nt_object *nt_object_of(const void *body)
{
    return (struct nt_object *)(uintptr_t)body - 1;
}

void nt_object_reference(void *body)
{
    atomic_fetch_add(&nt_object_of(body)->references, 1);
}

void nt_object_dereference(void *body)
{
    struct nt_object *object = nt_object_of(body);
    if (atomic_fetch_sub(&object->references, 1) != 1)
        return;
    if (object->destroy)
        object->destroy(body);
    free(object);
}

/* ---- handles: index + 1, times 4, as Windows' look ----------------------------------------------------------------
 */

HANDLE nt_handle_create(struct nt_partition *partition, void *body)
{
    size_t index = 0;
    pthread_mutex_lock(&partition->lock);
    while (index < partition->handle_count && partition->handles[index])
        index++;
    if (index == partition->handle_count) {
        size_t count = index ? index * 2 : 16;
        void **handles = realloc(partition->handles, count * sizeof(handles[0]));
        for (size_t i = index; handles && i < count; i++)
            handles[i] = NULL;
        if (handles) {
            partition->handles = handles;
            partition->handle_count = count;
        }
    }
    bool room = index < partition->handle_count;
    if (room)
        partition->handles[index] = body;
    pthread_mutex_unlock(&partition->lock);
    return room ? (HANDLE)((index + 1) * 4) : NULL;
}

/* With partition->lock held; NULL: no such handle. */
static void **slot_of(struct nt_partition *partition, HANDLE handle)
{
    uintptr_t value = (uintptr_t)handle;
    size_t index = value / 4 - 1;
    if (!value || value % 4 || index >= partition->handle_count || !partition->handles[index])
        return NULL;
    return &partition->handles[index];
}

NT_EXPORT NTSTATUS ZwClose(HANDLE handle)
{
    struct nt_partition *partition = nt_partition_current;
    if (!partition)
        return STATUS_INVALID_HANDLE;
    pthread_mutex_lock(&partition->lock);
    void **slot = slot_of(partition, handle), *body = slot ? *slot : NULL;
    if (slot)
        *slot = NULL;
    pthread_mutex_unlock(&partition->lock);
    if (!body) {
        nt_violation(NT_RULE(INVALID_HANDLE), "ZwClose(%p)", handle);
        return STATUS_INVALID_HANDLE;
    }
    nt_object_dereference(body);
    return STATUS_SUCCESS;
}

NT_EXPORT NTSTATUS ObReferenceObjectByHandle(HANDLE handle, ACCESS_MASK access, POBJECT_TYPE type, KPROCESSOR_MODE mode,
                                             PVOID *object, PVOID information)
{
    struct nt_partition *partition = nt_partition_current;
    (void)access, (void)type, (void)mode, (void)information;
    *object = NULL;
    if (!partition)
        return STATUS_INVALID_HANDLE;
    pthread_mutex_lock(&partition->lock);
    void **slot = slot_of(partition, handle);
    if (slot) {
        nt_object_reference(*slot);
        *object = *slot;
    }
    pthread_mutex_unlock(&partition->lock);
    return slot ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

/* ---- threads ------------------------------------------------------------------------------------------------------
 */

/* A thread that was not made by PsCreateSystemThread has its object in thread-local memory: nothing is freed. */
static _Thread_local struct {
    struct nt_object object;
    struct _KTHREAD body;
} foreign_thread;
static _Thread_local struct _KTHREAD *current_thread;

NT_EXPORT PKTHREAD KeGetCurrentThread(VOID)
{
    if (current_thread)
        return current_thread;
    foreign_thread.object.type = NT_OBJECT_THREAD;
    atomic_init(&foreign_thread.object.references, 1);
    nt_dispatcher_init(&foreign_thread.body.header, NT_THREAD, 0);
    return current_thread = &foreign_thread.body;
}

static void thread_end(struct _KTHREAD *thread, NTSTATUS status)
{
    struct nt_partition *partition = nt_object_of(thread)->partition;
    nt_irql_expect(PASSIVE_LEVEL, "a system thread");
    thread->exit_status = status;
    nt_enter(NULL);
    /* Who waited for the thread may end the partition: it is not touched once the object is signalled. */
    atomic_fetch_sub(&partition->threads, 1);
    nt_dispatcher_signal(&thread->header, 1);
    nt_object_dereference(thread);
}

static void *thread_main(void *context)
{
    struct _KTHREAD *thread = context;
    current_thread = thread;
    nt_enter(nt_object_of(thread)->partition);
    thread->routine(thread->context);
    thread_end(thread, STATUS_SUCCESS);
    return NULL;
}

static bool thread_start(struct _KTHREAD *thread, struct nt_partition *partition)
{
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    nt_object_reference(thread); /* the running thread's own */
    atomic_fetch_add(&partition->threads, 1);
    bool started = pthread_create(&thread->native, &detached, thread_main, thread) == 0;
    pthread_attr_destroy(&detached);
    if (!started) {
        atomic_fetch_sub(&partition->threads, 1);
        nt_object_dereference(thread);
    }
    return started;
}

NT_EXPORT NTSTATUS PsCreateSystemThread(PHANDLE handle, ULONG access, POBJECT_ATTRIBUTES attributes, HANDLE process,
                                        PCLIENT_ID client, PKSTART_ROUTINE routine, PVOID context)
{
    struct nt_partition *partition = nt_partition_current;
    (void)access, (void)attributes, (void)process, (void)client;
    if (!partition || !nt_irql_at_most(PASSIVE_LEVEL, "PsCreateSystemThread"))
        return STATUS_INVALID_DEVICE_STATE;
    struct _KTHREAD *thread =
        nt_fault("PsCreateSystemThread") ? NULL
                                         : nt_object_create(partition, NT_OBJECT_THREAD, sizeof(*thread), NULL);
    if (!thread)
        return STATUS_INSUFFICIENT_RESOURCES;
    nt_dispatcher_init(&thread->header, NT_THREAD, 0);
    thread->routine = routine;
    thread->context = context;
    *handle = nt_handle_create(partition, thread);
    if (*handle && thread_start(thread, partition))
        return STATUS_SUCCESS;
    if (*handle)
        ZwClose(*handle);
    else
        nt_object_dereference(thread);
    return STATUS_INSUFFICIENT_RESOURCES;
}

NT_EXPORT NTSTATUS PsTerminateSystemThread(NTSTATUS status)
{
    struct _KTHREAD *thread = KeGetCurrentThread();
    if (thread == &foreign_thread.body) {
        nt_violation(NT_RULE(NOT_A_SYSTEM_THREAD), "PsTerminateSystemThread on a thread it did not create");
        return STATUS_INVALID_PARAMETER;
    }
    thread_end(thread, status);
    pthread_exit(NULL);
}

NT_EXPORT KPRIORITY KeSetPriorityThread(PKTHREAD thread, KPRIORITY priority)
{
    KPRIORITY before = thread->priority;
    thread->priority = priority;
    return before;
}

NT_EXPORT HANDLE PsGetCurrentThreadId(VOID)
{
    return (HANDLE)(uintptr_t)gettid();
}

/* All drivers run in the system process. */
NT_EXPORT HANDLE PsGetCurrentProcessId(VOID)
{
    return (HANDLE)(uintptr_t)4;
}

NT_EXPORT LONG_PTR ObfReferenceObject(PVOID object)
{
    nt_object_reference(object);
    return 1;
}

NT_EXPORT LONG_PTR ObfDereferenceObject(PVOID object)
{
    nt_irql_at_most(DISPATCH_LEVEL, "ObDereferenceObject");
    nt_object_dereference(object);
    return 0;
}
