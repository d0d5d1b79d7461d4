/* SPDX-License-Identifier: MIT */
#include "sites.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nt/contract.h"
#include "vmbus/vmbus.h"
#include "vmbus/control.h"

struct sites *sites;
static enum role own_role;
static _Thread_local int inside; /* what the bookkeeping itself calls is no site */

/* Routines of libc as the linker renames them. */
#define WRAPPED(result, name, ...)                                                                                     \
    result __real_##name(__VA_ARGS__);                                                                                 \
    result __wrap_##name(__VA_ARGS__);                                                                                 \
    result __wrap_##name(__VA_ARGS__)

void __real_free(void *memory);
void *__real_malloc(size_t size);

/* ---- locks and shared memory ---------------------------------------------------------------------------------------
 */

static void lock_sites(void)
{
    while (__atomic_exchange_n((unsigned *)&sites->lock, 1, __ATOMIC_ACQUIRE))
        sched_yield();
}

static void unlock_sites(void)
{
    __atomic_store_n((unsigned *)&sites->lock, 0, __ATOMIC_RELEASE);
}

void sites_create(void)
{
    void *frames[2];
    sites = mmap(NULL, sizeof(*sites), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sites == MAP_FAILED)
        abort();
    backtrace(frames, 2); /* loads the unwinder */
}

/* ---- what a call stack is ------------------------------------------------------------------------------------------
 */

static uint32_t mix(uint32_t hash, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        hash = (hash ^ (uint8_t)(value >> 8 * i)) * 16777619u;
    return hash;
}

static uint64_t place(void *frame)
{
    Dl_info where;
    return dladdr(frame, &where) ? (uint64_t)frame - (uint64_t)where.dli_fbase : 0;
}

static void name_frames(void *const *frames, int depth, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < depth && i < 6 && used < size; i++) {
        char frame[160];
        nt_frame_name(frames[i], frame, sizeof frame);
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " < " : "", frame);
    }
}

static struct site *find(uint32_t hash, int phase)
{
    for (unsigned i = 0; i < sites->count; i++)
        if (sites->site[i].hash == hash && sites->site[i].role == own_role && sites->site[i].phase == phase)
            return &sites->site[i];
    if (sites->count == SITES_MAX)
        return NULL;
    struct site *made = &sites->site[sites->count++];
    *made = (struct site){.hash = hash, .role = own_role, .phase = (uint8_t)phase};
    return made;
}

/* True: this call is to fail. */
static bool reach(const char *routine, bool can_fail)
{
    void *frames[SITE_DEPTH + 3];
    int phase = sites->phase, depth = backtrace(frames, SITE_DEPTH + 3) - 2;
    uint32_t hash = 2166136261u;
    for (const char *c = routine; *c; c++)
        hash = mix(hash, (uint64_t)*c);
    for (int i = 0; i < depth; i++)
        hash = mix(hash, place(frames[i + 2]));
    lock_sites();
    struct site *site = find(hash, phase);
    bool armed = false;
    if (site) {
        if (!site->reached++) {
            snprintf(site->routine, sizeof site->routine, "%s", routine);
            site->can_fail = can_fail;
            if (sites->naming)
                name_frames(frames + 2, depth, site->text, sizeof site->text);
        }
        armed = sites->action && !sites->done && sites->role == own_role && sites->at_phase == phase &&
                sites->hash == hash && ++sites->seen == sites->nth;
    }
    if (armed) {
        sites->done = true;
        snprintf(sites->where, sizeof sites->where, "%s", routine);
    }
    unlock_sites();
    if (armed && sites->action == ACTION_KILL)
        kill(getpid(), SIGKILL);
    if (armed)
        name_frames(frames + 2, depth, sites->where + strlen(routine), sizeof sites->where - strlen(routine));
    return armed;
}

static bool site(const char *routine, bool can_fail)
{
    if (own_role == ROLE_NONE || inside)
        return false;
    inside++;
    int error = errno;
    bool fails = reach(routine, can_fail);
    errno = error;
    inside--;
    return fails;
}

/* ---- what was allocated --------------------------------------------------------------------------------------------
 */

#define SLOTS (1u << 17)
#define GONE  ((void *)1)

