/* SPDX-License-Identifier: MIT
 *
 * vmm_example SOCKET: a VMM without a machine. Exit status 0 only when its guest could do all that it does.
 */
#include "guest.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    static struct guest guest;
    if (argc != 2) {
        fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
        return 2;
    }
    int error = guest_run(&guest, argv[1]);
    printf("%u VFs, %u register accesses, %u blocks read, %u invalidations\n", guest.lives, guest.accesses,
           guest.blocks, guest.invalidated);
    if (!error && !guest.lost)
        return 0;
    fprintf(stderr, "%s: %s, rule %u\n", argv[0], guest.lost ? "more packets than credit" : strerror(-error),
            guest.vmm.error);
    return 1;
}
