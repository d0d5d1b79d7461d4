/* SPDX-License-Identifier: MIT
 *
 * IRQL rules cost less than 5 ns (usersim #184 was too slow to use). Not the time is taken, which depends on the
 * machine and on who else is on it, but the instructions are counted: a child does it many times, its parent steps
 * through.
 */
#include "nt_test.h"
#include "sanitizer.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMES 200u
#define LIMIT 15u /* what a processor of 3 GHz that does one a cycle does in 5 ns */

#if defined(WITH_SANITIZER) || !defined(__OPTIMIZE__)
#define INSTRUMENTED 1
#endif

static void check_only(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        bool allowed = nt_irql_at_most(DISPATCH_LEVEL, "test");
        __asm__ volatile("" : : "r"(allowed) : "memory");
    }
}

static void child(void (*work)(unsigned times), unsigned times)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(1);
    raise(SIGSTOP);
    work(times);
    raise(SIGSTOP);
    _exit(0);
}

/* Instructions between the two stops; -1: nobody may trace here. */
static long steps(void (*work)(unsigned times), unsigned times)
{
    int status;
    long count = 0;
    pid_t pid = fork();
    if (pid == 0)
        child(work, times);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        return -1;
    do {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid)
            break;
        count++;
    } while (WIFSTOPPED(status) && WSTOPSIG(status) != SIGSTOP);
    if (!WIFSTOPPED(status))
        return -1;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return count;
}

static void an_irql_rule_costs_under_5_ns(void **state)
{
    (void)state;
#ifdef INSTRUMENTED
    TEST_SKIP("the compiler adds instructions of its own (a sanitizer, or no optimisation)");
#endif
    long none = steps(check_only, 0), many = steps(check_only, TIMES);
    if (none < 0 || many < 0)
        TEST_SKIP("this process may not trace its children");
    assert_true(many > none);
    double each = (double)(many - none) / TIMES;
    if (each > LIMIT)
        fail_msg("%.1f instructions for one rule", each);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_irql_rule_costs_under_5_ns),
    };
    return cmocka_run_group_tests_name("irql cost", tests, NULL, NULL);
}
