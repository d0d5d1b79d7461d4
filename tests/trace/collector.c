/* SPDX-License-Identifier: MIT
 *
 * What a person reads: trees across partitions, JSON lines, counts. And what a hostile guest writes into its pipe.
 */
#include "test.h"

#include <jansson.h>
#include <unistd.h>

#include <vfplane/trace.h>

#include "trace/trace.h"

struct output {
    FILE *stream;
    char *text;
    size_t size;
};

static void output_open(struct output *output)
{
    output->stream = open_memstream(&output->text, &output->size);
    assert_non_null(output->stream);
}

static void output_close(struct output *output)
{
    fclose(output->stream);
    free(output->text);
}

/* One request of a guest that the host carries on under the same key. */
static void one_request(struct trace *guest, struct trace *host, uint64_t key, bool note)
{
    trace_enter_thread(guest);
    TRACE_DOOR(outer, "ndis", "NdisMSetBusData", "2 bytes at 004");
    TRACE_DOOR(crossing, "vsc", "config window write", "%s", "");
    TRACE_LINK_OUT(crossing, key);
    trace_enter_thread(host);
    TRACE_DOOR(inner, "vsp", "config window write", "%s", "");
    TRACE_LINK_IN(inner, key);
    if (note)
        TRACE_NOTE("pcibus", "Command 0000 -> 0004");
    TRACE_DONE(inner, "4");
    trace_enter_thread(guest);
    TRACE_DONE(crossing, "%s", "");
    TRACE_DONE(outer, "2");
    trace_enter_thread(NULL);
}

static void a_request_is_one_tree_across_partitions(void **state)
{
    (void)state;
    struct output output;
    output_open(&output);
    struct vfp_trace *collector = vfp_trace_text(output.stream);
    struct trace *host = trace_create(vfp_trace_sink(collector), 0, "host");
    struct trace *guest = trace_create(vfp_trace_sink(collector), 1, "guest 1");
    one_request(guest, host, 77, true);
    vfp_trace_flush(collector);
    const char *const expected[] = {"guest 1  ndis    NdisMSetBusData  2 bytes at 004  \u2192 2",
                                    "guest 1  vsc       config window write",
                                    "host     vsp         config window write  \u2192 4", "Command 0000 -> 0004"};
    const char *at = output.text;
    for (size_t i = 0; i < 4; i++) {
        const char *found = strstr(at, expected[i]);
        if (!found)
            fail_msg("\"%s\" is missing or out of order in:\n%s", expected[i], output.text);
        at = found + 1;
    }
    trace_destroy(guest);
    trace_destroy(host);
    vfp_trace_destroy(collector);
    output_close(&output);
}

static void requests_alike_are_one_line_each_but_never_hide_a_note(void **state)
{
    (void)state;
    struct output output;
    output_open(&output);
    struct vfp_trace *collector = vfp_trace_text(output.stream);
    struct trace *host = trace_create(vfp_trace_sink(collector), 0, "host");
    struct trace *guest = trace_create(vfp_trace_sink(collector), 1, "guest 1");
    for (uint64_t i = 1; i <= 4; i++)
        one_request(guest, host, i, i == 4);
    vfp_trace_flush(collector);
    unsigned same = 0;
    for (const char *at = output.text; (at = strstr(at, "(the same way)")); at++)
        same++;
    assert_int_equal(same, 2);
    assert_non_null(strstr(output.text, "Command 0000 -> 0004"));
    trace_destroy(guest);
    trace_destroy(host);
    vfp_trace_destroy(collector);
    output_close(&output);
}

