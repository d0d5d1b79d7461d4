/* SPDX-License-Identifier: MIT
 *
 * A child of `vfplane check`: takes ids from its socket, runs the cases, answers with messages. What ends it by a
 * signal is the driver's doing: the handler says where, if it still can.
 */
#include "cli/check.h"

#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RULES_MAX 256
#define HELD_MAX  8

/* A signal handler has no other way to what it needs; one child, one process. */
static struct {
    int socket;
    pthread_mutex_t lock; /* what follows: drivers have threads */
    unsigned found;       /* in this case */
    bool muted;
    const char *expected; /* rule, while a bad request is at the driver */
    struct check_message held[HELD_MAX];
    unsigned held_count;
    const struct vfp_rule *told[RULES_MAX]; /* rules whose report was sent */
    unsigned told_count;
    bool impatient; /* from then on, in all cases */
} child = {.socket = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static void send_message(struct check_message *message)
{
    if (send(child.socket, message, sizeof(*message), MSG_NOSIGNAL) != (ssize_t)sizeof(*message))
        _exit(EXIT_CANNOT); /* the parent is gone */
}

/* True once for each rule: looking up source lines takes its time. */
static bool is_first(const struct vfp_rule *rule)
{
    for (unsigned i = 0; i < child.told_count; i++)
        if (child.told[i] == rule)
            return false;
    if (child.told_count < RULES_MAX)
        child.told[child.told_count++] = rule;
    return true;
}

static bool is_never_completed(const char *rule)
{
    static const char end[] = "_NEVER_COMPLETED";
    size_t length = strlen(rule);
    return length >= sizeof(end) && strcmp(rule + length - (sizeof(end) - 1), end) == 0;
}

static void know(const char *rules)
{
    char name[64];
    int length = 0;
    for (; rules && sscanf(rules, "%63[^,],%n", name, &length) == 1 && length; rules += length, length = 0) {
        if (vfp_rule_find(name))
            is_first(vfp_rule_find(name));
        child.impatient = child.impatient || is_never_completed(name);
    }
}

static void print_finding(const struct vfp_finding *finding, char *text, size_t size)
{
    FILE *stream = fmemopen(text, size, "w");
    if (!stream)
        return;
    vfp_finding_print(finding, stream);
    fclose(stream);
    text[size - 1] = 0;
}

/* What comes of a bad request that was not noticed, beside its success. */
static bool may_follow(const char *rule)
{
    return strncmp(rule, "OID_BYTES_", 10) == 0 || strcmp(rule, "VF_DATA_NOT_ENABLED") == 0;
}

static void tell(struct check_message *message)
{
    if (child.muted)
        return;
    child.found++;
    send_message(message);
}

void check_found(const struct vfp_finding *finding, void *context)
{
    struct check_message message = {.kind = MESSAGE_FINDING};
    (void)context;
    snprintf(message.rule, sizeof(message.rule), "%s", finding->rule->name);
    snprintf(message.text, sizeof(message.text), "%s", finding->text);
    pthread_mutex_lock(&child.lock);
    child.impatient = child.impatient || is_never_completed(message.rule);
    if (!child.muted && is_first(finding->rule))
        print_finding(finding, message.report, sizeof(message.report));
    if (!child.expected || !may_follow(message.rule))
        tell(&message);
    else if (child.held_count < HELD_MAX)
        child.held[child.held_count++] = message;
    pthread_mutex_unlock(&child.lock);
}

void check_expect(const char *rule)
{
    pthread_mutex_lock(&child.lock);
    child.expected = rule;
    pthread_mutex_unlock(&child.lock);
}

void check_expected(bool drop)
{
    pthread_mutex_lock(&child.lock);
    for (unsigned i = 0; i < child.held_count && !drop; i++)
        tell(&child.held[i]);
    child.held_count = 0;
    child.expected = NULL;
    pthread_mutex_unlock(&child.lock);
}

void check_mute(void)
{
    pthread_mutex_lock(&child.lock);
    child.muted = true;
    pthread_mutex_unlock(&child.lock);
}

void check_verdict(const char *rule, const char *format, ...)
{
    struct check_message message = {.kind = MESSAGE_FINDING};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message.text, sizeof(message.text), format, arguments);
    va_end(arguments);
    snprintf(message.rule, sizeof(message.rule), "%s", rule);
    pthread_mutex_lock(&child.lock);
    tell(&message);
    pthread_mutex_unlock(&child.lock);
}

