/* SPDX-License-Identifier: MIT
 *
 * vfplane profile: what the parser makes of a capture, and a card that nobody built.
 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

#include <vfplane/profile.h>

/* ---- show -------------------------------------------------------------------------------------------------------- */

static error_t parse_show(int key, char *text, struct argp_state *state)
{
    const char **file = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (*file) {
            complain("profile show %s: one FILE only", text);
            return EINVAL;
        }
        *file = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        complain("profile show: which FILE?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int show_main(int argc, char **argv)
{
    const struct argp argp = {
        .parser = parse_show,
        .args_doc = "FILE",
        .doc = "Checks an lspci -vvvxxxx capture and prints the card it makes, a register a line.\v"
               "Exit status: 0 the profile is usable, 2 it is not (one line says which line and why).",
    };
    const char *file = NULL;
    struct vfp_profile *profile;
    char error[512];
    if (parse_arguments(&argp, argc, argv, &file))
        return EXIT_CANNOT;
    if (vfp_profile_open(file, &profile, error, sizeof(error))) {
        complain("%s", error);
        return EXIT_CANNOT;
    }
    int result = vfp_profile_show(profile, stdout);
    vfp_profile_close(profile);
    return close_output(result);
}

/* ---- synth ------------------------------------------------------------------------------------------------------- */

static const struct argp_option synth_options[] = {
    {"vfs", 'n', "N", 0, "TotalVFs, 1 to 65535 (default 65535)", 0},
    {0},
};

static error_t parse_synth(int key, char *text, struct argp_state *state)
{
    unsigned *vfs = state->input;
    if (key == 'n')
        return parse_count("--vfs", text, 1, vfs);
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    complain("profile synth %s: options only", text);
    return EINVAL;
}

static int synth_main(int argc, char **argv)
{
    const struct argp argp = {
        .options = synth_options,
        .parser = parse_synth,
        .doc = "Writes the profile of a card that nobody built: a PF at 00:00.0, its VFs on the routing IDs behind it.",
    };
    unsigned vfs = UINT16_MAX;
    if (parse_arguments(&argp, argc, argv, &vfs))
        return EXIT_CANNOT;
    return close_output(vfp_profile_synth((uint16_t)vfs, stdout));
}

/* As for the command itself: "vfplane profile WHAT" is what it speaks of itself as. */
static int run(int (*command)(int argc, char **argv), int argc, char **argv)
{
    char full[32];
    snprintf(full, sizeof(full), "%s %s", argv[0], argv[1]);
    argv[1] = full;
    return command(argc - 1, argv + 1);
}

int profile_main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "show") == 0)
        return run(show_main, argc, argv);
    if (strcmp(what, "synth") == 0)
        return run(synth_main, argc, argv);
    if (strcmp(what, "--help") == 0) {
        puts("Usage: vfplane profile show FILE\n       vfplane profile synth [--vfs N] > FILE");
        return EXIT_OK;
    }
    complain("profile%s%s: one of show FILE, synth [--vfs N]", *what ? " " : "", what);
    return EXIT_CANNOT;
}
