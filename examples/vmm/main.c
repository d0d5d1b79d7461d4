/* SPDX-License-Identifier: MIT
 *
 * vmm_example SOCKET [VERSION]: a VMM without a machine, which speaks versions of the protocol up to that. Exit status
 * 0 only when its guest could do all that it does.
 */
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static struct guest guest;
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s SOCKET [VERSION]\n", argv[0]);
        return 2;
    }
    guest.vmm.highest = argc == 3 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;
    int error = guest_run(&guest, argv[1]);
    printf("version %u: %u VFs, %u register accesses, %u to mitigated pages, %u blocks read, %u invalidations\n",
           guest.vmm.version, guest.lives, guest.accesses, guest.mitigated, guest.blocks, guest.invalidated);
    if (!error && !guest.lost)
        return 0;
    fprintf(stderr, "%s: %s, rule %u\n", argv[0], guest.lost ? "more packets than credit" : strerror(-error),
            guest.vmm.error);
    return 1;
}
