/* SPDX-License-Identifier: MIT
 *
 * machine VFPLANE VF.so SOCKET: a VMM with a machine. Its guest is a `vfplane guest` process with a VF driver, over
 * VMBus rings that this program terminates as a VMM does: what stands in the rings and in the window goes through the
 * socket, packets, interrupts and the offer's end come back. For each VF that is offered it starts a guest. Exit status
 * 0 when every guest ended with 0.
 */
#include "vmm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmbus/vmbus.h"
#include "vpci/window.h"
#include "vpci/wire.h"

struct machine {
    struct vmm vmm;
    struct vmbus_host *host;
    struct vpci_window_host window;
    uint64_t written; /* to the ring to the guest since it was opened, in credit */
    uint64_t given;   /* of that, told to the host */
    pid_t guest;
    bool gone;
};

static void die(const char *what, int error)
{
    fprintf(stderr, "machine: %s: %s\n", what, strerror(-error));
    exit(1);
}

/* ---- what comes from the host ----------------------------------------------------------------------------------- */

static void signal_guest(struct machine *machine)
{
    if (!vpci_window_ring_signal(&machine->window))
        vmbus_host_signal(machine->host);
}

/* There is room: the host has no more credit than the ring has. */
static void on_packet(void *context, const struct vfp_vmm_packet *packet, uint32_t length)
{
    struct machine *machine = context;
    struct vmbus_ring *ring = vmbus_host_out(machine->host);
    struct vmbus_packet to = {packet->type, packet->flags, packet->transaction_id, length};
    bool signal;
    int error = ring ? vmbus_ring_send(ring, &to, packet + 1, false, &signal) : 0;
    if (error)
        die("more packets than credit", error);
    machine->written += vfp_vmm_cost(length);
    if (ring && signal)
        signal_guest(machine);
}

static void on_interrupt(void *context, const struct vfp_vmm_interrupt *interrupt)
{
    struct machine *machine = context;
    if (vpci_window_raise(&machine->window, interrupt->vector))
        vmbus_host_signal(machine->host);
}

/* ---- what comes from the guest ---------------------------------------------------------------------------------- */

/* A packet stays in the ring until there is credit for it. True: one went. */
static bool pump_packet(struct machine *machine)
{
    static uint8_t bytes[VFP_VMM_PAYLOAD_MAX];
    struct vmbus_ring *ring = vmbus_host_in(machine->host);
    struct vmbus_packet packet;
    bool signal;
    if (!ring || !machine->vmm.channel.open || vmbus_ring_peek(ring, &packet) != 0 ||
        vfp_vmm_cost(packet.length) > machine->vmm.channel.credit)
        return false;
    int length = vmbus_ring_receive(ring, &packet, bytes, sizeof bytes, &signal);
    if (length < 0)
        die("the guest's ring", length);
    if (signal)
        signal_guest(machine);
    int error = vmm_packet(&machine->vmm, packet.type, packet.flags, packet.transaction_id, bytes, (uint32_t)length);
    if (error)
        die("packet", error);
    return true;
}

static bool pump_window(struct machine *machine)
{
    struct vpci_window_access access;
    if (!machine->vmm.channel.open || !vpci_window_take(&machine->window, &access))
        return false;
    uint64_t value = access.value;
    int error = vmm_access(&machine->vmm, access.is_write, access.address, access.size, &value);
    if (error && error != -ENODEV)
        die("window", error);
    vpci_window_answer(&machine->window, &access, error ? UINT64_MAX : value);
    return true;
}

/* When the guest has read all: the ring is asked to say so. */
static void give_credit(struct machine *machine)
{
    struct vmbus_ring *ring = vmbus_host_out(machine->host);
    uint64_t owed = machine->written - machine->given;
    if (!ring || !machine->vmm.channel.open || !owed ||
        vmbus_ring_has_room(ring, ring->size - 8 - vmbus_ring_space(0)) <= 0)
        return;
    struct vfp_vmm_credit credit = {vmm_header(&machine->vmm, VFP_VMM_CREDIT, sizeof credit), (uint32_t)owed, 0};
    machine->given = machine->written;
    int error = vmm_send(&machine->vmm, &credit, sizeof credit);
    if (error)
        die("credit", error);
}

