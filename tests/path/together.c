/* SPDX-License-Identifier: MIT
 *
 * Life together: guests that work while others come and go, while the PF driver is reset, paused or started anew, and
 * while the card is pulled. Each guest is a partition of its own with its own threads; the VF driver is refnic's.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"
#include <vfplane/guest.h>
#include <vfplane/host.h>

#define VFS        8u
#define COMMAND    0x04u
#define BUS_MASTER 0x0004u
#define IDS        0x10CA8086u
#define ROUNDS     40u

struct vm {
    struct vfp_vf *vf;
    struct vfp_channel *channel;
    struct vfp_guest *guest;
    pthread_t thread;
    int socket;
    atomic_bool up, stop, ended, orderly;
    _Atomic unsigned accesses, wrong;
    int waited; /* what vfp_guest_wait said at its end */
};

struct machine {
    struct vfp_host *host;
    struct vfp_driver *driver;
    struct vfp_pf *pf;
    struct vfp_adapter *adapter;
    unsigned files;
    struct vm workers[2];
};

/* ---- a guest ---------------------------------------------------------------------------------------------------- */

static void on_ended(void *context, bool orderly, const char *reason)
{
    struct vm *vm = context;
    (void)reason;
    vm->orderly = orderly;
    vm->ended = true;
}

/* Registers are read and written until the host takes the device back. An answer is right; or the device is gone, and
 * then the guest hears of it. */
static void work(struct vm *vm)
{
    for (uint32_t value = 0; !vm->stop && vfp_guest_wait(vm->guest, 0) == -ETIMEDOUT; value ^= BUS_MASTER) {
        uint32_t ids, command;
        vfp_guest_config_write(vm->guest, 0, COMMAND, 2, value | 2);
        command = vfp_guest_config_read(vm->guest, 0, COMMAND, 2);
        ids = vfp_guest_config_read(vm->guest, 0, 0, 4);
        if (ids == IDS && command == (value | 2))
            vm->accesses++;
        else
            vm->wrong += vfp_guest_wait(vm->guest, 20000) == -ETIMEDOUT;
    }
    vm->waited = vfp_guest_wait(vm->guest, 20000);
}

static void *live(void *context)
{
    struct vm *vm = context;
    assert_int_equal(vfp_guest_connect(vm->guest, vm->socket), 0);
    if (vfp_guest_start(vm->guest, getenv("REFNIC_VF")))
        fail_msg("%s", vfp_guest_error(vm->guest));
    vm->up = true;
    work(vm);
    vfp_guest_stop(vm->guest);
    assert_int_equal(vfp_guest_violations(vm->guest), 0);
    assert_int_equal(vfp_guest_destroy(vm->guest), 0);
    return NULL;
}

static void vm_start(struct machine *machine, struct vm *vm, uint16_t number)
{
    int sockets[2];
    *vm = (struct vm){.waited = 1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(vfp_vf_allocate(machine->adapter, &vm->vf), 0);
    assert_int_equal(vfp_channel_attach(vm->vf, sockets[0], "guest", on_ended, vm, &vm->channel), 0);
    vm->socket = sockets[1];
    vm->guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = number});
    assert_non_null(vm->guest);
    assert_int_equal(pthread_create(&vm->thread, NULL, live, vm), 0);
    while (!vm->up)
        sched_yield();
}

/* The guest is gone; everything it did was right. */
static void vm_join(struct vm *vm)
{
    pthread_join(vm->thread, NULL);
    assert_int_equal(vm->wrong, 0);
}

static void vm_eject(struct vm *vm)
{
    vfp_channel_eject(vm->channel, 20000);
    vm_join(vm);
    assert_int_equal(vm->waited, 0);
    vfp_vf_free(vm->vf);
    assert_true(vm->ended && vm->orderly);
}

/* Each worker gets something more done. */
static void workers_go_on(struct machine *machine)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned before = machine->workers[i].accesses;
        while (machine->workers[i].accesses < before + 2)
            sched_yield();
        assert_int_equal(machine->workers[i].wrong, 0);
        assert_false(machine->workers[i].ended);
    }
}

/* ---- the host --------------------------------------------------------------------------------------------------- */

static unsigned open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void start_pf(struct machine *machine)
{
    machine->adapter = vfp_adapter_start(machine->driver, machine->pf);
    assert_non_null(machine->adapter);
    assert_int_equal(vfp_switch_create(machine->adapter, VFS), 0);
}

