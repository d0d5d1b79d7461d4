/* SPDX-License-Identifier: MIT
 *
 * The guest's end of a channel: contact, offer, waiting (vpci-wire.md 3.2, 3.3, 5.3). The host is not trusted: sizes,
 * ids, descriptors and the window memory are checked, and nothing is waited for without a limit.
 */
#include "vmbus/foreign.h"
#include "vmbus/guest.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What poll() may wait: -1 for ever, else until the deadline. */
static int remaining_ms(int timeout_ms, int64_t deadline)
{
    if (timeout_ms < 0)
        return -1;
    int64_t left = deadline - now_ms();
    return left > 0 ? (int)left : 0;
}

static int lose(struct vmbus_guest *guest)
{
    atomic_store(&guest->gone, true);
    return -EPIPE;
}

bool vmbus_guest_gone(struct vmbus_guest *guest)
{
    return atomic_load_explicit(&guest->gone, memory_order_relaxed);
}

int vmbus_guest_send(struct vmbus_guest *guest, const void *message, size_t length)
{
    return vmbus_record_send(guest->socket, message, length, NULL, 0) < 0 ? lose(guest) : 0;
}

/* 0: *record holds a message; -EAGAIN: nothing, or something that is not a message; -EPIPE: gone or rescinded. */
static int take_message(struct vmbus_guest *guest, struct vmbus_record *record)
{
    int error = vmbus_record_receive(guest->socket, record);
    if (error == -EAGAIN || error == -EMSGSIZE)
        return -EAGAIN;
    if (error)
        return lose(guest);
    struct vmbus_relid_message rescind;
    if (record->header.type != VMBUS_RESCIND_CHANNELOFFER || record->length < sizeof rescind)
        return 0;
    memcpy(&rescind, record->bytes, sizeof rescind);
    vmbus_record_close_fds(record);
    if (rescind.relid != guest->offer.relid)
        return -EAGAIN;
    guest->rescinded = true;
    return lose(guest);
}

int vmbus_guest_await(struct vmbus_guest *guest, enum vmbus_message type, size_t least, struct vmbus_record *record)
{
    int64_t deadline = now_ms() + guest->answer_ms;
    for (;;) {
        struct pollfd wait = {.fd = guest->socket, .events = POLLIN};
        int ready = poll(&wait, 1, remaining_ms(guest->answer_ms, deadline));
        if (ready == 0)
            return -ETIMEDOUT;
        if (ready < 0)
            continue;
        int error = take_message(guest, record);
        if (error == -EPIPE)
            return error;
        if (error)
            continue;
        if (record->header.type == type && record->length >= least)
            return 0;
        vmbus_record_close_fds(record);
        if (record->header.type == type)
            return -EPROTO;
        /* There were no more offers than that: ours was taken back before we asked. */
        if (type == VMBUS_OFFERCHANNEL && record->header.type == VMBUS_ALLOFFERS_DELIVERED)
            return lose(guest);
    }
}

/* ---- connect ---------------------------------------------------------------------------------------------------- */

static int agree_version(struct vmbus_guest *guest)
{
    struct vmbus_initiate_contact contact = {
        .header.type = VMBUS_INITIATE_CONTACT,
        .version = VMBUS_VERSION_4_0,
    };
    struct vmbus_version_response response;
    struct vmbus_record record;
    int error = vmbus_guest_send(guest, &contact, sizeof contact);
    if (!error)
        error = vmbus_guest_await(guest, VMBUS_VERSION_RESPONSE, sizeof response, &record);
    if (error)
        return error;
    memcpy(&response, record.bytes, sizeof response);
    vmbus_record_close_fds(&record);
    return response.supported ? 0 : -EPROTONOSUPPORT;
}

/* Descriptors: kick, wake, window. The window must not be able to shrink under us. */
static int accept_offer(struct vmbus_guest *guest, struct vmbus_record *record)
{
    struct vmbus_offer_channel offer;
    memcpy(&offer, record->bytes, sizeof offer);
    if (record->fd_count != 3 || offer.relid == 0 || offer.relid > VMBUS_RELID_MAX)
        return -EPROTO;
    uint32_t pages = vmbus_memory_pages(record->fd[2]);
    if (pages > VMBUS_GPADL_PAGES_MAX || !vmbus_memory_acceptable(record->fd[2], pages))
        return -EPROTO;
    guest->window = vmbus_memory_map(record->fd[2], pages);
    if (!guest->window)
        return -errno;
    guest->window_pages = pages;
    guest->kick = vmbus_record_take_fd(record, 0);
    guest->wake_fd = vmbus_record_take_fd(record, 1);
    memcpy(guest->offer.interface_id, offer.interface_id, sizeof offer.interface_id);
    memcpy(guest->offer.instance_id, offer.instance_id, sizeof offer.instance_id);
    guest->offer.relid = offer.relid;
    return 0;
}

static int get_offer(struct vmbus_guest *guest)
{
    struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
    struct vmbus_record record;
    int error = vmbus_guest_send(guest, &request, sizeof request);
    if (!error)
        error = vmbus_guest_await(guest, VMBUS_OFFERCHANNEL, sizeof(struct vmbus_offer_channel), &record);
    if (error)
        return error;
    error = accept_offer(guest, &record);
    vmbus_record_close_fds(&record);
    if (error)
        return error;
    error = vmbus_guest_await(guest, VMBUS_ALLOFFERS_DELIVERED, sizeof(struct vmbus_header), &record);
    if (!error)
        vmbus_record_close_fds(&record);
    return error;
}

