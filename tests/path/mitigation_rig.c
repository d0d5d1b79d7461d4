/* SPDX-License-Identifier: MIT */
#include "mitigation_rig.h"

struct mitigable_pf pf;
struct vstack *stack;
struct vstack_vf *vfs[PF_VFS];
struct owner owners[PF_VFS];
struct vstack_vf_options options = {.vm_name = "vm"};

/* ---- a partition ------------------------------------------------------------------------------------------------- */

static void on_ranges(void *context, unsigned index, const struct vstack_range *ranges, unsigned count)
{
    struct owner *owner = context;
    assert_true(index < 6 && count <= PF_RANGES);
    pthread_mutex_lock(&owner->lock);
    owner->count[index] = count;
    if (count)
        memcpy(owner->ranges[index], ranges, count * sizeof(*ranges));
    pthread_mutex_unlock(&owner->lock);
    atomic_fetch_add(&owner->told, 1);
}

static void on_bar(void *context, unsigned index, bool mapped, ULONG64 guest_address, ULONG64 system_address,
                   ULONG64 size)
{
    struct owner *owner = context;
    (void)guest_address, (void)system_address, (void)size;
    pthread_mutex_lock(&owner->lock);
    owner->mapped[index] = mapped;
    if (mapped)
        owner->told_when_mapped = owner->count[0];
    pthread_mutex_unlock(&owner->lock);
}

static void on_removed(void *context)
{
    (void)context;
}

static const struct vstack_partition partition = {
    .name = "guest", .removed = on_removed, .bar = on_bar, .ranges = on_ranges};

void own(unsigned index)
{
    owners[index] = (struct owner){.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(vstack_vf_attach(vfs[index], &partition, &owners[index]), STATUS_SUCCESS);
}

void give(unsigned index)
{
    assert_int_equal(vstack_vf_allocate(stack, &options, &vfs[index]), NDIS_STATUS_SUCCESS);
    own(index);
}

unsigned count_of(unsigned index, unsigned bar)
{
    pthread_mutex_lock(&owners[index].lock);
    unsigned count = owners[index].count[bar];
    pthread_mutex_unlock(&owners[index].lock);
    return count;
}

static void on_done(struct vstack_request *request)
{
    atomic_fetch_add(&((struct asked *)request->context)->done, 1);
}

struct vstack_request *ready(struct asked *asked)
{
    memset(asked, 0, sizeof(*asked));
    asked->request.done = on_done;
    asked->request.context = asked;
    return &asked->request;
}

ULONG64 value_of(const struct asked *asked)
{
    ULONG64 value;
    memcpy(&value, asked->request.data, sizeof(value));
    return value;
}

NTSTATUS read_register(unsigned index, ULONG bar, ULONG64 offset, ULONG length, ULONG64 *value)
{
    struct asked asked;
    vstack_register_read(vfs[index], ready(&asked), bar, offset, length);
    generic_pf_wait(&asked.done, 1);
    *value = value_of(&asked);
    return asked.request.status;
}

NTSTATUS write_register(unsigned index, ULONG bar, ULONG64 offset, ULONG length, ULONG64 value)
{
    struct asked asked;
    vstack_register_write(vfs[index], ready(&asked), bar, offset, length, value);
    generic_pf_wait(&asked.done, 1);
    return asked.request.status;
}

void settle(unsigned index)
{
    struct asked asked;
    vstack_set_power(vfs[index], ready(&asked), NdisDeviceStateD0);
    generic_pf_wait(&asked.done, 1);
    assert_int_equal(asked.request.status, STATUS_SUCCESS);
}

void announce(unsigned index)
{
    mitigable_pf_update(&pf, (USHORT)index, (USHORT)index, STATUS_SUCCESS, 2);
    settle(index);
}

void configure(unsigned index, ULONG offset, ULONG size, ULONG value)
{
    struct asked asked;
    vstack_config_write(vfs[index], ready(&asked), offset, size, value);
    generic_pf_wait(&asked.done, 1);
}

/* ---- the rig ----------------------------------------------------------------------------------------------------- */

void open_stack(void)
{
    assert_int_equal(vstack_create_generic(pf.pf.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, PF_VFS), NDIS_STATUS_SUCCESS);
}

int bare(void **state)
{
    (void)state;
    stack = NULL;
    memset(vfs, 0, sizeof(vfs));
    mitigable_pf_create(&pf, sizeof(MITIGABLE_DEVICE_INTERFACE));
    return 0;
}

int set_up(void **state)
{
    bare(state);
    open_stack();
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    vstack_destroy(stack);
    mitigable_pf_destroy(&pf);
    return 0;
}

void say(const struct says *row)
{
    pthread_mutex_lock(&pf.lock);
    pf.count_status = row->count_status;
    pf.ranges_status = row->ranges_status;
    pf.count_information = row->count_information == UINTPTR_MAX ? 0
                           : row->count_information              ? row->count_information
                                                                 : 24;
    pf.ranges_information = row->ranges_information;
    memcpy(pf.counts, row->counts, sizeof(pf.counts));
    memcpy(pf.ranges, row->ranges, sizeof(row->ranges));
    pthread_mutex_unlock(&pf.lock);
}
