/* SPDX-License-Identifier: MIT */
#include "nic.h"

NDIS_NIC_SWITCH_VF_PARAMETERS nic_vf_parameters(void)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS p = {0};

    nic_header(&p, 1, NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1);
    p.VFId = NDIS_INVALID_VF_FUNCTION_ID;
    p.RequestorId = NDIS_INVALID_RID;
    p.MacAddressLength = 6;
    return p;
}

NDIS_NIC_SWITCH_VPORT_PARAMETERS nic_vport_parameters(USHORT function)
{
    NDIS_NIC_SWITCH_VPORT_PARAMETERS p = {0};

    nic_header(&p, 1, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1);
    p.AttachedFunctionId = function;
    p.NumQueuePairs = 1;
    p.VPortState =
        function == NDIS_PF_FUNCTION_ID ? NdisNicSwitchVPortStateDeactivated : NdisNicSwitchVPortStateActivated;
    p.ProcessorAffinity.Mask = 1;
    return p;
}

NDIS_RECEIVE_FILTER_PARAMETERS nic_filter_parameters(ULONG vport)
{
    NDIS_RECEIVE_FILTER_PARAMETERS p = {0};

    nic_header(&p, 2, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2);
    p.FilterType = NdisReceiveFilterTypeVMQueue;
    p.VPortId = vport;
    return p;
}

NDIS_STATUS nic_allocate_vf(struct nic *nic, USHORT *vf)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS p = nic_vf_parameters();
    NDIS_STATUS status = nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_ALLOCATE_VF, &p, sizeof p);

    if (vf)
        *vf = p.VFId;
    return status;
}

NDIS_STATUS nic_free_vf(struct nic *nic, USHORT vf)
{
    NDIS_NIC_SWITCH_FREE_VF_PARAMETERS p = {0};

    nic_header(&p, 1, NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1);
    p.VFId = vf;
    return nic_send(nic, NdisRequestSetInformation, OID_NIC_SWITCH_FREE_VF, &p, sizeof p);
}

NDIS_STATUS nic_create_vport(struct nic *nic, USHORT function, ULONG *vport)
{
    NDIS_NIC_SWITCH_VPORT_PARAMETERS p = nic_vport_parameters(function);
    NDIS_STATUS status = nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p, sizeof p);

    if (vport)
        *vport = p.VPortId;
    return status;
}

NDIS_STATUS nic_delete_vport(struct nic *nic, ULONG vport)
{
    NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = {0};

    nic_header(&p, 1, NDIS_SIZEOF_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1);
    p.VPortId = vport;
    return nic_send(nic, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, &p, sizeof p);
}

struct nic *nic_with_switch(void)
{
    struct nic *nic = nic_running(FAKE_HOST);

    assert_int_equal(ndis_switch_create(nic->adapter, 4), NDIS_STATUS_SUCCESS);
    nic->oids = 0;
    return nic;
}
