/* SPDX-License-Identifier: MIT
 *
 * The same requests by a VMM that has VMBus itself: a process at the other end of the socket (vfplane/vmm_wire.h),
 * which hands over what its guest does. Both processes are on the first processor and sleep; a request passes two
 * threads of the host, the one of the socket and the channel's worker.
 */
#include "bench.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vfplane/vmm.h>

#include "host.h"
#include "vpci/wire.h"

#define RING       16384u
#define WINDOW     0x1000000000ull
#define COMMAND    0x04u
#define STATISTICS 1u
#define PATIENCE_S 20
#define CONNECT_MS 10000u

/* ---- frames ------------------------------------------------------------------------------------------------------ */

/* The VMM's side of one channel. */
struct vmm_end {
    int fd;
    bool broken;
    uint32_t channel, id, credit, owed;
    uint32_t filled, used;
    _Alignas(8) uint8_t buffer[16384];
};

/* A copy of the next frame's header; its bytes are at `at` until the next call. False: none came, or it is an end. */
static bool next_frame(struct vmm_end *end, struct vfp_vmm_frame *frame, const uint8_t **at)
{
    for (;;) {
        uint32_t have = end->filled - end->used;
        if (have >= sizeof(*frame)) {
            memcpy(frame, end->buffer + end->used, sizeof(*frame));
            if (have >= frame->length)
                break;
        }
        memmove(end->buffer, end->buffer + end->used, have);
        end->used = 0;
        ssize_t got = recv(end->fd, end->buffer + have, sizeof(end->buffer) - have, 0);
        end->filled = have + (got > 0 ? (uint32_t)got : 0);
        if (got <= 0)
            return false;
    }
    *at = end->buffer + end->used;
    end->used += frame->length;
    return frame->type != VFP_VMM_ERROR && frame->type != VFP_VMM_RESCIND;
}

