/* SPDX-License-Identifier: MIT
 *
 * VMBus control messages as they stand in memory (vpci-wire.md 3.1-3.5), and how one travels here: as one record on an
 * AF_UNIX SOCK_SEQPACKET socket, with file descriptors beside it where a VM would have guest physical memory. Private
 * to this room and its tests.
 *
 *   OFFERCHANNEL   carries three: the kick eventfd, the end to read of the wake pipe, the window memory
 *   GPADL_HEADER   carries one: the ring memory; its page frame numbers are the pages of that file, 0..n-1 in order
 */
#ifndef VFPLANE_VMBUS_CONTROL_H
#define VFPLANE_VMBUS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VMBUS_MESSAGE_MAX 240u        /* 3.1 */
#define VMBUS_VERSION_4_0 0x00040000u /* the only one spoken here: 3.2 */
#define VMBUS_VP_MAX      2047u

/* GPADL_CREATED, OPENCHANNEL_RESULT: 0 is success. */
#define VMBUS_STATUS_SUCCESS      0u
#define VMBUS_STATUS_UNSUCCESSFUL 0xC0000001u

enum vmbus_message {
    VMBUS_OFFERCHANNEL = 1,
    VMBUS_RESCIND_CHANNELOFFER = 2,
    VMBUS_REQUESTOFFERS = 3,
    VMBUS_ALLOFFERS_DELIVERED = 4,
    VMBUS_OPENCHANNEL = 5,
    VMBUS_OPENCHANNEL_RESULT = 6,
    VMBUS_CLOSECHANNEL = 7,
    VMBUS_GPADL_HEADER = 8,
    VMBUS_GPADL_BODY = 9,
    VMBUS_GPADL_CREATED = 10,
    VMBUS_GPADL_TEARDOWN = 11,
    VMBUS_GPADL_TORNDOWN = 12,
    VMBUS_RELID_RELEASED = 13,
    VMBUS_INITIATE_CONTACT = 14,
    VMBUS_VERSION_RESPONSE = 15,
    VMBUS_UNLOAD = 16,
    VMBUS_UNLOAD_RESPONSE = 17,
};

#define VMBUS_PACKED __attribute__((packed))

struct VMBUS_PACKED vmbus_header {
    uint32_t type;
    uint32_t padding;
};
_Static_assert(sizeof(struct vmbus_header) == 8, "3.1");

struct VMBUS_PACKED vmbus_initiate_contact {
    struct vmbus_header header;
    uint32_t version;
    uint32_t target_vcpu;
    uint64_t interrupt_page;
    uint64_t monitor_page[2];
};
_Static_assert(sizeof(struct vmbus_initiate_contact) == 40, "3.2");

struct VMBUS_PACKED vmbus_version_response {
    struct vmbus_header header;
    uint8_t supported;
    uint8_t connection_state;
    uint16_t padding;
    uint32_t message_connection_id;
};
_Static_assert(sizeof(struct vmbus_version_response) == 16, "3.1");

struct VMBUS_PACKED vmbus_offer_channel {
    struct vmbus_header header;
    uint8_t interface_id[16];
    uint8_t instance_id[16];
    uint8_t reserved[16];
    uint16_t flags;
    uint16_t mmio_megabytes;
    uint8_t user_data[120];
    uint16_t subchannel_index;
    uint16_t mmio_megabytes_optional;
    uint32_t relid;
    uint8_t monitor_id;
    uint8_t monitor_allocated;
    uint16_t dedicated_interrupt;
    uint32_t connection_id;
};
_Static_assert(sizeof(struct vmbus_offer_channel) == 196 && offsetof(struct vmbus_offer_channel, relid) == 184, "3.3");

/* RESCIND_CHANNELOFFER, CLOSECHANNEL, RELID_RELEASED. */
struct VMBUS_PACKED vmbus_relid_message {
    struct vmbus_header header;
    uint32_t relid;
};
_Static_assert(sizeof(struct vmbus_relid_message) == 12, "3.1");

struct VMBUS_PACKED vmbus_open_channel {
    struct vmbus_header header;
    uint32_t relid;
    uint32_t openid;
    uint32_t gpadl;
    uint32_t target_vp;
    uint32_t downstream_page_offset;
    uint8_t user_data[120];
};
_Static_assert(sizeof(struct vmbus_open_channel) == 148, "3.1");

struct VMBUS_PACKED vmbus_open_result {
    struct vmbus_header header;
    uint32_t relid;
    uint32_t openid;
    uint32_t status;
};
_Static_assert(sizeof(struct vmbus_open_result) == 20, "3.1");

