/* SPDX-License-Identifier: MIT
 *
 * Pages that a PF driver answers for, and targets of interrupts, all the way: drivers/refgen, the host program's calls
 * of vfplane/host.h, and the example's VMM with its guest at the other end.
 */
#include "guest.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "test.h"
#include <vfplane/vmm.h>

#define PAGE 4096u
#define ASKS 64

struct heard {
    unsigned told, count; /* of BAR 0 */
    struct vfp_range ranges[4];
    bool mapped;
    unsigned mapped_with; /* ranges when it was mapped last */
    struct vfp_delivery interrupt;
    uint16_t processor;
    unsigned interrupts, ended;
};

struct machine {
    struct vfp_host *host;
    struct vfp_pf *pf;
    struct vfp_adapter *adapter;
    struct vfp_vf *vf;
    struct vfp_vmm *vmm;
    struct vfp_channel *channel;
    char folder[32], path[64];
    int stop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct heard heard; /* under lock */
};
static struct machine machine;
static struct guest guest;

/* ---- the host program's callbacks -------------------------------------------------------------------------------- */

static void on_ended(void *context, bool orderly, const char *reason)
{
    (void)context, (void)orderly, (void)reason;
    pthread_mutex_lock(&machine.lock);
    machine.heard.ended++;
    assert_int_equal(machine.heard.count, 0); /* taken back by now */
    pthread_cond_broadcast(&machine.changed);
    pthread_mutex_unlock(&machine.lock);
}

static void on_ranges(void *context, const struct vfp_ranges *ranges)
{
    (void)context;
    assert_true(ranges->index < 6 && ranges->count <= 4);
    pthread_mutex_lock(&machine.lock);
    machine.heard.told++;
    assert_int_equal(ranges->index, 0);
    machine.heard.count = ranges->count;
    memcpy(machine.heard.ranges, ranges->ranges, ranges->count * sizeof(ranges->ranges[0]));
    pthread_mutex_unlock(&machine.lock);
}

static void on_bar(void *context, const struct vfp_bar *bar)
{
    (void)context;
    pthread_mutex_lock(&machine.lock);
    if (bar->index == 0) {
        machine.heard.mapped = bar->mapped;
        machine.heard.mapped_with = machine.heard.count;
    }
    pthread_mutex_unlock(&machine.lock);
}

static void on_interrupt(void *context, const struct vfp_delivery *interrupt)
{
    (void)context;
    pthread_mutex_lock(&machine.lock);
    machine.heard.interrupt = *interrupt;
    machine.heard.processor = interrupt->processors[0];
    machine.heard.interrupts++;
    pthread_mutex_unlock(&machine.lock);
}

static struct heard heard(void)
{
    pthread_mutex_lock(&machine.lock);
    struct heard copy = machine.heard;
    pthread_mutex_unlock(&machine.lock);
    return copy;
}

/* ---- the rig ----------------------------------------------------------------------------------------------------- */

static void *serve(void *context)
{
    (void)context;
    assert_int_equal(vfp_host_run(machine.host, machine.stop), 0);
    return NULL;
}

static void start(const char *driver_path)
{
    memset(&machine, 0, sizeof(machine));
    memset(&guest, 0, sizeof(guest));
    pthread_mutex_init(&machine.lock, NULL);
    pthread_cond_init(&machine.changed, NULL);
    machine.host = vfp_host_create(&(struct vfp_host_options){0});
    machine.pf = vfp_pf_add(machine.host, getenv("REFNIC_PROFILE"), NULL);
    struct vfp_driver *driver = vfp_driver_load(machine.host, driver_path);
    assert_true(machine.pf && driver);
    machine.adapter = vfp_adapter_start(driver, machine.pf);
    assert_non_null(machine.adapter);
    assert_int_equal(vfp_switch_create(machine.adapter, 2), 0);
    assert_int_equal(vfp_vf_allocate(machine.adapter, &machine.vf), 0);
    strcpy(machine.folder, "/tmp/vfplane-vmm-XXXXXX");
    assert_non_null(mkdtemp(machine.folder));
    snprintf(machine.path, sizeof(machine.path), "%s/vm", machine.folder);
    machine.vmm = vfp_channel_listen(machine.host, machine.path);
    assert_non_null(machine.vmm);
    const struct vfp_channel_options options = {
        .name = "vm", .ended = on_ended, .interrupt = on_interrupt, .bar = on_bar, .ranges = on_ranges};
    assert_int_equal(vfp_channel_offer(machine.vmm, machine.vf, &options, &machine.channel), 0);
    machine.stop = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pthread_create(&machine.thread, NULL, serve, NULL), 0);
}

