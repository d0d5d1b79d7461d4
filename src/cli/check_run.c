/* SPDX-License-Identifier: MIT
 *
 * The parent of `vfplane check`: gives cases to children and takes what they say. A child that dies or hangs costs the
 * case it had; the next case goes to a new one.
 */
#include "cli/check.h"

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

#define WORKERS_MAX     8
#define LAST_WORDS_MS   3000 /* to say where it hangs */
#define HANGS_TOLERATED 3
#define SHORT_HANG_MS   2000 /* ... but at most that once the driver is known to hang */
#define HANGS_MAX       12   /* then the rest is left out: it would take for ever */

struct worker {
    pid_t pid; /* 0 = none */
    int socket;
    bool busy, hangs, told; /* told: it said itself what ended it */
    size_t index;           /* of its case */
    int64_t deadline_ms;
};

struct crew {
    struct check_results *results;
    struct check_list *list;
    size_t next, to;
    bool whole; /* the list may grow */
    struct worker workers[WORKERS_MAX];
    unsigned count;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- children ------------------------------------------------------------------------------------------------------
 */

/* In the new process: only async-signal-safe calls until exec. What drivers print would drown the report; of a single
 * case it is wanted. */
static _Noreturn void become_child(char *const arguments[], int socket, bool silent)
{
    int null = open("/dev/null", O_WRONLY);
    dup2(silent ? null : STDERR_FILENO, STDOUT_FILENO);
    if (silent)
        dup2(null, STDERR_FILENO);
    fcntl(socket, F_SETFD, 0);
    execv(arguments[0], arguments);
    _exit(127);
}

/* "DRIVER_CRASH,POOL_LEAK,": what a child need not look up once more. */
static char *known_rules(const struct check_results *results)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    for (size_t i = 0; stream && i < results->row_count; i++)
        if (results->rows[i].finding.report[0])
            fprintf(stream, "%s,", results->rows[i].rule->name);
    if (stream)
        fclose(stream);
    return text;
}

static int spawn(struct crew *crew, struct worker *worker)
{
    const struct check_arguments *given = crew->results->arguments;
    char number[16], *self = find_self(), *known = known_rules(crew->results);
    int ends[2];
    if (!self || !known || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
        free(self);
        free(known);
        return -1;
    }
    snprintf(number, sizeof(number), "%d", ends[1]);
    char *arguments[12] = {
        self, "check", "--child", number, "--known", known, "--profile", (char *)given->profile, (char *)given->pf};
    if (given->vf) {
        arguments[9] = "--vf";
        arguments[10] = (char *)given->vf;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_child(arguments, ends[1], !given->one);
    free(self);
    free(known);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -1;
    }
    *worker = (struct worker){.pid = pid, .socket = ends[0]};
    return 0;
}

static int end_child(struct worker *worker)
{
    int status = 0;
    close(worker->socket);
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *worker = (struct worker){.socket = -1};
    return status;
}

/* ---- cases ---------------------------------------------------------------------------------------------------------
 */

static size_t end_of(const struct crew *crew)
{
    return crew->whole ? crew->list->count : crew->to;
}

static int64_t allowed_ms(const struct check_results *results)
{
    int64_t given = (int64_t)results->arguments->timeout * 1000;
    return results->hangs < HANGS_TOLERATED || given < SHORT_HANG_MS ? given : SHORT_HANG_MS;
}

/* The next case for a child; 1 = none is left. */
static int give(struct crew *crew, struct worker *worker)
{
    if (crew->next >= end_of(crew))
        return 1;
    if (crew->results->hangs >= HANGS_MAX) {
        crew->results->left_out += (unsigned)(end_of(crew) - crew->next);
        crew->next = end_of(crew);
        return 1;
    }
    if (!worker->pid && spawn(crew, worker)) {
        complain("cannot start a child: %s", strerror(errno));
        return -1;
    }
    worker->index = crew->next++;
    worker->busy = true;
    worker->deadline_ms = now_ms() + allowed_ms(crew->results);
    const char *id = crew->list->cases[worker->index].id;
    check_results_case(crew->results, worker->index);
    send(worker->socket, id, strlen(id), MSG_NOSIGNAL); /* a child that is gone is seen when its answer is read */
    return 0;
}

static void find(struct crew *crew, struct worker *worker, const char *rule, const char *format, int number)
{
    struct check_message finding = {.kind = MESSAGE_FINDING};
    snprintf(finding.rule, sizeof(finding.rule), "%s", rule);
    snprintf(finding.text, sizeof(finding.text), format, number);
    check_results_add(crew->results, worker->index, &finding);
}

