/* SPDX-License-Identifier: MIT
 *
 * Waiting at PASSIVE_LEVEL for something another thread does.
 */
#include "ndis/internal.h"

#include <errno.h>
#include <time.h>

void ndis_gate_init(struct ndis_gate *gate)
{
    pthread_condattr_t clock;

    pthread_mutex_init(&gate->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&gate->changed, &clock);
    pthread_condattr_destroy(&clock);
}

void ndis_gate_destroy(struct ndis_gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->mutex);
}

void ndis_gate_wake(struct ndis_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

bool ndis_gate_wait(struct ndis_gate *gate, bool (*check)(const void *object), const void *object, unsigned seconds)
{
    struct timespec end;
    bool passed;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    pthread_mutex_lock(&gate->mutex);
    while (!(passed = check(object))) {
        int error = seconds ? pthread_cond_timedwait(&gate->changed, &gate->mutex, &end)
                            : pthread_cond_wait(&gate->changed, &gate->mutex);
        if (error == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&gate->mutex);
    return passed;
}
