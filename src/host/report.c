/* SPDX-License-Identifier: MIT
 *
 * The report of a finding, for people.
 */
#include "host/internal.h"

#include <errno.h>

int vfp_frame_name(void *frame, char *text, size_t size)
{
    return nt_frame_name(frame, text, size);
}

static const char *const severities[] = {
    [VFP_VIOLATION] = "violation", [VFP_SUSPICIOUS] = "suspicious", [VFP_PORTABILITY] = "portability"};

static void print_head(const struct vfp_finding *finding, FILE *stream)
{
    fprintf(stream, "%s: %s (%s)\n", severities[finding->rule->severity], finding->rule->name, finding->rule->source);
    fprintf(stream, "  rule:    %s\n", finding->rule->text);
    fprintf(stream, "  seen:    %s\n", finding->text);
    fprintf(stream, "  driver:  %s, in %s\n", *finding->driver ? finding->driver : "unknown", finding->routine);
    if (*finding->request)
        fprintf(stream, "  request: %s\n", finding->request);
    if (*finding->state)
        fprintf(stream, "  state:   %s\n", finding->state);
}

int vfp_finding_print(const struct vfp_finding *finding, FILE *stream)
{
    struct nt_symbols *symbols = nt_symbols_open();
    char text[256];
    flockfile(stream);
    print_head(finding, stream);
    for (unsigned i = 0; i < finding->frame_count; i++) {
        nt_symbols_name(symbols, finding->frames[i], text, sizeof(text));
        fprintf(stream, "  %s %s\n", i ? "        " : "stack:  ", text);
    }
    bool failed = ferror(stream);
    funlockfile(stream);
    nt_symbols_close(symbols);
    return failed ? -EIO : 0;
}