static void put(struct vmm_end *end, uint16_t type, void *bytes, uint32_t length)
{
    struct vfp_vmm_frame frame = {.length = length, .type = type, .channel = end->channel, .id = ++end->id};
    memcpy(bytes, &frame, sizeof(frame));
    end->broken |= send(end->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length;
}

/* Reads until a frame of this type; its bytes, or NULL: the channel is broken. */
static const uint8_t *await(struct vmm_end *end, uint16_t type)
{
    struct vfp_vmm_frame frame;
    const uint8_t *at;
    while (!end->broken && next_frame(end, &frame, &at)) {
        if (frame.type == VFP_VMM_CREDIT)
            end->credit += ((const struct vfp_vmm_credit *)(const void *)at)->bytes;
        if (frame.type == VFP_VMM_OFFER)
            end->channel = frame.channel;
        if (frame.type == VFP_VMM_PACKET)
            end->owed += vfp_vmm_cost(frame.length - (uint32_t)sizeof(struct vfp_vmm_packet));
        if (frame.type == type)
            return at;
    }
    end->broken = true;
    return NULL;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static void access_window(struct vmm_end *end, uint64_t address, uint64_t value)
{
    struct vfp_vmm_window window = {.address = address, .value = value, .size = 4, .write = 1};
    put(end, VFP_VMM_WINDOW, &window, sizeof(window));
    await(end, VFP_VMM_WINDOW_DONE);
}

/* The guest has read what it was sent: told when it is a quarter of the ring. */
static void give_back(struct vmm_end *end)
{
    struct vfp_vmm_credit credit = {.bytes = end->owed};
    if (end->owed < RING / 4)
        return;
    put(end, VFP_VMM_CREDIT, &credit, sizeof(credit));
    end->owed = 0;
}

/* One message and its completion, which is no failure. */
static void ask(struct vmm_end *end, const void *message, uint32_t length)
{
    struct {
        struct vfp_vmm_packet head;
        uint8_t payload[256];
    } packet = {.head = {.type = VFP_VMM_PACKET_DATA, .flags = VFP_VMM_COMPLETION_REQUESTED, .transaction_id = 1}};
    uint32_t status = UINT32_MAX;
    while (!end->broken && end->credit < vfp_vmm_cost(length))
        await(end, VFP_VMM_CREDIT);
    end->credit -= vfp_vmm_cost(length);
    memcpy(packet.payload, message, length);
    put(end, VFP_VMM_PACKET, &packet, (uint32_t)sizeof(packet.head) + length);
    for (const uint8_t *answer; (answer = await(end, VFP_VMM_PACKET)) != NULL;) {
        const struct vfp_vmm_packet *head = (const void *)answer;
        if (head->type != VFP_VMM_PACKET_COMPLETION)
            continue;
        memcpy(&status, answer + sizeof(*head), sizeof(status));
        break;
    }
    end->broken |= (int32_t)status < 0;
    give_back(end);
}

static void run_window(void *context, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        access_window(context, WINDOW + VPCI_WINDOW_CONFIG + COMMAND, i & 1 ? 0x0004 : 0);
}

static void run_block(void *context, uint64_t count)
{
    struct {
        struct vpci_write_block head;
        uint8_t data[VPCI_BLOCK_MAX + VPCI_BLOCK_WRITE_EXTRA];
    } message = {.head = {.type = VPCI_WRITE_BLOCK_MESSAGE, .block_id = STATISTICS, .byte_count = VPCI_BLOCK_MAX}};
    while (count-- > 0)
        ask(context, &message, sizeof(message));
}

static bool connect_to(struct vmm_end *end, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    end->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(end->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    for (unsigned ms = 0; ms < CONNECT_MS; ms++) {
        if (connect(end->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return true;
        bench_sleep_ms(1);
    }
    return false;
}

/* Until the VF is in D0 and its window is there. */
static bool bring_up(struct vmm_end *end, const char *path)
{
    struct vfp_vmm_hello hello = {.magic = VFP_VMM_MAGIC, .lowest = VFP_VMM_VERSION, .highest = VFP_VMM_VERSION};
    struct vfp_vmm_open open = {.to_host = RING, .to_guest = RING};
    const struct vpci_query_version version = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION_1_4};
    const struct vpci_d0_entry d0 = {.type = VPCI_BUS_D0ENTRY, .mmio_base = WINDOW};
    if (!connect_to(end, path))
        return false;
    put(end, VFP_VMM_HELLO, &hello, sizeof(hello));
    if (!await(end, VFP_VMM_OFFER))
        return false;
    put(end, VFP_VMM_OPEN, &open, sizeof(open));
    end->credit = RING - 8;
    await(end, VFP_VMM_OPENED);
    ask(end, &version, sizeof(version));
    ask(end, &d0, sizeof(d0));
    access_window(end, WINDOW + VPCI_WINDOW_SELECT, 0);
    run_window(end, 2);
    run_block(end, 1);
    return !end->broken;
}

/* ---- the two processes ------------------------------------------------------------------------------------------- */

static const struct {
    enum bench_row_id row;
    void (*run)(void *context, uint64_t count);
} rows[] = {{ROW_VMM_WINDOW, run_window}, {ROW_VMM_WRITE_BLOCK, run_block}};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static _Noreturn void be_vmm(const struct bench_table *before, const char *path, int report)
{
    static struct bench_table table;
    static struct vmm_end end;
    bench_pin(0);
    bench_ours(getppid());
    table = *before;
    struct bench_pair *pair = bench_pair_start(ROW_SOCKET_ONE, 0);
    bool up = pair && bring_up(&end, path);
    for (unsigned i = 0; i < ROWS; i++) {
        struct bench_op op = {.run = rows[i].run, .context = &end}, floor = {0};
        if (up) {
            floor = bench_pair_op(pair);
            bench_duel(&table, rows[i].row, &op, &floor, 1);
        }
        if (!up || end.broken)
            bench_failed(&table, rows[i].row, "the socket to the host broke");
    }
    bench_pair_stop(pair);
    _exit(write(report, &table, sizeof(table)) == sizeof(table) ? EXIT_SUCCESS : EXIT_FAILURE);
}

struct server {
    struct vfp_host *host;
    int stop;
};

static void *serve_socket(void *context)
{
    struct server *server = context;
    vfp_host_run(server->host, server->stop);
    return NULL;
}

/* Serves until the VMM has reported. Why it did not, or NULL. */
static const char *serve(const char *path, int from_vmm, struct bench_table *report)
{
    static struct bench_host host;
    struct vfp_channel *channel;
    struct server server;
    pthread_t thread;
    const char *why = "no channel";
    if (!bench_host_open(&host, VFP_COUNT))
        return host.why;
    vfp_host_set_spin(host.host, 0);
    server = (struct server){host.host, eventfd(0, EFD_CLOEXEC)};
    struct vfp_vmm *vmm = vfp_channel_listen(host.host, path);
    if (vmm && vfp_channel_offer(vmm, host.vf, &(struct vfp_channel_options){.name = "vm"}, &channel) == 0 &&
        pthread_create(&thread, NULL, serve_socket, &server) == 0) {
        why = bench_read_all(from_vmm, report, sizeof(*report)) ? NULL : "the VMM ended";
        eventfd_write(server.stop, 1);
        pthread_join(thread, NULL);
    }
    if (vmm)
        vfp_vmm_close(vmm);
    close(server.stop);
    bench_host_close(&host);
    return why;
}

static const char *run_session(const struct bench_table *table, const char *path, struct bench_table *report)
{
    int reports[2];
    if (pipe(reports) != 0)
        return "no pipe";
    pid_t host = getpid(), vmm = fork();
    if (vmm == 0) {
        bench_end_with(host);
        close(reports[0]);
        be_vmm(table, path, reports[1]);
    }
    close(reports[1]);
    const char *why = vmm < 0 ? "no second process" : serve(path, reports[0], report);
    close(reports[0]);
    if (vmm > 0) {
        kill(vmm, SIGKILL); /* it may wait for a host that was none */
        waitpid(vmm, NULL, 0);
    }
    return why;
}

void bench_vmm(struct bench_table *table)
{
    static struct bench_table report;
    char folder[] = "/tmp/vfplane-bench-XXXXXX", path[64];
    const char *why = "no folder for the socket";
    if (mkdtemp(folder)) {
        snprintf(path, sizeof(path), "%s/vm.vpci", folder);
        why = run_session(table, path, &report);
        rmdir(folder);
    }
    for (unsigned i = 0; i < ROWS; i++)
        if (why)
            bench_failed(table, rows[i].row, why);
        else
            table->row[rows[i].row] = report.row[rows[i].row];
    if (!why)
        table->patience_ns = report.patience_ns;
}