static int set_up(void **state)
{
    (void)state;
    start(getenv("REFGEN"));
    return 0;
}

static int set_up_miniport(void **state)
{
    (void)state;
    start(getenv("REFNIC_PF"));
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    vmm_disconnect(&guest.vmm);
    assert_int_equal(write(machine.stop, &(uint64_t){1}, 8), 8);
    pthread_join(machine.thread, NULL);
    close(machine.stop);
    assert_int_equal(vfp_violations(machine.host), 0);
    assert_int_equal(vfp_host_destroy(machine.host), 0);
    assert_int_equal(rmdir(machine.folder), 0);
    return 0;
}

/* Runs the guest until `at` stops it. */
static void run(int (*at)(struct guest *guest, enum guest_step step))
{
    guest.at = at;
    assert_int_equal(guest_run(&guest, machine.path), -ECANCELED);
}

/* ---- a host program that asks ------------------------------------------------------------------------------------ */

struct asked {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned done;
    int result;
    uint64_t value;
};

static void on_done(void *context, int result, uint64_t value)
{
    struct asked *asked = context;
    pthread_mutex_lock(&asked->lock);
    asked->done++;
    asked->result = result;
    asked->value = value;
    pthread_cond_broadcast(&asked->changed);
    pthread_mutex_unlock(&asked->lock);
}

