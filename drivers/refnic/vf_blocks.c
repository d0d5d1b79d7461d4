/* SPDX-License-Identifier: MIT
 *
 * The VF's end of the backchannel. PASSIVE_LEVEL: each read and write waits for the PF driver.
 */
#include "vf.h"

NDIS_STATUS vf_read_link(struct vf_adapter *adapter)
{
    struct refnic_link block;
    struct nic_link link;

    if (NdisMReadConfigBlock(adapter->port.handle, REFNIC_BLOCK_LINK, &block, sizeof(block)) != NDIS_STATUS_SUCCESS) {
        DbgPrint("refnic_vf: the PF told no address\n");
        return NDIS_STATUS_FAILURE;
    }
    link.connected = block.connected != 0;
    link.transmit_speed = block.transmit_speed;
    link.receive_speed = block.receive_speed;
    NdisAcquireSpinLock(&adapter->port.lock);
    NdisMoveMemory(adapter->port.current, block.mac, NIC_MAC_LENGTH);
    NdisReleaseSpinLock(&adapter->port.lock);
    (void)nic_set_link(&adapter->port, &link);
    return NDIS_STATUS_SUCCESS;
}

/* By agent type - 1: what it does when it is addressed. */
static VOID (*const agents[])(struct vf_adapter *adapter, USHORT command) = {
    [REFNIC_BLOCK_STATISTICS - 1] = vf_statistics_command,
};

/* Each agent that is addressed; the format and the number of its rings are the statistics agent's to say. */
static VOID address(struct vf_adapter *adapter, struct refnic_control *control)
{
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(agents); i++)
        if (control->control & REFNIC_AGENT(i + 1))
            agents[i](adapter, control->command);
    if (control->control & REFNIC_AGENT_STATISTICS) {
        control->version = REFNIC_FORMAT_VERSION;
        control->rings = adapter->rings;
    }
}

/* vpci-wire.md 7.2 step 2. */
NDIS_STATUS vf_answer_control(struct vf_adapter *adapter)
{
    struct refnic_control control;
    NDIS_STATUS status = NdisMReadConfigBlock(adapter->port.handle, REFNIC_BLOCK_CONTROL, &control, sizeof(control));

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (adapter->agents) {
        control.capabilities = adapter->agents;
        if (control.control & ~control.capabilities)
            return NDIS_STATUS_SUCCESS;
        address(adapter, &control);
        control.command_ack = control.command;
    } else {
        NdisZeroMemory(&control, sizeof(control));
    }
    return NdisMWriteConfigBlock(adapter->port.handle, REFNIC_BLOCK_CONTROL, &control, sizeof(control));
}

/* The control agent comes first and alone, and each agent that comes or goes has the control block read. */
NDIS_STATUS vf_agents_come(struct vf_adapter *adapter)
{
    NDIS_STATUS status = vf_answer_control(adapter);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    adapter->agents = REFNIC_AGENT_STATISTICS;
    return vf_answer_control(adapter);
}

VOID vf_agents_go(struct vf_adapter *adapter)
{
    vf_statistics_command(adapter, REFNIC_COMMAND_NONE);
    adapter->agents = 0;
    (void)vf_answer_control(adapter);
}
