/* SPDX-License-Identifier: MIT */
#include <initguid.h>

#include "bus.h"

#include <sched.h>
#include <vpci.h> /* its GUIDs are defined here too */

static struct pci_profile *load(const char *name)
{
    struct pci_profile *profile = NULL;
    struct pci_error error;
    char path[4096];
    assert_non_null(getenv("PCI_PROFILES"));
    snprintf(path, sizeof(path), "%s/%s", getenv("PCI_PROFILES"), name);
    if (pci_profile_load(path, &profile, &error) != 0)
        fail_msg("%s:%u: %s", path, error.line, error.text);
    return profile;
}

/* The capture of the synthetic card. */
static char *synthetic(UINT16 total_vfs)
{
    size_t size = (size_t)pci_profile_synth(total_vfs, NULL, 0) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    pci_profile_synth(total_vfs, text, size);
    return text;
}

/* With 8 VFs and a change in its PF. */
static char *changed(const char *from, const char *to)
{
    char *text = synthetic(8);
    char *place = strstr(text, from);
    assert_non_null(place);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(place, to, strlen(to));
    return text;
}

static struct pci_profile *parse(char *text, int (*parser)(const char *name, const char *text, size_t length,
                                                           struct pci_profile **profile, struct pci_error *error))
{
    struct pci_profile *profile = NULL;
    struct pci_error error;
    if (parser("synthetic", text, strlen(text), &profile, &error) != 0)
        fail_msg("%u: %s", error.line, error.text);
    free(text);
    return profile;
}

static struct bus *begin(struct pci_profile *profile, const struct pci_device_options *options, struct bus *bus)
{
    bus->nt = nt_test_begin(false);
    bus->profile = profile;
    assert_int_equal(pci_device_create(bus->profile, options, &bus->device), 0);
    assert_int_equal(pcibus_add_device(bus->nt->partition, bus->device, &bus->pdo), STATUS_SUCCESS);
    assert_ptr_equal(pcibus_device(bus->pdo), bus->device);
    assert_int_equal(nt_pnp_start(bus->pdo), STATUS_SUCCESS);
    assert_int_equal(nt_query_interface(bus->pdo, &GUID_BUS_INTERFACE_STANDARD, sizeof(bus->standard), 1,
                                        (PINTERFACE)&bus->standard),
                     STATUS_SUCCESS);
    NTSTATUS status =
        nt_query_interface(bus->pdo, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(bus->virt), 1, (PINTERFACE)&bus->virt);
    assert_int_equal(status, pci_sriov_present(bus->device) ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED);
    return bus;
}

static struct bus *allocate(void)
{
    struct bus *bus = calloc(1, sizeof(*bus));
    assert_non_null(bus);
    return bus;
}

struct bus *bus_begin_with(const char *profile, UINT16 routing_id, UINT8 subordinate_bus)
{
    struct pci_device_options options = {
        .routing_id = routing_id, .has_address = routing_id != 0, .subordinate_bus = subordinate_bus};
    return begin(load(profile), &options, allocate());
}

struct bus *bus_begin(void)
{
    return bus_begin_with("intel-82576.lspci", 0, 0);
}

static uint64_t now_ns(void *context)
{
    return ((struct bus *)context)->now_ns;
}

static void on_event(void *context, const struct pci_event *event)
{
    struct bus *bus = context;
    sched_yield(); /* a callback that takes its time is one that may still run when the device has gone */
    bus->events += event->kind != PCI_EVENT_RESET && bus->now_ns > 0;
}

struct bus *bus_begin_strict(void)
{
    struct bus *bus = allocate();
    struct pci_device_options options = {
        .now_ns = now_ns, .context = bus, .ready_delay_ns = 100000000, .strict_timing = true, .on_event = on_event};
    return begin(load("intel-82576.lspci"), &options, bus);
}

struct bus *bus_begin_synthetic(const char *from, const char *to)
{
    struct pci_profile *profile = parse(changed(from, to), pci_profile_parse);
    return begin(profile, &(struct pci_device_options){0}, allocate());
}

struct bus *bus_begin_many(UINT16 total_vfs, UINT16 routing_id)
{
    struct pci_device_options options = {.routing_id = routing_id, .has_address = true};
    return begin(parse(synthetic(total_vfs), pci_profile_parse), &options, allocate());
}

/* The last link of the capability list, which leads to SR-IOV, is cut. */
struct bus *bus_begin_plain(void)
{
    struct pci_profile *profile = parse(changed("150: 0f 00 01 16", "150: 0f 00 01 00"), pci_profile_parse_plain);
    return begin(profile, &(struct pci_device_options){0}, allocate());
}

/* What `lspci -xxx` shows of the PF. */
struct bus *bus_begin_conventional(void)
{
    char *text = synthetic(8);
    char *extended = strstr(text, "\n100:");
    assert_non_null(extended);
    *extended = '\0';
    return begin(parse(text, pci_profile_parse_plain), &(struct pci_device_options){0}, allocate());
}

void bus_finish(struct bus *bus)
{
    bus->standard.InterfaceDereference(bus->standard.Context);
    if (bus->virt.Context)
        bus->virt.InterfaceDereference(bus->virt.Context);
    pcibus_remove_device(bus->pdo);
    pci_device_destroy(bus->device);
    pci_profile_unref(bus->profile);
    nt_test_finish(bus->nt);
    free(bus);
}

void bus_enable(struct bus *bus, UINT16 num_vfs)
{
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, num_vfs, FALSE, FALSE, TRUE), STATUS_SUCCESS);
}

struct bus_reply bus_send(struct bus *bus, IO_STACK_LOCATION stack)
{
    struct bus_reply reply;
    PIRP irp = IoAllocateIrp(bus->pdo->StackSize, FALSE);
    assert_non_null(irp);
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    *IoGetNextIrpStackLocation(irp) = stack;
    reply.status = nt_call_driver_and_wait(bus->pdo, irp);
    reply.information = irp->IoStatus.Information;
    IoFreeIrp(irp);
    return reply;
}

struct snapshot {
    uint16_t num_vfs;
    uint8_t space[];
};

static struct snapshot *take(struct bus *bus)
{
    struct trace *trace = trace_enter_thread(NULL); /* these reads are the test's */
    uint16_t num_vfs = pci_sriov_num_vfs(bus->device);
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot) + (num_vfs + 1u) * PCI_CONFIG_SIZE);
    assert_non_null(snapshot);
    snapshot->num_vfs = num_vfs;
    for (int function = PCI_FUNCTION_PF; function < num_vfs; function++)
        pci_config_read(bus->device, function, 0, snapshot->space + (function + 1) * PCI_CONFIG_SIZE, PCI_CONFIG_SIZE);
    trace_enter_thread(trace);
    return snapshot;
}

void *bus_snapshot(struct bus *bus)
{
    return take(bus);
}

void bus_unchanged(struct bus *bus, void *before)
{
    struct snapshot *was = before, *is = take(bus);
    assert_int_equal(is->num_vfs, was->num_vfs);
    assert_memory_equal(is->space, was->space, (is->num_vfs + 1u) * PCI_CONFIG_SIZE);
    free(was);
    free(is);
}
