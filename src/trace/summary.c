/* SPDX-License-Identifier: MIT
 *
 * Counting what was recorded: doors for a program that waits for something to have happened, and the closing table.
 */
#include "trace/internal.h"

#include <stdlib.h>
#include <string.h>

unsigned vfp_trace_doors(struct vfp_trace *trace, const char *partition, const char *door, const char *result,
                         uint64_t since_ns)
{
    unsigned count = 0;
    pthread_mutex_lock(&trace->lock);
    for (size_t i = 0; i < trace->event_count; i++) {
        const struct trace_event *event = &trace->events[i];
        char *const *names = trace->names.text;
        count += event->kind == TRACE_SPAN && event->end_ns >= since_ns && strcmp(names[event->door], door) == 0 &&
                 (!partition || strcmp(names[event->partition], partition) == 0) &&
                 (!result || strncmp(names[event->result], result, strlen(result)) == 0);
    }
    pthread_mutex_unlock(&trace->lock);
    return count;
}

struct tally {
    const char *name, *detail;
    unsigned count;
};

struct tallies {
    struct tally *rows;
    unsigned count, capacity;
};

static void tally_add(struct tallies *tallies, const char *name, const char *detail)
{
    for (unsigned i = 0; i < tallies->count; i++) {
        struct tally *row = &tallies->rows[i];
        if (strcmp(row->name, name) == 0 && strcmp(row->detail, detail) == 0) {
            row->count++;
            return;
        }
    }
    if (tallies->count == tallies->capacity) {
        unsigned capacity = tallies->capacity ? tallies->capacity * 2 : 32;
        struct tally *grown = realloc(tallies->rows, capacity * sizeof(*grown));
        if (!grown)
            return;
        tallies->rows = grown;
        tallies->capacity = capacity;
    }
    tallies->rows[tallies->count++] = (struct tally){name, detail, 1};
}

static int by_name(const void *a, const void *b)
{
    const struct tally *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : (left->count < right->count) - (left->count > right->count);
}

/* What counts as a request: what drivers ask NDIS for, OIDs, and block IOCTLs. Other doors are on the way of one. */
static bool is_request(const char *door)
{
    static const char *const prefixes[] = {"NdisM", "OID_", "IOCTL_"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(door, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

/* How a door ended, as far as a table of results wants to know: byte counts and other numbers are all "ok". */
static const char *outcome(const char *result)
{
    if (result[0] >= '1' && result[0] <= '9')
        return "ok";
    return result[0] ? result : "returned";
}

static void print_rows(struct tallies *tallies, const char *title, FILE *stream)
{
    if (tallies->count)
        qsort(tallies->rows, tallies->count, sizeof(*tallies->rows), by_name);
    fprintf(stream, "%s\n", title);
    for (unsigned i = 0; i < tallies->count; i++) {
        const struct tally *row = &tallies->rows[i];
        bool again = i && strcmp(row->name, tallies->rows[i - 1].name) == 0;
        fprintf(stream, "  %-42s %6u  %s\n", again ? "" : row->name, row->count, row->detail);
    }
    if (!tallies->count)
        fprintf(stream, "  nothing\n");
    free(tallies->rows);
}

void vfp_trace_summary(struct vfp_trace *trace, FILE *stream)
{
    struct tallies requests = {0}, refused = {0};
    pthread_mutex_lock(&trace->lock);
    for (size_t i = 0; i < trace->event_count; i++) {
        const struct trace_event *event = &trace->events[i];
        const char *door = trace->names.text[event->door];
        if (event->kind == TRACE_SPAN && is_request(door))
            tally_add(&requests, door, outcome(trace->names.text[event->result]));
        else if (event->kind == TRACE_REFUSED)
            tally_add(&refused, trace->names.text[event->rule], trace->names.text[event->partition]);
    }
    print_rows(&requests, "requests and what came back", stream);
    print_rows(&refused, "refused, by rule", stream);
    pthread_mutex_unlock(&trace->lock);
}
