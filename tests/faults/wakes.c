/* SPDX-License-Identifier: MIT
 *
 * Wake-ups of the channel (futex, kick, wake pipe) that are lost, doubled or late, and futex waits that a signal ends.
 */
#include "sites.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmbus/control.h"
#include "vmbus/vmbus.h"

#define LATE_US 3000u /* at most */

static uint64_t next_random(void)
{
    uint64_t x = __atomic_add_fetch(&sites->wake_seed, 0x9E3779B97F4A7C15u, __ATOMIC_RELAXED);
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static unsigned count(unsigned *counter)
{
    return __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* How often this wake-up is sent. Of eight in a row one is lost; the seed chooses which. */
static unsigned times(unsigned number)
{
    switch (sites->wake_mode) {
    case WAKE_LOSE:
        return (number + sites->wake_seed) % 8 != 0;
    case WAKE_TWICE:
        return 2;
    default:
        return 1;
    }
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* By a while that the seed chooses: the other side goes to sleep meanwhile. */
static void be_late(void)
{
    int64_t before = now_us(), by = 1 + (int64_t)(next_random() % LATE_US);
    usleep((useconds_t)by);
    if (now_us() - before >= by)
        count(&sites->wakes.late);
}

void sites_wake(void (*send)(void *context), void *context)
{
    if (sites_role() == ROLE_NONE || sites->phase != PHASE_SERVED || sites->wake_mode == WAKE_ALL) {
        send(context);
        return;
    }
    unsigned number = count(&sites->wakes.asked);
    if (sites->wake_mode == WAKE_LATE)
        be_late();
    for (unsigned left = times(number); left; left--) {
        count(&sites->wakes.sent);
        send(context);
    }
}

/* ---- the three ways to wake ----------------------------------------------------------------------------------------
 */

struct call {
    long number, arguments[6], result;
};

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static void do_call(void *context)
{
    struct call *call = context;
    long *a = call->arguments;
    call->result = __real_syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

long __wrap_syscall(long number, ...)
{
    struct call call = {.number = number};
    va_list arguments;
    va_start(arguments, number);
    for (unsigned i = 0; i < 6; i++)
        call.arguments[i] = va_arg(arguments, long);
    va_end(arguments);
    int command = number == SYS_futex ? (int)call.arguments[1] & FUTEX_CMD_MASK : -1;
    if ((command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) && site("futex", true)) {
        errno = EINTR;
        return -1;
    }
    if (command == FUTEX_WAKE)
        sites_wake(do_call, &call);
    else
        do_call(&call);
    return call.result;
}

void __real_vmbus_kick_raise(int fd);
static void raise_kick(void *context)
{
    __real_vmbus_kick_raise(*(int *)context);
}

void __wrap_vmbus_kick_raise(int fd);
void __wrap_vmbus_kick_raise(int fd)
{
    sites_wake(raise_kick, &fd);
}

void __real_vmbus_wake_raise(const struct vmbus_wake *wake);
static void raise_wake(void *context)
{
    __real_vmbus_wake_raise(*(const struct vmbus_wake **)context);
}

void __wrap_vmbus_wake_raise(const struct vmbus_wake *wake);
void __wrap_vmbus_wake_raise(const struct vmbus_wake *wake)
{
    sites_wake(raise_wake, &wake);
}
