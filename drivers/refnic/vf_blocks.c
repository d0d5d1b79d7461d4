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

static NDIS_STATUS write_control(struct vf_adapter *adapter, struct refnic_control *control)
{
    return NdisMWriteConfigBlock(adapter->port.handle, REFNIC_BLOCK_CONTROL, control, sizeof(*control));
}

/* vpci-wire.md 7.2 step 2. Agents we do not have: not acknowledged. The acknowledgement follows the data. */
NDIS_STATUS vf_answer_control(struct vf_adapter *adapter)
{
    struct refnic_control control;
    NDIS_STATUS status = NdisMReadConfigBlock(adapter->port.handle, REFNIC_BLOCK_CONTROL, &control, sizeof(control));

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    control.capabilities = REFNIC_AGENT_STATISTICS;
    if (control.control & ~control.capabilities)
        return NDIS_STATUS_SUCCESS;
    control.version = REFNIC_FORMAT_VERSION;
    control.rings = adapter->rings;
    if ((control.control & REFNIC_AGENT_STATISTICS) && control.command == REFNIC_COMMAND_SNAPSHOT)
        status = vf_write_snapshot(adapter);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (control.command == REFNIC_COMMAND_NONE || control.command == REFNIC_COMMAND_SNAPSHOT)
        control.command_ack = control.command;
    return write_control(adapter, &control);
}

/* The rings carry no traffic, so their records are zero; what travels is the form: one sequence, pieces in order. */
NDIS_STATUS vf_write_snapshot(struct vf_adapter *adapter)
{
    const ULONG pieces =
        (adapter->rings * (ULONG)sizeof(struct refnic_ring_record) + REFNIC_PIECE_BYTES - 1) / REFNIC_PIECE_BYTES;
    struct refnic_statistics piece = {.sequence = adapter->sequence++};
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    while (piece.index < pieces && status == NDIS_STATUS_SUCCESS) {
        status = NdisMWriteConfigBlock(adapter->port.handle, REFNIC_BLOCK_STATISTICS, &piece, sizeof(piece));
        piece.index++;
    }
    return status;
}

VOID vf_leave(struct vf_adapter *adapter)
{
    struct refnic_control control = {0};

    (void)write_control(adapter, &control);
}
