/* SPDX-License-Identifier: MIT
 *
 * vfplane replay: plays the configuration accesses of a capture, in a guest process, through the whole way to a VF.
 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GUEST_TIMEOUT_MS 60000

struct replay_arguments {
    const char *log, *profile, *pf, *trace;
};

static const struct argp_option options[] = {
    {"profile", 'p', "FILE", 0, "the card: an lspci -vvvxxxx capture (default: the one of the captures in tests/data)",
     0},
    {"pf", 'P', "FILE", 0, "PF driver image (default: refnic_pf.so)", 0},
    {"trace", 't', "KIND", 0, "text, json, chrome or none (default none), on standard error", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct replay_arguments *arguments = state->input;
    switch (key) {
    case 'p':
        arguments->profile = text;
        return 0;
    case 'P':
        arguments->pf = text;
        return 0;
    case 't':
        arguments->trace = text;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->log) {
            complain("replay %s: one LOG at a time", text);
            return EINVAL;
        }
        arguments->log = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        complain("replay: which LOG?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The VF a guest meets, or NULL after saying why not. */
static struct vfp_vf *open_vf(struct vfp_host *host, const char *profile, const char *driver_path)
{
    struct vfp_vf *vf = NULL;
    struct vfp_pf *pf = vfp_pf_add(host, profile, NULL);
    struct vfp_driver *driver = pf ? vfp_driver_load(host, driver_path) : NULL;
    struct vfp_adapter *adapter = driver ? vfp_adapter_start(driver, pf) : NULL;
    if (!adapter || vfp_switch_create(adapter, 1) || vfp_vf_allocate(adapter, &vf))
        complain("%s", vfp_host_error(host));
    return vf;
}

static int play(struct vfp_host *host, struct vfp_vf *vf, const char *log, struct vfp_trace *trace)
{
    struct child child;
    struct vfp_channel *channel;
    char why[320] = "";
    if (child_start(&child, 1, NULL, log, trace))
        return EXIT_CANNOT;
    if (vfp_channel_attach(vf, child.socket, child.name, NULL, NULL, &channel)) {
        complain("%s", vfp_host_error(host));
        child_wait(&child, 0, why, sizeof(why));
        return EXIT_CANNOT;
    }
    bool ended = child_wait(&child, GUEST_TIMEOUT_MS, why, sizeof(why));
    if (!ended)
        complain("%s: %s", child.name, why);
    return ended ? EXIT_OK : EXIT_WRONG;
}

static int replay(const struct replay_arguments *arguments, const char *profile, const char *driver)
{
    struct capture capture; /* refused here, before anything is started */
    if (capture_load(arguments->log, &capture))
        return EXIT_CANNOT;
    capture_free(&capture);
    struct vfp_trace *trace = open_trace(arguments->trace ? arguments->trace : "none", stderr);
    if (!trace)
        return EXIT_CANNOT;
    int result = EXIT_CANNOT;
    struct vfp_host *host = vfp_host_create(&(struct vfp_host_options){.trace = trace});
    struct vfp_vf *vf = host ? open_vf(host, profile, driver) : NULL;
    if (vf)
        result = play(host, vf, arguments->log, trace);
    vfp_host_destroy(host);
    vfp_trace_destroy(trace);
    return result;
}

int replay_main(int argc, char **argv)
{
    struct replay_arguments arguments = {0};
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "LOG",
        .doc = "Plays the configuration accesses of LOG as a guest and reports what came back.\v"
               "Exit status: 0 every answer is right, 1 some are not, 2 could not run.",
    };
    if (parse_arguments(&argp, argc, argv, &arguments))
        return EXIT_CANNOT;
    char *profile = arguments.profile ? strdup(arguments.profile) : find_profile("linux-guest.lspci");
    char *driver = arguments.pf ? strdup(arguments.pf) : find_driver("refnic_pf.so");
    int result = profile && driver ? replay(&arguments, profile, driver) : EXIT_CANNOT;
    free(profile);
    free(driver);
    return result;
}