static int access_page(unsigned bar, uint64_t offset, unsigned length, bool write, uint64_t *value)
{
    struct asked asked = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    const struct vfp_register access = {bar, offset, length, write, *value};
    assert_int_equal(vfp_channel_register(machine.channel, &access, on_done, &asked), 0);
    pthread_mutex_lock(&asked.lock);
    while (!asked.done)
        pthread_cond_wait(&asked.changed, &asked.lock);
    pthread_mutex_unlock(&asked.lock);
    *value = asked.value;
    return asked.result;
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static int asleep_through_the_vmm(struct guest *g, enum guest_step step)
{
    const struct vmm_ranges *ranges = &g->vmm.channel.ranges[0];
    if (step == GUEST_D0)
        assert_int_equal(ranges->count, 0); /* it is awake */
    if (step == GUEST_ASLEEP) {
        uint64_t value = 0;
        assert_true(g->vmm.channel.mapped[0]);
        assert_int_equal(ranges->count, 2);
        assert_true(ranges->list[0].offset == 0 && ranges->list[0].length == PAGE);
        assert_int_equal(ranges->list[0].accesses, VFP_VMM_RANGE_READS | VFP_VMM_RANGE_WRITES);
        assert_true(ranges->list[1].offset == PAGE && ranges->list[1].length == PAGE);
        assert_int_equal(ranges->list[1].accesses, VFP_VMM_RANGE_READS);
        for (uint32_t size = 1; size <= 8; size++) {
            value = 0;
            assert_int_equal(vmm_register(&g->vmm, false, 0, 2 * PAGE - size, size, &value), 0);
            assert_true(value == UINT64_MAX >> (64 - 8 * size));
        }
        assert_int_equal(vmm_register(&g->vmm, true, 0, 0x10, 4, &value), 0);
        assert_int_equal(g->vmm.status, 0);
        assert_int_equal(vmm_register(&g->vmm, true, 0, PAGE, 4, &value), -ENOENT);
        assert_int_equal(vmm_register(&g->vmm, false, 0, 2 * PAGE, 4, &value), -ENOENT);
        assert_int_equal(vmm_register(&g->vmm, false, 0, 2 * PAGE - 2, 4, &value), 0); /* across the edge */
        assert_int_equal(g->vmm.status, EINVAL);
        assert_int_equal(vmm_register(&g->vmm, false, 0, 1ull << 40, 4, &value), 0);
        assert_int_equal(g->vmm.status, EINVAL);
        assert_true(value == UINT64_MAX);
    }
    if (step == GUEST_RUNNING) {
        uint64_t value = 0;
        assert_int_equal(ranges->count, 0);
        assert_int_equal(vmm_register(&g->vmm, false, 0, 0, 4, &value), -ENOENT); /* the guest's own again */
        return -ECANCELED;
    }
    return 0;
}

static void a_vf_that_sleeps_reads_as_all_ones_through_the_vmm(void **state)
{
    (void)state;
    run(asleep_through_the_vmm);
    assert_int_equal(guest.mitigated, 3);
}

static int asleep_through_the_program(struct guest *g, enum guest_step step)
{
    (void)g;
    static const struct {
        unsigned bar;
        uint64_t offset;
        unsigned length;
        int read, write;
    } rows[] = {
        {0, 0, 4, 0, 0},
        {0, PAGE, 8, 0, -ENOENT},
        {0, 2 * PAGE, 4, -ENOENT, -ENOENT},
        {0, 0, 0, -EINVAL, -EINVAL},
        {0, 0, 9, -EINVAL, -EINVAL},
        {0, UINT64_MAX, 4, -EINVAL, -EINVAL},
        {1, 0, 4, -EINVAL, -EINVAL},
        {6, 0, 4, -EINVAL, -EINVAL},
        {UINT32_MAX, 0, 4, -EINVAL, -EINVAL},
    };
    if (step == GUEST_ASLEEP) {
        struct heard now = heard();
        assert_true(now.mapped);
        assert_int_equal(now.mapped_with, 2);
        assert_true(now.ranges[0].reads && now.ranges[0].writes && now.ranges[1].reads && !now.ranges[1].writes);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            uint64_t value = 0;
            assert_int_equal(access_page(rows[i].bar, rows[i].offset, rows[i].length, false, &value), rows[i].read);
            assert_true(value == (rows[i].read ? UINT64_MAX : UINT64_MAX >> (64 - 8 * rows[i].length)));
            assert_int_equal(access_page(rows[i].bar, rows[i].offset, rows[i].length, true, &value), rows[i].write);
        }
    }
    return step == GUEST_RUNNING ? -ECANCELED : 0;
}

static void a_host_program_is_told_the_same_and_asks_the_same(void **state)
{
    uint64_t value = 0;
    (void)state;
    run(asleep_through_the_program);
    assert_int_equal(heard().count, 0);
    assert_int_equal(access_page(0, 0, 4, false, &value), -ENOENT);
    vmm_disconnect(&guest.vmm);
    pthread_mutex_lock(&machine.lock);
    while (!machine.heard.ended)
        pthread_cond_wait(&machine.changed, &machine.lock);
    pthread_mutex_unlock(&machine.lock);
    assert_int_equal(access_page(0, 0, 4, false, &value), -ENODEV); /* nobody's VF */
    assert_true(value == UINT64_MAX);
    assert_int_equal(vmm_connect(&guest.vmm, machine.path), 0);
}

/* It leaves while its VF sleeps: the list is taken back, and the next guest begins with none. */
static int leave_asleep(struct guest *g, enum guest_step step)
{
    (void)g;
    return step == GUEST_ASLEEP ? -ECANCELED : 0;
}

