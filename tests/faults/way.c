/* SPDX-License-Identifier: MIT
 *
 * The processes of a run, and what they say to each other.
 */
#include "documented.h"
#include "life.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const road_names[ROADS] = {"socket", "vmm"};
struct shared *shared;
static enum process self;
static const char *const process_name[] = {"host", "guest", "other guest", "parent"};

void wrong(const char *format, ...)
{
    char *text = shared->wrong[self];
    va_list arguments;
    if (text[0])
        return;
    va_start(arguments, format);
    int used = snprintf(text, sizeof(shared->wrong[0]), "%s: ", process_name[self]);
    vsnprintf(text + used, sizeof(shared->wrong[0]) - (size_t)used, format, arguments);
    va_end(arguments);
}

void say(int line, char what)
{
    sites_pause();
    ssize_t sent = send(line, &what, 1, MSG_NOSIGNAL);
    sites_resume();
    if (sent != 1)
        return; /* nobody listens any more */
}

char hear(int line)
{
    char what = 0;
    ssize_t got;
    do
        got = recv(line, &what, 1, 0);
    while (got < 0 && errno == EINTR);
    return got == 1 ? what : 0;
}

static bool is_provoked(void)
{
    const struct way *way = &shared->way;
    return sites->done || way->host_fault || way->guest_fault || way->pf_driver || way->lossy;
}

void failed(const char *call, int error, const char *text)
{
    HOLDS(documented(call, error), "%s gave %s, of which its header says nothing", call, strerrorname_np(-error));
    HOLDS(text && text[0], "%s failed without a word", call);
    HOLDS(is_provoked(), "%s gave %s (%s), and nothing had failed", call, strerrorname_np(-error), text);
}

void failed_without_error(const char *call, const char *text)
{
    documented_note(call);
    HOLDS(text && text[0], "%s failed without a word", call);
    HOLDS(is_provoked(), "%s failed (%s), and nothing had failed", call, text);
}

bool over_fails(void)
{
    return sites->action == ACTION_FAIL && sites->done && sites->at_phase == PHASE_OVER;
}

/* ---- processes -----------------------------------------------------------------------------------------------------
 */

static void open_pair(int ends[2], int type)
{
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends))
        abort();
}

static void keep_one(int ends[2], unsigned kept)
{
    close(ends[!kept]);
}

struct life {
    void (*live)(struct talk *talk);
    struct talk *talk;
};

static void *live(void *context)
{
    const struct life *life = context;
    life->live(life->talk);
    return NULL;
}

/* On a thread of its own, so that a call stack ends here and not in what led to this run. */
static void live_apart(struct life life)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, live, &life))
        abort();
    pthread_join(thread, NULL);
}

static void keep_own(struct talk *talk, enum process process)
{
    if (process == HOST) {
        keep_one(talk->guest, 0), keep_one(talk->other, 0);
        keep_one(talk->guest_line, 0), keep_one(talk->other_line, 0);
        return;
    }
    int *own = process == GUEST ? talk->guest : talk->other, *not_own = process == GUEST ? talk->other : talk->guest;
    int *line = process == GUEST ? talk->guest_line : talk->other_line;
    int *not_line = process == GUEST ? talk->other_line : talk->guest_line;
    keep_one(own, 1), keep_one(line, 1);
    close(not_own[0]), close(not_own[1]), close(not_line[0]), close(not_line[1]);
}

static pid_t start(struct talk *talk, enum process process, void (*life)(struct talk *talk))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid)
        return pid;
    self = process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    keep_own(talk, process);
    live_apart((struct life){life, talk});
    fflush(NULL);
    exit(shared->wrong[process][0] ? 1 : 0); /* exit, so that LeakSanitizer looks */
}

/* `killed`: it is to be killed where the site is reached. */
static void await(enum process process, pid_t pid, bool killed)
{
    int status = 0, waited = 0;
    while (waitpid(pid, &status, WNOHANG) == 0 && waited++ < RUN_MS / 2)
        usleep(2000);
    self = process;
    if (waited >= RUN_MS / 2) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        wrong("hangs");
    } else if (killed && sites->done) {
        HOLDS(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "was to be killed, and ended with status %04x",
              (unsigned)status);
    } else if (WIFSIGNALED(status)) {
        wrong("killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status)) {
        wrong("exit status %d", WEXITSTATUS(status));
    }
    self = PARENT;
}

/* ---- a run ---------------------------------------------------------------------------------------------------------
 */

static void create_shared(void)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
}

/* Where the host shall listen a socket lies that nobody serves: a host was killed. Under another name it keeps its
 * inode for itself. */
static void leave_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(shared->folder, "/tmp/vfplane-faults-XXXXXX");
    if (!mkdtemp(shared->folder))
        abort();
    snprintf(shared->path, sizeof shared->path, "%s/vm", shared->folder);
    snprintf(shared->stale, sizeof shared->stale, "%s/stale", shared->folder);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", shared->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) || link(shared->path, shared->stale))
        abort();
    close(fd);
}

/* A host that ends takes its socket with it; the one that was there may stay. */
static void remove_socket(const struct way *way)
{
    struct stat was, is;
    bool stays = stat(shared->path, &is) == 0;
    if (stat(shared->stale, &was))
        abort();
    HOLDS(!stays || is.st_ino == was.st_ino || way->host_killed, "the VMM's socket is left behind");
    unlink(shared->path);
    unlink(shared->stale);
    rmdir(shared->folder);
}

static void prepare(const struct way *way)
{
    if (!shared)
        create_shared();
    memset(shared->wrong, 0, sizeof shared->wrong);
    shared->way = *way;
    sites->done = false;
    sites->seen = sites->leaks = 0;
    sites->wakes = (struct wakes){0};
    sites->where[0] = sites->leak[0] = 0;
    if (way->road == ROAD_VMM)
        leave_socket();
}

static void run_processes(const struct way *way)
{
    struct talk talk;
    open_pair(talk.guest, SOCK_SEQPACKET), open_pair(talk.other, SOCK_SEQPACKET);
    open_pair(talk.guest_line, SOCK_STREAM), open_pair(talk.other_line, SOCK_STREAM);
    pid_t guest = start(&talk, GUEST, way->road == ROAD_VMM ? machine_life : guest_life);
    pid_t other = start(&talk, OTHER, other_life);
    pid_t host = start(&talk, HOST, host_life);
    int *const pairs[] = {talk.guest, talk.other, talk.guest_line, talk.other_line};
    for (unsigned i = 0; i < 4; i++)
        close(pairs[i][0]), close(pairs[i][1]);
    await(HOST, host, way->host_killed);
    await(GUEST, guest, way->guest_killed || way->machine_killed);
    await(OTHER, other, false);
}

const char *way_run(struct way *way)
{
    static char text[4 * sizeof(shared->wrong[0]) + sizeof sites->leak + sizeof sites->where];
    size_t used = 0;
    prepare(way);
    run_processes(way);
    if (way->road == ROAD_VMM)
        remove_socket(way);
    *way = shared->way;
    text[0] = 0;
    for (unsigned i = 0; i < 4; i++)
        if (shared->wrong[i][0])
            used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", shared->wrong[i]);
    if (!used)
        return NULL;
    snprintf(text + used, sizeof text - used, "%s%s", sites->leak, sites->where);
    return text;
}

const struct driver_calls *way_driver_calls(void)
{
    return &shared->calls;
}
