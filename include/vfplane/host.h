/* SPDX-License-Identifier: MIT
 *
 * A host: a parent partition with its PCI bus, PF drivers and virtualization stack, and the ends of the channels that
 * lead to its guests. A host is an object a program makes; two hosts in one process do not see each other.
 *
 * Routines return 0 or a negative errno unless said otherwise; vfp_host_error() then has one line that says what and
 * where. Threads: calls on one host are made by one thread at a time, but for the routines that say otherwise;
 * different hosts are independent. What a routine does to a driver happens on the calling thread at PASSIVE_LEVEL, in
 * the host's partition.
 *
 * Where a call ends at the PF driver (an OID, a callback, an IOCTL), its errors are those of the status that came back,
 * here called the driver's: -ENOMEM (RESOURCES), -EINVAL (INVALID_PARAMETER), -EMSGSIZE (INVALID_LENGTH,
 * BUFFER_TOO_SHORT), -EOPNOTSUPP (NOT_SUPPORTED, INVALID_OID), -EBUSY (INVALID_STATE), -ENODEV (NOT_ACCEPTED,
 * ADAPTER_REMOVED, CLOSING), -ENOENT (FILE_NOT_FOUND), -ECANCELED (REQUEST_ABORTED: reset, or not completed within the
 * patience), -EIO (any other).
 */
#ifndef VFP_HOST_H
#define VFP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <vfplane/contract.h>
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
    unsigned workers;        /* threads that serve the guests' channels, for each adapter that has some; 0 = 2 */
    bool strict_timing; /* a VF answers 100 ms (of the drivers' clock) after VF Enable and FLR, as the specification
                         * grants, and not before; default: at once */
    enum vfp_contracts contracts; /* what a broken rule does; default: recorded, all checks on */
    /* Called for the first of each (rule, driver, routine), at once, on the thread that broke the rule, also during
     * vfp_host_destroy; may be NULL. It may not call into the host. */
    void (*on_finding)(const struct vfp_finding *finding, void *context);
    void *finding_context;
};
struct vfp_host *vfp_host_create(const struct vfp_host_options *options); /* NULL: no memory or threads */
/* Ends what is still there (channels, VFs, switches, adapters, drivers, PFs). Returns the bytes of pool that drivers
 * leaked; with a trace, each tag is reported. */
size_t vfp_host_destroy(struct vfp_host *host);
/* One line about the last failure of a routine on this host; "" when there was none. */
const char *vfp_host_error(const struct vfp_host *host);
/* Sets a configuration keyword ("*SRIOV", "*NumVFs", ...) for adapters started afterwards; NULL removes it. -ENOMEM:
 * nothing has changed. */
int vfp_keyword_set(struct vfp_host *host, const char *keyword, const char *value);
/* How many times a rule of severity VFP_VIOLATION was broken in this host (vfplane/contract.h). */
uint64_t vfp_violations(const struct vfp_host *host);

/* The threads that serve a guest's channel poll it for a while before they sleep, as long as that has paid lately: at
 * most this many rounds of a few nanoseconds. 0: they sleep at once. Default 2,000; 0 on a machine with one processor.
 * Any thread, any time. */
void vfp_host_set_spin(struct vfp_host *host, unsigned rounds);

/* Every packet of the channels opened from now on is printed there, byte for byte with the fields that stand in it
 * (docs/backchannel.md); NULL: of later ones no more. The stream stays the caller's and must outlive the channels. */
void vfp_host_set_packets(struct vfp_host *host, FILE *stream);

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

/* The card's whole state as bytes: the registers of the PF and of the VFs that exist, power, what is left of the
 * readiness times. The same on every machine, for this version of vfplane. Returns the bytes needed; if that is more
 * than `size`, `buffer` holds nothing usable. Requests may be under way: each is in it as a whole or not at all. */
size_t vfp_pf_save(const struct vfp_pf *pf, void *buffer, size_t size);
/* Makes the card what it was, byte for byte; what drivers and guests know stays theirs. The bytes need not be trusted.
 * -EINVAL, and nothing has changed: not saved by this version, of another card or address, cut or too long, or a value
 * that a register cannot have. -ENODEV: this card was pulled. The state of a card that was pulled pulls this one. */
int vfp_pf_restore(struct vfp_pf *pf, const void *buffer, size_t size);

/* Accesses to VFs under `strict_timing` that came too early and failed. A trace names each. */
uint64_t vfp_pf_early_accesses(const struct vfp_pf *pf);

