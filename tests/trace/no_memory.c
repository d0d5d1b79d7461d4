/* SPDX-License-Identifier: MIT
 *
 * A trace for which memory ends at any point: what is lost is said, what is kept is whole, and nothing stays behind.
 */
#include "test.h"

#include "scarce.h"

#include <errno.h>
#include <unistd.h>

#include <vfplane/trace.h>

#include "trace/trace.h"

struct output {
    FILE *stream;
    char *text;
    size_t size;
};

/* The collector, and what is the test's: that is there before memory ends and after. */
struct rig {
    struct output output;
    struct vfp_trace *collector;
    struct trace *trace;
};

static void rig_begin(struct rig *rig, struct vfp_trace *(*make)(FILE *stream))
{
    unsigned armed = scarce_countdown;
    scarce_countdown = 0;
    rig->output.stream = open_memstream(&rig->output.text, &rig->output.size);
    assert_non_null(rig->output.stream);
    scarce_countdown = armed;
    rig->collector = make(rig->output.stream);
    rig->trace = rig->collector ? trace_create(vfp_trace_sink(rig->collector), 1, "host") : NULL;
}

static void rig_end(struct rig *rig)
{
    trace_enter_thread(NULL);
    trace_destroy(rig->trace);
    vfp_trace_destroy(rig->collector);
    fclose(rig->output.stream);
    scarce_live++; /* the text is of libc's own allocation */
    free(rig->output.text);
}

static void one_door(const char *result)
{
    TRACE_DOOR(span, "ndis", "NdisMSetBusData", "2 bytes at 004");
    TRACE_NOTE("pci", "Command 0000 -> 0004");
    TRACE_REFUSE("pci", "A_RULE row 1", "refused");
    TRACE_DONE(span, "%s", result);
}

/* Whether all of it is in the output; what is not is said there. */
static bool prints_what_was_traced(void *context)
{
    struct rig rig;
    (void)context;
    rig_begin(&rig, vfp_trace_text);
    bool whole = false;
    if (rig.trace) {
        trace_enter_thread(rig.trace);
        one_door("2");
        vfp_trace_flush(rig.collector);
        const char *text = rig.output.text;
        whole = strstr(text, "NdisMSetBusData") && strstr(text, "Command 0000") && !strstr(text, "lost");
        if (!whole)
            assert_true(strstr(text, "(some of the trace was lost: out of memory)") ||
                        strstr(text, "trace records not shown: out of memory"));
    }
    rig_end(&rig);
    return whole;
}

/* Counts go by names that may have been lost: a door of no name is no other door. */
static bool counts_what_was_traced(void *context)
{
    struct rig rig;
    (void)context;
    rig_begin(&rig, vfp_trace_text);
    bool whole = false;
    if (rig.trace) {
        trace_enter_thread(rig.trace);
        for (unsigned i = 0; i < 3; i++)
            one_door("2");
        unsigned armed = scarce_countdown; /* the question is the test's */
        scarce_countdown = 0;
        uint64_t count = vfp_trace_doors(rig.collector, "host", "NdisMSetBusData", "2", 0);
        assert_true(count <= 3);
        whole = count == 3;
        scarce_countdown = armed;
    }
    rig_end(&rig);
    return whole;
}

static bool draws_for_a_browser(void *context)
{
    struct rig rig;
    (void)context;
    rig_begin(&rig, vfp_trace_chrome);
    bool made = rig.trace != NULL;
    if (made) {
        trace_enter_thread(rig.trace);
        one_door("2");
    }
    rig_end(&rig);
    return made;
}

static bool joins_a_guest(void *context)
{
    struct rig rig;
    int ends[2], error = -ENOMEM;
    (void)context;
    assert_int_equal(pipe(ends), 0);
    rig_begin(&rig, vfp_trace_text);
    if (rig.collector)
        error = vfp_trace_join(rig.collector, ends[0]);
    assert_true(!error || error == -ENOMEM || error == -EAGAIN);
    close(ends[1]);
    if (rig.collector)
        vfp_trace_drain(rig.collector);
    rig_end(&rig);
    if (error) /* else the join's own */
        close(ends[0]);
    return !error;
}

static void memory_that_ends_at_any_point_is_said(void **state)
{
    (void)state;
    assert_true(scarce_each(prints_what_was_traced, NULL) >= 8);
    assert_true(scarce_each(counts_what_was_traced, NULL) >= 5);
    assert_true(scarce_each(draws_for_a_browser, NULL) >= 3);
    assert_int_equal(scarce_each(joins_a_guest, NULL), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_ends_at_any_point_is_said),
    };
    return cmocka_run_group_tests_name("no memory", tests, NULL, NULL);
}
