/* SPDX-License-Identifier: MIT
 *
 * Message interrupts of the VSC against a scripted host (vpci-wire.md 1.6.14, 1.6.15, 4.5, 5.3).
 */
#include "vsc_rig.h"

#include <time.h>

struct counted {
    _Atomic unsigned calls;
    KIRQL irql;
    sem_t called;
};

static void handler(void *context)
{
    struct counted *counted = context;
    counted->irql = KeGetCurrentIrql();
    counted->calls++;
    sem_post(&counted->called);
}

static void wait_called(struct counted *counted)
{
    while (sem_wait(&counted->called) < 0)
        continue;
}

static NTSTATUS connect(struct rig *rig, struct counted *counted, struct vsc_interrupt **interrupt)
{
    memset(counted, 0, sizeof *counted);
    sem_init(&counted->called, 0, 0);
    return vsc_interrupt_connect(rig->pdo, handler, counted, interrupt);
}

static void rig_of_version(struct rig *rig, uint32_t version)
{
    rig_prepare(rig);
    rig->script.lowest = rig->script.highest = version;
    rig->script.relations1 = version < VPCI_VERSION_1_3;
    assert_int_equal(rig_connect(rig, 0), 0);
    rig->pdo = vsc_pdo(rig->vsc, 0);
    assert_int_equal(nt_pnp_start(rig->pdo), STATUS_SUCCESS);
}

static void each_version_creates_and_deletes_with_its_own_message(void **state)
{
    static const struct {
        uint32_t version, type, length, count_at;
    } rows[] = {{VPCI_VERSION_1_1, VPCI_CREATE_INTERRUPT, 24, 10},
                {VPCI_VERSION_1_2, VPCI_CREATE_INTERRUPT2, 80, 10},
                {VPCI_VERSION_1_3, VPCI_CREATE_INTERRUPT2, 80, 10},
                {VPCI_VERSION_1_4, VPCI_CREATE_INTERRUPT3, 88, 14}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig rig;
        struct counted counted;
        struct vsc_interrupt *interrupt;
        uint64_t address;
        uint32_t data;
        rig_of_version(&rig, rows[i].version);
        assert_int_equal(connect(&rig, &counted, &interrupt), STATUS_SUCCESS);
        struct script_packet created = script_wait(&rig.script, rows[i].type, 1);
        assert_int_equal(created.length, rows[i].length);
        assert_int_equal(created.bytes[4], 0);                /* slot */
        assert_in_range(created.bytes[8], 0x20, 0xEE);        /* vector */
        assert_int_equal(created.bytes[rows[i].count_at], 1); /* messages */
        vsc_interrupt_message(interrupt, &address, &data);
        assert_int_equal(address, SCRIPT_MESSAGE_ADDRESS);
        assert_int_equal(data, created.bytes[8]);
        vsc_interrupt_disconnect(interrupt);
        struct script_packet deleted = script_wait(&rig.script, VPCI_DELETE_INTERRUPT, 1);
        assert_int_equal(deleted.length, 24);
        assert_memory_equal(deleted.bytes + 16, &address, 8);
        assert_memory_equal(deleted.bytes + 12, &data, 4);
        rig_down(&rig);
    }
}

static void a_raised_vector_reaches_its_handler_and_no_other(void **state)
{
    (void)state;
    struct rig rig;
    struct counted counted[2];
    struct vsc_interrupt *interrupt[2];
    uint64_t address;
    uint32_t vector[2];
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(connect(&rig, &counted[i], &interrupt[i]), STATUS_SUCCESS);
        vsc_interrupt_message(interrupt[i], &address, &vector[i]); /* the script gives the vector as data */
    }
    assert_int_not_equal(vector[0], vector[1]);
    for (unsigned round = 1; round <= 3; round++) {
        script_raise(&rig.script, vector[1]);
        wait_called(&counted[1]);
        assert_int_equal(counted[1].calls, round);
    }
    assert_int_equal(counted[1].irql, DISPATCH_LEVEL);
    assert_int_equal(counted[0].calls, 0);
    script_raise(&rig.script, 0x21 + 100); /* nobody's */
    script_raise(&rig.script, 3);
    script_raise(&rig.script, vector[0]);
    wait_called(&counted[0]);
    assert_int_equal(counted[0].calls, 1);
    assert_int_equal(counted[1].calls, 3);
    for (unsigned i = 0; i < 2; i++)
        vsc_interrupt_disconnect(interrupt[i]);
    rig_down(&rig);
}

static void a_disconnected_handler_is_not_called_again(void **state)
{
    (void)state;
    struct rig rig;
    struct counted counted, other;
    struct vsc_interrupt *interrupt, *second;
    uint64_t address;
    uint32_t vector, last;
    rig_up(&rig, 0);
    assert_int_equal(connect(&rig, &counted, &interrupt), STATUS_SUCCESS);
    assert_int_equal(connect(&rig, &other, &second), STATUS_SUCCESS);
    vsc_interrupt_message(interrupt, &address, &vector);
    vsc_interrupt_message(second, &address, &last);
    vsc_interrupt_disconnect(interrupt);
    script_raise(&rig.script, vector);
    script_raise(&rig.script, last);
    wait_called(&other);
    assert_int_equal(counted.calls, 0);
    vsc_interrupt_disconnect(second);
    rig_down(&rig);
}

