/* SPDX-License-Identifier: MIT
 *
 * Many guests of one host: what they get done together, and what they cost while they do nothing.
 *
 * The host serves them with one thread, on the first processor. Busy guests are processes with a VF driver each, on the
 * second processor; idle ones are channels of one process that opens them and enters D0 as a bus driver does.
 */
#include "bench.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vfplane/guest.h>
#include <vfplane/host.h>
#include <vfplane/profile.h>

#include "guest_driver.h"
#include "vmbus/vmbus.h"
#include "vpci/wire.h"

#define BUSY 64u
#define IDLE 1000u

#define ONE_GUEST   "one guest: NdisMSetBusData, a request"
#define ALL_GUESTS  "64 guests: the same, a request of them all"
#define MEAN_GUEST  "64 guests: a request of a guest in the mean"
#define SLOWEST     "64 guests: a request of the slowest guest"
#define IDLE_CPU    "1,000 idle guests: CPU time of the host in a second"
#define IDLE_MEMORY "1,000 idle guests: bytes of the host a guest"

static void wait_ns(long ns)
{
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (nanosleep(&time, &time) != 0)
        continue;
}

/* ---- a host with that many VFs ---------------------------------------------------------------------------------- */

struct many {
    struct vfp_host *host;
    struct vfp_adapter *adapter;
    char profile[32];
    const char *why;
};

static bool write_profile(struct many *many, unsigned vfs)
{
    strcpy(many->profile, "/tmp/vfplane-bench-XXXXXX");
    int fd = mkstemp(many->profile);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    bool written = stream && vfp_profile_synth((uint16_t)vfs, stream) == 0;
    return stream && fclose(stream) == 0 && written;
}

static bool open_host(struct many *many, unsigned vfs)
{
    *many = (struct many){.why = "no profile"};
    if (!write_profile(many, vfs))
        return false;
    many->why = "no host with that many VFs";
    many->host = vfp_host_create(&(struct vfp_host_options){.workers = 1});
    struct vfp_pf *pf = many->host ? vfp_pf_add(many->host, many->profile, NULL) : NULL;
    struct vfp_driver *driver = pf ? vfp_driver_load(many->host, BENCH_PF_DRIVER) : NULL;
    many->adapter = driver ? vfp_adapter_start(driver, pf) : NULL;
    return many->adapter && vfp_switch_create(many->adapter, vfs) == 0;
}

static void close_host(struct many *many)
{
    if (many->host)
        vfp_host_destroy(many->host);
    unlink(many->profile);
}

static bool attach(struct many *many, int socket)
{
    struct vfp_vf *vf;
    struct vfp_channel *channel;
    if (vfp_vf_allocate(many->adapter, &vf) == 0 && vfp_channel_attach(vf, socket, "guest", NULL, NULL, &channel) == 0)
        return true;
    close(socket);
    return false;
}

/* ---- busy guests ------------------------------------------------------------------------------------------------ */

struct board {
    _Atomic unsigned ready;
    _Atomic bool go, stop;
    _Atomic uint64_t count[BUSY];
};

static struct {
    struct board *board;
    unsigned number;
} me;

/* bench_in_guest (guest.c) comes here in a process that is one of many. */
bool bench_in_one_of_many(const struct bench_guest_driver *driver)
{
    if (!me.board)
        return false;
    atomic_fetch_add(&me.board->ready, 1);
    while (!atomic_load(&me.board->go))
        wait_ns(1000000);
    uint64_t count = 0;
    for (; !atomic_load_explicit(&me.board->stop, memory_order_relaxed); count++)
        driver->set_bus_data(driver->adapter, count & 1 ? 4 : 0);
    atomic_store(&me.board->count[me.number], count);
    return true;
}

static _Noreturn void be_busy(struct board *board, unsigned number, int socket)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_pin(1);
    me.board = board;
    me.number = number;
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = 1});
    if (guest && vfp_guest_connect(guest, socket) == 0)
        vfp_guest_start(guest, BENCH_GUEST_DRIVER); /* measures, and declines */
    vfp_guest_destroy(guest);
    _exit(EXIT_SUCCESS);
}

/* The guests' processes are made before the host has threads. */
static bool fork_guests(struct board *board, unsigned guests, int sockets[])
{
    for (unsigned i = 0; i < guests; i++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            return false;
        pid_t pid = fork();
        if (pid == 0)
            be_busy(board, i, ends[1]);
        close(ends[1]);
        sockets[i] = ends[0];
        if (pid < 0)
            return false;
    }
    return true;
}

static double run_guests(struct board *board, unsigned guests, long ns)
{
    struct timespec start, end;
    for (unsigned i = 0; i < 10000 && atomic_load(&board->ready) < guests; i++)
        wait_ns(1000000);
    clock_gettime(CLOCK_MONOTONIC, &start);
    atomic_store(&board->go, true);
    wait_ns(ns);
    atomic_store(&board->stop, true);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
}

struct outcome {
    double ns;
    uint64_t total, least;
    const char *why;
};

