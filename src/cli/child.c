/* SPDX-License-Identifier: MIT
 *
 * A guest in its own process: this program again, connected by one socket, a pipe for its trace and one for its report.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { END_SOCKET, END_TRACE, END_REPORT, ENDS };

struct ends {
    int ours[ENDS], theirs[ENDS];
};

static void close_all(int fds[ENDS])
{
    for (int i = 0; i < ENDS; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static int make_ends(struct ends *ends)
{
    memset(ends, 0xff, sizeof(*ends));
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -1;
    ends->ours[END_SOCKET] = pair[0];
    ends->theirs[END_SOCKET] = pair[1];
    for (int i = END_TRACE; i < ENDS; i++) {
        if (pipe2(pair, O_CLOEXEC))
            return -1;
        ends->ours[i] = pair[0];
        ends->theirs[i] = pair[1];
    }
    return 0;
}

/* In the new process: only async-signal-safe calls until exec. */
static _Noreturn void become_guest(char *const arguments[], const int theirs[ENDS])
{
    for (int i = 0; i < ENDS; i++)
        fcntl(theirs[i], F_SETFD, 0);
    execv(arguments[0], arguments);
    _exit(127);
}

static pid_t spawn(const struct child *child, const char *driver, const char *replay, const int theirs[ENDS])
{
    char number[16], fds[ENDS][16];
    char *self = find_self();
    if (!self)
        return -1;
    snprintf(number, sizeof(number), "%u", child->number);
    for (int i = 0; i < ENDS; i++)
        snprintf(fds[i], sizeof(fds[i]), "%d", theirs[i]);
    char *arguments[16] = {self,         "guest",        "--number",    number,         "--socket", fds[END_SOCKET],
                           "--trace-fd", fds[END_TRACE], "--report-fd", fds[END_REPORT]};
    int count = 10;
    if (driver) {
        arguments[count++] = "--vf";
        arguments[count++] = (char *)driver;
    }
    if (replay) {
        arguments[count++] = "--replay";
        arguments[count++] = (char *)replay;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_guest(arguments, theirs);
    free(self);
    return pid;
}

int child_start(struct child *child, unsigned number, const char *driver, const char *replay, struct vfp_trace *trace)
{
    *child = (struct child){.number = number, .socket = -1, .report = -1};
    snprintf(child->name, sizeof(child->name), "guest %u", number);
    struct ends ends;
    int joined = -1;
    if (make_ends(&ends) == 0 && (child->pid = spawn(child, driver, replay, ends.theirs)) > 0)
        joined = vfp_trace_join(trace, ends.ours[END_TRACE]);
    close_all(ends.theirs);
    if (joined) {
        complain("%s: cannot start: %s", child->name, strerror(errno));
        close_all(ends.ours);
        return -1;
    }
    child->socket = ends.ours[END_SOCKET];
    child->report = ends.ours[END_REPORT];
    return 0;
}

bool child_report(struct child *child, char *line, size_t size, int timeout_ms)
{
    size_t length = 0;
    struct pollfd ready = {.fd = child->report, .events = POLLIN};
    while (length + 1 < size) {
        char c;
        if (poll(&ready, 1, timeout_ms) <= 0 || read(child->report, &c, 1) != 1)
            return false;
        if (c == '\n')
            break;
        line[length++] = c >= ' ' ? c : '?';
    }
    line[length] = 0;
    return true;
}

/* How it ended; what it reported last says more than its exit status. */
static void describe_end(struct child *child, char *why, size_t size)
{
    static const char failed[] = "failed: ";
    char line[240];
    if (WIFSIGNALED(child->status)) {
        snprintf(why, size, "killed by signal %d (%s)", WTERMSIG(child->status), strsignal(WTERMSIG(child->status)));
        return;
    }
    snprintf(why, size, "exited with status %d", WEXITSTATUS(child->status));
    while (child->report >= 0 && child_report(child, line, sizeof(line), 0)) {
        if (strncmp(line, failed, sizeof(failed) - 1) == 0)
            snprintf(why, size, "%s", line + sizeof(failed) - 1);
    }
}

bool child_wait(struct child *child, int timeout_ms, char *why, size_t size)
{
    const struct timespec step = {.tv_nsec = 1000000};
    bool killed = false;
    for (int waited = 0; child->pid && waitpid(child->pid, &child->status, WNOHANG) == 0; waited++) {
        if (waited == timeout_ms) {
            kill(child->pid, SIGKILL);
            killed = true;
        }
        nanosleep(&step, NULL);
    }
    child->pid = 0;
    if (killed)
        snprintf(why, size, "did not end within %d ms and was killed", timeout_ms);
    else
        describe_end(child, why, size);
    if (child->report >= 0)
        close(child->report);
    child->report = -1;
    return !killed && WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
}
