/* SPDX-License-Identifier: MIT */
#include "guest_view.h"

static void on_bar(void *context, unsigned index, bool mapped, ULONG64 guest, ULONG64 system, ULONG64 size)
{
    struct fixture *f = context;
    f->bars[index].mapped = mapped;
    f->bars[index].guest = guest;
    f->bars[index].system = system;
    f->bars[index].size = size;
    f->bars[index].changes++;
}

static const struct vstack_partition partition = {.name = "guest 1", .bar = on_bar};

static int set_up_device(void **state, const struct fake_device *device)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->pf = fake_pf_create(device);
    f->stack = fake_pf_stack(f->pf);
    f->vf = fake_pf_vf(f->stack);
    assert_int_equal(vstack_vf_attach(f->vf, &partition, f), STATUS_SUCCESS);
    fake_pf_clear_log(f->pf);
    *state = f;
    return 0;
}

int set_up(void **state)
{
    return set_up_device(state, &fake_82576);
}

int set_up_nvme(void **state)
{
    return set_up_device(state, &fake_nvme);
}

int tear_down(void **state)
{
    struct fixture *f = *state;
    vstack_destroy(f->stack);
    fake_pf_destroy(f->pf);
    free(f);
    return 0;
}

static void count_done(struct vstack_request *request)
{
    (*(unsigned *)request->context)++;
}

NTSTATUS reads(struct fixture *f, unsigned offset, unsigned size, ULONG *value)
{
    unsigned done = 0;
    struct vstack_request request = {.done = count_done, .context = &done};
    vstack_config_read(f->vf, &request, offset, size);
    assert_int_equal(done, 1);
    *value = request.value;
    return request.status;
}

ULONG rd(struct fixture *f, unsigned offset, unsigned size)
{
    ULONG value;
    assert_int_equal(reads(f, offset, size, &value), STATUS_SUCCESS);
    return value;
}

NTSTATUS wr(struct fixture *f, unsigned offset, unsigned size, ULONG value)
{
    unsigned done = 0;
    struct vstack_request request = {.done = count_done, .context = &done};
    vstack_config_write(f->vf, &request, offset, size, value);
    assert_int_equal(done, 1);
    return request.status;
}