static void count_up(const struct board *board, unsigned guests, struct outcome *outcome)
{
    outcome->least = UINT64_MAX;
    for (unsigned i = 0; i < guests; i++) {
        uint64_t count = atomic_load(&board->count[i]);
        outcome->total += count;
        outcome->least = count < outcome->least ? count : outcome->least;
    }
    if (!outcome->least)
        outcome->why = "a guest got nothing done";
}

static struct outcome measure_busy(unsigned guests, long ns)
{
    struct outcome outcome = {0};
    struct many many;
    int sockets[BUSY];
    struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED || !fork_guests(board, guests, sockets))
        return (struct outcome){.why = "no processes"};
    unsigned attached = 0;
    if (open_host(&many, BUSY))
        while (attached < guests && attach(&many, sockets[attached]))
            attached++;
    if (attached == guests)
        outcome.ns = run_guests(board, guests, ns);
    else
        outcome.why = many.why;
    for (unsigned i = attached + (attached < guests); i < guests; i++)
        close(sockets[i]);
    atomic_store(&board->go, true);
    atomic_store(&board->stop, true);
    while (wait(NULL) > 0)
        continue;
    close_host(&many);
    if (!outcome.why)
        count_up(board, guests, &outcome);
    munmap(board, sizeof(*board));
    return outcome;
}

static void add(struct bench_table *table, const char *name, const char *floor, double value, const char *why)
{
    if (why)
        bench_not_measured(table, name, floor, why);
    else
        bench_add(table, name, floor, &(struct bench_result){.median_ns = value, .p99_ns = value});
}

static void busy(struct bench_table *table)
{
    long ns = table->quick ? 50000000 : 2000000000;
    struct outcome one = measure_busy(1, ns);
    add(table, ONE_GUEST, NULL, one.ns / (double)one.total, one.why);
    struct outcome all = table->quick ? one : measure_busy(BUSY, 2 * ns);
    unsigned guests = table->quick ? 1 : BUSY;
    add(table, ALL_GUESTS, ONE_GUEST, all.ns / (double)all.total, all.why);
    add(table, MEAN_GUEST, NULL, all.ns * guests / (double)all.total, all.why);
    add(table, SLOWEST, MEAN_GUEST, all.ns / (double)all.least, all.why);
}

/* ---- idle guests ------------------------------------------------------------------------------------------------ */

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
    return vmbus_guest_connect(socket, &guest) == 0 && vmbus_guest_open(guest, 5, 5) == 0 &&
           ask(guest, &version, sizeof(version)) && ask(guest, &d0, sizeof(d0));
}

static _Noreturn void be_idle(int (*ends)[2], unsigned guests, int report)
{
    unsigned entered = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_pin(1);
    for (unsigned i = 0; i < guests; i++)
        close(ends[i][0]);
    while (entered < guests && enter(ends[entered][1], 0xF8000000u + entered * VPCI_WINDOW_SIZE))
        entered++;
    if (write(report, &entered, sizeof(entered)) == sizeof(entered))
        pause(); /* until the host is done with us */
    _exit(EXIT_SUCCESS);
}

/* Memory of this process that is its own or shared with a guest. */
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

static double cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

struct idleness {
    double cpu_a_second, bytes_a_guest;
};

static const char *measure_idle(int (*ends)[2], unsigned guests, int from_guests, struct idleness *idleness)
{
    struct many many;
    unsigned attached = 0, entered = 0;
    const char *why = "not all guests entered D0";
    if (open_host(&many, guests)) {
        double before = resident_bytes();
        while (attached < guests && attach(&many, ends[attached][0]))
            attached++;
        if (attached == guests && read(from_guests, &entered, sizeof(entered)) == sizeof(entered) && entered == guests) {
            idleness->bytes_a_guest = (resident_bytes() - before) / guests;
            wait_ns(500000000); /* spins end */
            double spent = cpu_ns();
            wait_ns(1000000000);
            idleness->cpu_a_second = cpu_ns() - spent;
            why = NULL;
        }
    } else {
        why = many.why;
    }
    close_host(&many);
    return why;
}

static void idle(struct bench_table *table)
{
    static int ends[IDLE][2];
    unsigned guests = table->quick ? 16 : IDLE;
    struct idleness idleness = {0};
    struct rlimit files;
    int reports[2];
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    const char *why = pipe(reports) == 0 ? NULL : "no pipe";
    for (unsigned i = 0; i < guests && !why; i++)
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends[i]) != 0)
            why = "not enough file descriptors";
    pid_t pid = why ? -1 : fork();
    if (pid == 0)
        be_idle(ends, guests, reports[1]);
    for (unsigned i = 0; pid > 0 && i < guests; i++)
        close(ends[i][1]);
    close(reports[1]);
    if (pid > 0)
        why = measure_idle(ends, guests, reports[0], &idleness);
    close(reports[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    add(table, IDLE_CPU, NULL, idleness.cpu_a_second, why);
    add(table, IDLE_MEMORY, NULL, idleness.bytes_a_guest, why);
}

void bench_guests(struct bench_table *table)
{
    busy(table);
    idle(table);
}