static void control(struct machine *machine)
{
    int error = 0;
    switch (vmbus_host_control(machine->host)) {
    case VMBUS_OPENED:
        machine->written = machine->given = 0;
        error = vmm_open(&machine->vmm, vmbus_host_in(machine->host)->size, vmbus_host_out(machine->host)->size);
        break;
    case VMBUS_CLOSED:
        error = machine->vmm.channel.open ? vmm_close(&machine->vmm) : 0;
        break;
    case VMBUS_GONE:
        machine->gone = true;
        break;
    case VMBUS_NOTHING:
        break;
    }
    if (error && error != -ENODEV)
        die("control", error);
}

/* ---- the machine ------------------------------------------------------------------------------------------------ */

static int start_guest(struct machine *machine, const char *vfplane, const char *driver)
{
    struct vmbus_offer offer = {.interface_id = VPCI_INTERFACE_ID, .relid = 1};
    int sockets[2];
    char number[16];
    memcpy(offer.instance_id, machine->vmm.channel.instance_id, sizeof offer.instance_id);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) < 0)
        return -errno;
    int error = vmbus_host_create(sockets[0], &offer, VPCI_WINDOW_PAGES, &machine->host);
    if (error)
        return error;
    vpci_window_host_init(&machine->window, vmbus_host_window(machine->host));
    machine->gone = false;
    snprintf(number, sizeof number, "%d", sockets[1]);
    machine->guest = fork();
    if (machine->guest == 0) {
        close(sockets[0]);
        execl(vfplane, "vfplane", "guest", "--socket", number, "--number", "1", "--vf", driver, (char *)NULL);
        _exit(127);
    }
    close(sockets[1]);
    return machine->guest < 0 ? -errno : 0;
}

static void sleep_until_something(struct machine *machine)
{
    struct pollfd wait[] = {{vmbus_host_socket(machine->host), POLLIN, 0},
                            {vmbus_host_kick_fd(machine->host), POLLIN, 0},
                            {machine->vmm.fd, POLLIN, 0}};
    struct vmbus_ring *ring = vmbus_host_in(machine->host);
    bool credit = ring && machine->vmm.channel.open;
    if (vpci_window_host_sleep(&machine->window) && credit)
        return;
    if (ring)
        vmbus_ring_mask(ring, false);
    if (machine->vmm.used == machine->vmm.filled)
        poll(wait, 3, VMM_PATIENCE_MS);
    if (wait[0].revents)
        control(machine);
    vmbus_host_kick_clear(machine->host);
    vpci_window_host_awake(&machine->window);
    if (wait[2].revents || machine->vmm.used != machine->vmm.filled) {
        int error = vmm_step(&machine->vmm, 0);
        if (error && error != -ETIMEDOUT && error != -EPIPE)
            die("frame", error);
        machine->vmm.channel.id = error == -EPIPE ? 0 : machine->vmm.channel.id;
    }
}

/* A guest from its start to its end. */
static int run_guest(struct machine *machine, const char *vfplane, const char *driver)
{
    int status, error = start_guest(machine, vfplane, driver);
    if (error)
        die("guest", error);
    while (!machine->gone) {
        while (pump_packet(machine) || pump_window(machine))
            ;
        give_credit(machine);
        if (!machine->vmm.channel.id)
            vmbus_host_rescind(machine->host);
        sleep_until_something(machine);
    }
    if (machine->vmm.channel.open)
        vmm_close(&machine->vmm);
    vmbus_host_destroy(machine->host);
    waitpid(machine->guest, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    static struct machine machine;
    if (argc != 4)
        return 2;
    machine.vmm.packet = on_packet;
    machine.vmm.interrupt = on_interrupt;
    machine.vmm.context = &machine;
    int error = vmm_connect(&machine.vmm, argv[3]), failed = 0;
    while (!error && (error = vmm_offered(&machine.vmm)) == 0)
        failed |= run_guest(&machine, argv[1], argv[2]);
    if (error && error != -EPIPE)
        die("socket", error);
    return failed;
}
