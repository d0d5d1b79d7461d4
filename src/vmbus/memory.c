/* SPDX-License-Identifier: MIT
 *
 * Memory two processes share without trusting each other, and wake-ups between them.
 */
#include "vmbus/control.h"
#include "vmbus/vmbus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define WAKE_PIPE_BYTES 4096 /* one page; a full pipe is a signal that is already there */

int vmbus_memory_create(const char *name, uint32_t pages)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)pages * VMBUS_PAGE) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

uint32_t vmbus_memory_pages(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0 || status.st_size < 0 || (uint64_t)status.st_size / VMBUS_PAGE > UINT32_MAX)
        return 0;
    return (uint32_t)((uint64_t)status.st_size / VMBUS_PAGE);
}

/* Huge pages can be sealed too, but may run out when touched: ordinary shared memory only. */
bool vmbus_memory_acceptable(int fd, uint32_t pages)
{
    struct statfs system;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstatfs(fd, &system) < 0 || system.f_type != TMPFS_MAGIC)
        return false;
    return pages > 0 && vmbus_memory_pages(fd) >= pages;
}

void *vmbus_memory_map(int fd, uint32_t pages)
{
    void *memory = mmap(NULL, (size_t)pages * VMBUS_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void vmbus_memory_unmap(void *memory, uint32_t pages)
{
    if (memory)
        munmap(memory, (size_t)pages * VMBUS_PAGE);
}

static void write_one(int fd)
{
    uint64_t one = 1;
    ssize_t written;
    do
        written = write(fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

int vmbus_kick_create(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void vmbus_kick_raise(int fd)
{
    write_one(fd);
}

void vmbus_kick_clear(int fd)
{
    uint64_t count;
    struct iovec part = {.iov_base = &count, .iov_len = sizeof count};
    ssize_t got;
    do
        got = preadv2(fd, &part, 1, -1, RWF_NOWAIT);
    while (got < 0 && errno == EINTR);
}

int vmbus_wake_create(struct vmbus_wake *wake)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    /* A larger pipe does no harm, so this may fail. */
    (void)fcntl(ends[1], F_SETPIPE_SZ, WAKE_PIPE_BYTES);
    *wake = (struct vmbus_wake){.read_fd = ends[0], .write_fd = ends[1]};
    return 0;
}

void vmbus_wake_destroy(struct vmbus_wake *wake)
{
    if (wake->read_fd >= 0)
        close(wake->read_fd);
    if (wake->write_fd >= 0)
        close(wake->write_fd);
    *wake = (struct vmbus_wake){.read_fd = -1, .write_fd = -1};
}

void vmbus_wake_raise(const struct vmbus_wake *wake)
{
    write_one(wake->write_fd);
}

void vmbus_wake_clear(int read_fd)
{
    uint8_t buffer[WAKE_PIPE_BYTES];
    ssize_t got;
    do
        got = read(read_fd, buffer, sizeof buffer);
    while (got < 0 && errno == EINTR);
}
