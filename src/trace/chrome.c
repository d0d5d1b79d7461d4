/* SPDX-License-Identifier: MIT
 *
 * Records as the trace events that Perfetto and chrome://tracing open: a partition is a process, a door a slice on the
 * thread that went through it, and a request that crosses to another partition an arrow.
 */
#include "trace/internal.h"

#include <jansson.h>
#include <stdlib.h>

#define PARTITIONS (1u << 16)

struct trace_chrome {
    FILE *stream;
    bool begun;                    /* the next event needs a comma before it */
    uint8_t named[PARTITIONS / 8]; /* a bit a partition: its name has been given */
};

static void put(struct trace_chrome *chrome, json_t *event)
{
    fputs(chrome->begun ? ",\n" : "[\n", chrome->stream);
    chrome->begun = true;
    json_dumpf(event, chrome->stream, JSON_COMPACT);
    json_decref(event);
}

static json_t *event_of(const struct trace_record *record, const char *phase, const char *name)
{
    json_t *event = json_object();
    json_object_set_new(event, "ph", json_string(phase));
    json_object_set_new(event, "name", json_string(name));
    json_object_set_new(event, "pid", json_integer((json_int_t)(record->id >> 48)));
    json_object_set_new(event, "tid", json_integer(record->thread));
    json_object_set_new(event, "ts", json_real((double)record->start_ns / 1000));
    return event;
}

static void name_partition(struct trace_chrome *chrome, const struct trace_record *record)
{
    unsigned number = (unsigned)(record->id >> 48);
    uint8_t bit = (uint8_t)(1u << number % 8);
    if (chrome->named[number / 8] & bit)
        return;
    chrome->named[number / 8] |= bit;
    json_t *event = event_of(record, "M", "process_name");
    json_t *arguments = json_object();
    json_object_set_new(arguments, "name", json_string(record->partition));
    json_object_set_new(event, "args", arguments);
    put(chrome, event);
}

/* One end of an arrow; it binds to the slice around it. */
static void put_flow(struct trace_chrome *chrome, const struct trace_record *record, const char *phase, uint64_t key)
{
    char id[24];
    if (!key)
        return;
    snprintf(id, sizeof id, "%llu", (unsigned long long)key);
    json_t *event = event_of(record, phase, "request");
    json_object_set_new(event, "cat", json_string("request"));
    json_object_set_new(event, "id", json_string(id));
    json_object_set_new(event, "bp", json_string("e"));
    put(chrome, event);
}

/* A record of a guest may end before it began. */
static double span_us(const struct trace_record *record)
{
    return record->end_ns > record->start_ns ? (double)(record->end_ns - record->start_ns) / 1000 : 0;
}

void trace_chrome_print(struct trace_chrome *chrome, const struct trace_record *record)
{
    name_partition(chrome, record);
    json_t *event = event_of(record, record->kind == TRACE_SPAN ? "X" : "i",
                             record->kind == TRACE_SPAN ? record->door : record->detail);
    json_object_set_new(event, "cat", json_string(record->room));
    if (record->kind == TRACE_SPAN)
        json_object_set_new(event, "dur", json_real(span_us(record)));
    else
        json_object_set_new(event, "s", json_string("t"));
    json_t *arguments = json_object();
    json_object_set_new(arguments, "detail", json_string(record->detail));
    json_object_set_new(arguments, "result", json_string(record->result));
    json_object_set_new(arguments, "rule", json_string(record->rule));
    json_object_set_new(event, "args", arguments);
    put(chrome, event);
    put_flow(chrome, record, "s", record->link_out);
    put_flow(chrome, record, "f", record->link_in);
}

struct trace_chrome *trace_chrome_begin(FILE *stream)
{
    struct trace_chrome *chrome = calloc(1, sizeof *chrome);
    if (chrome)
        chrome->stream = stream;
    return chrome;
}

void trace_chrome_end(struct trace_chrome *chrome)
{
    if (!chrome)
        return;
    fputs(chrome->begun ? "\n]\n" : "[]\n", chrome->stream);
    free(chrome);
}