/* Loads a PF driver and runs its DriverEntry. NULL: no such file, not loadable (names of unresolved symbols), no
 * DriverEntry, DriverEntry failed (status). */
struct vfp_driver *vfp_driver_load(struct vfp_host *host, const char *path);
/* DriverUnload; its adapters must have been stopped. The host's end does it for what is left. */
void vfp_driver_unload(struct vfp_driver *driver);
/* AddDevice, resources, MiniportInitializeEx, Restart on that PF. NULL: what failed and its status.
 *
 * A PF driver need not be an NDIS miniport: one whose device stack answers for SRIOV_DEVICE_INTERFACE_STANDARD
 * (pcivirt.h) is driven by its callbacks and IOCTLs, and its guests cannot tell. It enables its VFs itself when it
 * starts, as many as it likes (drivers/refgen: keyword "*NumVFs", all without it). Where a comment below names an OID,
 * the callback of the same meaning is called; what only a miniport has is -EOPNOTSUPP, an OID
 * NDIS_STATUS_NOT_SUPPORTED. NULL, too: the driver is neither. */
struct vfp_adapter *vfp_adapter_start(struct vfp_driver *driver, struct vfp_pf *pf);
/* Frees its VFs and switch, Pause, HaltEx. */
void vfp_adapter_stop(struct vfp_adapter *adapter);
/* MiniportPause, MiniportRestart, MiniportResetEx. -EBUSY: not in the state that they start from; -EOPNOTSUPP: the
 * driver has no MiniportResetEx; else what the driver answered. */
int vfp_adapter_pause(struct vfp_adapter *adapter);
int vfp_adapter_restart(struct vfp_adapter *adapter);
int vfp_adapter_reset(struct vfp_adapter *adapter);
/* MiniportCheckForHangEx; when it says TRUE, *hangs is set and MiniportResetEx follows. Errors as above. */
int vfp_adapter_check_for_hang(struct vfp_adapter *adapter, bool *hangs);
/* MiniportShutdownEx: the machine goes down. Only vfp_adapter_stop follows. */
void vfp_adapter_shutdown(struct vfp_adapter *adapter);
/* IRP_MN_SET_POWER to D0..D3 (`state` 0..3): Pause and OID_PNP_SET_POWER before the device leaves D0; after it is back
 * OID_PNP_SET_POWER, the event PowerProfileChanged, Restart. -EINVAL: no such state; else what the stack answered. */
int vfp_adapter_power(struct vfp_adapter *adapter, unsigned state);
/* "Halted", "Paused", "Running", ... "removed". An adapter whose MiniportRestart failed at its start is Paused, and
 * vfp_host_error() said so when vfp_adapter_start() returned it. */
const char *vfp_adapter_state(const struct vfp_adapter *adapter);
/* How long NDIS waits for what a miniport has pended (OIDs, MiniportPause, Restart, ResetEx) before it reports
 * *_NEVER_COMPLETED and goes on without it, and how long a PF driver that is no miniport is waited for where it has to
 * answer at once (its IOCTLs but ATTACH, and those that are cancelled): milliseconds of the host's clock, 0 = for ever,
 * at first 30000. On the virtual clock that is at most two seconds of real time. For waits that begin afterwards. */
void vfp_patience_set(struct vfp_host *host, unsigned ms);
/* The adapter's device sends interrupt message `message` (0 for a line interrupt): the driver's ISR runs at the
 * device's IRQL, then its DPC at DISPATCH_LEVEL; both have returned when this does. -EINVAL: no interrupt is
 * registered, or no such message; -EAGAIN: masked in the MSI-X table, it is sent when the driver unmasks it; -ENOENT:
 * the ISR did not want it. */
int vfp_interrupt(struct vfp_adapter *adapter, unsigned message);

/* A status indication of a miniport (NdisMIndicateStatusEx). The buffer is valid during the call. */
struct vfp_status {
    uint32_t code;    /* NDIS_STATUS_LINK_STATE, ... */
    const char *name; /* "LINK_STATE" */
    const void *buffer;
    uint32_t length;
};
/* From now on `heard` is called for each; NULL ends that, and returns when no call runs any more. On the miniport's
 * thread, at up to DISPATCH_LEVEL: it may not call into the host. */
void vfp_status_listen(struct vfp_adapter *adapter, void (*heard)(void *context, const struct vfp_status *status),
                       void *context);

