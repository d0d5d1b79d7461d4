/* SPDX-License-Identifier: MIT
 *
 * The whole way: a VF driver in a guest process, its host in this one. Spinning, the guest is on the second processor;
 * sleeping, both are on the first and neither spins. The guest measures, since it is the guest that waits, and it
 * measures the floors too, with partners of its own.
 */
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vfplane/guest.h>

#include "guest_driver.h"
#include "host.h"

static void run_set(void *context, uint64_t count)
{
    const struct bench_guest_driver *driver = context;
    for (uint64_t i = 0; i < count; i++)
        driver->set_bus_data(driver->adapter, i & 1 ? 0x0004 : 0);
}

static void run_get(void *context, uint64_t count)
{
    const struct bench_guest_driver *driver = context;
    for (uint64_t i = 0; i < count; i++)
        driver->get_bus_data(driver->adapter);
}

static void run_read(void *context, uint64_t count)
{
    const struct bench_guest_driver *driver = context;
    for (uint64_t i = 0; i < count; i++)
        driver->read_block(driver->adapter);
}

static void run_write(void *context, uint64_t count)
{
    const struct bench_guest_driver *driver = context;
    for (uint64_t i = 0; i < count; i++)
        driver->write_block(driver->adapter);
}

struct guest_row {
    enum bench_row_id row;
    void (*run)(void *context, uint64_t count);
};

#define FLOORS 2u

/* Everything that is measured in one guest. */
struct session {
    bool spinning;
    enum bench_row_id floors[FLOORS]; /* ROW_NONE: no more */
    unsigned rows;
    struct guest_row row[8];
};

static const struct session spinning = {
    .spinning = true,
    .floors = {ROW_SPIN, ROW_NONE},
    .rows = 4,
    .row = {{ROW_SPIN_GET, run_get},
            {ROW_SPIN_SET, run_set},
            {ROW_SPIN_READ_BLOCK, run_read},
            {ROW_SPIN_WRITE_BLOCK, run_write}},
};
static const struct session sleeping = {
    .floors = {ROW_FUTEX_ONE, ROW_SOCKET_ONE},
    .rows = 5,
    .row = {{ROW_SLEEP_GET, run_get},
            {ROW_SLEEP_SET, run_set},
            {ROW_SLEEP_SET_SOCKET, run_set},
            {ROW_SLEEP_READ_BLOCK, run_read},
            {ROW_SLEEP_WRITE_BLOCK, run_write}},
};

/* ---- the guest process ------------------------------------------------------------------------------------------ */

static struct {
    struct bench_table table;
    const struct session *session;
    struct bench_pair *pair[FLOORS];
    bool measured;
} here;

static struct bench_pair *pair_of(enum bench_row_id floor)
{
    return here.session->floors[0] == floor ? here.pair[0] : here.pair[1];
}

void bench_in_guest(const struct bench_guest_driver *driver)
{
    struct bench_guest_driver calls = *driver;
    if (bench_in_one_of_many(driver))
        return;
    here.measured = calls.set_bus_data(calls.adapter, 0) && calls.get_bus_data(calls.adapter) &&
                    calls.read_block(calls.adapter) && calls.write_block(calls.adapter);
    for (unsigned i = 0; here.measured && i < here.session->rows; i++) {
        const struct guest_row *row = &here.session->row[i];
        struct bench_op op = {.run = row->run, .context = &calls};
        struct bench_op floor = bench_pair_op(pair_of(bench_kinds[row->row].floor));
        bench_duel(&here.table, row->row, &op, &floor, here.session->spinning ? 2 : 1);
    }
}

static bool start_floors(void)
{
    for (unsigned i = 0; i < FLOORS && here.session->floors[i] != ROW_NONE; i++) {
        here.pair[i] = bench_pair_start(here.session->floors[i], 0);
        if (!here.pair[i])
            return false;
    }
    return true;
}

static const char *start_guest(struct vfp_guest *guest, int socket)
{
    if (!guest)
        return "no memory";
    if (!here.session->spinning)
        vfp_guest_set_spin(guest, 0);
    if (vfp_guest_connect(guest, socket) != 0)
        return vfp_guest_error(guest);
    vfp_guest_start(guest, BENCH_GUEST_DRIVER); /* measures, and declines */
    return here.measured ? NULL : vfp_guest_error(guest);
}

static _Noreturn void be_guest(const struct bench_table *table, const struct session *session, int socket, int report)
{
    signal(SIGPIPE, SIG_IGN); /* the host may have gone */
    bench_pin(session->spinning);
    bench_ours(getppid());
    here.table = *table;
    here.session = session;
    const char *why = "no partner for a floor";
    struct vfp_guest *guest = NULL;
    if (start_floors()) {
        guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = 1});
        why = start_guest(guest, socket);
    }
    for (unsigned i = 0; why && i < session->rows; i++)
        bench_failed(&here.table, session->row[i].row, why);
    bool sent = write(report, &here.table, sizeof(here.table)) == sizeof(here.table);
    vfp_guest_destroy(guest);
    for (unsigned i = 0; i < FLOORS; i++)
        bench_pair_stop(here.pair[i]);
    _exit(sent ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- the host process ------------------------------------------------------------------------------------------- */

bool bench_read_all(int fd, void *buffer, size_t size)
{
    char *at = buffer;
    while (size > 0) {
        ssize_t got = read(fd, at, size);
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* Serves the guest until it has reported; returns why it did not, or NULL. */
static const char *serve(const struct session *session, int socket, int from_guest, struct bench_table *report)
{
    static struct bench_host host;
    struct vfp_channel *channel;
    if (!bench_host_open(&host, VFP_COUNT)) {
        close(socket);
        return host.why;
    }
    if (!session->spinning)
        vfp_host_set_spin(host.host, 0);
    const char *why = "the guest ended";
    if (vfp_channel_attach(host.vf, socket, "guest", NULL, NULL, &channel) != 0)
        why = "no channel";
    else if (bench_read_all(from_guest, report, sizeof(*report)))
        why = NULL;
    bench_host_close(&host);
    return why;
}

/* The guest is forked before the host has threads. */
static const char *run_session(const struct bench_table *table, const struct session *session,
                               struct bench_table *report)
{
    int channel[2], reports[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0 || pipe(reports) != 0)
        return "no sockets";
    pid_t host = getpid(), guest = fork();
    if (guest < 0)
        return "no second process";
    if (guest == 0) {
        bench_end_with(host);
        close(channel[0]);
        close(reports[0]);
        be_guest(table, session, channel[1], reports[1]);
    }
    close(channel[1]);
    close(reports[1]);
    const char *why = serve(session, channel[0], reports[0], report);
    close(reports[0]);
    waitpid(guest, NULL, 0);
    return why;
}

static void measure(struct bench_table *table, const struct session *session)
{
    static struct bench_table report;
    const char *why = run_session(table, session, &report);
    for (unsigned i = 0; i < session->rows; i++) {
        enum bench_row_id row = session->row[i].row;
        if (why)
            bench_failed(table, row, why);
        else
            table->row[row] = report.row[row];
    }
    if (!why)
        table->patience_ns = report.patience_ns;
}

void bench_spinning(struct bench_table *table)
{
    if (bench_two_processors())
        measure(table, &spinning);
    else
        for (unsigned i = 0; i < spinning.rows; i++)
            bench_skipped(table, spinning.row[i].row, "there is one processor");
}

void bench_sleeping(struct bench_table *table)
{
    measure(table, &sleeping);
}
