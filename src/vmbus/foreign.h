/* SPDX-License-Identifier: MIT
 *
 * Descriptors that another process made. Closing one can take as long as its maker likes: a TCP socket that lingers, a
 * file whose file system is the maker's own process. Nobody who serves others may wait for that. What other rooms use
 * of it stands in vmbus.h.
 */
#ifndef VFPLANE_VMBUS_FOREIGN_H
#define VFPLANE_VMBUS_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "vmbus/vmbus.h"

/* As many as one message can carry, beside its sender's credentials; with less room the kernel closes what is left, and
 * we wait for it. */
#define VMBUS_FOREIGN_MAX 253u

union vmbus_foreign_room {
    char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(VMBUS_FOREIGN_MAX * sizeof(int))];
    struct cmsghdr align;
};

/* Memory, a pipe or an eventfd? Asks nothing that a file system would have to answer. */
bool vmbus_foreign_harmless(int fd);
/* Never waits: what is not harmless is closed by a thread that ends with it. Any thread. */
void vmbus_foreign_close(const int *fds, uint32_t count);
/* The descriptors of a received message, at most VMBUS_FOREIGN_MAX; they are the caller's. */
uint32_t vmbus_foreign_collect(struct msghdr *message, int *fds);

#endif
