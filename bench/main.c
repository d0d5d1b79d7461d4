/* SPDX-License-Identifier: MIT
 *
 * bench [--quick]: what requests cost on this machine, each beside its floor. There is no target; the exit status
 * only says whether every row could be measured.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

int main(int argc, char **argv)
{
    static struct bench_table table;
    table.quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !table.quick) {
        fprintf(stderr, "usage: bench [--quick]\n");
        return EXIT_FAILURE;
    }
    bench_pin(0);
    bench_floors(&table);
    bench_device(&table);
    bench_interface(&table);
    bench_oids(&table);
    bench_guest(&table);
    bench_guests(&table);
    bench_print(&table, stdout);
    return bench_complete(&table) ? EXIT_SUCCESS : EXIT_FAILURE;
}
