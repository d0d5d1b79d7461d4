/* SPDX-License-Identifier: MIT
 *
 * A record as one line of JSON. Keys are stable; ids are decimal strings since 64 bits do not fit in a JSON number.
 */
#include "trace/internal.h"

#include <inttypes.h>
#include <jansson.h>

static const char *const kinds[] = {[TRACE_SPAN] = "span", [TRACE_NOTE] = "note", [TRACE_REFUSED] = "refused"};

static void set_id(json_t *object, const char *key, uint64_t id)
{
    char text[24];
    if (!id)
        return;
    snprintf(text, sizeof(text), "%" PRIu64, id);
    json_object_set_new(object, key, json_string(text));
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (*text)
        json_object_set_new(object, key, json_string(text));
}

void trace_json_print(const struct trace_record *record, FILE *stream)
{
    json_t *object = json_object();
    set_text(object, "kind", kinds[record->kind]);
    set_text(object, "partition", record->partition);
    set_text(object, "room", record->room);
    set_text(object, "door", record->door);
    set_text(object, "detail", record->detail);
    set_text(object, "result", record->result);
    set_text(object, "rule", record->rule);
    set_id(object, "id", record->id);
    set_id(object, "parent", record->parent);
    set_id(object, "link_out", record->link_out);
    set_id(object, "link_in", record->link_in);
    json_object_set_new(object, "start_ns", json_integer((json_int_t)record->start_ns));
    json_object_set_new(object, "end_ns", json_integer((json_int_t)record->end_ns));
    json_dumpf(object, stream, JSON_COMPACT);
    fputc('\n', stream);
    json_decref(object);
}