void check_site(unsigned number, const char *name)
{
    struct check_message message = {.kind = MESSAGE_SITE, .number = number};
    snprintf(message.text, sizeof(message.text), "%s", name);
    send_message(&message);
}

void check_cannot(const char *why)
{
    struct check_message message = {.kind = MESSAGE_CANNOT};
    snprintf(message.text, sizeof(message.text), "%s", why);
    send_message(&message);
}

bool check_is_impatient(void)
{
    pthread_mutex_lock(&child.lock);
    bool impatient = child.impatient;
    pthread_mutex_unlock(&child.lock);
    return impatient;
}

unsigned check_found_count(void)
{
    pthread_mutex_lock(&child.lock);
    unsigned found = child.found;
    pthread_mutex_unlock(&child.lock);
    return found;
}

/* ---- signals -------------------------------------------------------------------------------------------------------
 */

static void describe_signal(int number, const siginfo_t *info, char *text, size_t size)
{
    if (number == SIGTERM)
        snprintf(text, size, "the driver does not return");
    else if (number == SIGSEGV || number == SIGBUS)
        snprintf(text, size, "signal %d (%s) at address %p", number, strsignal(number), info->si_addr);
    else
        snprintf(text, size, "signal %d (%s)", number, strsignal(number));
}

static const char *rule_of_signal(int number, const siginfo_t *info)
{
    bool memory = number == SIGSEGV || number == SIGBUS;
    if (number == SIGTERM)
        return "DRIVER_HANG";
    /* Behind the guard page lies anything: what a bad place or length leads to is out of bounds wherever it ends. */
    if (memory && child.expected && strcmp(child.expected, "OID_BUFFER_BOUNDS") == 0)
        return child.expected;
    return memory && vfp_is_guard_address(info->si_addr) ? "OID_BUFFER_BOUNDS" : "DRIVER_CRASH";
}

/* Says what it was without anything that can fail, then tries to say where: the parent takes the first when the second
 * never comes. No lock is taken: the thread that has it may be this one. */
static void on_signal(int number, siginfo_t *info, void *context)
{
    static struct check_message message;
    const char *rule = rule_of_signal(number, info);
    struct vfp_finding finding = {.rule = vfp_rule_find(rule), .count = 1};
    (void)context;
    if (child.muted) {
        message.kind = MESSAGE_GONE;
        send_message(&message);
        _exit(EXIT_WRONG);
    }
    message.kind = MESSAGE_FINDING;
    snprintf(message.rule, sizeof(message.rule), "%s", rule);
    describe_signal(number, info, message.text, sizeof(message.text));
    send_message(&message);
    if (!is_first(finding.rule))
        _exit(EXIT_WRONG);
    describe_signal(number, info, finding.text, sizeof(finding.text));
    finding.frame_count = (unsigned)backtrace(finding.frames, VFP_FRAMES);
    print_finding(&finding, message.report, sizeof(message.report));
    send_message(&message);
    _exit(EXIT_WRONG);
}

/* SA_RESETHAND: a fault in the handler itself ends the process. */
static void take_signals(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM};
    static char stack[256 * 1024];
    void *frames[1];
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
    backtrace(frames, 1); /* loads the unwinder now, not in a handler */
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaction(numbers[i], &action, NULL);
}

int check_child(const struct check_arguments *arguments)
{
    char id[sizeof(((struct check_case *)NULL)->id)];
    ssize_t length;
    child.socket = arguments->child;
    know(arguments->known);
    take_signals();
    while ((length = recv(child.socket, id, sizeof(id) - 1, 0)) > 0) {
        struct check_message done = {.kind = MESSAGE_DONE};
        id[length] = 0;
        child.found = child.held_count = 0;
        child.expected = NULL;
        child.muted = false;
        if (!check_run_case(arguments, id))
            done.kind = MESSAGE_UNKNOWN;
        send_message(&done);
    }
    return EXIT_OK;
}