static void json_is_one_object_a_record(void **state)
{
    (void)state;
    struct output output;
    output_open(&output);
    struct vfp_trace *collector = vfp_trace_json(output.stream);
    struct trace *host = trace_create(vfp_trace_sink(collector), 0, "host");
    trace_enter_thread(host);
    TRACE_DOOR(span, "ndis", "a \"quoted\" door", "back\\slash");
    TRACE_REFUSE("ndis", "RULE ndis.md 1", "no");
    TRACE_DONE(span, "SUCCESS");
    trace_enter_thread(NULL);
    vfp_trace_flush(collector);
    char *second = strchr(output.text, '\n');
    assert_non_null(second);
    json_error_t error;
    json_t *refused = json_loads(output.text, JSON_DISABLE_EOF_CHECK, &error);
    json_t *door = json_loads(second + 1, JSON_DISABLE_EOF_CHECK, &error);
    assert_string_equal(json_string_value(json_object_get(refused, "rule")), "RULE ndis.md 1");
    assert_string_equal(json_string_value(json_object_get(refused, "parent")),
                        json_string_value(json_object_get(door, "id")));
    assert_string_equal(json_string_value(json_object_get(door, "door")), "a \"quoted\" door");
    json_decref(refused);
    json_decref(door);
    trace_destroy(host);
    vfp_trace_destroy(collector);
    output_close(&output);
}

static void doors_are_counted_by_partition_result_and_time(void **state)
{
    (void)state;
    struct vfp_trace *collector = vfp_trace_count();
    struct trace *host = trace_create(vfp_trace_sink(collector), 0, "host");
    struct trace *guest = trace_create(vfp_trace_sink(collector), 1, "guest 1");
    one_request(guest, host, 1, false);
    assert_int_equal(vfp_trace_doors(collector, NULL, "config window write", NULL, 0), 2);
    assert_int_equal(vfp_trace_doors(collector, "host", "config window write", NULL, 0), 1);
    assert_int_equal(vfp_trace_doors(collector, "host", "config window write", "4", 0), 1);
    assert_int_equal(vfp_trace_doors(collector, "host", "config window write", "5", 0), 0);
    assert_int_equal(vfp_trace_doors(collector, NULL, "config window write", NULL, UINT64_MAX), 0);
    trace_destroy(guest);
    trace_destroy(host);
    vfp_trace_destroy(collector);
}

static void a_guest_may_write_anything_into_its_pipe(void **state)
{
    (void)state;
    struct output output;
    int pipe_ends[2];
    output_open(&output);
    assert_int_equal(pipe(pipe_ends), 0);
    struct vfp_trace *collector = vfp_trace_text(output.stream);
    assert_int_equal(vfp_trace_join(collector, pipe_ends[0]), 0);
    struct trace_record record;
    memset(&record, 'x', sizeof(record)); /* no text ends, kind out of range */
    assert_int_equal(write(pipe_ends[1], &record, sizeof(record)), (int)sizeof(record));
    record.kind = TRACE_REFUSED;
    record.partition[0] = '\x1b'; /* a terminal escape */
    assert_int_equal(write(pipe_ends[1], &record, sizeof(record)), (int)sizeof(record));
    record.kind = TRACE_SPAN;
    record.id = record.parent = 5; /* its own parent */
    assert_int_equal(write(pipe_ends[1], &record, sizeof(record)), (int)sizeof(record));
    for (uint64_t i = 0; i < 2000; i++) { /* a chain deeper than any request */
        record.id = 100 + i;
        record.parent = 99 + i;
        record.start_ns = i;
        assert_int_equal(write(pipe_ends[1], &record, sizeof(record)), (int)sizeof(record));
    }
    assert_int_equal(write(pipe_ends[1], &record, 7), 7); /* half a record */
    close(pipe_ends[1]);
    vfp_trace_drain(collector);
    vfp_trace_flush(collector);
    assert_null(strchr(output.text, '\x1b'));
    assert_non_null(strstr(output.text, "refused by xxx"));
    vfp_trace_destroy(collector);
    output_close(&output);
}

