/* SPDX-License-Identifier: MIT
 *
 * Spans and notes become records; a mutex hands them to the sink one at a time. Nothing is allocated after
 * trace_create: a record lives in its span, a note on the stack.
 */
#include "trace/trace.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRACE_COUNTER_BITS 48u

struct trace {
    struct trace_sink *sink;
    uint64_t id_base;
    atomic_uint_fast64_t counter;
    pthread_mutex_t lock; /* serialises the sink */
    char partition[16];
};

_Thread_local struct trace *trace_current __attribute__((tls_model("initial-exec")));
static _Thread_local uint64_t innermost __attribute__((tls_model("initial-exec")));
static _Thread_local uint32_t this_thread; /* 0: not asked yet */

uint64_t trace_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

static uint64_t next_id(struct trace *trace)
{
    uint64_t count = atomic_fetch_add_explicit(&trace->counter, 1, memory_order_relaxed) + 1;
    return trace->id_base | (count & ((UINT64_C(1) << TRACE_COUNTER_BITS) - 1));
}

static void emit(struct trace *trace, const struct trace_record *record)
{
    pthread_mutex_lock(&trace->lock);
    trace->sink->record(trace->sink, record);
    pthread_mutex_unlock(&trace->lock);
}

struct trace *trace_create(struct trace_sink *sink, uint16_t number, const char *partition)
{
    struct trace *trace = calloc(1, sizeof(*trace));
    if (!trace)
        return NULL;
    trace->sink = sink;
    trace->id_base = (uint64_t)number << TRACE_COUNTER_BITS;
    atomic_init(&trace->counter, 0);
    pthread_mutex_init(&trace->lock, NULL);
    copy_text(trace->partition, sizeof(trace->partition), partition);
    return trace;
}

void trace_destroy(struct trace *trace)
{
    if (!trace)
        return;
    if (trace->sink->flush)
        trace->sink->flush(trace->sink);
    pthread_mutex_destroy(&trace->lock);
    free(trace);
}

struct trace *trace_enter_thread(struct trace *trace)
{
    struct trace *before = trace_current;
    trace_current = trace;
    return before;
}

uint64_t trace_span_id(void)
{
    return innermost;
}

/* The whole record is cleared: it may cross a pipe to another process, which must see no byte of ours that we did not
 * mean to send. */
static void record_begin(struct trace *trace, struct trace_record *record, enum trace_kind kind, const char *room)
{
    memset(record, 0, sizeof(*record));
    record->id = next_id(trace);
    record->parent = innermost;
    record->start_ns = trace_now_ns();
    record->kind = kind;
    if (!this_thread)
        this_thread = (uint32_t)gettid();
    record->thread = this_thread;
    copy_text(record->partition, sizeof(record->partition), trace->partition);
    copy_text(record->room, sizeof(record->room), room);
}

void trace_span_begin(struct trace_span *span, const char *room, const char *door, const char *format, ...)
{
    va_list arguments;
    span->trace = trace_current;
    record_begin(span->trace, &span->record, TRACE_SPAN, room);
    copy_text(span->record.door, sizeof(span->record.door), door);
    va_start(arguments, format);
    vsnprintf(span->record.detail, sizeof(span->record.detail), format, arguments);
    va_end(arguments);
    span->outer = innermost;
    innermost = span->record.id;
}

void trace_span_end(struct trace_span *span, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(span->record.result, sizeof(span->record.result), format, arguments);
    va_end(arguments);
    span->record.end_ns = trace_now_ns();
    innermost = span->outer;
    emit(span->trace, &span->record);
    span->trace = NULL;
}

void trace_note_emit(enum trace_kind kind, const char *room, const char *rule, const char *format, ...)
{
    struct trace *trace = trace_current;
    struct trace_record record;
    va_list arguments;
    record_begin(trace, &record, kind, room);
    copy_text(record.rule, sizeof(record.rule), rule);
    va_start(arguments, format);
    vsnprintf(record.detail, sizeof(record.detail), format, arguments);
    va_end(arguments);
    record.end_ns = record.start_ns;
    emit(trace, &record);
}
