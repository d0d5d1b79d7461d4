/* SPDX-License-Identifier: MIT
 *
 * The arguments of a subcommand: what is wrong with them is one line.
 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>

/* Without a stream for errors argp gives no hints and does not end the process; getopt's own line comes all the same.
 */
static error_t be_brief(int key, char *text, struct argp_state *state)
{
    (void)text;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = state->input;
    state->err_stream = NULL;
    return 0;
}

int parse_arguments(const struct argp *argp, int argc, char **argv, void *input)
{
    const struct argp_child children[] = {{.argp = argp}, {0}};
    const struct argp brief = {.parser = be_brief, .children = children};
    return argp_parse(&brief, argc, argv, 0, NULL, input);
}

bool parse_number(const char *text, unsigned *value)
{
    char *end;
    unsigned long parsed = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || parsed > UINT16_MAX)
        return false;
    *value = (unsigned)parsed;
    return true;
}

int parse_count(const char *option, const char *text, unsigned least, unsigned *value)
{
    unsigned parsed;
    if (parse_number(text, &parsed) && parsed >= least) {
        *value = parsed;
        return 0;
    }
    complain("%s %s: a number from %u to 65535 is needed", option, text, least);
    return EINVAL;
}