/* ---- the switch and its VFs ------------------------------------------------------------------------------------- */

/* OID_NIC_SWITCH_CREATE_SWITCH. The driver's errors; -EOPNOTSUPP, too: the card has no SR-IOV. A PF driver that is no
 * miniport has its VFs already: from now on the first `num_vfs` of them are given out; -EINVAL: it has not so many;
 * -EBUSY: it has another client. */
int vfp_switch_create(struct vfp_adapter *adapter, unsigned num_vfs);
int vfp_switch_delete(struct vfp_adapter *adapter); /* OID_NIC_SWITCH_DELETE_SWITCH; -EINVAL while it has VFs */
/* OID_NIC_SWITCH_ALLOCATE_VF, CREATE_VPORT, then what of the VF's registers the stack keeps. The driver's errors, and
 * -ENOMEM; no VF is allocated then. */
int vfp_vf_allocate(struct vfp_adapter *adapter, struct vfp_vf **vf);
void vfp_vf_free(struct vfp_vf *vf); /* ends its channel; DELETE_VPORT, RESET_VF, FREE_VF */
unsigned vfp_vf_index(const struct vfp_vf *vf);
uint16_t vfp_vf_routing_id(const struct vfp_vf *vf);

/* OID_SRIOV_{READ,WRITE}_VF_CONFIG_SPACE: the raw registers, through the PF driver. The driver's errors. */
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

/* The policy of one VF: what its guest sees of the VF and may write (docs/registers.md), a row a dword in ascending
 * order. A host program may take from it while no guest has the VF (else -EBUSY, nothing changed); it stays for every
 * later guest. Nothing can be given that the built-in table does not give. */
struct vfp_policy_row {
    uint16_t offset;
    uint32_t hardware; /* bits read from the VF itself; the others are fixed, or kept by the virtualization stack */
    uint32_t kept;     /* the guest may write them; the value stays in the stack */
    uint32_t down;     /* the guest may write them; goes down to the VF through the PF driver */
    uint32_t clear;    /* the same, write 1 to clear */
    uint32_t locked;   /* of kept, down and clear: not for this guest */
};
/* Fills up to `capacity` rows; returns how many there are. */
unsigned vfp_vf_policy(struct vfp_vf *vf, struct vfp_policy_row *rows, unsigned capacity);
/* These bits of a dword, and no others of it, are read-only to the guest beyond the built-in table; their effects
 * (BARs, Memory Enable, Initiate FLR) with them. -EINVAL: not the offset of a dword; -ENOENT: the guest does not see
 * it. */
int vfp_vf_policy_lock(struct vfp_vf *vf, uint32_t offset, uint32_t bits);
/* Takes the capabilities of that ID (`extended`: of PCI Express extended configuration space) out of what the guest
 * sees, or puts them back. -ENOENT: the VF has none, or they are for no guest. */
int vfp_vf_policy_hide(struct vfp_vf *vf, bool extended, uint16_t capability, bool hidden);

/* OID_SRIOV_{READ,WRITE}_VF_CONFIG_BLOCK. Length 1..128. The driver's errors. */
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
/* The same without NDIS's pre-validation and NDIS's own answers: the request reaches the miniport as it is, also one
 * that only NDIS may send, of a wrong type, too short, for a VF that does not exist. What the miniport makes of it is
 * still kept in NDIS's books of the switch, VFs, VPorts and filters, whose numbers it names itself. Both may be called
 * from any thread, several at a time; NDIS brings them to the miniport one after the other. */
struct vfp_oid_result vfp_oid_raw(struct vfp_adapter *adapter, int type, uint32_t oid, void *buffer,
                                  uint32_t input_length, uint32_t output_length);
/* Pend, fetch, complete: a request can be kept from the miniport, looked at, changed, and completed without it. All
 * five may be called from any thread; the request itself is sent by another thread (vfp_oid, a guest) and waits there.
 *
 * From now on requests of that OID, whoever sends them, stop at the miniport's door, after NDIS has checked them.
 * -ENOSPC: 16 OIDs are held already. Off: later ones go through. */
int vfp_oid_hold(struct vfp_adapter *adapter, uint32_t oid, bool on);
struct vfp_held_oid {
    uint64_t id;
    int type; /* NDIS_REQUEST_TYPE */
    uint32_t oid;
    void *buffer;                         /* the information buffer: its contents may be changed */
    uint32_t input_length, output_length; /* may be made shorter; query and set have one length, input_length */
};
/* The request that stands at the door, waiting up to `timeout_ms` of the host's clock for one (0 = not at all). It is
 * the caller's until it is released or completed, or NDIS ends it: cancel, reset, surprise removal, stop. -EAGAIN:
 * none, or it was fetched already. */
