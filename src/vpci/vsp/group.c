/* SPDX-License-Identifier: MIT
 *
 * The workers of each adapter, made and ended with its channels.
 */
#include "vpci/vsp/internal.h"

#include <errno.h>
#include <stdlib.h>

static void stop(struct vsp_group *group)
{
    for (unsigned i = 0; i < group->count; i++)
        vsp_worker_stop(&group->workers[i]);
    free(group);
}

static int create(struct vsp *vsp, const struct vstack *stack, struct vsp_group **result)
{
    struct vsp_group *group = calloc(1, sizeof(*group) + vsp->workers * sizeof(group->workers[0]));

    if (!group)
        return -ENOMEM;
    group->stack = stack;
    while (group->count < vsp->workers && vsp_worker_start(&group->workers[group->count], group, vsp))
        group->count++;
    if (group->count < vsp->workers) {
        stop(group);
        return -EAGAIN;
    }
    group->next = vsp->groups;
    vsp->groups = group;
    *result = group;
    return 0;
}

static struct vsp_worker *least_busy(struct vsp_group *group)
{
    struct vsp_worker *best = &group->workers[0];
    for (unsigned i = 1; i < group->count; i++) {
        if (group->workers[i].channel_count < best->channel_count)
            best = &group->workers[i];
    }
    return best;
}

int vsp_group_enter(struct vsp *vsp, const struct vstack *stack, struct vsp_worker **worker)
{
    struct vsp_group *group;
    int error = 0;

    pthread_mutex_lock(&vsp->lock);
    for (group = vsp->groups; group && group->stack != stack; group = group->next)
        ;
    if (!group)
        error = create(vsp, stack, &group);
    if (!error) {
        *worker = least_busy(group);
        (*worker)->channel_count++;
        group->users++;
    }
    pthread_mutex_unlock(&vsp->lock);
    return error;
}

void vsp_group_leave(struct vsp_worker *worker)
{
    struct vsp *vsp = worker->vsp;
    struct vsp_group *group = worker->group, **at;
    bool last;

    pthread_mutex_lock(&vsp->lock);
    worker->channel_count--;
    last = --group->users == 0;
    if (last) {
        for (at = &vsp->groups; *at != group; at = &(*at)->next)
            ;
        *at = group->next;
    }
    pthread_mutex_unlock(&vsp->lock);
    if (last)
        stop(group);
}