static void what_a_guest_leaves_asleep_is_awake_for_the_next(void **state)
{
    (void)state;
    run(leave_asleep);
    assert_int_equal(heard().count, 2);
    assert_int_equal(vmm_close(&guest.vmm), 0);
    assert_int_equal(guest.vmm.channel.ranges[0].count, 0); /* told before CLOSED */
    assert_int_equal(heard().count, 0);
    assert_false(heard().mapped);
    vmm_disconnect(&guest.vmm);
    pthread_mutex_lock(&machine.lock);
    while (!machine.heard.ended)
        pthread_cond_wait(&machine.changed, &machine.lock);
    pthread_mutex_unlock(&machine.lock);
    vfp_channel_close(machine.channel);
    const struct vfp_channel_options options = {
        .name = "vm", .ended = on_ended, .interrupt = on_interrupt, .bar = on_bar, .ranges = on_ranges};
    assert_int_equal(vfp_channel_offer(machine.vmm, machine.vf, &options, &machine.channel), 0);
    memset(&guest, 0, sizeof(guest));
    run(asleep_through_the_vmm);
}

static int stop_when_running(struct guest *g, enum guest_step step)
{
    (void)g;
    return step == GUEST_RUNNING ? -ECANCELED : 0;
}

static void a_pf_that_is_a_miniport_mitigates_nothing(void **state)
{
    uint64_t value = 0;
    (void)state;
    run(stop_when_running);
    assert_int_equal(heard().told, 0);
    assert_int_equal(access_page(0, 0, 4, false, &value), -ENOENT);
    assert_true(value == UINT64_MAX);
}

static int asleep_without_its_bar(struct guest *g, enum guest_step step)
{
    if (step == GUEST_ASLEEP) {
        assert_false(g->vmm.channel.mapped[0]);
        assert_int_equal(heard().count, 2);
        assert_true(heard().mapped); /* for the program, which was told */
    }
    return stop_when_running(g, step);
}

static void a_version_1_vmm_has_no_bar_of_a_vf_that_sleeps_and_its_program_is_told(void **state)
{
    (void)state;
    guest.vmm.highest = 1;
    run(asleep_without_its_bar);
    assert_int_equal(guest.vmm.version, 1);
    assert_int_equal(guest.mitigated, 0);
    assert_int_equal(heard().count, 0);
    assert_true(guest.vmm.channel.mapped[0]);
}

static void a_version_1_vmm_of_a_pf_that_is_a_miniport_works_as_before(void **state)
{
    (void)state;
    guest.vmm.highest = 1;
    run(stop_when_running);
    assert_int_equal(guest.vmm.version, 1);
    assert_int_equal(heard().told, 0);
    assert_true(guest.vmm.channel.mapped[0]);
}

static void an_interrupt_goes_where_it_was_targeted_last(void **state)
{
    static const uint16_t processors[] = {5, 6};
    struct vfp_delivery to = {.vector = 0x66, .lowest_priority = true, .processor_count = 2, .processors = processors};
    (void)state;
    run(stop_when_running); /* which has targeted it at processor 0 */
    assert_int_equal(vfp_channel_interrupt(machine.channel, guest.message_address, guest.message_data), 0);
    assert_int_equal(heard().interrupt.vector, 0x31);
    assert_int_equal(vfp_channel_retarget(machine.channel, guest.message_address, guest.message_data, &to), 0);
    assert_int_equal(vfp_channel_interrupt(machine.channel, guest.message_address, guest.message_data), 0);
    assert_int_equal(heard().interrupt.vector, 0x66);
    assert_true(heard().interrupt.lowest_priority);
    assert_int_equal(heard().interrupt.processor_count, 2);
    assert_int_equal(heard().processor, 5);
    assert_int_equal(vfp_channel_retarget(machine.channel, guest.message_address, guest.message_data + 1, &to),
                     -ENOENT);
    to.processor_count = 33;
    assert_int_equal(vfp_channel_retarget(machine.channel, guest.message_address, guest.message_data, &to), -EINVAL);
    assert_int_equal(vmm_retarget(&guest.vmm, guest.message_address, guest.message_data, 0x67, processors, 1), 0);
    assert_int_equal(vfp_channel_interrupt(machine.channel, guest.message_address, guest.message_data), 0);
    assert_int_equal(heard().interrupt.vector, 0x67);
    assert_false(heard().interrupt.lowest_priority);
}

