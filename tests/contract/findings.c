/* SPDX-License-Identifier: MIT
 *
 * Findings as a host program gets them (vfplane/contract.h), of a driver image.
 */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vfplane/host.h>

#include "commands.h"

#define SET           1
#define PACKET_FILTER 0x0001010Eu
#define EXIT_GUARD    42
#define EXIT_OTHER    43
#define FOUND_MAX     8

struct rig {
    struct vfp_host *host;
    struct vfp_adapter *adapter;
    struct vfp_finding heard[FOUND_MAX];
    unsigned heard_count;
};

static void hear(const struct vfp_finding *finding, void *context)
{
    struct rig *rig = context;

    if (rig->heard_count < FOUND_MAX)
        rig->heard[rig->heard_count++] = *finding;
}

static void start(struct rig *rig, enum vfp_contracts contracts)
{
    struct vfp_host_options options = {.contracts = contracts, .on_finding = hear, .finding_context = rig};
    struct vfp_pf *pf;
    struct vfp_driver *driver;

    *rig = (struct rig){.host = vfp_host_create(&options)};
    assert_non_null(rig->host);
    pf = vfp_pf_add(rig->host, getenv("CONTRACT_PROFILE"), NULL);
    assert_non_null(pf);
    driver = vfp_driver_load(rig->host, getenv("CONTRACT_IMAGE"));
    if (!driver)
        fail_msg("%s", vfp_host_error(rig->host));
    rig->adapter = vfp_adapter_start(driver, pf);
    if (!rig->adapter)
        fail_msg("%s", vfp_host_error(rig->host));
}

static void command(struct rig *rig, uint8_t what)
{
    uint8_t room[24] = {0}, *buffer = room + 8; /* what lies round the 8 bytes is ours too */

    buffer[0] = what;
    assert_int_equal(vfp_oid(rig->adapter, SET, PACKET_FILTER, buffer, 8, 0).status, 0);
}

struct list {
    struct vfp_finding findings[FOUND_MAX];
    unsigned count;
};

static void add(const struct vfp_finding *finding, void *context)
{
    struct list *list = context;

    if (list->count < FOUND_MAX)
        list->findings[list->count++] = *finding;
}

static bool names_source(const struct vfp_finding *finding, const char *what)
{
    char text[256];

    for (unsigned i = 0; i < finding->frame_count; i++) {
        vfp_frame_name(finding->frames[i], text, sizeof text);
        if (strstr(text, what))
            return true;
    }
    return false;
}

static void a_finding_says_rule_driver_routine_request_state_and_line(void **state)
{
    struct rig rig;
    struct list list = {.count = 0};

    (void)state;
    start(&rig, VFP_COUNT);
    command(&rig, COMMAND_SLEEP);
    vfp_findings(rig.host, add, &list);
    assert_int_equal(list.count, 1);
    assert_ptr_equal(list.findings[0].rule, vfp_rule_find("IRQL_TOO_HIGH"));
    assert_string_equal(list.findings[0].driver, "contract_image.so");
    assert_string_equal(list.findings[0].routine, "NdisMSleep");
    assert_string_equal(list.findings[0].request, "OID_GEN_CURRENT_PACKET_FILTER");
    assert_string_equal(list.findings[0].state, "Running");
    assert_true(names_source(&list.findings[0], "(contract_image.so) at image.c:"));
    vfp_host_destroy(rig.host);
}

static void what_is_broken_again_is_counted_and_heard_once(void **state)
{
    struct rig rig;
    struct list list = {.count = 0};

    (void)state;
    start(&rig, VFP_COUNT);
    for (int i = 0; i < 3; i++)
        command(&rig, COMMAND_SLEEP);
    command(&rig, COMMAND_DISABLE);
    vfp_findings(rig.host, add, &list);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.findings[0].count, 3);
    assert_int_equal(list.findings[1].count, 1);
    assert_int_equal(rig.heard_count, 2);
    assert_int_equal(vfp_violations(rig.host), 3); /* what is suspicious is no violation */
    vfp_host_destroy(rig.host);
}

static void a_leak_is_heard_when_the_host_ends(void **state)
{
    struct rig rig;

    (void)state;
    start(&rig, VFP_COUNT);
    command(&rig, COMMAND_LEAK);
    assert_int_equal(rig.heard_count, 0);
    assert_int_equal(vfp_host_destroy(rig.host), 100);
    assert_int_equal(rig.heard_count, 1);
    assert_string_equal(rig.heard[0].rule->name, "POOL_LEAK");
    assert_string_equal(rig.heard[0].driver, "contract_image.so");
}