static void the_summary_counts_refusals_by_rule(void **state)
{
    (void)state;
    struct output output;
    output_open(&output);
    struct vfp_trace *collector = vfp_trace_count();
    struct trace *host = trace_create(vfp_trace_sink(collector), 0, "host");
    trace_enter_thread(host);
    for (int i = 0; i < 3; i++)
        TRACE_REFUSE("vstack", "READ_ONLY pci.md 4.5", "I/O Space");
    TRACE_DOOR(span, "ndis", "NdisMGetBusData", "%s", "");
    TRACE_DONE(span, "64");
    trace_enter_thread(NULL);
    vfp_trace_summary(collector, output.stream);
    fflush(output.stream);
    assert_non_null(strstr(output.text, "READ_ONLY pci.md 4.5                            3  host"));
    assert_non_null(strstr(output.text, "NdisMGetBusData                                 1  ok"));
    trace_destroy(host);
    vfp_trace_destroy(collector);
    output_close(&output);
}

static unsigned count_phase(const json_t *events, const char *phase)
{
    unsigned count = 0;
    for (size_t i = 0; i < json_array_size(events); i++)
        count += strcmp(json_string_value(json_object_get(json_array_get(events, i), "ph")), phase) == 0;
    return count;
}

static const json_t *event_named(const json_t *events, const char *phase, const char *name)
{
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        if (strcmp(json_string_value(json_object_get(event, "ph")), phase) == 0 &&
            strcmp(json_string_value(json_object_get(event, "name")), name) == 0)
            return event;
    }
    fail_msg("no event %s %s", phase, name);
    return NULL;
}

static void chrome_is_one_array_with_an_arrow_between_partitions(void **state)
{
    (void)state;
    struct output output;
    output_open(&output);
    struct vfp_trace *collector = vfp_trace_chrome(output.stream);
    struct trace *host = trace_create(vfp_trace_sink(collector), 0, "host");
    struct trace *guest = trace_create(vfp_trace_sink(collector), 1, "guest 1");
    one_request(guest, host, 77, true);
    trace_destroy(guest);
    trace_destroy(host);
    vfp_trace_destroy(collector);
    fflush(output.stream);
    json_error_t error;
    json_t *events = json_loads(output.text, 0, &error);
    assert_true(json_is_array(events));
    assert_int_equal(count_phase(events, "X"), 3);
    assert_int_equal(count_phase(events, "i"), 1);
    assert_int_equal(count_phase(events, "M"), 2);
    const json_t *from = event_named(events, "s", "request"), *to = event_named(events, "f", "request");
    assert_string_equal(json_string_value(json_object_get(from, "id")), "77");
    assert_string_equal(json_string_value(json_object_get(to, "id")), "77");
    assert_int_equal(json_integer_value(json_object_get(from, "pid")), 1);
    assert_int_equal(json_integer_value(json_object_get(to, "pid")), 0);
    const json_t *outer = event_named(events, "X", "NdisMSetBusData");
    assert_true(json_real_value(json_object_get(outer, "dur")) >= 0);
    assert_int_equal(json_integer_value(json_object_get(outer, "tid")), gettid());
    assert_string_equal(json_string_value(json_object_get(json_object_get(outer, "args"), "result")), "2");
    json_decref(events);
    output_close(&output);
}

static void chrome_without_a_record_is_an_empty_array(void **state)
{
    (void)state;
    struct output output;
    output_open(&output);
    vfp_trace_destroy(vfp_trace_chrome(output.stream));
    fflush(output.stream);
    assert_string_equal(output.text, "[]\n");
    output_close(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_one_tree_across_partitions),
        cmocka_unit_test(requests_alike_are_one_line_each_but_never_hide_a_note),
        cmocka_unit_test(json_is_one_object_a_record),
        cmocka_unit_test(chrome_is_one_array_with_an_arrow_between_partitions),
        cmocka_unit_test(chrome_without_a_record_is_an_empty_array),
        cmocka_unit_test(doors_are_counted_by_partition_result_and_time),
        cmocka_unit_test(a_guest_may_write_anything_into_its_pipe),
        cmocka_unit_test(the_summary_counts_refusals_by_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