int vfp_oid_fetch(struct vfp_adapter *adapter, unsigned timeout_ms, struct vfp_held_oid *held);
/* It goes to the miniport now, on this thread, with the lengths in `held`. -ENOENT: NDIS has ended it. */
int vfp_oid_release(struct vfp_adapter *adapter, const struct vfp_held_oid *held);
/* It ends with an NDIS_STATUS and `bytes` read (set) or written (query, method); the miniport never sees it. For a
 * request too short, `bytes` are the bytes needed. -ENOENT: NDIS has ended it. */
int vfp_oid_complete(struct vfp_adapter *adapter, const struct vfp_held_oid *held, int status, uint32_t bytes);

/* OID_GEN_LINK_PARAMETERS: what an administrator does to the PF's link. Bits per second. A PF driver that is no
 * miniport knows no such OID, and pcivirt.h knows no link: it gets VFP_IOCTL_SET_LINK with a struct vfp_link, a control
 * code of vfplane's own that drivers/refgen takes. -EOPNOTSUPP: the driver does not. */
#define VFP_IOCTL_SET_LINK 0x0012A400u /* CTL_CODE(FILE_DEVICE_NETWORK, 0x900, METHOD_BUFFERED, FILE_WRITE_DATA) */
struct vfp_link {
    uint32_t connected, reserved;
    uint64_t speed;
};
int vfp_link_set(struct vfp_adapter *adapter, bool up, uint64_t speed);

/* ---- guests ------------------------------------------------------------------------------------------------------ */

struct vfp_channel_stats {
    uint64_t messages, completions, bad_data, window_reads, window_writes, invalidates_sent;
};
/* Gives the VF to the guest at the other end of `socket` (AF_UNIX SOCK_SEQPACKET, connected; becomes the channel's).
 * `name` is shown in traces. `ended` (may be NULL) is called once from a worker thread when the guest closed the
 * channel, died, or broke the protocol; `reason` says which.
 *
 * -EBUSY: the VF is another guest's; -ENOSPC: this host has 2,047 channels already; -ENOMEM: no memory; -EMFILE,
 * -ENFILE: no descriptor; -EAGAIN: no thread to serve it, or not what one needs. The socket then stays the caller's,
 * and nothing has changed. */
int vfp_channel_attach(struct vfp_vf *vf, int socket, const char *name,
                       void (*ended)(void *context, bool orderly, const char *reason), void *context,
                       struct vfp_channel **channel);

/* The same with all that a device model or a VMM is called for. None of these may block or call into the channel; any
 * may be NULL. */
struct vfp_delivery {
    uint32_t vector;      /* as the guest asked for it, counted on for the messages of a block: not bounded here */
    bool lowest_priority; /* false: fixed */
    unsigned processor_count;
    const uint16_t *processors; /* indices of virtual processors, 1 to 32 of them; valid during the call */
};
struct vfp_bar {
    unsigned index; /* 0..5, the lower of a 64-bit BAR's two */
    bool mapped;
    uint64_t guest_address, system_address; /* in the guest's and in the host's physical memory */
    uint64_t size;
};
/* Pages that the guest must not reach itself, because the PF driver answers for them (pci.md 3.4, 3.7): while a range
 * stands, whoever makes the BAR visible to the guest traps these accesses and hands each over by
 * vfp_channel_register(). Only a PF driver that is no miniport has such pages (drivers/refgen: of a VF that is not in
 * D0). */
