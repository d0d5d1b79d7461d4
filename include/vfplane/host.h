/* SPDX-License-Identifier: MIT
 *
 * A host: a parent partition with its PCI bus, PF drivers and virtualization stack, and the ends of the channels that
 * lead to its guests. A host is an object a program makes; two hosts in one process do not see each other.
 *
 * Routines return 0 or a negative errno unless said otherwise; vfp_host_error() then has one line that says what and
 * where. Threads: calls on one host are made by one thread at a time; different hosts are independent. What a routine
 * does to a driver happens on the calling thread at PASSIVE_LEVEL, in the host's partition.
 */
#ifndef VFP_HOST_H
#define VFP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <vfplane/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfp_host;
struct vfp_pf;
struct vfp_driver;
struct vfp_adapter;
struct vfp_vf;
struct vfp_channel;

/* ---- the host --------------------------------------------------------------------------------------------------- */

struct vfp_host_options {
    struct vfp_trace *trace; /* NULL = none; must outlive the host */
    bool real_time;          /* drivers' waits really wait; default: they advance a virtual clock */
    unsigned workers;        /* threads that serve the guests' channels; 0 = 2 */
};
struct vfp_host *vfp_host_create(const struct vfp_host_options *options); /* NULL: no memory or threads */
/* Ends what is still there (channels, VFs, switches, adapters, drivers, PFs). Returns the bytes of pool that drivers
 * leaked; with a trace, each tag is reported. */
size_t vfp_host_destroy(struct vfp_host *host);
/* One line about the last failure of a routine on this host; "" when there was none. */
const char *vfp_host_error(const struct vfp_host *host);
/* Sets a configuration keyword ("*SRIOV", "*NumVFs", ...) for adapters started afterwards; NULL removes it. */
int vfp_keyword_set(struct vfp_host *host, const char *keyword, const char *value);
/* How many rules of the driver contracts were broken in this host. */
uint64_t vfp_violations(const struct vfp_host *host);

/* ---- devices and drivers ---------------------------------------------------------------------------------------- */

/* Puts a card on the host's bus: `profile` is a file made by `lspci -vvvxxxx` (docs/profiles.md), `address`
 * "[ssss:]bb:dd.f" or NULL for the one in the capture. NULL on failure: no such file, not a profile (file, line and
 * reason), the routing IDs of its VFs do not fit. */
struct vfp_pf *vfp_pf_add(struct vfp_host *host, const char *profile, const char *address);
/* The card is pulled. Its adapter, VFs and guests live through a surprise removal. */
void vfp_pf_surprise_remove(struct vfp_pf *pf);
/* Function -1 = the PF, 0.. = a VF, as `lspci -F` reads it. `present` prints a VF's IDs as an operating system shows
 * them; raw, its Vendor and Device ID read FFFFh. -ENOENT: no such VF now. */
int vfp_pf_dump(struct vfp_pf *pf, int function, bool present, FILE *stream);
uint16_t vfp_pf_num_vfs(const struct vfp_pf *pf);   /* VFs that exist now */
uint16_t vfp_pf_total_vfs(const struct vfp_pf *pf); /* VFs the card can have */

/* Loads a PF driver and runs its DriverEntry. NULL: no such file, not loadable (names of unresolved symbols), no
 * DriverEntry, DriverEntry failed (status). */
struct vfp_driver *vfp_driver_load(struct vfp_host *host, const char *path);
/* AddDevice, resources, MiniportInitializeEx, Restart on that PF. NULL: what failed and its status. */
struct vfp_adapter *vfp_adapter_start(struct vfp_driver *driver, struct vfp_pf *pf);
/* Frees its VFs and switch, Pause, HaltEx. */
void vfp_adapter_stop(struct vfp_adapter *adapter);

/* ---- the switch and its VFs ------------------------------------------------------------------------------------- */

int vfp_switch_create(struct vfp_adapter *adapter, unsigned num_vfs); /* OID_NIC_SWITCH_CREATE_SWITCH */
int vfp_vf_allocate(struct vfp_adapter *adapter, struct vfp_vf **vf); /* OID_NIC_SWITCH_ALLOCATE_VF, CREATE_VPORT */
void vfp_vf_free(struct vfp_vf *vf); /* ends its channel; DELETE_VPORT, RESET_VF, FREE_VF */
unsigned vfp_vf_index(const struct vfp_vf *vf);
uint16_t vfp_vf_routing_id(const struct vfp_vf *vf);

/* OID_SRIOV_{READ,WRITE}_VF_CONFIG_SPACE: the raw registers, through the PF driver. */
int vfp_vf_config_read(struct vfp_vf *vf, uint32_t offset, void *buffer, uint32_t length);
int vfp_vf_config_write(struct vfp_vf *vf, uint32_t offset, const void *buffer, uint32_t length);
#define VFP_CONFIG_SIZE 4096
/* What a guest reads that has just been given the VF: `buffer` gets VFP_CONFIG_SIZE bytes of the virtualization stack's
 * view (docs/registers.md), each register from the stack or, through the PF driver, from the VF. The VF is reset
 * afterwards, as after any owner. -EBUSY: it has an owner; otherwise what the PF driver said; the buffer then holds
 * nothing usable. */
int vfp_vf_guest_view(struct vfp_vf *vf, void *buffer);
/* The same as `lspci -F` reads it; with one of these errors nothing is printed. -EIO: the stream does not take it. */
int vfp_vf_guest_dump(struct vfp_vf *vf, FILE *stream);
/* OID_SRIOV_{READ,WRITE}_VF_CONFIG_BLOCK. Length 1..128. */
int vfp_vf_block_read(struct vfp_vf *vf, uint32_t block, void *buffer, uint32_t length);
int vfp_vf_block_write(struct vfp_vf *vf, uint32_t block, const void *buffer, uint32_t length);

/* Any OID as an overlying driver sends it. `type` is an NDIS_REQUEST_TYPE value (0 query, 1 set, 12 method). For query
 * and set the information buffer has `input_length` bytes. */
struct vfp_oid_result {
    int status; /* NDIS_STATUS */
    uint32_t bytes_read, bytes_written, bytes_needed;
};
struct vfp_oid_result vfp_oid(struct vfp_adapter *adapter, int type, uint32_t oid, void *buffer, uint32_t input_length,
                              uint32_t output_length);
/* OID_GEN_LINK_PARAMETERS: what an administrator does to the PF's link. Bits per second. */
int vfp_link_set(struct vfp_adapter *adapter, bool up, uint64_t speed);

/* ---- guests ------------------------------------------------------------------------------------------------------ */

struct vfp_channel_stats {
    uint64_t messages, completions, bad_data, window_reads, window_writes, invalidates_sent;
};
/* Gives the VF to the guest at the other end of `socket` (AF_UNIX SOCK_SEQPACKET, connected; becomes the channel's).
 * `name` is shown in traces. `ended` (may be NULL) is called once from a worker thread when the guest closed the
 * channel, died, or broke the protocol; `reason` says which. -EBUSY: the VF is another guest's. */
int vfp_channel_attach(struct vfp_vf *vf, int socket, const char *name,
                       void (*ended)(void *context, bool orderly, const char *reason), void *context,
                       struct vfp_channel **channel);
/* Asks the guest to give the VF back; without an answer in time the offer is rescinded. Returns at once. */
void vfp_channel_eject(struct vfp_channel *channel, unsigned timeout_ms);
/* Rescinds the offer when it still stands and frees the channel. */
void vfp_channel_close(struct vfp_channel *channel);
void vfp_channel_stats(struct vfp_channel *channel, struct vfp_channel_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
