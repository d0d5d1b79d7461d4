/* SPDX-License-Identifier: MIT
 *
 * A partition for a test, and the rules that were reported as broken in it.
 */
#ifndef VFPLANE_NT_TEST_H
#define VFPLANE_NT_TEST_H

#include "test.h"

#include <pthread.h>
#include <wdm.h>

#include "nt/nt.h"

#define NT_TEST_RULES 64

struct nt_fixture {
    struct trace_sink sink;
    struct trace *trace;
    struct nt_partition *partition;
    char rules[NT_TEST_RULES][48];
    char details[NT_TEST_RULES][168];
    unsigned count; /* of rules; written under the trace's lock */
    char note[168]; /* the last one */
};

static inline void nt_test_record(struct trace_sink *sink, const struct trace_record *record)
{
    struct nt_fixture *fixture = (struct nt_fixture *)sink;
    if (record->kind == TRACE_NOTE)
        memcpy(fixture->note, record->detail, sizeof(record->detail));
    if (record->kind != TRACE_REFUSED || fixture->count == NT_TEST_RULES)
        return;
    memcpy(fixture->rules[fixture->count], record->rule, sizeof(record->rule));
    memcpy(fixture->details[fixture->count++], record->detail, sizeof(record->detail));
}

static inline struct nt_fixture *nt_test_begin(bool real_time)
{
    struct nt_fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->sink.record = nt_test_record;
    fixture->trace = trace_create(&fixture->sink, 1, "test");
    fixture->partition = nt_partition_create(&(struct nt_partition_options){
        .name = "test", .role = NT_PARENT, .trace = fixture->trace, .real_time = real_time});
    assert_non_null(fixture->partition);
    nt_enter(fixture->partition);
    return fixture;
}

/* Ends the partition; the fixture with its rules stays, for nt_test_free. Returns the bytes that leaked. */
static inline size_t nt_test_end(struct nt_fixture *fixture)
{
    size_t leaked = nt_partition_destroy(fixture->partition);
    assert_null(nt_current());
    fixture->partition = NULL;
    return leaked;
}

static inline void nt_test_free(struct nt_fixture *fixture)
{
    trace_destroy(fixture->trace);
    free(fixture);
}

/* Ends a partition in which nothing may have gone wrong (any more). */
static inline void nt_test_finish(struct nt_fixture *fixture)
{
    size_t leaked = nt_test_end(fixture);
    assert_int_equal(leaked, 0);
    if (fixture->count)
        fail_msg("unexpected report %s: %s", fixture->rules[0], fixture->details[0]);
    nt_test_free(fixture);
}

/* Exactly one rule was reported since the last call, this one. */
static inline void nt_test_expect(struct nt_fixture *fixture, const char *rule)
{
    if (fixture->count != 1)
        fail_msg("%u reports instead of one %s", fixture->count, rule);
    assert_string_equal(fixture->rules[0], rule);
    fixture->count = 0;
}

#endif
