/* SPDX-License-Identifier: MIT
 *
 * The vfplane command: picks the subcommand.
 */
#include "cli/cli.h"

#include <argp.h>
#include <stdarg.h>
#include <string.h>

#include "cli/version.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"run", run_main, "a PF driver, guests with VF drivers, and every request they make, as trees"},
    {"check", check_main, "a PF driver against the rules of its contracts: states, OIDs, bad arguments, failing calls"},
    {"replay", replay_main, "play a guest's captured configuration accesses through the whole way"},
    {"dump", dump_main, "a card and its VFs as lspci -F reads them, raw or as guests see them"},
    {"setpci", setpci_main, "read and write a VF's registers by the names of setpci, through the PF driver"},
    {"profile", profile_main, "show what a capture makes of a card; synthesize one of 65,535 VFs"},
    {"bench", bench_main, "what a host costs as VFs, PFs and guests become many"},
    {"vmm-check", vmm_check_main, "plays the host end to a VMM that connects, and judges the VMM's side of the socket"},
    {"guest", guest_main, "one guest process (started by run and replay)"},
};

static void usage(FILE *stream)
{
    fprintf(stream, "Usage: vfplane COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(stream, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fprintf(stream, "\n`vfplane COMMAND --help` lists the options of one.\n");
}

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("vfplane: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* A command speaks of itself as "vfplane COMMAND". What it could not print is a failure, whatever it said. */
static int run(int (*command)(int argc, char **argv), const char *name, int argc, char **argv)
{
    char full[32];
    snprintf(full, sizeof(full), "vfplane %s", name);
    argv[0] = full;
    int status = command(argc, argv);
    return status ? status : close_output(0);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    argp_err_exit_status = EXIT_CANNOT;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return run(commands[i].run, name, argc - 1, argv + 1);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return close_output(0);
    }
    if (strcmp(name, "--version") == 0) {
        printf("vfplane %s\n", VFPLANE_VERSION);
        return close_output(0);
    }
    if (*name)
        complain("%s: no such command, `vfplane --help` lists them", name);
    else
        usage(stderr);
    return EXIT_CANNOT;
}
