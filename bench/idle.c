/* SPDX-License-Identifier: MIT
 *
 * Guests that do nothing, and what they cost their host: channels of one process that opens them and enters D0 as a bus
 * driver does.
 */
#include "bench.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "vmbus/vmbus.h"
#include "vpci/wire.h"

#define GUESTS     1000u
#define FEW        16u /* of a quick run */
#define RING_PAGES 5u
#define SETTLE_MS  500u
#define WATCH_MS   1000u

/* ---- the guests -------------------------------------------------------------------------------------------------- */

static bool ask(struct vmbus_guest *guest, const void *message, uint32_t length)
{
    struct vmbus_packet packet = {VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 1, length};
    uint8_t reply[256];
    bool signal;
    if (vmbus_ring_send(vmbus_guest_out(guest), &packet, message, false, &signal) != 0)
        return false;
    if (signal)
        vmbus_guest_signal(guest);
    for (int got = 0; vmbus_guest_wait(guest, -1, 10000) == 0;) {
        while ((got = vmbus_ring_receive(vmbus_guest_in(guest), &packet, reply, sizeof(reply), &signal)) >= 0)
            if (packet.type == VMBUS_PACKET_COMPLETION)
                return true;
    }
    return false;
}

static bool enter(int socket, uint64_t window)
{
    const struct vpci_query_version version = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION_1_4};
    const struct vpci_d0_entry d0 = {.type = VPCI_BUS_D0ENTRY, .mmio_base = window};
    struct vmbus_guest *guest;
    return vmbus_guest_connect(socket, &guest) == 0 && vmbus_guest_open(guest, RING_PAGES, RING_PAGES) == 0 &&
           ask(guest, &version, sizeof(version)) && ask(guest, &d0, sizeof(d0));
}

static _Noreturn void be_guests(int (*ends)[2], unsigned guests, int report)
{
    unsigned entered = 0;
    bench_pin(1);
    for (unsigned i = 0; i < guests; i++)
        close(ends[i][0]);
    while (entered < guests && enter(ends[entered][1], 0xF8000000u + entered * VPCI_WINDOW_SIZE))
        entered++;
    if (write(report, &entered, sizeof(entered)) == sizeof(entered))
        pause(); /* until the host is done with us */
    _exit(0);
}

/* ---- the host ---------------------------------------------------------------------------------------------------- */

/* Memory of this process that is its own or shared with a guest: the rings are in it. */
static double resident_bytes(void)
{
    char line[128];
    double kilobytes = 0, value;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status))
        if (sscanf(line, "RssAnon: %lf", &value) == 1 || sscanf(line, "RssShmem: %lf", &value) == 1)
            kilobytes += value;
    if (status)
        fclose(status);
    return kilobytes * 1024;
}

/* The kernel's own clock of a thread of this process, as pthread_getcpuclockid makes it. */
static double thread_ns(pid_t thread)
{
    struct timespec time;
    if (clock_gettime((clockid_t)(~(unsigned)thread << 3 | 6), &time) != 0)
        return 0;
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Of every thread but this one: of those that serve guests. Exact to the nanosecond: the clock of a thread that sleeps
 * stands. */
static double served_ns(void)
{
    double sum = 0;
    DIR *threads = opendir("/proc/self/task");
    for (struct dirent *entry; threads && (entry = readdir(threads)) != NULL;) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread > 0 && thread != gettid())
            sum += thread_ns(thread);
    }
    if (threads)
        closedir(threads);
    return sum;
}

/* Returns why it could not be measured, or NULL. */
static const char *measure(struct bench_table *table, int (*ends)[2], unsigned guests, int from_guests)
{
    static struct bench_host host;
    unsigned attached = 0, entered = 0;
    const char *why = "not all guests entered D0";
    if (!bench_host_open_many(&host, VFP_COUNT, guests))
        return host.why;
    double before = resident_bytes();
    while (attached < guests && bench_host_attach(&host, ends[attached][0]))
        attached++;
    if (attached == guests && read(from_guests, &entered, sizeof(entered)) == sizeof(entered) && entered == guests) {
        bench_exact(table, ROW_IDLE_MEMORY, (resident_bytes() - before) / guests);
        bench_sleep_ms(table->quick ? 1 : SETTLE_MS); /* spins end */
        double spent = served_ns();
        bench_sleep_ms(table->quick ? 1 : WATCH_MS);
        bench_exact(table, ROW_IDLE_CPU, served_ns() - spent);
        why = NULL;
    }
    bench_host_close(&host);
    return why;
}

static const char *open_sockets(int (*ends)[2], unsigned guests)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    for (unsigned i = 0; i < guests; i++)
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends[i]) != 0)
            return "not enough file descriptors";
    return NULL;
}

void bench_idle(struct bench_table *table)
{
    static int ends[GUESTS][2];
    unsigned guests = table->quick ? FEW : GUESTS;
    int reports[2];
    const char *why = pipe(reports) == 0 ? open_sockets(ends, guests) : "no pipe";
    pid_t host = getpid(), pid = why ? -1 : fork();
    if (pid == 0) {
        bench_end_with(host);
        be_guests(ends, guests, reports[1]);
    }
    for (unsigned i = 0; pid > 0 && i < guests; i++)
        close(ends[i][1]);
    close(reports[1]);
    if (pid > 0) {
        why = measure(table, ends, guests, reports[0]);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    close(reports[0]);
    if (why)
        bench_failed(table, ROW_IDLE_MEMORY, why);
}
