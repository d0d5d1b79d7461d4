/* SPDX-License-Identifier: MIT */
#include "test.h"

#include <pthread.h>

#include "trace/trace.h"

#define KEPT 64

struct recording {
    struct trace_sink sink;
    struct trace_record records[KEPT];
    unsigned count, flushes;
    int inside; /* plain on purpose: TSan shows it when the sink is not serialised */
    bool overlapped;
};

static void keep(struct trace_sink *sink, const struct trace_record *record)
{
    struct recording *recording = (struct recording *)sink;
    recording->overlapped |= recording->inside++ != 0;
    recording->records[recording->count++ % KEPT] = *record;
    recording->inside--;
}

static void flush(struct trace_sink *sink)
{
    ((struct recording *)sink)->flushes++;
}

static struct trace *start(struct recording *recording, uint16_t number)
{
    memset(recording, 0, sizeof(*recording));
    recording->sink = (struct trace_sink){.record = keep, .flush = flush};
    struct trace *trace = trace_create(&recording->sink, number, "guest 1");
    assert_non_null(trace);
    assert_null(trace_enter_thread(trace));
    return trace;
}

static void stop(struct trace *trace)
{
    assert_ptr_equal(trace_enter_thread(NULL), trace);
    trace_destroy(trace);
}

static void without_a_trace_a_door_emits_nothing_and_evaluates_no_argument(void **state)
{
    (void)state;
    int evaluated = 0;
    TRACE_DOOR(span, "nt", "Door", "%d", ++evaluated);
    TRACE_NOTE("nt", "%d", ++evaluated);
    TRACE_REFUSE("nt", "RULE", "%d", ++evaluated);
    TRACE_DONE(span, "%d", ++evaluated);
    assert_int_equal(evaluated, 0);
    assert_null(span.trace);
    assert_int_equal(trace_span_id(), 0);
}

static void a_span_is_recorded_once_when_it_ends(void **state)
{
    (void)state;
    struct recording recording;
    struct trace *trace = start(&recording, 7);
    TRACE_DOOR(span, "ndis", "NdisMSetBusData", "%u bytes at 0x%03x", 4, 4);
    assert_int_equal(recording.count, 0);
    TRACE_DONE(span, "%u", 4);
    TRACE_DONE(span, "%u", 5);
    assert_int_equal(recording.count, 1);
    const struct trace_record *record = &recording.records[0];
    assert_int_equal(record->kind, TRACE_SPAN);
    assert_int_equal(record->id >> 48, 7);
    assert_int_equal(record->parent, 0);
    assert_string_equal(record->partition, "guest 1");
    assert_string_equal(record->room, "ndis");
    assert_string_equal(record->door, "NdisMSetBusData");
    assert_string_equal(record->detail, "4 bytes at 0x004");
    assert_string_equal(record->result, "4");
    assert_true(record->end_ns >= record->start_ns);
    stop(trace);
    assert_int_equal(recording.flushes, 1);
}

static void spans_nest_and_notes_belong_to_the_innermost(void **state)
{
    (void)state;
    struct recording recording;
    struct trace *trace = start(&recording, 1);
    TRACE_DOOR(outer, "ndis", "Outer", "%s", "");
    TRACE_DOOR(inner, "pcibus", "Inner", "%s", "");
    assert_int_equal(trace_span_id(), inner.record.id);
    TRACE_NOTE("pci", "Command %04x -> %04x", 0, 4);
    TRACE_REFUSE("pci", "RULE pci.md 5.1", "no");
    TRACE_DONE(inner, "ok");
    assert_int_equal(trace_span_id(), outer.record.id);
    TRACE_DONE(outer, "ok");
    assert_int_equal(trace_span_id(), 0);

    assert_int_equal(recording.count, 4);
    const struct trace_record *note = &recording.records[0], *refused = &recording.records[1];
    const struct trace_record *in = &recording.records[2], *out = &recording.records[3];
    assert_int_equal(note->kind, TRACE_NOTE);
    assert_int_equal(note->parent, in->id);
    assert_string_equal(note->rule, "");
    assert_int_equal(refused->kind, TRACE_REFUSED);
    assert_int_equal(refused->parent, in->id);
    assert_string_equal(refused->rule, "RULE pci.md 5.1");
    assert_int_equal(in->parent, out->id);
    assert_true(note->id != refused->id && in->id != out->id);
    stop(trace);
}

static void links_and_a_foreign_parent_reach_the_record(void **state)
{
    (void)state;
    struct recording recording;
    struct trace *trace = start(&recording, 1);
    TRACE_DOOR(span, "vpci", "Send", "x");
    TRACE_LINK_OUT(span, 99);
    TRACE_LINK_IN(span, 98);
    TRACE_UNDER(span, 97);
    TRACE_DONE(span, "ok");
    assert_int_equal(recording.records[0].link_out, 99);
    assert_int_equal(recording.records[0].link_in, 98);
    assert_int_equal(recording.records[0].parent, 97);
    stop(trace);
}

static void long_texts_are_cut_and_stay_terminated(void **state)
{
    (void)state;
    struct recording recording;
    struct trace *trace = start(&recording, 1);
    char text[1024];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    TRACE_DOOR(span, text, text, "%s", text);
    TRACE_REFUSE(text, text, "%s", text);
    TRACE_DONE(span, "%s", text);
    const struct trace_record *refused = &recording.records[0], *record = &recording.records[1];
    assert_int_equal(strlen(refused->rule), sizeof(refused->rule) - 1);
    assert_int_equal(strlen(record->room), sizeof(record->room) - 1);
    assert_int_equal(strlen(record->door), sizeof(record->door) - 1);
    assert_int_equal(strlen(record->detail), sizeof(record->detail) - 1);
    assert_int_equal(strlen(record->result), sizeof(record->result) - 1);
    stop(trace);
}

static void a_span_ends_in_the_trace_it_began_in(void **state)
{
    (void)state;
    struct recording first, second;
    struct trace *host = start(&first, 1);
    TRACE_DOOR(outer, "vstack", "Outer", "x");
    memset(&second, 0, sizeof(second));
    second.sink = (struct trace_sink){.record = keep};
    struct trace *guest = trace_create(&second.sink, 2, "guest 2");
    assert_ptr_equal(trace_enter_thread(guest), host);
    TRACE_DONE(outer, "ok");
    assert_int_equal(first.count, 1);
    assert_int_equal(second.count, 0);
    stop(guest);
    trace_destroy(host);
}

static void *emit_many(void *context)
{
    trace_enter_thread(context);
    for (int i = 0; i < 2000; i++) {
        TRACE_DOOR(span, "nt", "Door", "%d", i);
        TRACE_NOTE("nt", "%d", i);
        TRACE_DONE(span, "ok");
    }
    return NULL;
}

static void the_sink_is_called_by_one_thread_at_a_time(void **state)
{
    (void)state;
    struct recording recording;
    struct trace *trace = start(&recording, 1);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, emit_many, trace), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(recording.count, 4 * 2000 * 2);
    assert_false(recording.overlapped);
    stop(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_trace_a_door_emits_nothing_and_evaluates_no_argument),
        cmocka_unit_test(a_span_is_recorded_once_when_it_ends),
        cmocka_unit_test(spans_nest_and_notes_belong_to_the_innermost),
        cmocka_unit_test(links_and_a_foreign_parent_reach_the_record),
        cmocka_unit_test(long_texts_are_cut_and_stay_terminated),
        cmocka_unit_test(a_span_ends_in_the_trace_it_began_in),
        cmocka_unit_test(the_sink_is_called_by_one_thread_at_a_time),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