static void without_the_checks_no_guard_stands(void **state)
{
    struct rig rig;

    (void)state;
    start(&rig, VFP_UNCHECKED);
    command(&rig, COMMAND_WRITE_BEFORE);
    command(&rig, COMMAND_WRITE_BEHIND);
    assert_int_equal(rig.heard_count, 0);
    command(&rig, COMMAND_SLEEP);
    assert_int_equal(rig.heard_count, 1);
    vfp_host_destroy(rig.host);
}

static void a_byte_before_the_buffer_breaks_the_canary(void **state)
{
    struct rig rig;

    (void)state;
    start(&rig, VFP_COUNT);
    for (int i = 0; i < 2; i++) { /* the canary is planted anew */
        command(&rig, COMMAND_WRITE_BEFORE);
        command(&rig, COMMAND_NOTHING);
    }
    assert_int_equal(rig.heard_count, 1);
    assert_string_equal(rig.heard[0].rule->name, "OID_BUFFER_BOUNDS");
    assert_int_equal(vfp_violations(rig.host), 2);
    vfp_host_destroy(rig.host);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    _exit(vfp_is_guard_address(info->si_addr) ? EXIT_GUARD : EXIT_OTHER);
}

/* How a process ends that gives the driver this command. */
static int end_of(uint8_t what, enum vfp_contracts contracts, char *printed, size_t size)
{
    int status, pipes[2];
    ssize_t length, used = 0;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
        struct rig rig;

        sigaction(SIGSEGV, &action, NULL);
        signal(SIGABRT, SIG_DFL);
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        start(&rig, contracts);
        command(&rig, what);
        _exit(0);
    }
    close(pipes[1]);
    while ((length = read(pipes[0], printed + used, size - 1 - (size_t)used)) > 0)
        used += length;
    printed[used] = '\0';
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void a_fault_in_the_guard_is_told_from_others(void **state)
{
    char printed[8192];
    int status = end_of(COMMAND_WRITE_BEHIND, VFP_COUNT, printed, sizeof printed);

    (void)state;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_GUARD);
    status = end_of(COMMAND_NULL, VFP_COUNT, printed, sizeof printed);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OTHER);
    assert_false(vfp_is_guard_address(NULL));
    assert_false(vfp_is_guard_address((void *)~(uintptr_t)0));
    assert_false(vfp_is_guard_address(printed));
}

static void stop_stops_at_a_violation_and_not_at_a_suspicion(void **state)
{
    char printed[8192];
    int status = end_of(COMMAND_SLEEP, VFP_STOP, printed, sizeof printed);

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(printed, "violation: IRQL_TOO_HIGH"));
    assert_non_null(strstr(printed, "image.c:"));
    status = end_of(COMMAND_DISABLE, VFP_STOP, printed, sizeof printed);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_non_null(strstr(printed, "suspicious: VIRTUALIZATION_OFF_TWICE"));
}

static void log_prints_and_goes_on(void **state)
{
    char printed[8192];
    int status = end_of(COMMAND_SLEEP, VFP_LOG, printed, sizeof printed);

    (void)state;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_non_null(strstr(printed, "request: OID_GEN_CURRENT_PACKET_FILTER"));
}

static void every_rule_is_found_by_its_name(void **state)
{
    size_t count;
    const struct vfp_rule *rules = vfp_rules(&count);

    (void)state;
    assert_true(count > 100);
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal(vfp_rule_find(rules[i].name), &rules[i]);
    assert_null(vfp_rule_find("NO_SUCH_RULE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finding_says_rule_driver_routine_request_state_and_line),
        cmocka_unit_test(what_is_broken_again_is_counted_and_heard_once),
        cmocka_unit_test(a_leak_is_heard_when_the_host_ends),
        cmocka_unit_test(without_the_checks_no_guard_stands),
        cmocka_unit_test(a_byte_before_the_buffer_breaks_the_canary),
        cmocka_unit_test(a_fault_in_the_guard_is_told_from_others),
        cmocka_unit_test(stop_stops_at_a_violation_and_not_at_a_suspicion),
        cmocka_unit_test(log_prints_and_goes_on),
        cmocka_unit_test(every_rule_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
