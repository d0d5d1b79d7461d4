/* SPDX-License-Identifier: MIT */
#include "waited.h"

static void on_removed(void *context)
{
    ((struct fixture *)context)->removed++;
}

const struct vstack_partition partition = {.name = "guest 1", .removed = on_removed};

int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->pf = fake_pf_create(&fake_82576);
    f->stack = fake_pf_stack(f->pf);
    f->vf = fake_pf_vf(f->stack);
    assert_int_equal(vstack_vf_attach(f->vf, &partition, f), STATUS_SUCCESS);
    fake_pf_clear_log(f->pf);
    *state = f;
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;
    vstack_destroy(f->stack);
    fake_pf_destroy(f->pf);
    free(f);
    return 0;
}

static void on_done(struct vstack_request *request)
{
    struct waited *waited = request->context;
    pthread_mutex_lock(&waited->lock);
    waited->done++;
    pthread_cond_broadcast(&waited->changed);
    pthread_mutex_unlock(&waited->lock);
}

struct waited *waited_new(void)
{
    struct waited *waited = calloc(1, sizeof *waited);
    pthread_mutex_init(&waited->lock, NULL);
    pthread_cond_init(&waited->changed, NULL);
    waited->request.done = on_done;
    waited->request.context = waited;
    return waited;
}

unsigned done(struct waited *waited)
{
    pthread_mutex_lock(&waited->lock);
    unsigned count = waited->done;
    pthread_mutex_unlock(&waited->lock);
    return count;
}

void wait_done(struct waited *waited, unsigned count)
{
    pthread_mutex_lock(&waited->lock);
    while (waited->done < count)
        pthread_cond_wait(&waited->changed, &waited->lock);
    pthread_mutex_unlock(&waited->lock);
    assert_int_equal(done(waited), count);
}
