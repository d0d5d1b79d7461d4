/* SPDX-License-Identifier: MIT
 *
 * A guest: a child partition with its VPCI bus driver and VF drivers, at the other end of a host's channel. Usually a
 * process of its own.
 *
 * Routines return 0 or a negative errno unless said otherwise; vfp_guest_error() then has one line. Threads: one at a
 * time a guest.
 */
#ifndef VFP_GUEST_H
#define VFP_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vfplane/contract.h>
#include <vfplane/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfp_guest;

struct vfp_guest_options {
    const char *name;        /* shown in traces, e.g. "guest 1" */
    uint16_t number;         /* 1.., different for every guest of a run; 0 is the host */
    struct vfp_trace *trace; /* NULL = none; must outlive the guest */
    bool real_time;
    enum vfp_contracts contracts; /* as of a host */
    void (*on_finding)(const struct vfp_finding *finding, void *context);
    void *finding_context;
};
/* NULL on lack of memory. */
struct vfp_guest *vfp_guest_create(const struct vfp_guest_options *options);
/* Halts the drivers, gives the devices back, closes the channel. Returns the bytes of pool that drivers leaked. */
size_t vfp_guest_destroy(struct vfp_guest *guest);
const char *vfp_guest_error(const struct vfp_guest *guest);
uint64_t vfp_guest_violations(const struct vfp_guest *guest);

/* As vfp_host_set_spin: a thread that waits for the host. Any thread once connected. */
void vfp_guest_set_spin(struct vfp_guest *guest, unsigned rounds);

/* Opens the channel on the connected socket (becomes the guest's) and finds its functions: vPCI version, bus relations,
 * resources, D0. The socket is closed whatever comes. -EPIPE: the host is gone, took its offer back or never made one;
 * -ETIMEDOUT: it does not answer; -EPROTO: with what is no answer; -ECONNREFUSED: it takes no channel on our memory,
 * for which it may lack memory or descriptors; -ENOMEM, -EMFILE, -ENFILE, -EAGAIN: no memory, descriptor or thread
 * here; -EISCONN: already connected, the socket stays the caller's. */
int vfp_guest_connect(struct vfp_guest *guest, int socket);
unsigned vfp_guest_functions(const struct vfp_guest *guest);

/* Loads a VF driver and starts it on every function found. -ENOENT no such file, -ENOEXEC not a driver, -ENODEV no
 * function, -EBUSY one is loaded already, -ENOMEM no memory to load it, -EIO its DriverEntry failed, or it refused to
 * start (status in vfp_guest_error). None is loaded then. */
int vfp_guest_start(struct vfp_guest *guest, const char *driver);
/* Pause, HaltEx, unload; answers a pending eject. */
void vfp_guest_stop(struct vfp_guest *guest);

/* Waits for the host's eject (0) or its end (-EPIPE), or -ETIMEDOUT. timeout_ms < 0: for ever. -ENOTCONN: it was never
 * connected. */
int vfp_guest_wait(struct vfp_guest *guest, int timeout_ms);

/* One load or store of 1, 2 or 4 bytes in the configuration window, as the guest's processor makes it. A read that
 * nothing answers gives all ones. */
uint32_t vfp_guest_config_read(struct vfp_guest *guest, unsigned function, uint32_t offset, uint32_t size);
void vfp_guest_config_write(struct vfp_guest *guest, unsigned function, uint32_t offset, uint32_t size, uint32_t value);

#ifdef __cplusplus
}
#endif
#endif