static int set_up(void **state)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    assert_non_null(machine);
    machine->files = open_files();
    machine->host = vfp_host_create(&(struct vfp_host_options){0});
    machine->driver = vfp_driver_load(machine->host, getenv("REFNIC_PF"));
    machine->pf = vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), NULL);
    assert_non_null(machine->pf);
    start_pf(machine);
    for (uint16_t i = 0; i < 2; i++)
        vm_start(machine, &machine->workers[i], (uint16_t)(i + 1));
    *state = machine;
    return 0;
}

static int tear_down(void **state)
{
    struct machine *machine = *state;
    assert_int_equal(vfp_violations(machine->host), 0);
    assert_int_equal(vfp_host_destroy(machine->host), 0);
    assert_int_equal(open_files(), machine->files);
    free(machine);
    return 0;
}

static void eject_workers(struct machine *machine)
{
    for (unsigned i = 0; i < 2; i++)
        vm_eject(&machine->workers[i]);
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

/* In three ways: asked to, by leaving of its own accord, and because its VF is taken. */
static void guests_come_and_go_while_others_work(void **state)
{
    struct machine *machine = *state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct vm vm;
        vm_start(machine, &vm, 3);
        switch (round % 3) {
        case 0:
            vm_eject(&vm);
            break;
        case 1:
            vm.stop = true;
            vfp_channel_eject(vm.channel, 20000);
            vm_join(&vm);
            vfp_vf_free(vm.vf);
            break;
        default:
            vfp_vf_free(vm.vf);
            vm_join(&vm);
            assert_int_equal(vm.waited, -EPIPE);
        }
        assert_true(vm.ended || round % 3 == 2);
        workers_go_on(machine);
    }
    eject_workers(machine);
}

static void all_vfs_are_in_use_at_once_and_given_out_again(void **state)
{
    struct machine *machine = *state;
    struct vm vms[VFS - 2];
    struct vfp_vf *none = NULL;
    for (unsigned turn = 0; turn < 2; turn++) {
        for (uint16_t i = 0; i < VFS - 2; i++)
            vm_start(machine, &vms[i], (uint16_t)(i + 3));
        assert_int_not_equal(vfp_vf_allocate(machine->adapter, &none), 0);
        workers_go_on(machine);
        for (unsigned i = 0; i < VFS - 2; i++)
            vm_eject(&vms[i]);
    }
    workers_go_on(machine);
    eject_workers(machine);
}

static void the_pf_driver_is_paused_and_restarted_under_guests(void **state)
{
    struct machine *machine = *state;
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(vfp_adapter_pause(machine->adapter), 0);
        workers_go_on(machine); /* control requests are answered while paused */
        assert_int_equal(vfp_adapter_restart(machine->adapter), 0);
        workers_go_on(machine);
        assert_int_equal(vfp_link_set(machine->adapter, i % 2, 1000000000), 0); /* invalidates a block of each VF */
    }
    eject_workers(machine);
}

static void the_pf_driver_is_stopped_under_guests_and_started_anew(void **state)
{
    struct machine *machine = *state;
    for (unsigned turn = 0; turn < 3; turn++) {
        workers_go_on(machine);
        vfp_adapter_stop(machine->adapter);
        for (unsigned i = 0; i < 2; i++) {
            vm_join(&machine->workers[i]);
            assert_int_equal(machine->workers[i].waited, -EPIPE);
        }
        assert_int_equal(vfp_pf_num_vfs(machine->pf), 0);
        start_pf(machine);
        for (uint16_t i = 0; i < 2; i++)
            vm_start(machine, &machine->workers[i], (uint16_t)(i + 1));
    }
    workers_go_on(machine);
    eject_workers(machine);
}

static void the_card_is_pulled_under_guests(void **state)
{
    struct machine *machine = *state;
    workers_go_on(machine);
    vfp_pf_surprise_remove(machine->pf);
    for (unsigned i = 0; i < 2; i++) {
        struct vm *vm = &machine->workers[i];
        vm_join(vm);
        assert_int_equal(vm->waited, -EPIPE);
        while (!vm->ended) /* the guest may hear of it before the host's worker tells us */
            sched_yield();
        assert_false(vm->orderly);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(guests_come_and_go_while_others_work),
        CASE(all_vfs_are_in_use_at_once_and_given_out_again),
        CASE(the_pf_driver_is_paused_and_restarted_under_guests),
        CASE(the_pf_driver_is_stopped_under_guests_and_started_anew),
        CASE(the_card_is_pulled_under_guests),
    };
    return cmocka_run_group_tests_name("path / together", tests, NULL, NULL);
}
