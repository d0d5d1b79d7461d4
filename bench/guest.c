/* SPDX-License-Identifier: MIT
 *
 * The whole way: a VF driver in a guest process, its host in this one. Spinning, the guest is on the second processor;
 * sleeping, both are on the first and neither spins. The guest measures, since it is the guest that waits.
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

static void run_write(void *context, uint64_t count)
{
    const struct bench_guest_driver *driver = context;
    for (uint64_t i = 0; i < count; i++)
        driver->write_block(driver->adapter);
}

enum manner { SPINNING, SLEEPING, MANNERS };
#define ROWS 4u

static const struct {
    const char *name[MANNERS];
    void (*run)(void *context, uint64_t count);
} rows[ROWS] = {
    {{"guest: NdisMGetBusData, 4 bytes", "sleeping: NdisMGetBusData, 4 bytes"}, run_get},
    {{"guest: NdisMSetBusData, 4 bytes", "sleeping: NdisMSetBusData, 4 bytes"}, run_set},
    {{"guest: NdisMReadConfigBlock, 32 bytes", "sleeping: NdisMReadConfigBlock, 32 bytes"}, run_block},
    {{"guest: NdisMWriteConfigBlock, 128 bytes", "sleeping: NdisMWriteConfigBlock, 128 bytes"}, run_write},
};
static const char *const floors[MANNERS] = {FLOOR_SPIN, FLOOR_FUTEX_ONE};

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
    if (bench_in_one_of_many(driver))
        return;
    in_guest.measured = calls.set_bus_data(calls.adapter, 0) && calls.get_bus_data(calls.adapter) &&
                        calls.read_block(calls.adapter) && calls.write_block(calls.adapter);
    for (unsigned i = 0; in_guest.measured && i < ROWS; i++)
        bench_measure(in_guest.quick, &(struct bench){.run = rows[i].run, .context = &calls},
                      &in_guest.report.result[i]);
}

static void fail(const char *why)
{
    for (unsigned i = 0; i < ROWS; i++) {
        in_guest.report.result[i].median_ns = -1;
        snprintf(in_guest.report.result[i].note, sizeof(in_guest.report.result[i].note), "%s", why);
    }
}

static _Noreturn void be_guest(bool quick, enum manner manner, int socket, int report)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_pin(manner == SPINNING);
    in_guest.quick = quick;
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = 1});
    if (guest && manner == SLEEPING)
        vfp_guest_set_spin(guest, 0);
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
static const char *serve(enum manner manner, int socket, int from_guest, struct report *report)
{
    static struct bench_host host;
    struct vfp_channel *channel;
    if (!bench_host_open(&host, VFP_COUNT)) {
        close(socket);
        return host.why;
    }
    if (manner == SLEEPING)
        vfp_host_set_spin(host.host, 0);
    const char *why = "the guest ended";
    if (vfp_channel_attach(host.vf, socket, "guest", NULL, NULL, &channel) != 0)
        why = "no channel";
    else if (read(from_guest, report, sizeof(*report)) == sizeof(*report))
        why = NULL;
    bench_host_close(&host);
    return why;
}

/* The guest is forked before the host has threads. */
static const char *measure(bool quick, enum manner manner, struct report *report)
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
        be_guest(quick, manner, channel[1], reports[1]);
    }
    close(channel[1]);
    close(reports[1]);
    const char *why = serve(manner, channel[0], reports[0], report);
    close(reports[0]);
    waitpid(guest, NULL, 0);
    return why;
}

void bench_guest(struct bench_table *table)
{
    for (enum manner manner = SPINNING; manner < MANNERS; manner++) {
        struct report report;
        const char *why = measure(table->quick, manner, &report);
        for (unsigned i = 0; i < ROWS; i++) {
            if (why)
                bench_not_measured(table, rows[i].name[manner], floors[manner], why);
            else
                bench_add(table, rows[i].name[manner], floors[manner], &report.result[i]);
        }
    }
}
