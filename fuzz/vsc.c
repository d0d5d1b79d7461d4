/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the VSC: a guest's VPCI bus driver at a hostile host. The host plays the honest one of tests/vpci, but each
 * packet it answers and each time it is asked for something it may lie: another status, other bytes, cut or long, a
 * wrong transaction id, twice, never, unasked messages, words of the rings, the window or the end of the connection.
 *
 * What must hold: every call of the guest comes back with a status that it documents, every IRP completes once, what an
 * honest answer brings is what the host has, and nothing stays behind.
 */
#include <initguid.h>

#include "lying_host.h"
#include "one_thread.h"

#include "vpci/vsc/internal.h"

#include <vpci.h>
#include <wdmguid.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define STEPS    40u
#define PENDED   4u
#define PATIENCE 50 /* ms of no clock at all: a sleep that nothing can end is over at once */

static struct vsc *running; /* its receiver is to run */
static uint64_t now_ns;

/* ---- no threads, no clock -----------------------------------------------------------------------------------------
 */

uint64_t __wrap_vsc_now_ns(void);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);

/* Each look at the clock is a microsecond; a deadline is reached by looking, or by a sleep that nothing ended. */
uint64_t __wrap_vsc_now_ns(void)
{
    return now_ns += 1000;
}

#define RECEIVER ((pthread_t)1)

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    if (run != vsc_receiver)
        return __real_pthread_create(thread, attributes, run, context);
    running = context;
    *thread = RECEIVER;
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    if (thread != RECEIVER)
        return __real_pthread_join(thread, result);
    running = NULL;
    return 0;
}

#include "../src/vpci/vsc/receive.c"

static bool receiver_waits(const struct vsc *vsc)
{
    struct pollfd poke = {.fd = vsc->poke, .events = POLLIN};
    return poll(&poke, 1, 0) == 0 && !vmbus_ring_has_data(vmbus_guest_in(vsc->guest));
}

static bool receiver_round(void)
{
    if (!running || atomic_load(&running->stopping))
        return false;
    bool idle = receiver_waits(running);
    if (!serve(running)) {
        vsc_lost(running);
        running = NULL;
        return true;
    }
    return !idle;
}

static bool round_of_all(void)
{
    bool host = lying_host_round();
    return receiver_round() || host;
}

/* ---- the guest ----------------------------------------------------------------------------------------------------
 */

struct guest {
    struct nt_partition *partition;
    struct vsc *vsc;
    PDEVICE_OBJECT pdo;
    BUS_INTERFACE_STANDARD bus;
    VPCI_INTERFACE_STANDARD vpci;
    struct vsc_interrupt *interrupt;
    struct pended {
        PIRP irp;
        unsigned completions;
        VPCI_INVALIDATE_BLOCK_OUTPUT output;
    } pended[PENDED];
};

static void interrupted(void *context)
{
    ++*(unsigned *)context;
}

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct pended *pended = context;
    (void)device;
    MUST(irp == pended->irp && !pended->completions);
    pended->completions++;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Waits for an invalidation, unless its place still waits for the last one. */
static void wait_invalidation(struct guest *guest, struct pended *pended)
{
    if (pended->irp && !pended->completions)
        return;
    IoFreeIrp(pended->irp);
    *pended = (struct pended){.irp = IoAllocateIrp(guest->pdo->StackSize, FALSE)};
    MUST(pended->irp);
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(pended->irp);
    next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = IOCTL_VPCI_INVALIDATE_BLOCK;
    next->Parameters.DeviceIoControl.OutputBufferLength = sizeof pended->output;
    pended->irp->UserBuffer = &pended->output;
    pended->irp->RequestorMode = KernelMode;
    IoSetCompletionRoutine(pended->irp, completed, pended, TRUE, TRUE, TRUE);
    NTSTATUS status = IoCallDriver(guest->pdo, pended->irp);
    MUST(status == STATUS_PENDING || pended->completions == 1);
}

static void use_block(struct guest *guest, struct input *input)
{
    uint8_t bytes[VPCI_BLOCK_MAX + 8], kind = take8(input);
    ULONG id = kind >> 1 & 63, length = 1 + take8(input) % VPCI_BLOCK_MAX;
    bool was_honest = lying_host_honest;
    memset(bytes, kind, sizeof bytes);
    NTSTATUS status = kind & 1 ? guest->vpci.WriteVfConfigBlock(guest->vpci.Context, id, bytes, length)
                               : guest->vpci.ReadVfConfigBlock(guest->vpci.Context, id, bytes, length);
    MUST(status != STATUS_PENDING);
    for (unsigned i = length; i < sizeof bytes; i++)
        MUST(bytes[i] == kind);
    if (was_honest && lying_host_honest)
        MUST(status == STATUS_SUCCESS && memcmp(bytes, lying_host.block[id % 64], length) == 0);
}