static void release(struct vmbus_guest *guest)
{
    vmbus_memory_unmap(guest->window, guest->window_pages);
    vmbus_foreign_hang_up(guest->socket);
    if (guest->kick >= 0)
        vmbus_foreign_close(&guest->kick, 1);
    if (guest->wake_fd >= 0)
        vmbus_foreign_close(&guest->wake_fd, 1);
    free(guest);
}

int vmbus_guest_connect_within(int socket, int answer_ms, struct vmbus_guest **result)
{
    struct vmbus_guest *guest = calloc(1, sizeof *guest);
    if (!guest) {
        close(socket);
        return -ENOMEM;
    }
    guest->socket = socket;
    guest->kick = guest->wake_fd = -1;
    guest->answer_ms = answer_ms;
    guest->spin = VMBUS_SPIN_DEFAULT;
    int error = agree_version(guest);
    if (!error)
        error = get_offer(guest);
    if (error) {
        release(guest);
        return error;
    }
    *result = guest;
    return 0;
}

int vmbus_guest_connect(int socket, struct vmbus_guest **guest)
{
    return vmbus_guest_connect_within(socket, VMBUS_ANSWER_MS, guest);
}

void vmbus_guest_destroy(struct vmbus_guest *guest)
{
    if (!guest)
        return;
    vmbus_guest_close(guest);
    struct vmbus_header unload = {.type = VMBUS_UNLOAD};
    struct vmbus_record record;
    if (!vmbus_guest_gone(guest) && vmbus_guest_send(guest, &unload, sizeof unload) == 0 &&
        vmbus_guest_await(guest, VMBUS_UNLOAD_RESPONSE, sizeof unload, &record) == 0)
        vmbus_record_close_fds(&record);
    release(guest);
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

/* Control messages while the channel runs: only a rescind means anything. */
static void drain_control(struct vmbus_guest *guest)
{
    struct vmbus_record record;
    if (take_message(guest, &record) == 0)
        vmbus_record_close_fds(&record);
}

static int look(struct vmbus_guest *guest, const struct pollfd wait[3])
{
    if (wait[1].revents)
        drain_control(guest);
    if (wait[0].revents & POLLIN) {
        vmbus_wake_clear(guest->wake_fd);
        return 0;
    }
    if (wait[0].revents)
        return lose(guest);
    if (vmbus_guest_gone(guest))
        return -EPIPE;
    return wait[2].revents ? -ECANCELED : -EAGAIN;
}

int vmbus_guest_sleep(struct vmbus_guest *guest, int stop_fd, int timeout_ms)
{
    if (vmbus_guest_gone(guest))
        return -EPIPE;
    int64_t deadline = timeout_ms < 0 ? 0 : now_ms() + timeout_ms;
    int result = -EAGAIN;
    while (result == -EAGAIN) {
        struct pollfd wait[3] = {
            {.fd = guest->wake_fd, .events = POLLIN},
            {.fd = guest->socket, .events = POLLIN},
            {.fd = stop_fd, .events = POLLIN},
        };
        int ready = poll(wait, 3, remaining_ms(timeout_ms, deadline));
        if (ready == 0)
            return -ETIMEDOUT;
        if (ready > 0)
            result = look(guest, wait);
    }
    return result;
}

static bool spin_for_data(struct vmbus_guest *guest)
{
    unsigned rounds = vmbus_spin_rounds(&guest->learned, guest->spin);
    bool met = false;
    for (unsigned round = 0; round < rounds && !met; round++) {
        vmbus_pause();
        met = vmbus_ring_has_data(&guest->in);
    }
    vmbus_spin_ended(&guest->learned, met);
    return met;
}

int vmbus_guest_wait(struct vmbus_guest *guest, int stop_fd, int timeout_ms)
{
    if (vmbus_guest_gone(guest))
        return -EPIPE;
    if (!guest->memory)
        return vmbus_guest_sleep(guest, stop_fd, timeout_ms);
    vmbus_ring_mask(&guest->in, true);
    if (spin_for_data(guest) || vmbus_ring_mask(&guest->in, false)) {
        vmbus_ring_mask(&guest->in, true);
        return 0;
    }
    int result = vmbus_guest_sleep(guest, stop_fd, timeout_ms);
    vmbus_ring_mask(&guest->in, true);
    return result;
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

const struct vmbus_offer *vmbus_guest_offer(const struct vmbus_guest *guest)
{
    return &guest->offer;
}

struct vmbus_ring *vmbus_guest_in(struct vmbus_guest *guest)
{
    return guest->memory ? &guest->in : NULL;
}

struct vmbus_ring *vmbus_guest_out(struct vmbus_guest *guest)
{
    return guest->memory ? &guest->out : NULL;
}

void *vmbus_guest_window(struct vmbus_guest *guest)
{
    return guest->window;
}

uint32_t vmbus_guest_window_pages(const struct vmbus_guest *guest)
{
    return guest->window_pages;
}

void vmbus_guest_signal(struct vmbus_guest *guest)
{
    vmbus_kick_raise(guest->kick);
}

void vmbus_guest_set_spin(struct vmbus_guest *guest, unsigned rounds)
{
    guest->spin = rounds;
}
