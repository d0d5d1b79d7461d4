/* SPDX-License-Identifier: MIT
 *
 * Tracepoints: one line for every door a request goes through.
 *
 * A door opens a span on the caller's stack and closes it with what came back. Spans nest by thread; a request that
 * crosses a partition boundary is joined by a link key that both sides know (the transaction id of a packet, the
 * sequence number of a configuration access). A sink takes finished records. With no sink a door is one predicted
 * branch.
 *
 * Threads: any. A struct trace may be used by many threads at once. The current trace is per thread.
 */
#ifndef VFPLANE_TRACE_H
#define VFPLANE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_kind {
    TRACE_SPAN,    /* a door: entered, left */
    TRACE_NOTE,    /* a fact inside a span, e.g. "Command 0000 -> 0004 Bus Master" */
    TRACE_REFUSED, /* something was refused; `rule` names the rule */
    TRACE_HEADING, /* a new part of the run begins; made by vfp_trace_heading only */
};

/* One finished record. Fixed size and free of pointers, so that it crosses a pipe between processes in one write. */
struct trace_record {
    uint64_t id;       /* unique in one run: partition number << 48 | counter */
    uint64_t parent;   /* enclosing span, 0 = a root */
    uint64_t link_out; /* key under which another partition continues this span, 0 = none */
    uint64_t link_in;  /* key of the span in another partition that this one continues, 0 = none */
    uint64_t start_ns; /* CLOCK_MONOTONIC */
    uint64_t end_ns;
    uint32_t kind;   /* enum trace_kind */
    uint32_t thread; /* of the partition's process: spans of one nest */
    char partition[16];
    char room[12];
    char door[60];
    char detail[168];
    char result[64];
    char rule[48];
};

struct trace_sink {
    void (*record)(struct trace_sink *sink, const struct trace_record *record); /* called from any thread, serialised */
    void (*flush)(struct trace_sink *sink);
};

struct trace;

/* `number` (0..65535) makes ids unique between processes of one run; `partition` is shown on every line. The sink is
 * borrowed and must outlive the trace. NULL on lack of memory. */
struct trace *trace_create(struct trace_sink *sink, uint16_t number, const char *partition);
void trace_destroy(struct trace *trace);

/* The sink behind a public trace (include/vfplane/trace.h); NULL for NULL. */
struct vfp_trace;
struct trace_sink *vfp_trace_sink(struct vfp_trace *trace);

/* The trace this thread reports to; returns the one before. NULL = none. */
struct trace *trace_enter_thread(struct trace *trace);

struct trace_span {
    struct trace *trace; /* NULL: not traced, nothing else is valid */
    uint64_t outer;      /* the thread's span before this one */
    struct trace_record record;
};

extern _Thread_local struct trace *trace_current __attribute__((tls_model("initial-exec")));

void trace_span_begin(struct trace_span *span, const char *room, const char *door, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void trace_span_end(struct trace_span *span, const char *format, ...) __attribute__((format(printf, 2, 3)));
void trace_note_emit(enum trace_kind kind, const char *room, const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
uint64_t trace_now_ns(void);  /* the clock of every record */
uint64_t trace_span_id(void); /* the thread's innermost span, 0 = none */

/* TRACE_DOOR(span, "ndis", "NdisMSetBusData", "%u bytes at %03x", length, offset);
 * ... TRACE_DONE(span, "%u", written);   every path that leaves the door says what came back */
#define TRACE_DOOR(span, room, door, ...)                                                                              \
    struct trace_span span;                                                                                            \
    do {                                                                                                               \
        (span).trace = NULL;                                                                                           \
        if (__builtin_expect(trace_current != NULL, 0))                                                                \
            trace_span_begin(&(span), room, door, __VA_ARGS__);                                                        \
    } while (0)
#define TRACE_DONE(span, ...)                                                                                          \
    do {                                                                                                               \
        if (__builtin_expect((span).trace != NULL, 0))                                                                 \
            trace_span_end(&(span), __VA_ARGS__);                                                                      \
    } while (0)
/* This span goes on in another partition under `key` / continues the span with `key`. Key 0 is none. */
#define TRACE_LINK_OUT(span, key) ((void)((span).trace && ((span).record.link_out = (key))))
#define TRACE_LINK_IN(span, key)  ((void)((span).trace && ((span).record.link_in = (key))))
/* A span that continues, on this thread, a request whose span began on another one (id from trace_span_id()). */
#define TRACE_UNDER(span, id) ((void)((span).trace && (id) && ((span).record.parent = (id))))
#define TRACE_NOTE(room, ...)                                                                                          \
    do {                                                                                                               \
        if (__builtin_expect(trace_current != NULL, 0))                                                                \
            trace_note_emit(TRACE_NOTE, room, "", __VA_ARGS__);                                                        \
    } while (0)
/* Something was refused. `rule` is a stable name and its source, e.g. "CONFIG_BLOCK_LENGTH pci.md 5.7". */
#define TRACE_REFUSE(room, rule, ...)                                                                                  \
    do {                                                                                                               \
        if (__builtin_expect(trace_current != NULL, 0))                                                                \
            trace_note_emit(TRACE_REFUSED, room, rule, __VA_ARGS__);                                                   \
    } while (0)

#endif