static void use_config(struct guest *guest, struct input *input)
{
    uint8_t bytes[64], kind = take8(input);
    ULONG offset = 0x40 + take16(input) % (VPCI_CONFIG_SIZE - 0x80), length = 1 + take8(input) % 56;
    bool was_honest = lying_host_honest;
    memset(bytes, kind, sizeof bytes);
    ULONG done = kind & 1 ? guest->bus.SetBusData(guest->bus.Context, PCI_WHICHSPACE_CONFIG, bytes, offset, length)
                          : guest->bus.GetBusData(guest->bus.Context, PCI_WHICHSPACE_CONFIG, bytes, offset, length);
    MUST(done == length || done == 0);
    for (unsigned i = length; i < sizeof bytes; i++)
        MUST(bytes[i] == kind);
    if (was_honest && lying_host_honest)
        MUST(done == length && memcmp(bytes, lying_host.config[0] + offset, length) == 0);
}

static void use_interrupt(struct guest *guest, uint8_t kind)
{
    static unsigned calls;
    if (guest->interrupt) {
        script_raise(&lying_host, kind);
        vsc_interrupt_disconnect(guest->interrupt);
        guest->interrupt = NULL;
        return;
    }
    struct vsc_interrupt *made = NULL;
    if (vsc_interrupt_connect(guest->pdo, interrupted, &calls, &made) == STATUS_SUCCESS)
        guest->interrupt = made;
}

static void step(struct guest *guest, struct input *input)
{
    uint8_t kind = take8(input);
    switch (kind % 8) {
    case 0:
    case 1:
        use_block(guest, input);
        break;
    case 2:
        use_config(guest, input);
        break;
    case 3:
        wait_invalidation(guest, &guest->pended[kind >> 3 & 3]);
        break;
    case 4:
        lying_host_honest &= (kind & 0xF0) == 0;
        if (!lying_host_honest)
            lying_host_volunteer(kind >> 4);
        one_thread_settle();
        break;
    case 5:
        use_interrupt(guest, kind);
        break;
    case 6:
        if (kind & 0x80 && vsc_wait_event(guest->vsc, 1) == 0)
            vsc_eject_complete(guest->vsc);
        else
            vsc_window_write(guest->vsc, 0, take16(input), kind >> 3 & 7, take32(input));
        break;
    default:
        one_thread_settle();
        break;
    }
}

static bool bring_up(struct guest *guest)
{
    struct vsc_options options = {.timeout_ms = PATIENCE, .spin = 0};
    int result = vsc_connect_with(guest->partition, lying_host_start(), &options, &guest->vsc);
    MUST(result == 0 || result == -ETIMEDOUT || result == -EPROTO || result == -EPIPE || result == -ECONNREFUSED ||
         result == -ENOMEM);
    MUST(!lying_host_honest || result == 0);
    if (result)
        return false;
    guest->pdo = vsc_pdo(guest->vsc, 0);
    return guest->pdo && NT_SUCCESS(nt_pnp_start(guest->pdo)) &&
           NT_SUCCESS(nt_query_interface(guest->pdo, &GUID_BUS_INTERFACE_STANDARD, sizeof guest->bus, 1,
                                         (PINTERFACE)&guest->bus)) &&
           NT_SUCCESS(nt_query_interface(guest->pdo, &GUID_VPCI_INTERFACE_STANDARD, sizeof guest->vpci, 1,
                                         (PINTERFACE)&guest->vpci));
}

static void dereference(PINTERFACE interface)
{
    if (interface->Context)
        interface->InterfaceDereference(interface->Context);
}

static void bring_down(struct guest *guest)
{
    if (guest->interrupt)
        vsc_interrupt_disconnect(guest->interrupt);
    vsc_disconnect(guest->vsc);
    dereference((PINTERFACE)&guest->bus);
    dereference((PINTERFACE)&guest->vpci);
    for (unsigned i = 0; i < PENDED; i++) {
        MUST(!guest->pended[i].irp || guest->pended[i].completions == 1);
        IoFreeIrp(guest->pended[i].irp);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest guest = {0};
    struct input input = {data, data + size / 2};
    now_ns = 1000000000;
    lying_host_init((struct input){data + size / 2, data + size}); /* from the end of the input */
    guest.partition = nt_partition_create(&(struct nt_partition_options){.name = "guest", .role = NT_CHILD});
    MUST(guest.partition);
    nt_enter(guest.partition);
    one_thread_round = round_of_all;
    if (bring_up(&guest))
        for (unsigned steps = 0; steps < STEPS && input.at < input.end; steps++)
            step(&guest, &input);
    bring_down(&guest);
    lying_host_end();
    one_thread_round = NULL;
    nt_enter(NULL);
    MUST(nt_partition_destroy(guest.partition) == 0);
    return 0;
}
