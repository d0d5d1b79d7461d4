/* SPDX-License-Identifier: MIT
 *
 * Where an interrupt that a device model raises goes: to the host program when it has a callback, else into the guest.
 */
#include <errno.h>
#include <sched.h>
#include <sys/socket.h>

#include "test.h"
#include "vmbus/vmbus.h"
#include "vpci/window.h"
#include "vpci/wire.h"
#include <vfplane/host.h>

#define VECTOR 0x41u

struct machine {
    struct vfp_host *host;
    struct vfp_vf *vf;
    struct vfp_channel *channel;
    struct vmbus_guest *guest;
    struct vpci_window_guest window;
    _Atomic unsigned told;
    uint64_t id;
};

static void on_interrupt(void *context, const struct vfp_delivery *interrupt)
{
    struct machine *machine = context;
    machine->told += interrupt->vector == VECTOR;
}

/* A message and its completion; unasked packets are dropped. */
static void request(struct machine *machine, const void *message, uint32_t length, void *answer, uint32_t size)
{
    struct vmbus_packet packet = {.type = VMBUS_PACKET_DATA,
                                  .flags = VMBUS_COMPLETION_REQUESTED,
                                  .transaction_id = ++machine->id,
                                  .length = length};
    uint8_t bytes[256];
    bool signal;
    int got;
    assert_int_equal(vmbus_ring_send(vmbus_guest_out(machine->guest), &packet, message, false, &signal), 0);
    if (signal)
        vmbus_guest_signal(machine->guest);
    do {
        got = vmbus_ring_receive(vmbus_guest_in(machine->guest), &packet, bytes, sizeof bytes, &signal);
        if (got < 0)
            sched_yield();
    } while (got < 0 || packet.type != VMBUS_PACKET_COMPLETION);
    assert_true(packet.transaction_id == machine->id && (uint32_t)got >= size);
    memcpy(answer, bytes, size);
}

/* A guest with one interrupt, whose pair comes back. */
static struct vpci_translated_interrupt come_up(struct machine *machine, bool callback)
{
    const struct vfp_channel_options options = {
        .name = "guest", .context = machine, .interrupt = callback ? on_interrupt : NULL};
    struct vpci_query_version version = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION_1_4};
    struct vpci_d0_entry entry = {.type = VPCI_BUS_D0ENTRY, .mmio_base = 0x1000000000ull};
    struct vpci_create_interrupt2 create = {
        .type = VPCI_CREATE_INTERRUPT2,
        .interrupt = {.vector = VECTOR, .vector_count = 1, .processor_count = 1},
    };
    uint8_t assigned[VPCI_ASSIGNED2_LINUX] = {0};
    struct vpci_create_interrupt_completion made;
    uint32_t status;
    int sockets[2];
    memcpy(assigned, &(uint32_t){VPCI_RESOURCES_ASSIGNED2}, 4);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(vfp_channel_open(machine->vf, sockets[0], &options, &machine->channel), 0);
    assert_int_equal(vmbus_guest_connect(sockets[1], &machine->guest), 0);
    assert_int_equal(vmbus_guest_open(machine->guest, 5, 5), 0);
    vpci_window_guest_init(&machine->window, vmbus_guest_window(machine->guest));
    request(machine, &version, sizeof version, &status, 4);
    request(machine, &entry, sizeof entry, &status, 4);
    request(machine, assigned, sizeof assigned, &status, 4);
    request(machine, &create, sizeof create, &made, sizeof made);
    assert_int_equal(made.status, VPCI_STATUS_SUCCESS);
    return made.interrupt;
}

static int set_up(void **state)
{
    struct machine *machine = calloc(1, sizeof *machine);
    machine->host = vfp_host_create(&(struct vfp_host_options){0});
    struct vfp_driver *driver = vfp_driver_load(machine->host, getenv("REFNIC_PF"));
    struct vfp_pf *pf = vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), NULL);
    assert_true(driver && pf);
    struct vfp_adapter *adapter = vfp_adapter_start(driver, pf);
    assert_non_null(adapter);
    assert_int_equal(vfp_switch_create(adapter, 1), 0);
    assert_int_equal(vfp_vf_allocate(adapter, &machine->vf), 0);
    *state = machine;
    return 0;
}

static int take_down(void **state)
{
    struct machine *machine = *state;
    vmbus_guest_destroy(machine->guest);
    vfp_channel_close(machine->channel);
    assert_int_equal(vfp_host_destroy(machine->host), 0);
    free(machine);
    return 0;
}

static void without_a_callback_it_is_raised_in_the_guests_window(void **state)
{
    struct machine *machine = *state;
    struct vpci_translated_interrupt pair = come_up(machine, false);
    assert_int_equal(vfp_channel_interrupt(machine->channel, pair.address, pair.data + 1), -ENOENT);
    assert_true(vpci_window_vectors_take(&machine->window, VECTOR / 64) == 0);
    assert_int_equal(vfp_channel_interrupt(machine->channel, pair.address, pair.data), 0);
    assert_true(vpci_window_vectors_take(&machine->window, VECTOR / 64) == UINT64_C(1) << VECTOR % 64);
}

static void with_a_callback_the_host_program_is_told_and_the_window_is_not_touched(void **state)
{
    struct machine *machine = *state;
    struct vpci_translated_interrupt pair = come_up(machine, true);
    assert_int_equal(vfp_channel_interrupt(machine->channel, pair.address, pair.data), 0);
    assert_int_equal(machine->told, 1);
    assert_true(vpci_window_vectors_take(&machine->window, VECTOR / 64) == 0);
}

/* A device model that keeps the VF's MSI-X table raises by number. */
static void by_its_number_it_waits_while_it_is_masked(void **state)
{
    struct machine *machine = *state;
    struct vpci_translated_interrupt pair = come_up(machine, true);
    assert_int_equal(vfp_channel_msix_raise(machine->channel, 0), -ENOENT); /* the entry was never written */
    assert_int_equal(vfp_channel_msix_set(machine->channel, 3, pair.address, pair.data, true), 0);
    assert_int_equal(vfp_channel_msix_raise(machine->channel, 3), 0);
    assert_int_equal(vfp_channel_msix_raise(machine->channel, 3), 0);
    assert_int_equal(machine->told, 0);
    assert_int_equal(vfp_channel_msix_set(machine->channel, 3, pair.address, pair.data, false), 0);
    assert_int_equal(machine->told, 1); /* once */
    assert_int_equal(vfp_channel_msix_raise(machine->channel, 3), 0);
    assert_int_equal(machine->told, 2);
    assert_int_equal(vfp_channel_msix_set(machine->channel, 3, pair.address, pair.data + 1, false), 0);
    assert_int_equal(vfp_channel_msix_raise(machine->channel, 3), -ENOENT); /* no pair of the guest's */
    assert_int_equal(vfp_channel_msix_set(machine->channel, 2048, pair.address, pair.data, false), -EINVAL);
    assert_int_equal(vfp_channel_msix_raise(machine->channel, 2048), -EINVAL);
    assert_int_equal(machine->told, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_callback_it_is_raised_in_the_guests_window, set_up, take_down),
        cmocka_unit_test_setup_teardown(with_a_callback_the_host_program_is_told_and_the_window_is_not_touched, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(by_its_number_it_waits_while_it_is_masked, set_up, take_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