struct vfp_range {
    uint64_t offset, length; /* bytes from the start of the BAR, multiples of 4,096 */
    bool reads, writes;      /* which accesses; the others are the guest's own */
};
struct vfp_ranges {
    unsigned index;                 /* 0..5: the BAR, the lower of a 64-bit one's two */
    unsigned count;                 /* 0..256 */
    const struct vfp_range *ranges; /* ascending, none overlapping; valid during the call */
};
struct vfp_channel_options {
    const char *name; /* shown in traces */
    void *context;
    void (*ended)(void *context, bool orderly, const char *reason); /* as above; all BARs are unmapped by then */
    /* An interrupt for the guest: inside vfp_channel_interrupt and its kin, on their thread. It may call into no other
     * channel either: who raises waits for whoever changes the guest's interrupts, who waits for deliveries. Without it
     * a guest of this library's own is interrupted itself, whatever the processors. */
    void (*interrupt)(void *context, const struct vfp_delivery *interrupt);
    /* A BAR became visible to the guest, or went away: on a worker thread, or inside vfp_channel_close. */
    void (*bar)(void *context, const struct vfp_bar *bar);
    /* All ranges of a BAR from now on: whenever they change, on a worker thread or inside vfp_channel_close, and, when
     * there are some, before the `bar` that maps it. At first there are none, and none are left when `ended` is called.
     * What a change of the VF's power or a reset changes is told before that request is answered to the guest. Of one
     * channel, one call of `bar` or `ranges` at a time. NULL: nobody keeps the guest from these pages. */
    void (*ranges)(void *context, const struct vfp_ranges *ranges);
};
int vfp_channel_open(struct vfp_vf *vf, int socket, const struct vfp_channel_options *options,
                     struct vfp_channel **channel);

/* The VF's device raises an interrupt: by the address and data that the guest was given for it (vpci-wire.md 4.5). 0:
 * delivered; -ENOENT: the guest was not given that pair, or gave it back. Any thread, until vfp_channel_close. */
int vfp_channel_interrupt(struct vfp_channel *channel, uint64_t address, uint32_t data);
/* By number, for a device model that keeps the VF's MSI-X table: it tells what the guest wrote to an entry (0..2047),
 * and raises it. What is raised while masked is delivered once when unmasked; Function Mask and MSI-X Enable are the
 * model's own to look at. Reset with the VF's owner. -EINVAL: index; -ENOENT: the entry holds no pair of this guest's;
 * -ENOMEM. Any thread, until vfp_channel_close. */
int vfp_channel_msix_set(struct vfp_channel *channel, unsigned index, uint64_t address, uint32_t data, bool masked);
int vfp_channel_msix_raise(struct vfp_channel *channel, unsigned index);
/* The guest's RetargetDeviceInterrupt (vpci-wire.md 4.5), which whoever runs the guest gets: from now on the message of
 * that pair goes where `target` says; its processors are copied. 0; -EINVAL: not 1 to 32 processors, each below 4,096;
 * -ENOENT: the guest was not given that pair; -ENOMEM: nothing has changed. Any thread, until vfp_channel_close, but
 * not inside `interrupt`: it waits for a delivery that is under way. */
int vfp_channel_retarget(struct vfp_channel *channel, uint64_t address, uint32_t data,
                         const struct vfp_delivery *target);

/* ---- mitigated pages -------------------------------------------------------------------------------------------- */

/* An access that was trapped in a range of `ranges`. */
struct vfp_register {
    unsigned bar;
    uint64_t offset; /* from the start of the BAR */
    unsigned length; /* bytes, 1 to 8 */
    bool write;
    uint64_t value; /* to be written, in the low bytes */
};
/* Hands it to the PF driver (MITIGABLE_DEVICE_INTERFACE). Returns at once, so that the thread of a virtual processor,
 * or one that serves many machines, is never inside a PF driver and never waits for another guest's request; who wants
 * to wait does so for `done`. 0: `done` is called once, on a worker thread, also when the channel ends; it may not
 * block or call into the channel. -ENOMEM: it is not called. Any thread, until vfp_channel_close.
 *
 * Its result is 0, with what was read, or a negative errno; then a read gives all ones and a write has done nothing:
 * -EINVAL: bar over 5, length not 1 to 8, not all inside the BAR, only partly in ranges that intercept it; -ENOENT: no
 * byte of it is, or is any longer, in one, which the last call of `ranges` says: the guest does it itself; -ENODEV: no
 * guest has the VF now, or the card was pulled; -ETIMEDOUT: the PF driver did not answer within 30 s, and may yet do
 * what was asked; -EIO: it failed. */
int vfp_channel_register(struct vfp_channel *channel, const struct vfp_register *access,
                         void (*done)(void *context, int result, uint64_t value), void *context);

/* Asks the guest to give the VF back; without an answer in time the offer is rescinded. Returns at once. */
void vfp_channel_eject(struct vfp_channel *channel, unsigned timeout_ms);
/* Rescinds the offer when it still stands and frees the channel. */
void vfp_channel_close(struct vfp_channel *channel);
void vfp_channel_stats(struct vfp_channel *channel, struct vfp_channel_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
