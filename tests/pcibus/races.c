/* SPDX-License-Identifier: MIT
 *
 * Calls of several threads against enabling, disabling and removal: pci.md 5.12 rules 8 and 10.
 */
#include "bus.h"

#include <sched.h>
#include <stdatomic.h>

struct hammer {
    struct bus *bus;
    unsigned done;
};

static void *hammer(void *context)
{
    struct hammer *hammer = context;
    nt_enter(hammer->bus->nt->partition);
    trace_enter_thread(NULL);
    for (int i = 0; i < 3000; i++) {
        USHORT command = i & 1 ? 4 : 0;
        ULONG wrote = hammer->bus->virt.SetVirtualFunctionData(hammer->bus->virt.Context, 0, &command, 4, 2);
        hammer->done += wrote == 2;
        if (wrote != 0 && wrote != 2)
            return "a length between 0 and Length";
    }
    return NULL;
}

static void writes_racing_with_disable_and_enable_return_length_or_zero(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    struct hammer hammers[2] = {{.bus = bus}, {.bus = bus}};
    pthread_t threads[2];
    void *result;
    trace_enter_thread(NULL);
    bus_enable(bus, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 0, FALSE, FALSE, FALSE), STATUS_SUCCESS);
        bus_enable(bus, 1);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    bus_finish(bus);
}

/* ---- 5.12 rule 10: the card goes while others call ------------------------------------------------------------------
 */

struct caller {
    struct bus *bus;
    PCI_VIRTUALIZATION_INTERFACE virt; /* with a reference of its own */
    atomic_bool *stop;
    unsigned wrong;
};

static void *call_on(void *context)
{
    struct caller *caller = context;
    UINT16 segment;
    UINT8 number, function;
    nt_enter(caller->bus->nt->partition);
    trace_enter_thread(NULL);
    for (USHORT command = 0; !atomic_load(caller->stop); command ^= 4) {
        ULONG wrote = caller->virt.SetVirtualFunctionData(caller->virt.Context, 0, &command, 4, 2);
        UCHAR block[64];
        ULONG read = caller->virt.GetVirtualFunctionData(caller->virt.Context, 0, block, 1, sizeof(block));
        caller->virt.GetLocation(caller->virt.Context, 0, &segment, &number, &function);
        caller->wrong += (wrote != 0 && wrote != 2) || (read != 0 && read != sizeof(block));
    }
    for (int i = 0; i < 100; i++) {
        USHORT command = 4;
        caller->wrong += caller->virt.SetVirtualFunctionData(caller->virt.Context, 0, &command, 4, 2) != 0;
        caller->wrong +=
            caller->virt.EnableVirtualization(caller->virt.Context, 1, FALSE, FALSE, TRUE) != STATUS_NO_SUCH_DEVICE;
    }
    caller->virt.InterfaceDereference(caller->virt.Context);
    return NULL;
}

static void remove_while_others_call(bool surprise)
{
    struct bus *bus = bus_begin_strict();
    atomic_bool stop = false;
    struct caller callers[2];
    pthread_t threads[2];
    trace_enter_thread(NULL);
    bus->now_ns = 1;
    bus_enable(bus, 1);
    bus->now_ns = 1000000000;
    for (int i = 0; i < 2; i++) {
        bus->virt.InterfaceReference(bus->virt.Context);
        callers[i] = (struct caller){.bus = bus, .virt = bus->virt, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, call_on, &callers[i]), 0);
    }
    while (atomic_load(&bus->events) < 100)
        sched_yield();
    if (surprise)
        pcibus_surprise_remove(bus->pdo);
    trace_enter_thread(NULL);
    bus->standard.InterfaceDereference(bus->standard.Context);
    bus->virt.InterfaceDereference(bus->virt.Context);
    pcibus_remove_device(bus->pdo);
    pci_device_destroy(bus->device);
    bus->now_ns = 0; /* the owner's again: no callback may look at it any more */
    unsigned events = atomic_load(&bus->events);
    pci_profile_unref(bus->profile);
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
    assert_int_equal(atomic_load(&bus->events), events);
    nt_test_finish(bus->nt);
    free(bus);
}

static void a_card_may_be_removed_and_destroyed_while_others_call(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++)
        remove_while_others_call(round % 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_racing_with_disable_and_enable_return_length_or_zero),
        cmocka_unit_test(a_card_may_be_removed_and_destroyed_while_others_call),
    };
    return cmocka_run_group_tests_name("races", tests, NULL, NULL);
}
