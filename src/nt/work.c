/* SPDX-License-Identifier: MIT
 *
 * The partition's system worker threads: started when there is more to do than workers that are idle, up to
 * NT_WORKERS_MAX, because a work item may wait for another. Each item runs once, at PASSIVE_LEVEL.
 */
#include "nt/internal.h"

#include <stdlib.h>

static _Thread_local struct nt_worker *this_worker;

bool nt_work_init(struct nt_partition *partition)
{
    struct nt_work_queue *queue = &partition->work;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->arrived, NULL);
    pthread_cond_init(&queue->finished, NULL);
    InitializeListHead(&queue->items);
    return true;
}

/* The item may be gone when its routine runs (the routine may free it): all that is needed is copied before. */
static void run(struct nt_work_queue *queue, struct nt_worker *worker, struct nt_work *work)
{
    void (*routine)(void *) = work->routine;
    void *context = work->context;
    worker->running = ++queue->taken;
    RemoveEntryList(&work->entry);
    pthread_mutex_unlock(&queue->lock);
    routine(context);
    nt_irql_expect(PASSIVE_LEVEL, "a work item");
    pthread_mutex_lock(&queue->lock);
    worker->running = 0;
    pthread_cond_broadcast(&queue->finished);
}

static void *worker_thread(void *context)
{
    struct nt_worker *worker = context;
    struct nt_work_queue *queue = &worker->partition->work;
    this_worker = worker;
    nt_enter(worker->partition);
    pthread_mutex_lock(&queue->lock);
    while (!queue->stopping || !IsListEmpty(&queue->items)) {
        if (!IsListEmpty(&queue->items)) {
            run(queue, worker, CONTAINING_RECORD(queue->items.Flink, struct nt_work, entry));
            continue;
        }
        queue->idle++;
        pthread_cond_wait(&queue->arrived, &queue->lock);
        queue->idle--;
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

static unsigned waiting(const struct nt_work_queue *queue)
{
    unsigned count = 0;
    for (const LIST_ENTRY *entry = queue->items.Flink; entry != &queue->items && count < NT_WORKERS_MAX;
         entry = entry->Flink)
        count++;
    return count;
}

static bool start_worker(struct nt_partition *partition)
{
    struct nt_work_queue *queue = &partition->work;
    struct nt_worker *worker = &queue->workers[queue->count];
    worker->partition = partition;
    if (pthread_create(&worker->thread, NULL, worker_thread, worker) != 0)
        return false;
    queue->count++;
    return true;
}

/* False: nobody is there to run it; it was not queued. */
static bool insert(struct nt_partition *partition, struct nt_work *work)
{
    struct nt_work_queue *queue = &partition->work;
    pthread_mutex_lock(&queue->lock);
    queue->last++;
    InsertTailList(&queue->items, &work->entry);
    if (waiting(queue) > queue->idle && queue->count < NT_WORKERS_MAX)
        start_worker(partition);
    bool served = queue->count > 0;
    if (!served) {
        RemoveEntryList(&work->entry);
        queue->last--;
    }
    pthread_cond_signal(&queue->arrived);
    pthread_mutex_unlock(&queue->lock);
    return served;
}

void nt_work_insert(struct nt_partition *partition, struct nt_work *work)
{
    if (!insert(partition, work))
        nt_violation(NT_RULE(NO_THREAD), "no worker thread can be started: a work item is lost");
}

bool nt_work_promise(struct nt_partition *partition)
{
    struct nt_work_queue *queue = &partition->work;
    pthread_mutex_lock(&queue->lock);
    bool kept = queue->count > 0 || start_worker(partition);
    pthread_mutex_unlock(&queue->lock);
    return kept;
}

/* Work of our own, in memory of its own. */
struct owned_work {
    struct nt_work work;
    void (*routine)(void *context);
    void *context;
};

static void run_owned(void *context)
{
    struct owned_work owned = *(struct owned_work *)context;
    free(context);
    owned.routine(owned.context);
}

bool nt_queue_work(struct nt_partition *partition, void (*routine)(void *context), void *context)
{
    struct owned_work *owned = malloc(sizeof(*owned));
    if (!owned)
        return false;
    *owned =
        (struct owned_work){.work = {.routine = run_owned, .context = owned}, .routine = routine, .context = context};
    if (insert(partition, &owned->work))
        return true;
    free(owned);
    return false;
}

static bool unfinished(const struct nt_work_queue *queue, uint64_t until)
{
    if (queue->taken < until)
        return true;
    for (unsigned i = 0; i < queue->count; i++)
        if (queue->workers[i].running && queue->workers[i].running <= until)
            return true;
    return false;
}

void nt_drain_work(struct nt_partition *partition)
{
    struct nt_work_queue *queue = &partition->work;
    if (this_worker) {
        nt_violation(NT_RULE(DRAIN_FROM_WORKER), "a worker thread cannot wait for itself");
        return;
    }
    pthread_mutex_lock(&queue->lock);
    uint64_t until = queue->last;
    while (unfinished(queue, until))
        pthread_cond_wait(&queue->finished, &queue->lock);
    pthread_mutex_unlock(&queue->lock);
}

void nt_work_stop(struct nt_partition *partition)
{
    struct nt_work_queue *queue = &partition->work;
    nt_drain_work(partition);
    pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    pthread_cond_broadcast(&queue->arrived);
    unsigned count = queue->count;
    pthread_mutex_unlock(&queue->lock);
    for (unsigned i = 0; i < count; i++)
        pthread_join(queue->workers[i].thread, NULL);
    pthread_cond_destroy(&queue->arrived);
    pthread_cond_destroy(&queue->finished);
    pthread_mutex_destroy(&queue->lock);
}
