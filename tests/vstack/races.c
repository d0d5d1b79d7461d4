/* SPDX-License-Identifier: MIT
 *
 * A PF driver's completion on its own thread racing with an owner that gives up or leaves: done() exactly once.
 */
#include "waited.h"

#define ROUNDS 300

/* A PF driver that completes whatever it holds, from its own thread, until told to stop. */
struct completer {
    struct fake_pf *pf;
    pthread_t thread;
    atomic_bool stop;
};

static bool holds_one(struct fake_pf *pf)
{
    pthread_mutex_lock(&pf->nic->lock);
    bool holds = pf->nic->pended != NULL;
    pthread_mutex_unlock(&pf->nic->lock);
    return holds;
}

static void *complete_all(void *context)
{
    struct completer *completer = context;
    nt_enter(completer->pf->nic->partition);
    while (!atomic_load(&completer->stop)) {
        if (holds_one(completer->pf))
            fake_pf_complete(completer->pf, NDIS_STATUS_SUCCESS);
        else
            sched_yield();
    }
    nt_enter(NULL);
    return NULL;
}

static void completer_start(struct completer *completer, struct fake_pf *pf)
{
    completer->pf = pf;
    atomic_store(&completer->stop, false);
    pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    assert_int_equal(pthread_create(&completer->thread, NULL, complete_all, completer), 0);
}

/* A request that is not pended comes back after all that were before it. */
static void completer_stop(struct completer *completer, struct fixture *f)
{
    struct waited *last = waited_new();
    f->pf->pend_oid = 0;
    vstack_block_write(f->vf, &last->request, 1, "x", 1);
    wait_done(last, 1);
    free(last);
    atomic_store(&completer->stop, true);
    pthread_join(completer->thread, NULL);
}

static void completion_racing_abandonment_calls_done_exactly_once(void **state)
{
    struct fixture *f = *state;
    struct completer completer;
    completer_start(&completer, f->pf);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct waited *w = waited_new();
        vstack_block_read(f->vf, &w->request, 1, 8);
        if (i % 3)
            vstack_abandon(&w->request, STATUS_IO_TIMEOUT);
        wait_done(w, 1);
        free(w);
    }
    completer_stop(&completer, f);
}

static void completion_racing_detach_calls_done_exactly_once(void **state)
{
    struct fixture *f = *state;
    struct completer completer;
    completer_start(&completer, f->pf);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct waited *w = waited_new();
        vstack_block_read(f->vf, &w->request, 1, 8);
        vstack_vf_detach(f->vf);
        assert_int_equal(done(w), 1);
        free(w);
        assert_int_equal(vstack_vf_attach(f->vf, &partition, f), STATUS_SUCCESS);
    }
    completer_stop(&completer, f);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(completion_racing_abandonment_calls_done_exactly_once),
        CASE(completion_racing_detach_calls_done_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
