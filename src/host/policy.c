/* SPDX-License-Identifier: MIT
 *
 * What a host program takes from a VF's guest.
 */
#include "host/internal.h"

unsigned vfp_vf_policy(struct vfp_vf *vf, struct vfp_policy_row *rows, unsigned capacity)
{
    struct vstack_policy_row all[VFP_CONFIG_SIZE / 4];
    unsigned count = vstack_policy_rows(vf->vf, all, VFP_CONFIG_SIZE / 4);
    for (unsigned i = 0; i < count && i < capacity; i++)
        rows[i] = (struct vfp_policy_row){all[i].offset, all[i].hardware, all[i].kept,
                                          all[i].down,   all[i].clear,    all[i].locked};
    return count;
}

static int answer(struct vfp_vf *vf, NTSTATUS status, const char *what, unsigned which)
{
    if (NT_SUCCESS(status))
        return 0;
    return host_fail(vf->adapter->host, host_errno(status), "VF %u: policy of %s 0x%x: %s", vfp_vf_index(vf), what,
                     which, nt_status_name(status));
}

int vfp_vf_policy_lock(struct vfp_vf *vf, uint32_t offset, uint32_t bits)
{
    HOST_ENTER(vf->adapter->host);
    NTSTATUS status = vstack_policy_lock(vf->vf, offset, bits);
    HOST_LEAVE();
    return answer(vf, status, "the dword at", offset);
}

int vfp_vf_policy_hide(struct vfp_vf *vf, bool extended, uint16_t capability, bool hidden)
{
    HOST_ENTER(vf->adapter->host);
    NTSTATUS status = vstack_policy_hide(vf->vf, extended, capability, hidden);
    HOST_LEAVE();
    return answer(vf, status, extended ? "extended capability" : "capability", capability);
}
