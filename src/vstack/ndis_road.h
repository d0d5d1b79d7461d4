/* SPDX-License-Identifier: MIT
 *
 * What the files of the NDIS road share.
 */
#ifndef VFPLANE_VSTACK_NDIS_ROAD_H
#define VFPLANE_VSTACK_NDIS_ROAD_H

#include "vstack/internal.h"

void vstack_header(NDIS_OBJECT_HEADER *header, ULONG size);
NDIS_STATUS vstack_set(struct vstack *stack, NDIS_OID oid, void *buffer, ULONG length);
NDIS_STATUS vstack_method(struct vstack *stack, NDIS_OID oid, void *buffer, ULONG length, ULONG *written);
void vstack_remember_call(NDIS_OID_REQUEST *oid, struct vstack_call *call);

/* Members of the road. */
NDIS_STATUS vstack_ndis_allocate(struct vstack_vf *vf, const struct vstack_vf_options *options);
NDIS_STATUS vstack_ndis_connect(struct vstack_vf *vf);
void vstack_ndis_release(struct vstack_vf *vf);
NDIS_STATUS vstack_ndis_learn_ids(struct vstack_vf *vf);
NDIS_STATUS vstack_ndis_probed_bars(struct vstack_vf *vf, ULONG values[6]);
NDIS_STATUS vstack_ndis_bar_resource(struct vstack_vf *vf, USHORT index, PCM_PARTIAL_RESOURCE_DESCRIPTOR resource);
NDIS_STATUS vstack_ndis_access(struct vstack_vf *vf, enum vstack_kind kind, ULONG where, void *data, ULONG length);
void vstack_ndis_stage(struct vstack_vf *vf, const struct vstack_request *request);
NDIS_STATUS vstack_ndis_send(struct vstack_vf *vf);
ULONG vstack_ndis_fetch(struct vstack_vf *vf, UCHAR *data, ULONG size);

#endif
