/* SPDX-License-Identifier: MIT */
#include "road_rig.h"

struct generic_pf pf;
struct vstack *stack;
struct vstack_vf *vfs[PF_VFS];
struct vstack_vf_options options = {.vm_name = "vm"};

int bare(void **state)
{
    (void)state;
    stack = NULL;
    memset(vfs, 0, sizeof(vfs));
    generic_pf_create(&pf);
    return 0;
}

int set_up(void **state)
{
    bare(state);
    assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, PF_VFS), NDIS_STATUS_SUCCESS);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    vstack_destroy(stack);
    generic_pf_destroy(&pf);
    return 0;
}

static void on_invalidated(void *context)
{
    atomic_fetch_add(&((struct owner *)context)->told, 1);
}

static void on_removed(void *context)
{
    atomic_fetch_add(&((struct owner *)context)->removed, 1);
}

static const struct vstack_partition partition = {
    .name = "guest", .invalidated = on_invalidated, .removed = on_removed};
struct owner owners[PF_VFS];

void give(unsigned index)
{
    memset(&owners[index], 0, sizeof(owners[index]));
    assert_int_equal(vstack_vf_allocate(stack, &options, &vfs[index]), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_vf_attach(vfs[index], &partition, &owners[index]), STATUS_SUCCESS);
}

static void on_done(struct vstack_request *request)
{
    atomic_fetch_add(&((struct asked *)request->context)->done, 1);
}

struct asked *ready(struct asked *asked)
{
    memset(asked, 0, sizeof(*asked));
    asked->request.done = on_done;
    asked->request.context = asked;
    return asked;
}
