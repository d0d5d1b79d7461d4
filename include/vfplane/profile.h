/* SPDX-License-Identifier: MIT
 *
 * Profiles: the cards that vfplane can be. A profile is a text file, what `lspci -vvvxxxx` prints of a physical
 * function (PF) and of one of its virtual functions (VF) (docs/profiles.md). These routines look at one without any
 * driver.
 *
 * Routines return 0 or a negative errno. Threads: any; a profile never changes, only its close is the last.
 */
#ifndef VFP_PROFILE_H
#define VFP_PROFILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfp_profile;

/* Reads and checks a profile; with 0 it is usable: a device can be made of it at its own address. -EINVAL: it is not;
 * -ENOENT, -EACCES, ...: it cannot be read;
 * -ENOMEM. `error` (of `size` bytes, 0 = not wanted) then has one line: file, line if it is one line's fault, reason.
 */
int vfp_profile_open(const char *path, struct vfp_profile **profile, char *error, size_t size);
void vfp_profile_close(struct vfp_profile *profile); /* NULL is nothing */
uint16_t vfp_profile_total_vfs(const struct vfp_profile *profile);

/* The map, PF then VF, a register a line: offset, name, reset value, each bit from the highest (0 1 read-only, w
 * writable, c write 1 to clear, t trigger), which bits a function level reset keeps, what a write sets off. -ENOMEM;
 * -EIO: the stream does not take it. */
int vfp_profile_show(const struct vfp_profile *profile, FILE *stream);

/* The device of the profile with its first `num_vfs` VFs enabled (0: the PF alone), each function as `lspci -F` reads
 * it, raw: what the PCI bus driver reads, no driver above it. Routing IDs are those that the PF's address gives them.
 * -EINVAL: more than TotalVFs, or than InitialVFs, nothing written; -ENOMEM; -EIO. */
int vfp_profile_dump(const struct vfp_profile *profile, uint16_t num_vfs, FILE *stream);

/* Writes a profile of a card that nobody built: `total_vfs` VFs (1..65535) with consecutive routing IDs behind a PF at
 * 00:00.0, and in each function every kind of register that it may have. -EINVAL: 0 VFs; -ENOMEM; -EIO. */
int vfp_profile_synth(uint16_t total_vfs, FILE *stream);

#ifdef __cplusplus
}
#endif
#endif
