/* SPDX-License-Identifier: MIT
 *
 * What is found when a partition ends, or is ended by its driver.
 */
#include "nt_test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nt/contract.h"

static void a_timer_still_armed_is_reported(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    static KTIMER timer;

    (void)state;
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, (LARGE_INTEGER){.QuadPart = -100000000000ll}, NULL);
    nt_test_end(fixture);
    nt_test_expect(fixture, "TIMER_LEAK");
    nt_test_free(fixture);
}

static void device_memory_still_mapped_is_reported(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);

    (void)state;
    assert_non_null(MmMapIoSpace((PHYSICAL_ADDRESS){.QuadPart = 0x1000}, 0x1000, MmNonCached));
    nt_test_end(fixture);
    nt_test_expect(fixture, "MAPPING_LEAK");
    nt_test_free(fixture);
}

static void say(const struct vfp_finding *finding, void *context)
{
    size_t length = strlen(finding->rule->name);

    if (write(*(int *)context, finding->rule->name, length) != (ssize_t)length)
        _exit(1);
}

static void stop_with_parameters(void)
{
    KeBugCheckEx(0xD1, 1, 2, 3, 4);
}

static void stop(void)
{
    KeBugCheck(0xD1);
}

/* The process is the machine: it ends with SIGABRT, after the finding was told. */
static void ends_the_process(void (*bugcheck)(void))
{
    char rule[32] = {0};
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        struct nt_partition *partition = nt_partition_create(&(struct nt_partition_options){.name = "test"});

        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        nt_on_finding(partition, say, &ends[1]);
        nt_enter(partition);
        bugcheck();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], rule, sizeof rule - 1), strlen("BUGCHECK"));
    assert_string_equal(rule, "BUGCHECK");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    close(ends[0]);
}

static void a_bugcheck_is_reported_and_ends_the_process(void **state)
{
    (void)state;
    ends_the_process(stop_with_parameters);
    ends_the_process(stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_still_armed_is_reported),
        cmocka_unit_test(device_memory_still_mapped_is_reported),
        cmocka_unit_test(a_bugcheck_is_reported_and_ends_the_process),
    };
    return cmocka_run_group_tests_name("ends", tests, NULL, NULL);
}