static void vectors_end_and_come_back(void **state)
{
    enum { VECTORS = 0xEE - 0x20 + 1 };
    (void)state;
    struct rig rig;
    static struct counted counted[VECTORS + 1];
    struct vsc_interrupt *interrupt[VECTORS], *more = NULL;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < VECTORS; i++)
        assert_int_equal(connect(&rig, &counted[i], &interrupt[i]), STATUS_SUCCESS);
    unsigned before = script_seen(&rig.script, VPCI_CREATE_INTERRUPT3);
    assert_int_equal(connect(&rig, &counted[VECTORS], &more), STATUS_INSUFFICIENT_RESOURCES);
    assert_null(more);
    assert_int_equal(script_seen(&rig.script, VPCI_CREATE_INTERRUPT3), before);
    vsc_interrupt_disconnect(interrupt[7]);
    assert_int_equal(connect(&rig, &counted[7], &interrupt[7]), STATUS_SUCCESS);
    for (unsigned i = 0; i < VECTORS; i++)
        vsc_interrupt_disconnect(interrupt[i]);
    rig_down(&rig);
}

static void answers_that_are_none_are_refused_and_keep_no_vector(void **state)
{
    static const struct {
        uint32_t length;
        uint8_t bytes[24];
        NTSTATUS status;
    } rows[] = {
        {24, {0}, STATUS_UNSUCCESSFUL},                                      /* no messages in it */
        {16, {[10] = 1}, STATUS_UNSUCCESSFUL},                               /* short */
        {4, {0}, STATUS_UNSUCCESSFUL},                                       /* a bare success */
        {4, {0x9A, 0, 0, 0xC0}, STATUS_INSUFFICIENT_RESOURCES},              /* refused */
        {24, {0x0B, 0x09, 0, 0xC0, [10] = 1}, (NTSTATUS)VPCI_STATUS_BAD_DATA} /* refused, in full length */
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig rig;
        struct counted counted;
        struct vsc_interrupt *interrupt = NULL;
        struct manners manners = {.type = VPCI_CREATE_INTERRUPT3, .length = rows[i].length};
        memcpy(manners.bytes, rows[i].bytes, sizeof rows[i].bytes);
        rig_up_with(&rig, &manners, 0);
        assert_int_equal(connect(&rig, &counted, &interrupt), rows[i].status);
        assert_null(interrupt);
        manners.type = 0;
        assert_int_equal(connect(&rig, &counted, &interrupt), STATUS_SUCCESS);
        struct script_packet created = script_wait(&rig.script, VPCI_CREATE_INTERRUPT3, 2);
        assert_int_equal(created.bytes[8], 0x20); /* the first vector is free again */
        vsc_interrupt_disconnect(interrupt);
        rig_down(&rig);
    }
}

static void a_host_that_never_answers_costs_the_timeout(void **state)
{
    (void)state;
    struct rig rig;
    struct counted counted;
    struct vsc_interrupt *interrupt = NULL;
    struct manners manners = {.type = VPCI_CREATE_INTERRUPT3, .hold = true};
    rig_up_with(&rig, &manners, 50);
    assert_int_equal(connect(&rig, &counted, &interrupt), STATUS_IO_TIMEOUT);
    assert_null(interrupt);
    rig_down(&rig);
}

static void interrupts_outlive_the_host_the_removal_and_the_bus(void **state)
{
    (void)state;
    struct rig rig;
    struct counted counted[3];
    struct vsc_interrupt *interrupt[3], *late = NULL;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(connect(&rig, &counted[i], &interrupt[i]), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_REMOVE_DEVICE), STATUS_SUCCESS);
    assert_int_equal(connect(&rig, &counted[0], &late), STATUS_DEVICE_REMOVED);
    vsc_interrupt_disconnect(interrupt[0]);
    script_wait(&rig.script, VPCI_DELETE_INTERRUPT, 1);
    script_stop(&rig.script);
    while (!vsc_gone(rig.vsc))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    vsc_interrupt_disconnect(interrupt[1]);
    vsc_disconnect(rig.vsc);
    rig.vsc = NULL;
    vsc_interrupt_disconnect(interrupt[2]);
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_creates_and_deletes_with_its_own_message),
        cmocka_unit_test(a_raised_vector_reaches_its_handler_and_no_other),
        cmocka_unit_test(a_disconnected_handler_is_not_called_again),
        cmocka_unit_test(vectors_end_and_come_back),
        cmocka_unit_test(answers_that_are_none_are_refused_and_keep_no_vector),
        cmocka_unit_test(a_host_that_never_answers_costs_the_timeout),
        cmocka_unit_test(interrupts_outlive_the_host_the_removal_and_the_bus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