/* ---- ends while something is asked ------------------------------------------------------------------------------- */

static void ask_much(struct asked *asked, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct vfp_register access = {0, i % 2 * PAGE, 4, false, 0};
        assert_int_equal(vfp_channel_register(machine.channel, &access, on_done, asked), 0);
    }
}

static void a_channel_that_is_closed_answers_all_that_was_asked(void **state)
{
    struct asked asked = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    (void)state;
    run(leave_asleep);
    ask_much(&asked, ASKS);
    vfp_channel_close(machine.channel);
    assert_int_equal(asked.done, ASKS); /* by the time it returns */
}

static void *ask_main(void *context)
{
    ask_much(context, 100 * ASKS);
    return NULL;
}

/* The PF driver serves one at a time; who comes while it is busy is answered by another thread. */
static void accesses_take_turns_with_what_else_is_asked_of_the_pf(void **state)
{
    struct asked asked = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct vfp_vf *other;
    pthread_t thread;
    unsigned done;
    (void)state;
    run(leave_asleep);
    assert_int_equal(vfp_vf_allocate(machine.adapter, &other), 0);
    assert_int_equal(pthread_create(&thread, NULL, ask_main, &asked), 0);
    do {
        uint32_t class;
        assert_int_equal(vfp_vf_config_read(other, 8, &class, sizeof(class)), 0);
        assert_int_equal(class >> 24, 2);
        pthread_mutex_lock(&asked.lock);
        done = asked.done;
        assert_int_equal(asked.result, 0);
        pthread_mutex_unlock(&asked.lock);
    } while (done < 100 * ASKS);
    pthread_join(thread, NULL);
    assert_int_equal(asked.value, UINT32_MAX);
}

static void a_card_is_pulled_while_accesses_are_under_way(void **state)
{
    struct asked asked = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    uint64_t value = 0;
    (void)state;
    run(leave_asleep);
    assert_int_equal(pthread_create(&thread, NULL, ask_main, &asked), 0);
    vfp_pf_surprise_remove(machine.pf);
    pthread_join(thread, NULL);
    pthread_mutex_lock(&asked.lock);
    while (asked.done < 100 * ASKS)
        pthread_cond_wait(&asked.changed, &asked.lock);
    pthread_mutex_unlock(&asked.lock);
    assert_int_equal(access_page(0, 0, 4, false, &value), -ENODEV);
    assert_true(value == UINT64_MAX);
    pthread_mutex_lock(&machine.lock);
    while (!machine.heard.ended)
        pthread_cond_wait(&machine.changed, &machine.lock);
    pthread_mutex_unlock(&machine.lock);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
    const struct CMUnitTest tests[] = {
        CASE(a_vf_that_sleeps_reads_as_all_ones_through_the_vmm),
        CASE(a_host_program_is_told_the_same_and_asks_the_same),
        CASE(what_a_guest_leaves_asleep_is_awake_for_the_next),
        cmocka_unit_test_setup_teardown(a_pf_that_is_a_miniport_mitigates_nothing, set_up_miniport, take_down),
        CASE(a_version_1_vmm_has_no_bar_of_a_vf_that_sleeps_and_its_program_is_told),
        cmocka_unit_test_setup_teardown(a_version_1_vmm_of_a_pf_that_is_a_miniport_works_as_before, set_up_miniport,
                                        take_down),
        CASE(an_interrupt_goes_where_it_was_targeted_last),
        CASE(a_channel_that_is_closed_answers_all_that_was_asked),
        CASE(accesses_take_turns_with_what_else_is_asked_of_the_pf),
        CASE(a_card_is_pulled_while_accesses_are_under_way),
    };
    return cmocka_run_group_tests_name("vmm / host mitigation", tests, NULL, NULL);
}
