/* SPDX-License-Identifier: MIT
 *
 * What failing calls have shown, each as a case of its own: malloc and its kin, pthread_create and epoll_ctl are this
 * program's (link arguments in meson.build).
 */
#include "../vpci/raw_guest.h"

#include <errno.h>
#include <sys/epoll.h>

#include "nt/nt.h"
#include "pci/pci.h"

#include <wdm.h>

static _Thread_local bool no_memory;         /* on this thread: nothing is given */
static _Thread_local unsigned countdown;     /* the call that is given nothing; 0 = none */
static _Thread_local long live;              /* allocations of this thread's that stand */
static _Atomic bool no_threads, not_watched; /* in this process */

static bool refused(void)
{
    return no_memory || (countdown && --countdown == 0);
}

static void *counted(void *memory)
{
    live += memory != NULL;
    return memory;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
void __real_free(void *memory);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    if (refused())
        return NULL;
    return memory ? __real_realloc(memory, size) : counted(__real_realloc(NULL, size));
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    int error = refused() ? ENOMEM : __real_posix_memalign(memory, alignment, size);
    live += error == 0;
    return error;
}

void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    live -= memory != NULL;
    __real_free(memory);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    return no_threads ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (!not_watched || operation != EPOLL_CTL_ADD)
        return __real_epoll_ctl(epoll, operation, fd, event);
    errno = ENOSPC;
    return -1;
}

/* ---- the executive -------------------------------------------------------------------------------------------------
 */

static unsigned removals;

static NTSTATUS on_pnp(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    removals += IoGetCurrentIrpStackLocation(irp)->MinorFunction == IRP_MN_REMOVE_DEVICE;
    irp->IoStatus.Status = STATUS_SUCCESS;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static PDEVICE_OBJECT make_device(struct nt_partition **partition, PDRIVER_OBJECT *driver)
{
    PDEVICE_OBJECT device = NULL;
    *partition = nt_partition_create(&(struct nt_partition_options){.name = "test", .role = NT_PARENT});
    assert_non_null(*partition);
    nt_enter(*partition);
    assert_int_equal(nt_builtin_driver(*partition, "test", driver), STATUS_SUCCESS);
    (*driver)->MajorFunction[IRP_MJ_PNP] = on_pnp;
    assert_int_equal(IoCreateDevice(*driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device), STATUS_SUCCESS);
    return device;
}

static void unmake_device(struct nt_partition *partition, PDRIVER_OBJECT driver, PDEVICE_OBJECT device)
{
    IoDeleteDevice(device);
    nt_driver_unload(driver);
    assert_int_equal(nt_partition_destroy(partition), 0);
}

static void a_device_is_removed_without_memory(void **state)
{
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device = make_device(&partition, &driver);
    (void)state;
    removals = 0;
    no_memory = true;
    NTSTATUS status = nt_pnp_simple(device, IRP_MN_REMOVE_DEVICE);
    no_memory = false;
    assert_int_equal(status, STATUS_SUCCESS);
    assert_int_equal(removals, 1);
    unmake_device(partition, driver, device);
}

static _Atomic unsigned ran;

static VOID NTAPI run_item(PVOID context)
{
    (void)context;
    ran++;
}

static VOID NTAPI run_io_item(PDEVICE_OBJECT device, PVOID context)
{
    (void)device, (void)context;
    ran++;
}

static void what_is_queued_runs_without_memory_and_without_another_thread(void **state)
{
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device = make_device(&partition, &driver);
    WORK_QUEUE_ITEM plain;
    (void)state;
    ran = 0;
    PIO_WORKITEM item = IoAllocateWorkItem(device);
    assert_non_null(item);
    ExInitializeWorkItem(&plain, run_item, NULL);
    no_threads = true;
    no_memory = true;
    ExQueueWorkItem(&plain, DelayedWorkQueue);
    IoQueueWorkItem(item, run_io_item, DelayedWorkQueue, NULL);
    no_memory = false;
    no_threads = false;
    nt_drain_work(partition);
    assert_int_equal(ran, 2);
    IoFreeWorkItem(item);
    assert_int_equal(nt_violations(partition), 0);
    unmake_device(partition, driver, device);
}

static void no_work_item_is_given_that_no_thread_could_run(void **state)
{
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device = make_device(&partition, &driver);
    (void)state;
    no_threads = true;
    assert_null(IoAllocateWorkItem(device));
    no_threads = false;
    PIO_WORKITEM item = IoAllocateWorkItem(device);
    assert_non_null(item);
    IoFreeWorkItem(item);
    unmake_device(partition, driver, device);
}

/* ---- the device ----------------------------------------------------------------------------------------------------
 */

static void a_profile_for_which_memory_ends_at_any_point_leaves_nothing(void **state)
{
    struct pci_profile *profile = NULL;
    unsigned call = 0;
    int result;
    (void)state;
    do {
        struct pci_error error = {0};
        long before = live;
        countdown = ++call;
        result = pci_profile_load(getenv("REFNIC_PROFILE"), &profile, &error);
        countdown = 0;
        if (!result)
            continue;
        assert_int_equal(result, -ENOMEM);
        assert_true(error.text[0]);
        assert_int_equal(live, before);
    } while (result);
    assert_true(call > 3);
    pci_profile_unref(profile);
}

/* ---- the VSP -------------------------------------------------------------------------------------------------------
 */

static void a_channel_that_cannot_be_watched_ends_and_says_so(void **state)
{
    struct raw_host *host = raw_host_create(&fake_82576);
    struct raw_guest *first = raw_guest_open(host, 1);
    (void)state;
    raw_up(first);
    not_watched = true;
    struct raw_guest *second = raw_guest_create(host, 2);
    raw_wait_ended(second);
    not_watched = false;
    assert_false(second->orderly);
    assert_string_equal(second->reason, "the host has no room to watch the channel");
    assert_true(raw_alive(first));
    raw_guest_destroy(second);
    raw_guest_destroy(first);
    raw_host_destroy(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_removed_without_memory),
        cmocka_unit_test(what_is_queued_runs_without_memory_and_without_another_thread),
        cmocka_unit_test(no_work_item_is_given_that_no_thread_could_run),
        cmocka_unit_test(a_profile_for_which_memory_ends_at_any_point_leaves_nothing),
        cmocka_unit_test(a_channel_that_cannot_be_watched_ends_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