static struct {
    void *memory;
    void *caller[4];
} slots[SLOTS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned slot_of(const void *memory)
{
    return (unsigned)(((uintptr_t)memory >> 4) * 2654435761u) % SLOTS;
}

static void *note(void *memory)
{
    if (!memory || own_role == ROLE_NONE || inside)
        return memory;
    void *frames[6];
    inside++;
    int depth = backtrace(frames, 6);
    pthread_mutex_lock(&slots_lock);
    unsigned at = slot_of(memory);
    while (slots[at].memory && slots[at].memory != GONE)
        at = (at + 1) % SLOTS;
    slots[at].memory = memory;
    for (int i = 0; i < 4; i++)
        slots[at].caller[i] = i + 2 < depth ? frames[i + 2] : NULL;
    pthread_mutex_unlock(&slots_lock);
    inside--;
    return memory;
}

static void forget(const void *memory)
{
    if (!memory || own_role == ROLE_NONE)
        return;
    pthread_mutex_lock(&slots_lock);
    for (unsigned at = slot_of(memory); slots[at].memory; at = (at + 1) % SLOTS)
        if (slots[at].memory == memory)
            slots[at].memory = GONE;
    pthread_mutex_unlock(&slots_lock);
}

void sites_begin(enum role role)
{
    own_role = role;
}

void sites_end(void)
{
    own_role = ROLE_NONE;
}

unsigned sites_leaks(const char *who)
{
    unsigned leaks = 0;
    size_t used = strlen(sites->leak);
    for (unsigned at = 0; at < SLOTS; at++) {
        if (!slots[at].memory || slots[at].memory == GONE)
            continue;
        char text[600];
        name_frames(slots[at].caller, 4, text, sizeof text);
        if (leaks++ < 3 && used < sizeof sites->leak)
            used += (size_t)snprintf(sites->leak + used, sizeof sites->leak - used, "%s leaks %s\n", who, text);
    }
    return leaks;
}

unsigned sites_open_fds(void)
{
    unsigned count = 0;
    inside++;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    inside--;
    return count;
}

unsigned sites_shared_maps(void)
{
    unsigned count = 0;
    char line[512];
    inside++;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        count += strstr(line, "/memfd:") != NULL;
    if (maps)
        fclose(maps);
    inside--;
    return count;
}

/* ---- memory --------------------------------------------------------------------------------------------------------
 */

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

WRAPPED(void *, malloc, size_t size)
{
    return site("malloc", true) ? no_memory() : note(__real_malloc(size));
}

WRAPPED(void *, calloc, size_t count, size_t size)
{
    return site("calloc", true) ? no_memory() : note(__real_calloc(count, size));
}

WRAPPED(void *, realloc, void *memory, size_t size)
{
    if (site("realloc", true))
        return no_memory();
    void *moved = __real_realloc(memory, size);
    if (moved)
        forget(memory);
    return note(moved);
}

WRAPPED(void *, aligned_alloc, size_t alignment, size_t size)
{
    return site("aligned_alloc", true) ? no_memory() : note(__real_aligned_alloc(alignment, size));
}

WRAPPED(int, posix_memalign, void **memory, size_t alignment, size_t size)
{
    if (site("posix_memalign", true))
        return ENOMEM;
    int error = __real_posix_memalign(memory, alignment, size);
    if (!error)
        note(*memory);
    return error;
}

WRAPPED(char *, strdup, const char *text)
{
    return site("strdup", true) ? no_memory() : note(__real_strdup(text));
}

WRAPPED(void, free, void *memory)
{
    forget(memory);
    __real_free(memory);
}

WRAPPED(void *, mmap64, void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (site("mmap", true)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap64(address, length, protection, flags, fd, offset);
}

/* ---- descriptors ---------------------------------------------------------------------------------------------------
 */

static int refuse(int error)
{
    errno = error;
    return -1;
}

WRAPPED(int, memfd_create, const char *name, unsigned flags)
{
    return site("memfd_create", true) ? refuse(EMFILE) : __real_memfd_create(name, flags);
}

WRAPPED(int, ftruncate64, int fd, off_t size)
{
    return site("ftruncate", true) ? refuse(ENOMEM) : __real_ftruncate64(fd, size);
}

WRAPPED(int, eventfd, unsigned count, int flags)
{
    return site("eventfd", true) ? refuse(EMFILE) : __real_eventfd(count, flags);
}

WRAPPED(int, pipe2, int ends[2], int flags)
{
    return site("pipe2", true) ? refuse(ENFILE) : __real_pipe2(ends, flags);
}

WRAPPED(int, epoll_create1, int flags)
{
    return site("epoll_create1", true) ? refuse(EMFILE) : __real_epoll_create1(flags);
}

WRAPPED(int, epoll_ctl, int epoll, int operation, int fd, struct epoll_event *event)
{
    if (site("epoll_ctl", operation == EPOLL_CTL_ADD) && operation == EPOLL_CTL_ADD)
        return refuse(ENOSPC);
    return __real_epoll_ctl(epoll, operation, fd, event);
}

WRAPPED(int, epoll_wait, int epoll, struct epoll_event *events, int count, int timeout_ms)
{
    return site("epoll_wait", true) ? refuse(EINTR) : __real_epoll_wait(epoll, events, count, timeout_ms);
}

WRAPPED(int, poll, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    return site("poll", true) ? refuse(EINTR) : __real_poll(fds, count, timeout_ms);
}

WRAPPED(ssize_t, sendmsg, int socket, const struct msghdr *message, int flags)
{
    return site("sendmsg", true) ? refuse(ENOBUFS) : __real_sendmsg(socket, message, flags);
}

WRAPPED(ssize_t, recvmsg, int socket, struct msghdr *message, int flags)
{
    return site("recvmsg", true) ? refuse(ENOMEM) : __real_recvmsg(socket, message, flags);
}

WRAPPED(int, open64, const char *path, int flags, ...)
{
    return site("open", true) ? refuse(EMFILE) : __real_open64(path, flags, 0);
}

WRAPPED(int, fcntl64, int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long value = va_arg(arguments, long);
    va_end(arguments);
    return site("fcntl", true) ? refuse(ENOMEM) : __real_fcntl64(fd, command, value);
}

WRAPPED(void *, dlopen, const char *path, int flags)
{
    if (site("dlopen", true))
        return NULL;
    inside++; /* what constructors of an image do is not ours */
    void *image = __real_dlopen(path, flags);
    inside--;
    return image;
}

/* ---- threads -------------------------------------------------------------------------------------------------------
 */

WRAPPED(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    return site("pthread_create", true) ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static uint64_t next_random(void)
{
    uint64_t x = __atomic_add_fetch(&sites->wake_seed, 0x9E3779B97F4A7C15u, __ATOMIC_RELAXED);
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* How often a wake-up is to be sent now: 0, 1, 2. */
static unsigned wake_times(void)
{
    if (own_role == ROLE_NONE || sites->phase != PHASE_SERVED || sites->wake_mode == WAKE_ALL)
        return 1;
    if (sites->wake_mode == WAKE_LOSE && next_random() % 8)
        return 1;
    __atomic_add_fetch(&sites->wakes_changed, 1, __ATOMIC_RELAXED);
    if (sites->wake_mode == WAKE_LATE)
        __real_syscall(SYS_sched_yield);
    return sites->wake_mode == WAKE_TWICE ? 2 : sites->wake_mode == WAKE_LOSE ? 0 : 1;
}

/* A wake-up that is late by a while that the seed chooses: the other side goes to sleep meanwhile. */
static void be_late(void)
{
    if (own_role != ROLE_NONE && sites->phase == PHASE_SERVED && sites->wake_mode == WAKE_LATE)
        usleep((useconds_t)(next_random() % 3000));
}

long __wrap_syscall(long number, ...)
{
    long a[6], result = 0;
    va_list arguments;
    va_start(arguments, number);
    for (unsigned i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    int command = number == SYS_futex ? (int)a[1] & FUTEX_CMD_MASK : -1;
    if ((command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) && site("futex", true))
        return refuse(EINTR);
    if (command != FUTEX_WAKE)
        return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    be_late();
    for (unsigned times = wake_times(); times; times--)
        result = __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result;
}

WRAPPED(void, vmbus_kick_raise, int fd)
{
    be_late();
    for (unsigned times = wake_times(); times; times--)
        __real_vmbus_kick_raise(fd);
}

WRAPPED(void, vmbus_wake_raise, const struct vmbus_wake *wake)
{
    be_late();
    for (unsigned times = wake_times(); times; times--)
        __real_vmbus_wake_raise(wake);
}

/* ---- points to be killed at ----------------------------------------------------------------------------------------
 */

WRAPPED(int, vmbus_ring_send, struct vmbus_ring *ring, const struct vmbus_packet *packet, const void *payload,
        bool wait_for_room, bool *signal)
{
    site("vmbus_ring_send", false);
    return __real_vmbus_ring_send(ring, packet, payload, wait_for_room, signal);
}

WRAPPED(int, vmbus_ring_receive, struct vmbus_ring *ring, struct vmbus_packet *packet, void *buffer, uint32_t capacity,
        bool *signal)
{
    site("vmbus_ring_receive", false);
    return __real_vmbus_ring_receive(ring, packet, buffer, capacity, signal);
}