#define VMBUS_HEADER_PFNS 26u /* that fit into GPADL_HEADER, and into GPADL_BODY: 3.4 */
#define VMBUS_BODY_PFNS   28u

/* One range: byte_count, byte_offset, then page frame numbers (u64) up to the end of the message; so in the bodies. */
struct VMBUS_PACKED vmbus_gpadl_header {
    struct vmbus_header header;
    uint32_t relid;
    uint32_t gpadl;
    uint16_t range_buflen; /* bytes of all ranges, in this message and the bodies */
    uint16_t rangecount;
    uint32_t byte_count;
    uint32_t byte_offset;
};
_Static_assert(sizeof(struct vmbus_gpadl_header) == 28, "3.4");
_Static_assert(sizeof(struct vmbus_gpadl_header) + 8 * VMBUS_HEADER_PFNS <= VMBUS_MESSAGE_MAX, "3.4");

struct VMBUS_PACKED vmbus_gpadl_body {
    struct vmbus_header header;
    uint32_t msgnumber;
    uint32_t gpadl;
};
_Static_assert(sizeof(struct vmbus_gpadl_body) == 16, "3.4");
_Static_assert(sizeof(struct vmbus_gpadl_body) + 8 * VMBUS_BODY_PFNS == VMBUS_MESSAGE_MAX, "3.4");

struct VMBUS_PACKED vmbus_gpadl_created {
    struct vmbus_header header;
    uint32_t relid;
    uint32_t gpadl;
    uint32_t status;
};
_Static_assert(sizeof(struct vmbus_gpadl_created) == 20, "3.1");

struct VMBUS_PACKED vmbus_gpadl_teardown {
    struct vmbus_header header;
    uint32_t relid;
    uint32_t gpadl;
};
struct VMBUS_PACKED vmbus_gpadl_torndown {
    struct vmbus_header header;
    uint32_t gpadl;
};
_Static_assert(sizeof(struct vmbus_gpadl_teardown) == 16 && sizeof(struct vmbus_gpadl_torndown) == 12, "3.1");

/* ---- a message and its descriptors on the socket ---------------------------------------------------------------- */

#define VMBUS_FDS_MAX 3u

struct vmbus_record {
    union {
        uint8_t bytes[VMBUS_MESSAGE_MAX];
        struct vmbus_header header;
    };
    uint32_t length;
    int fd[VMBUS_FDS_MAX]; /* owned by the record until taken; -1 = none */
    uint32_t fd_count;
    uint32_t strange; /* descriptors that came and no message has: neither memory nor a wake-up (foreign.h) */
};

/* Never waits. 0; -EAGAIN nothing there; -EMSGSIZE longer than 240 bytes, shorter than a header, or with more
 * descriptors than any message has (consumed, descriptors closed); -EPIPE the other end is gone; -errno. When this
 * process can hold no more descriptors the record has none. */
int vmbus_record_receive(int socket, struct vmbus_record *record);
/* Takes descriptor `index` out of the record. */
int vmbus_record_take_fd(struct vmbus_record *record, uint32_t index);
void vmbus_record_close_fds(struct vmbus_record *record);
/* Never waits; -EAGAIN when the other end does not read. */
int vmbus_record_send(int socket, const void *message, size_t length, const int *fds, uint32_t fd_count);

/* ---- memory and wake-ups ---------------------------------------------------------------------------------------- */

/* A memfd of `pages` pages that cannot change its size any more, or -errno. */
int vmbus_memory_create(const char *name, uint32_t pages);
/* Is this file memory that cannot shrink below `pages` pages, so that touching a mapping of it cannot fault? */
bool vmbus_memory_acceptable(int fd, uint32_t pages);
uint32_t vmbus_memory_pages(int fd); /* 0 when it cannot be told */
/* NULL with errno. */
void *vmbus_memory_map(int fd, uint32_t pages);
void vmbus_memory_unmap(void *memory, uint32_t pages);

/* The guest wakes the host through an eventfd. Both have the same open file, so the host must not trust its O_NONBLOCK:
 * it empties the counter with a read that never waits. */
int vmbus_kick_create(void); /* the descriptor or -errno */
void vmbus_kick_raise(int fd);
void vmbus_kick_clear(int fd);

/* The host wakes the guest through a pipe, for a write to a shared eventfd can be made to block by who holds the other
 * copy. The host keeps both ends, so that it neither blocks nor gets SIGPIPE; the guest gets the end to read. */
struct vmbus_wake {
    int read_fd;
    int write_fd;
};
int vmbus_wake_create(struct vmbus_wake *wake);
void vmbus_wake_destroy(struct vmbus_wake *wake);
void vmbus_wake_raise(const struct vmbus_wake *wake);
void vmbus_wake_clear(int read_fd);

#endif
