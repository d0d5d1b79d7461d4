/* SPDX-License-Identifier: MIT
 *
 * A row of vpci-wire.md 6 that is on our side (docs/hostile-peers.md has them all): what a hostile guest (or PF driver)
 * does, tried several times by one guest while another works. Whatever the row: the other guest and the host are as
 * before, and so are file descriptors, threads and memory.
 */
#ifndef VFPLANE_TEST_THREAT_H
#define VFPLANE_TEST_THREAT_H

#include "raw_guest.h"

enum threat_end {
    THREAT_SURVIVES, /* the guest is answered and goes on */
    THREAT_ENDS,     /* it costs the guest its channel */
    THREAT_BARE,     /* the guest is open but in D0 only if the row brings it there; goes on */
};

struct threat {
    const char *row;
    enum threat_end end;
    void (*attack)(struct raw_guest *guest);
};

/* Runs each row as a test of its own name; the exit status of the program. */
int threats_run(const struct threat *rows, size_t count);

/* A message of `length` bytes with these dwords must be answered with `status`. */
void threat_message(struct raw_guest *guest, uint32_t status, const uint32_t *dwords, uint32_t length);
#define THREAT_MESSAGE(guest, status, length, ...)                                                                     \
    threat_message((guest), (status), (const uint32_t[64]){__VA_ARGS__}, (length))

#endif
