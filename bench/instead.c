/* SPDX-License-Identifier: MIT
 *
 * What one would use instead, to write to a device's configuration space without the device: QEMU's models, by its
 * qtest protocol; and the machine's own host bridge, by sysfs and setpci.
 *
 * QEMU is on the first processor with this program, as a guest is in the rows that sleep; a write is one line to its
 * socket and one line back. The device was selected by the line before (port CF8h), which is not counted. Its processor
 * never runs (-S): Debian's QEMU has no accelerator for qtest alone.
 */
#include "bench.h"
#include "commands.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define QEMU         "qemu-system-x86_64"
#define SLOT         4u
#define COMMAND      0x04u
#define COMMAND_DATA 0x00000406u /* Memory, Bus Master, no INTx */
#define BRIDGE       "/sys/bus/pci/devices/0000:00:00.0/config"

/* ---- QEMU -------------------------------------------------------------------------------------------------------- */

static const struct model {
    enum bench_row_id row;
    const char *device;
} models[] = {
    {ROW_QEMU_E1000E, "e1000e,addr=4"},
    {ROW_QEMU_NVME, "nvme,addr=4,serial=0,drive=disk"},
};

struct qemu {
    pid_t pid;
    int socket;
    bool broken;
};

static _Noreturn void be_qemu(const char *device, int socket)
{
    char channel[64];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    fcntl(socket, F_SETFD, 0);
    snprintf(channel, sizeof(channel), "socket,id=qtest,fd=%d", socket);
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(nothing, fd);
    execlp(QEMU, QEMU, "-accel", "tcg", "-S", "-machine", "pc", "-nodefaults", "-display", "none", "-chardev", channel,
           "-qtest", "chardev:qtest", "-qtest-log", "none", "-blockdev", "null-co,node-name=disk", "-device", device,
           NULL);
    _exit(127);
}

static bool start(struct qemu *qemu, const char *device)
{
    int ends[2];
    *qemu = (struct qemu){.pid = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    qemu->pid = fork();
    if (qemu->pid == 0)
        be_qemu(device, ends[1]);
    close(ends[1]);
    qemu->socket = ends[0];
    if (qemu->pid > 0)
        bench_ours(qemu->pid);
    return qemu->pid > 0;
}

static void stop(struct qemu *qemu)
{
    close(qemu->socket);
    if (qemu->pid > 0) {
        kill(qemu->pid, SIGKILL);
        waitpid(qemu->pid, NULL, 0);
    }
}

/* One command, one line; its answer begins with OK and may have a value. */
static uint32_t ask(struct qemu *qemu, const char *line, size_t length)
{
    char answer[128];
    size_t got = 0;
    qemu->broken = qemu->broken || write(qemu->socket, line, length) != (ssize_t)length;
    while (!qemu->broken && (got == 0 || answer[got - 1] != '\n')) {
        ssize_t more = read(qemu->socket, answer + got, sizeof(answer) - 1 - got);
        qemu->broken = more <= 0;
        got += more > 0 ? (size_t)more : 0;
    }
    answer[got] = '\0';
    qemu->broken = qemu->broken || strncmp(answer, "OK", 2) != 0;
    return qemu->broken || got < 6 ? 0 : (uint32_t)strtoul(answer + 3, NULL, 0);
}

static uint32_t say(struct qemu *qemu, const char *format, unsigned a, unsigned b)
{
    char line[64];
    int length = snprintf(line, sizeof(line), format, a, b);
    return ask(qemu, line, (size_t)length);
}

static void run_write(void *context, uint64_t count)
{
    static const char *const lines[] = {"outl 0xcfc 0x406\n", "outl 0xcfc 0x402\n"};
    for (uint64_t i = 0; i < count; i++)
        ask(context, lines[i & 1], strlen(lines[0]));
}

/* Is there such a device, and does a write reach it? */
static bool writes_arrive(struct qemu *qemu)
{
    say(qemu, "outl 0xcf8 0x%x\n", 0x80000000u | SLOT << 11 | COMMAND, 0);
    say(qemu, "outl 0xcfc 0x%x\n", COMMAND_DATA, 0);
    return (say(qemu, "inl 0xcfc\n", 0, 0) & 0xffff) == COMMAND_DATA && !qemu->broken;
}

static void measure_model(struct bench_table *table, const struct model *model)
{
    struct qemu qemu;
    struct bench_pair *pair = bench_pair_start(ROW_SOCKET_ONE, 0);
    if (pair && start(&qemu, model->device)) {
        struct bench_op op = {.run = run_write, .context = &qemu}, floor = bench_pair_op(pair);
        if (writes_arrive(&qemu))
            bench_duel(table, model->row, &op, &floor, 1);
        if (qemu.broken || table->row[model->row].state == BENCH_ABSENT)
            bench_failed(table, model->row, "qtest: a configuration write did not arrive");
        stop(&qemu);
    }
    bench_pair_stop(pair);
}

/* ---- the host bridge --------------------------------------------------------------------------------------------- */

static void run_sysfs(void *context, uint64_t count)
{
    int fd = *(int *)context;
    uint32_t value;
    while (count-- > 0)
        if (pread(fd, &value, sizeof(value), 0) != sizeof(value))
            return;
}

static void measure_bridge(struct bench_table *table)
{
    int fd = open(BRIDGE, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        bench_skipped(table, ROW_SYSFS, "this machine has no PCI bus: no " BRIDGE);
        bench_skipped(table, ROW_SETPCI, "this machine has no PCI bus: no " BRIDGE);
        return;
    }
    bench_duel(table, ROW_SYSFS, &(struct bench_op){.run = run_sysfs, .context = &fd}, NULL, 1);
    close(fd);
    if (table->only == ROW_NONE)
        bench_command(table, ROW_SETPCI, "setpci -s 00:00.0 0.l", 50);
}

void bench_instead(struct bench_table *table)
{
    for (unsigned i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        if (bench_found(QEMU))
            measure_model(table, &models[i]);
        else
            bench_skipped(table, models[i].row, QEMU " is not installed");
    }
    measure_bridge(table);
}