/* The child ended in the middle of a case. */
static void take_end(struct crew *crew, struct worker *worker)
{
    struct worker was = *worker;
    int status = end_child(worker);
    if (was.hangs) {
        crew->results->hangs++;
        if (!was.told)
            find(crew, &was, "DRIVER_HANG", "the driver does not return", 0);
    } else if (!was.told && WIFSIGNALED(status)) {
        find(crew, &was, "DRIVER_CRASH", "the process was ended by signal %d", WTERMSIG(status));
    } else if (!was.told) {
        find(crew, &was, "DRIVER_CRASH", "the process ended itself with status %d", WEXITSTATUS(status));
    }
}

/* Sites are counted by "fault/0"; each becomes a case. A later message tells the name of the one that failed. */
static void take_site(struct crew *crew, const struct worker *worker, const struct check_message *message)
{
    struct check_case *one = &crew->list->cases[worker->index];
    if (strcmp(one->id, "fault/0") == 0 && crew->whole)
        check_list_add(crew->list, NULL, message->text, "fault/%u", message->number);
    else if (strcmp(one->id, "fault/0") != 0)
        snprintf(one->note, sizeof(one->note), "%.*s", (int)sizeof(one->note) - 1, message->text);
}

static void take_message(struct crew *crew, struct worker *worker, struct check_message *message)
{
    struct check_results *results = crew->results;
    message->rule[sizeof(message->rule) - 1] = 0; /* a driver may have written anywhere in the child */
    message->text[sizeof(message->text) - 1] = 0;
    message->report[sizeof(message->report) - 1] = 0;
    switch (message->kind) {
    case MESSAGE_FINDING:
        worker->told = worker->told || strcmp(message->rule, "DRIVER_CRASH") == 0 ||
                       strcmp(message->rule, "DRIVER_HANG") == 0 || strcmp(message->rule, "OID_BUFFER_BOUNDS") == 0;
        check_results_add(results, worker->index, message);
        break;
    case MESSAGE_SITE:
        take_site(crew, worker, message);
        break;
    case MESSAGE_CANNOT:
        snprintf(results->cannot, sizeof(results->cannot), "%s", message->text);
        break;
    case MESSAGE_UNKNOWN:
        snprintf(results->cannot, sizeof(results->cannot), "%s: no such case", crew->list->cases[worker->index].id);
        worker->busy = false;
        break;
    case MESSAGE_GONE:
        end_child(worker);
        break;
    default:
        worker->busy = worker->told = false;
        break;
    }
}

/* ---- the crew ------------------------------------------------------------------------------------------------------
 */

static void look_at_clock(struct worker *worker, int64_t now)
{
    if (!worker->busy || now < worker->deadline_ms)
        return;
    kill(worker->pid, worker->hangs ? SIGKILL : SIGTERM);
    worker->hangs = true;
    worker->deadline_ms = now + LAST_WORDS_MS;
}

static void read_worker(struct crew *crew, struct worker *worker)
{
    struct check_message message;
    if (recv(worker->socket, &message, sizeof(message), 0) == (ssize_t)sizeof(message))
        take_message(crew, worker, &message);
    else
        take_end(crew, worker);
}

/* Gives work to who has none; how many work now. */
static int keep_busy(struct crew *crew)
{
    int busy = 0;
    for (unsigned i = 0; i < crew->count; i++) {
        struct worker *worker = &crew->workers[i];
        if (!worker->busy && give(crew, worker) < 0)
            return -1;
        busy += worker->busy;
    }
    return busy;
}

static void wait_for_one(struct crew *crew)
{
    struct pollfd fds[WORKERS_MAX];
    int64_t now = now_ms(), first = INT64_MAX;
    for (unsigned i = 0; i < crew->count; i++) {
        fds[i] = (struct pollfd){.fd = crew->workers[i].busy ? crew->workers[i].socket : -1, .events = POLLIN};
        if (crew->workers[i].busy && crew->workers[i].deadline_ms < first)
            first = crew->workers[i].deadline_ms;
    }
    poll(fds, crew->count, first > now ? (int)(first - now) : 0); /* one at least works */
    for (unsigned i = 0; i < crew->count; i++) {
        if (fds[i].revents)
            read_worker(crew, &crew->workers[i]);
        else
            look_at_clock(&crew->workers[i], now_ms());
    }
}

int check_run(struct check_results *results, struct check_list *list, size_t from, size_t to)
{
    struct crew crew = {.results = results,
                        .list = list,
                        .next = from,
                        .to = to,
                        .whole = to == list->count && !results->arguments->one};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int busy;
    crew.count = processors < 1 ? 1 : processors > WORKERS_MAX ? WORKERS_MAX : (unsigned)processors;
    for (unsigned i = 0; i < crew.count; i++)
        crew.workers[i].socket = -1;
    while ((busy = keep_busy(&crew)) > 0)
        wait_for_one(&crew);
    for (unsigned i = 0; i < crew.count; i++)
        if (crew.workers[i].pid)
            end_child(&crew.workers[i]);
    return busy || results->cannot[0] ? -1 : 0;
}
