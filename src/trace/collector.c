/* SPDX-License-Identifier: MIT
 *
 * struct vfp_trace: takes records from the traces of this process and, through pipes, of its guests; keeps what its
 * output needs and an event a record for the counts.
 */
#include "trace/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned trace_name(struct trace_names *names, const char *text)
{
    for (unsigned i = 0; i < names->count; i++) {
        if (strcmp(names->text[i], text) == 0)
            return i;
    }
    if (names->count == names->capacity) {
        unsigned capacity = names->capacity ? names->capacity * 2 : 64;
        char **grown = capacity > UINT16_MAX ? NULL : realloc(names->text, capacity * sizeof(*grown));
        if (!grown)
            return 0;
        names->text = grown;
        names->capacity = capacity;
    }
    char *copy = strdup(text);
    if (!copy)
        return 0;
    names->text[names->count] = copy;
    return names->count++;
}

/* Room for one more element in a growing array, or NULL. */
static void *array_slot(void **array, size_t *count, size_t *capacity, size_t size)
{
    if (*count == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 256;
        void *moved = realloc(*array, grown * size);
        if (!moved)
            return NULL;
        *array = moved;
        *capacity = grown;
    }
    return (char *)*array + size * (*count)++;
}

static void keep_event(struct vfp_trace *trace, const struct trace_record *record)
{
    struct trace_event *event =
        array_slot((void **)&trace->events, &trace->event_count, &trace->event_capacity, sizeof(*event));
    if (!event) {
        trace->lost = true;
        return;
    }
    *event = (struct trace_event){
        .end_ns = record->end_ns,
        .partition = (uint16_t)trace_name(&trace->names, record->partition),
        .door = (uint16_t)trace_name(&trace->names, record->door),
        .result = (uint16_t)trace_name(&trace->names, record->result),
        .rule = (uint16_t)trace_name(&trace->names, record->rule),
        .kind = record->kind,
    };
}

static void keep_record(struct vfp_trace *trace, const struct trace_record *record)
{
    struct trace_record *slot =
        array_slot((void **)&trace->records, &trace->record_count, &trace->record_capacity, sizeof(*slot));
    if (slot)
        *slot = *record;
    else
        trace->lost = true;
}

static void take(struct trace_sink *sink, const struct trace_record *record)
{
    struct vfp_trace *trace = (struct vfp_trace *)sink;
    if (trace->output == TRACE_FORWARD) {
        /* One write below PIPE_BUF: whole or not at all. A host that stopped reading loses the line, not the guest. */
        _Static_assert(sizeof(*record) <= 4096, "a record crosses a pipe in one write");
        ssize_t written = write(trace->fd, record, sizeof(*record));
        trace->lost |= written != (ssize_t)sizeof(*record);
        return;
    }
    pthread_mutex_lock(&trace->lock);
    keep_event(trace, record);
    if (trace->output == TRACE_TEXT)
        keep_record(trace, record);
    else if (trace->output == TRACE_JSON)
        trace_json_print(record, trace->stream);
    else if (trace->output == TRACE_CHROME)
        trace_chrome_print(trace->chrome, record);
    pthread_mutex_unlock(&trace->lock);
}

static struct vfp_trace *create(enum trace_output output, FILE *stream, int fd)
{
    struct vfp_trace *trace = calloc(1, sizeof(*trace));
    if (!trace)
        return NULL;
    trace->sink.record = take;
    trace->output = output;
    trace->stream = stream;
    trace->fd = fd;
    pthread_mutex_init(&trace->lock, NULL);
    trace_name(&trace->names, "");
    return trace;
}

struct vfp_trace *vfp_trace_text(FILE *stream)
{
    return create(TRACE_TEXT, stream, -1);
}

struct vfp_trace *vfp_trace_json(FILE *stream)
{
    return create(TRACE_JSON, stream, -1);
}

struct vfp_trace *vfp_trace_chrome(FILE *stream)
{
    struct vfp_trace *trace = create(TRACE_CHROME, stream, -1);
    if (trace && !(trace->chrome = trace_chrome_begin(stream))) {
        vfp_trace_destroy(trace);
        return NULL;
    }
    return trace;
}

struct vfp_trace *vfp_trace_count(void)
{
    return create(TRACE_COUNT, NULL, -1);
}

struct vfp_trace *vfp_trace_forward(int fd)
{
    return create(TRACE_FORWARD, NULL, fd);
}

struct trace_sink *vfp_trace_sink(struct vfp_trace *trace)
{
    return trace ? &trace->sink : NULL;
}

void vfp_trace_flush(struct vfp_trace *trace)
{
    pthread_mutex_lock(&trace->lock);
    if (trace->output == TRACE_TEXT)
        trace_tree_print(trace->records, trace->record_count, trace->stream);
    trace->record_count = 0;
    if (trace->lost && trace->output == TRACE_TEXT)
        fprintf(trace->stream, "(some of the trace was lost: out of memory)\n");
    trace->lost = false;
    if (trace->stream)
        fflush(trace->stream);
    pthread_mutex_unlock(&trace->lock);
}

void vfp_trace_heading(struct vfp_trace *trace, const char *text)
{
    struct trace_record record = {.kind = TRACE_HEADING, .start_ns = trace_now_ns()};
    snprintf(record.detail, sizeof(record.detail), "%s", text);
    pthread_mutex_lock(&trace->lock);
    if (trace->output == TRACE_TEXT)
        keep_record(trace, &record);
    pthread_mutex_unlock(&trace->lock);
}

/* Reads exactly one record; false at the end. */
static bool read_record(int fd, struct trace_record *record)
{
    size_t got = 0;
    while (got < sizeof(*record)) {
        ssize_t n = read(fd, (char *)record + got, sizeof(*record) - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

/* The other process is not trusted: texts end inside their fields and hold no control characters. */
static void clean(char *text, size_t size)
{
    text[size - 1] = 0;
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
}

static void *join_thread(void *context)
{
    struct trace_join *join = context;
    struct trace_record record;
    while (read_record(join->fd, &record)) {
        clean(record.partition, sizeof(record.partition));
        clean(record.room, sizeof(record.room));
        clean(record.door, sizeof(record.door));
        clean(record.detail, sizeof(record.detail));
        clean(record.result, sizeof(record.result));
        clean(record.rule, sizeof(record.rule));
        if (record.kind <= TRACE_REFUSED)
            take(&join->trace->sink, &record);
    }
    return NULL;
}

int vfp_trace_join(struct vfp_trace *trace, int fd)
{
    struct trace_join *join = calloc(1, sizeof(*join));
    if (!join)
        return -ENOMEM;
    join->trace = trace;
    join->fd = fd;
    int error = pthread_create(&join->thread, NULL, join_thread, join);
    if (error) {
        free(join);
        return -error;
    }
    join->next = trace->joins;
    trace->joins = join;
    return 0;
}

void vfp_trace_drain(struct vfp_trace *trace)
{
    while (trace->joins) {
        struct trace_join *join = trace->joins;
        trace->joins = join->next;
        pthread_join(join->thread, NULL);
        close(join->fd);
        free(join);
    }
}

void vfp_trace_destroy(struct vfp_trace *trace)
{
    if (!trace)
        return;
    vfp_trace_drain(trace);
    trace_chrome_end(trace->chrome);
    vfp_trace_flush(trace);
    for (unsigned i = 0; i < trace->names.count; i++)
        free(trace->names.text[i]);
    free(trace->names.text);
    free(trace->records);
    free(trace->events);
    pthread_mutex_destroy(&trace->lock);
    free(trace);
}
