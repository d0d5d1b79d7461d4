/* SPDX-License-Identifier: MIT
 *
 * A guest: its partition, its VPCI bus, its VF driver on every function of the bus.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host/internal.h"

struct vfp_guest {
    struct host_contracts contracts;
    struct trace *trace;
    struct nt_partition *partition;
    struct vsc *vsc;
    bool spin_set; /* before it was connected */
    unsigned spin;
    PDRIVER_OBJECT driver;
    unsigned started; /* functions whose adapter runs: 0 .. started - 1 */
    bool ejecting;
    char error[1200]; /* a loader lists all unresolved symbols */
};

static int guest_fail(struct vfp_guest *guest, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int guest_fail(struct vfp_guest *guest, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(guest->error, sizeof(guest->error), format, arguments);
    va_end(arguments);
    return error;
}

struct vfp_guest *vfp_guest_create(const struct vfp_guest_options *options)
{
    struct vfp_guest *guest = calloc(1, sizeof(*guest));
    if (!guest)
        return NULL;
    if (options->trace)
        guest->trace = trace_create(vfp_trace_sink(options->trace), options->number, options->name);
    guest->partition = nt_partition_create(&(struct nt_partition_options){
        .name = options->name, .role = NT_CHILD, .trace = guest->trace, .real_time = options->real_time});
    if (guest->partition && (guest->trace || !options->trace)) {
        guest->contracts = (struct host_contracts){
            .mode = options->contracts, .visit = options->on_finding, .context = options->finding_context};
        host_contracts_init(guest->partition, &guest->contracts);
        return guest;
    }
    if (guest->partition)
        nt_partition_destroy(guest->partition);
    trace_destroy(guest->trace);
    free(guest);
    return NULL;
}

size_t vfp_guest_destroy(struct vfp_guest *guest)
{
    if (!guest)
        return 0;
    vfp_guest_stop(guest);
    HOST_ENTER(guest);
    if (guest->vsc)
        vsc_disconnect(guest->vsc);
    HOST_LEAVE();
    size_t leaked = nt_partition_destroy(guest->partition);
    trace_destroy(guest->trace);
    free(guest);
    return leaked;
}

const char *vfp_guest_error(const struct vfp_guest *guest)
{
    return guest->error;
}

uint64_t vfp_guest_violations(const struct vfp_guest *guest)
{
    return nt_violations(guest->partition);
}

void vfp_guest_set_spin(struct vfp_guest *guest, unsigned rounds)
{
    if (guest->vsc) {
        vsc_set_spin(guest->vsc, rounds);
        return;
    }
    guest->spin_set = true;
    guest->spin = rounds;
}

int vfp_guest_connect(struct vfp_guest *guest, int socket)
{
    if (guest->vsc)
        return guest_fail(guest, -EISCONN, "already connected");
    HOST_ENTER(guest);
    int result = vsc_connect(guest->partition, socket, &guest->vsc);
    HOST_LEAVE();
    if (result)
        return guest_fail(guest, result, "no vPCI bus: %s",
                          result == -EPIPE ? "the host went away or took its offer back" : strerror(-result));
    if (guest->spin_set)
        vsc_set_spin(guest->vsc, guest->spin);
    return 0;
}

unsigned vfp_guest_functions(const struct vfp_guest *guest)
{
    return guest->vsc ? vsc_function_count(guest->vsc) : 0;
}

static NTSTATUS start_function(struct vfp_guest *guest, PDEVICE_OBJECT pdo)
{
    NTSTATUS status = nt_pnp_add_device(guest->driver, pdo);
    if (!NT_SUCCESS(status))
        return status;
    status = nt_pnp_start(pdo);
    if (!NT_SUCCESS(status))
        nt_pnp_simple(pdo, IRP_MN_REMOVE_DEVICE);
    return status;
}

static int start_all(struct vfp_guest *guest, const char *path)
{
    struct nt_load_error error = {0};
    NTSTATUS status = nt_driver_load(guest->partition, path, &guest->driver, &error);
    if (!NT_SUCCESS(status))
        return guest_fail(guest, host_errno(status), "%s", error.text);
    for (unsigned count = vsc_function_count(guest->vsc); guest->started < count; guest->started++) {
        status = start_function(guest, vsc_pdo(guest->vsc, guest->started));
        if (!NT_SUCCESS(status))
            return guest_fail(guest, -EIO, "%s did not start on function %u: %s (%08x)", nt_driver_name(guest->driver),
                              guest->started, ndis_status_name(status), (unsigned)status);
    }
    return 0;
}

int vfp_guest_start(struct vfp_guest *guest, const char *driver)
{
    if (!vfp_guest_functions(guest))
        return guest_fail(guest, -ENODEV, "no function on the vPCI bus");
    if (guest->driver)
        return guest_fail(guest, -EBUSY, "a driver is already loaded");
    HOST_ENTER(guest);
    int result = start_all(guest, driver);
    HOST_LEAVE();
    if (result)
        vfp_guest_stop(guest);
    return result;
}

void vfp_guest_stop(struct vfp_guest *guest)
{
    HOST_ENTER(guest);
    bool gone = guest->vsc && vsc_gone(guest->vsc);
    while (guest->started) {
        PDEVICE_OBJECT pdo = vsc_pdo(guest->vsc, --guest->started);
        if (gone)
            nt_pnp_simple(pdo, IRP_MN_SURPRISE_REMOVAL);
        nt_pnp_simple(pdo, IRP_MN_REMOVE_DEVICE);
    }
    if (guest->driver)
        nt_driver_unload(guest->driver);
    guest->driver = NULL;
    if (guest->ejecting)
        vsc_eject_complete(guest->vsc);
    guest->ejecting = false;
    HOST_LEAVE();
}

int vfp_guest_wait(struct vfp_guest *guest, int timeout_ms)
{
    if (!guest->vsc)
        return -ENOTCONN;
    HOST_ENTER(guest);
    int result = vsc_wait_event(guest->vsc, timeout_ms);
    HOST_LEAVE();
    guest->ejecting |= result == 0;
    return result;
}

uint32_t vfp_guest_config_read(struct vfp_guest *guest, unsigned function, uint32_t offset, uint32_t size)
{
    HOST_ENTER(guest);
    uint32_t value = guest->vsc ? vsc_window_read(guest->vsc, function, offset, size) : UINT32_MAX;
    HOST_LEAVE();
    return value;
}

void vfp_guest_config_write(struct vfp_guest *guest, unsigned function, uint32_t offset, uint32_t size, uint32_t value)
{
    HOST_ENTER(guest);
    if (guest->vsc)
        vsc_window_write(guest->vsc, function, offset, size, value);
    HOST_LEAVE();
}
