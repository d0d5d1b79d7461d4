/* SPDX-License-Identifier: MIT
 *
 * vfplane guest: one guest process. It finds its functions on the channel it was given, starts the VF driver (or plays
 * a capture), says so on its report, and lives until the host takes the device back.
 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vfplane/guest.h>

struct guest_arguments {
    unsigned number;
    int socket, trace, report;
    const char *driver, *replay;
};

enum { KEY_SOCKET = 's', KEY_TRACE = 't', KEY_REPORT = 'r', KEY_NUMBER = 'n', KEY_VF = 'v', KEY_REPLAY = 'l' };

static const struct argp_option options[] = {
    {"socket", KEY_SOCKET, "FD", 0, "the channel: a connected AF_UNIX SOCK_SEQPACKET socket", 0},
    {"trace-fd", KEY_TRACE, "FD", 0, "pipe that takes the trace records", 0},
    {"report-fd", KEY_REPORT, "FD", 0, "pipe that takes one line of state at a time", 0},
    {"number", KEY_NUMBER, "N", 0, "which guest of the run this is, 1..65535", 0},
    {"vf", KEY_VF, "FILE", 0, "the VF driver to start on every function", 0},
    {"replay", KEY_REPLAY, "LOG", 0, "play the configuration accesses of a capture instead", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct guest_arguments *arguments = state->input;
    switch (key) {
    case KEY_SOCKET:
        arguments->socket = atoi(text);
        return 0;
    case KEY_TRACE:
        arguments->trace = atoi(text);
        return 0;
    case KEY_REPORT:
        arguments->report = atoi(text);
        return 0;
    case KEY_NUMBER:
        arguments->number = (unsigned)atoi(text);
        return 0;
    case KEY_VF:
        arguments->driver = text;
        return 0;
    case KEY_REPLAY:
        arguments->replay = text;
        return 0;
    case ARGP_KEY_END:
        if (arguments->socket < 0 || !arguments->number || arguments->number > UINT16_MAX ||
            (!arguments->driver == !arguments->replay)) {
            complain("guest: --socket, --number 1..65535 and one of --vf and --replay are needed");
            return EINVAL;
        }
        return 0;
    case ARGP_KEY_ARG:
        complain("guest %s: options only", text);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int replay_in(struct vfp_guest *guest, const char *log)
{
    struct capture capture;
    if (capture_load(log, &capture))
        return EXIT_CANNOT;
    unsigned wrong = replay_accesses(guest, &capture, stdout);
    capture_free(&capture);
    return wrong ? EXIT_WRONG : EXIT_OK;
}

static int live(struct vfp_guest *guest, const struct guest_arguments *arguments)
{
    if (vfp_guest_connect(guest, arguments->socket)) {
        dprintf(arguments->report, "failed: %s\n", vfp_guest_error(guest));
        return EXIT_WRONG;
    }
    if (arguments->replay)
        return replay_in(guest, arguments->replay);
    if (vfp_guest_start(guest, arguments->driver)) {
        dprintf(arguments->report, "failed: %s\n", vfp_guest_error(guest));
        return EXIT_WRONG;
    }
    dprintf(arguments->report, "running\n");
    vfp_guest_wait(guest, -1);
    vfp_guest_stop(guest);
    return EXIT_OK;
}

/* What the first broken rule was. */
struct first {
    atomic_flag taken;
    char text[256];
};

static void take_finding(const struct vfp_finding *finding, void *context)
{
    struct first *first = context;
    if (!atomic_flag_test_and_set(&first->taken))
        snprintf(first->text, sizeof(first->text), "rule %s: %s", finding->rule->name, finding->text);
}

int guest_main(int argc, char **argv)
{
    struct guest_arguments arguments = {.socket = -1, .trace = -1, .report = STDERR_FILENO};
    const struct argp argp = {.options = options, .parser = parse, .doc = "One guest process of a run."};
    if (parse_arguments(&argp, argc, argv, &arguments))
        return EXIT_CANNOT;
    signal(SIGPIPE, SIG_IGN); /* a host that went away is an error of write(), not our end */
    char name[24];
    snprintf(name, sizeof(name), "guest %u", arguments.number);
    struct vfp_trace *trace = arguments.trace < 0 ? NULL : vfp_trace_forward(arguments.trace);
    struct first first = {.taken = ATOMIC_FLAG_INIT};
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = name,
                                                                           .number = (uint16_t)arguments.number,
                                                                           .trace = trace,
                                                                           .on_finding = take_finding,
                                                                           .finding_context = &first});
    if (!guest) {
        dprintf(arguments.report, "failed: out of memory\n");
        return EXIT_CANNOT;
    }
    int result = live(guest, &arguments);
    uint64_t violations = vfp_guest_violations(guest);
    size_t leaked = vfp_guest_destroy(guest);
    if (violations || leaked) {
        dprintf(arguments.report, "failed: %s (rules were broken %llu times, %zu bytes of pool leaked)\n", first.text,
                (unsigned long long)violations, leaked);
        result = result ? result : EXIT_WRONG;
    }
    vfp_trace_destroy(trace);
    return result;
}
