/* SPDX-License-Identifier: MIT
 *
 * What a device model or a VMM asks of a channel from a thread of its own: accesses to mitigated pages, and targets of
 * interrupts from where a thread must not wait. The channel's worker does it, so that nobody who asks ever is inside a
 * PF driver, and a PF driver that is slow holds up its own adapter's guests only.
 *
 * An ask is under way (the worker's list) until it is finished on the worker; what completes elsewhere is posted to it.
 */
#include "vpci/vsp/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct vsp_ask {
    struct vsp_ask *next;   /* in channel->asks, then in channel->asked */
    struct vsp_ask **at;    /* what points here in channel->asked */
    struct vsp_ask *answer; /* in channel->answers */
    struct vsp_channel *channel;
    vsp_done *done;
    void *context;
    bool is_retarget;
    struct vsp_register access;
    uint64_t address;
    uint32_t data;
    struct vsp_target target;
    struct vstack_request request;
    uint64_t deadline;
};

/* ---- lists -------------------------------------------------------------------------------------------------- */

static void empty(struct vsp_asks *asks)
{
    asks->first = NULL;
    asks->end = &asks->first;
}

void vsp_asks_init(struct vsp_channel *channel)
{
    empty(&channel->asks);
    empty(&channel->asked);
}

static void append(struct vsp_asks *asks, struct vsp_ask *ask)
{
    ask->next = NULL;
    ask->at = asks->end;
    *asks->end = ask;
    asks->end = &ask->next;
}

static void take_out(struct vsp_asks *asks, struct vsp_ask *ask)
{
    *ask->at = ask->next;
    if (ask->next)
        ask->next->at = ask->at;
    else
        asks->end = ask->at;
}

/* What others have added, each in its order. */
static struct vsp_ask *take_asks(struct vsp_channel *channel, struct vsp_ask **answers)
{
    struct vsp_ask *first;

    pthread_mutex_lock(&channel->lock);
    first = channel->asks.first;
    empty(&channel->asks);
    *answers = channel->answers;
    channel->answers = NULL;
    pthread_mutex_unlock(&channel->lock);
    return first;
}

/* ---- the worker's ------------------------------------------------------------------------------------------- */

static int result_of(NTSTATUS status)
{
    static const struct {
        NTSTATUS status;
        int result;
    } results[] = {
        {STATUS_SUCCESS, 0},
        {STATUS_NOT_FOUND, -ENOENT},
        {STATUS_INVALID_PARAMETER, -EINVAL},
        {STATUS_DEVICE_NOT_CONNECTED, -ENODEV},
        {STATUS_DEVICE_REMOVED, -ENODEV},
        {STATUS_CANCELLED, -ENODEV},
        {STATUS_IO_TIMEOUT, -ETIMEDOUT},
    };

    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (results[i].status == status)
            return results[i].result;
    }
    return -EIO;
}

static void finish(struct vsp_ask *ask)
{
    uint64_t value;

    take_out(&ask->channel->asked, ask);
    memcpy(&value, ask->request.data, sizeof(value));
    ask->done(ask->context, result_of(ask->request.status), value);
    free(ask);
}

/* Any thread. Once it is in the list it is the worker's, who may end it at once. */
static void answered(struct vstack_request *request)
{
    struct vsp_ask *ask = request->context;
    struct vsp_channel *channel = ask->channel;

    if (vsp_on_worker(channel)) {
        finish(ask);
        return;
    }
    pthread_mutex_lock(&channel->lock);
    ask->answer = channel->answers;
    channel->answers = ask;
    pthread_mutex_unlock(&channel->lock);
    vsp_post(channel, VSP_POST_ASK);
}

static void start(struct vsp_ask *ask)
{
    struct vsp_channel *channel = ask->channel;
    const struct vsp_register *access = &ask->access;

    append(&channel->asked, ask);
    ask->deadline = vsp_now() + VSP_CALL_TIMEOUT_MS * 1000000ull;
    vsp_deadline(channel, ask->deadline);
    ask->request.done = answered;
    ask->request.context = ask;
    if (access->write)
        vstack_register_write(channel->vf, &ask->request, access->bar, access->offset, access->length, access->value);
    else
        vstack_register_read(channel->vf, &ask->request, access->bar, access->offset, access->length);
}

static void retarget(struct vsp_ask *ask)
{
    const struct vsp_delivery to = {ask->target.vector, ask->target.lowest_priority, ask->target.processor_count,
                                    ask->target.processors};

    ask->done(ask->context, vsp_retarget(ask->channel, ask->address, ask->data, &to), 0);
    free(ask);
}

void vsp_asks_serve(struct vsp_channel *channel)
{
    struct vsp_ask *answers, *ask, *next, *asks = take_asks(channel, &answers);

    for (ask = answers; ask; ask = next) {
        next = ask->answer;
        finish(ask);
    }
    for (ask = asks; ask; ask = next) {
        next = ask->next;
        if (ask->is_retarget)
            retarget(ask);
        else
            start(ask);
    }
}

void vsp_asks_expire(struct vsp_channel *channel, uint64_t now)
{
    struct vsp_ask *next;

    for (struct vsp_ask *ask = channel->asked.first; ask; ask = next) {
        next = ask->next;
        if (now < ask->deadline) {
            vsp_deadline(channel, ask->deadline);
            break;
        }
        if (vstack_abandon(&ask->request, STATUS_IO_TIMEOUT))
            TRACE_REFUSE("vsp", "PF_TOO_SLOW vpci-wire.md 1.8", "%s: a mitigated register", channel->name);
    }
}

/* ---- from any thread ---------------------------------------------------------------------------------------- */

static void post(struct vsp_ask *ask)
{
    struct vsp_channel *channel = ask->channel;

    pthread_mutex_lock(&channel->lock);
    append(&channel->asks, ask);
    pthread_mutex_unlock(&channel->lock);
    vsp_post(channel, VSP_POST_ASK);
}

static struct vsp_ask *ask_new(struct vsp_channel *channel, vsp_done *done, void *context)
{
    struct vsp_ask *ask = calloc(1, sizeof(*ask));

    if (!ask)
        return NULL;
    ask->channel = channel;
    ask->done = done;
    ask->context = context;
    return ask;
}

int vsp_register(struct vsp_channel *channel, const struct vsp_register *access, vsp_done *done, void *context)
{
    struct vsp_ask *ask = ask_new(channel, done, context);

    if (!ask)
        return -ENOMEM;
    ask->access = *access;
    post(ask);
    return 0;
}

int vsp_retarget_later(struct vsp_channel *channel, uint64_t address, uint32_t data, const struct vsp_delivery *target,
                       vsp_done *done, void *context)
{
    struct vsp_ask *ask;

    if (!target->processor_count || target->processor_count > VPCI_VECTORS_MAX)
        return -EINVAL;
    ask = ask_new(channel, done, context);
    if (!ask)
        return -ENOMEM;
    ask->is_retarget = true;
    ask->address = address;
    ask->data = data;
    ask->target = vsp_target_of(target);
    post(ask);
    return 0;
}
