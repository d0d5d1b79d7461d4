/* SPDX-License-Identifier: MIT
 *
 * The whole way: a VF driver in a guest process on the second processor, its host on the first. The guest measures,
 * since it is the guest that waits.
 */
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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

static void run_block(void *context, uint64_t count)
{
    const struct bench_guest_driver *driver = context;
    for (uint64_t i = 0; i < count; i++)
        driver->read_block(driver->adapter);
}

static const struct {
    const char *name, *floor;
    void (*run)(void *context, uint64_t count);
} rows[] = {
    {"guest: NdisMGetBusData, 4 bytes", FLOOR_SPIN, run_get},
    {"guest: NdisMSetBusData, 4 bytes", FLOOR_SPIN, run_set},
    {"guest: NdisMReadConfigBlock, 32 bytes", FLOOR_SPIN, run_block},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What the guest process sends back when it is done. */
struct report {
    struct bench_result result[ROWS];
};

/* ---- the guest process ------------------------------------------------------------------------------------------ */

static struct {
    bool quick, measured;
    struct report report;
} in_guest;

void bench_in_guest(const struct bench_guest_driver *driver)
{
    struct bench_guest_driver calls = *driver;
    in_guest.measured =
        calls.set_bus_data(calls.adapter, 0) && calls.get_bus_data(calls.adapter) && calls.read_block(calls.adapter);
    for (unsigned i = 0; in_guest.measured && i < ROWS; i++)
        bench_measure(in_guest.quick, &(struct bench){rows[i].name, rows[i].floor, rows[i].run, &calls},
                      &in_guest.report.result[i]);
}

static void fail(const char *why)
{
    for (unsigned i = 0; i < ROWS; i++) {
        in_guest.report.result[i].median_ns = -1;
        snprintf(in_guest.report.result[i].note, sizeof(in_guest.report.result[i].note), "%s", why);
    }
}

static _Noreturn void be_guest(bool quick, int socket, int report)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_pin(1);
    in_guest.quick = quick;
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = 1});
    if (!guest)
        fail("no memory");
    else if (vfp_guest_connect(guest, socket) != 0)
        fail(vfp_guest_error(guest));
    else if (vfp_guest_start(guest, BENCH_GUEST_DRIVER) == 0 || !in_guest.measured)
        fail(vfp_guest_error(guest));
    bool sent = write(report, &in_guest.report, sizeof(in_guest.report)) == sizeof(in_guest.report);
    vfp_guest_destroy(guest);
    _exit(sent ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- the host process ------------------------------------------------------------------------------------------- */

/* Serves the guest until it has reported; returns why it did not, or NULL. */
static const char *serve(int socket, int from_guest, struct report *report)
{
    static struct bench_host host;
    struct vfp_channel *channel;
    if (!bench_host_open(&host)) {
        close(socket);
        return host.why;
    }
    const char *why = "the guest ended";
    if (vfp_channel_attach(host.vf, socket, "guest", NULL, NULL, &channel) != 0)
        why = "no channel";
    else if (read(from_guest, report, sizeof(*report)) == sizeof(*report))
        why = NULL;
    bench_host_close(&host);
    return why;
}

/* The guest is forked before the host has threads. */
static const char *measure(bool quick, struct report *report)
{
    int channel[2], reports[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0 || pipe(reports) != 0)
        return "no sockets";
    pid_t guest = fork();
    if (guest < 0)
        return "no second process";
    if (guest == 0) {
        close(channel[0]);
        close(reports[0]);
        be_guest(quick, channel[1], reports[1]);
    }
    close(channel[1]);
    close(reports[1]);
    const char *why = serve(channel[0], reports[0], report);
    close(reports[0]);
    waitpid(guest, NULL, 0);
    return why;
}

void bench_guest(struct bench_table *table)
{
    struct report report;
    const char *why = measure(table->quick, &report);
    for (unsigned i = 0; i < ROWS; i++) {
        if (why)
            bench_not_measured(table, rows[i].name, rows[i].floor, why);
        else
            bench_add(table, rows[i].name, rows[i].floor, &report.result[i]);
    }
}
