/* SPDX-License-Identifier: MIT
 *
 * What the files of the trace room share: the collector behind struct vfp_trace.
 */
#ifndef VFPLANE_TRACE_INTERNAL_H
#define VFPLANE_TRACE_INTERNAL_H

#include <pthread.h>

#include <vfplane/trace.h>

#include "trace/trace.h"

enum trace_output { TRACE_TEXT, TRACE_JSON, TRACE_CHROME, TRACE_COUNT, TRACE_FORWARD };

/* Text that occurs in many records, kept once. */
struct trace_names {
    char **text;
    unsigned count, capacity;
};

/* One record, small: indexes into the names. What the counts are made of. */
struct trace_event {
    uint64_t end_ns;
    uint16_t partition, door, result, rule;
    uint32_t kind; /* enum trace_kind */
};

struct trace_join {
    struct trace_join *next;
    struct vfp_trace *trace;
    pthread_t thread;
    int fd;
};

struct vfp_trace {
    struct trace_sink sink; /* first: a sink is a vfp_trace */
    enum trace_output output;
    FILE *stream;
    int fd;
    pthread_mutex_t lock;
    struct trace_record *records; /* TRACE_TEXT: since the last flush */
    size_t record_count, record_capacity;
    struct trace_event *events;
    size_t event_count, event_capacity;
    struct trace_names names;
    struct trace_join *joins;
    struct trace_chrome *chrome; /* TRACE_CHROME */
    bool lost;                   /* a record could not be kept for lack of memory */
};

/* Prints the records as trees, oldest root first. */
void trace_tree_print(const struct trace_record *records, size_t count, FILE *stream);
void trace_json_print(const struct trace_record *record, FILE *stream);
/* The records as one JSON array of trace events, what Perfetto and chrome://tracing open. NULL: no memory. */
struct trace_chrome *trace_chrome_begin(FILE *stream);
void trace_chrome_print(struct trace_chrome *chrome, const struct trace_record *record);
void trace_chrome_end(struct trace_chrome *chrome); /* closes the array; NULL is nothing */
/* Index of the text, adding it; 0 is "". When full or without memory, 0. */
unsigned trace_name(struct trace_names *names, const char *text);

#endif
