/* SPDX-License-Identifier: MIT
 *
 * Register access and the two capability lists.
 */
#include "config.h"

static ULONG own_read(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    return NdisMGetBusData(config->handle, PCI_WHICHSPACE_CONFIG, offset, buffer, length);
}

static ULONG own_write(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    return NdisMSetBusData(config->handle, PCI_WHICHSPACE_CONFIG, offset, buffer, length);
}

static ULONG vf_read(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    return NdisMGetVirtualFunctionBusData(config->handle, config->vf, buffer, offset, length);
}

static ULONG vf_write(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    return NdisMSetVirtualFunctionBusData(config->handle, config->vf, buffer, offset, length);
}

struct nic_config nic_config_own(NDIS_HANDLE handle)
{
    struct nic_config config = {own_read, own_write, handle, NDIS_PF_FUNCTION_ID};

    return config;
}

struct nic_config nic_config_vf(NDIS_HANDLE handle, NDIS_SRIOV_FUNCTION_ID vf)
{
    struct nic_config config = {vf_read, vf_write, handle, vf};

    return config;
}

BOOLEAN nic_read16(const struct nic_config *config, ULONG offset, USHORT *value)
{
    return config->read(config, offset, value, sizeof(*value)) == sizeof(*value);
}

BOOLEAN nic_read32(const struct nic_config *config, ULONG offset, ULONG *value)
{
    return config->read(config, offset, value, sizeof(*value)) == sizeof(*value);
}

BOOLEAN nic_change16(const struct nic_config *config, ULONG offset, USHORT clear, USHORT set)
{
    USHORT before, after;

    if (!nic_read16(config, offset, &before))
        return FALSE;
    after = (USHORT)((before & ~clear) | set);
    return after == before || config->write(config, offset, &after, sizeof(after)) == sizeof(after);
}

UCHAR nic_find_capability(const struct nic_config *config, UCHAR id)
{
    USHORT status, entry;
    UCHAR offset;
    ULONG steps;

    if (!nic_read16(config, NIC_STATUS, &status) || !(status & NIC_STATUS_CAPABILITIES))
        return 0;
    if (!nic_read16(config, FIELD_OFFSET(PCI_COMMON_HEADER, u.type0.CapabilitiesPtr), &entry))
        return 0;
    offset = (UCHAR)(entry & 0xFC);
    for (steps = 0; offset >= sizeof(PCI_COMMON_HEADER) && steps < 48; steps++) { /* 48 dwords lie in 40h..FFh */
        if (!nic_read16(config, offset, &entry))
            return 0;
        if ((UCHAR)entry == id)
            return offset;
        offset = (UCHAR)((entry >> 8) & 0xFC);
    }
    return 0;
}

USHORT nic_find_extended_capability(const struct nic_config *config, USHORT id)
{
    USHORT offset = 0x100;
    ULONG steps, header;

    for (steps = 0; offset >= 0x100 && steps < (NIC_CONFIG_SIZE - 0x100) / 4; steps++) {
        if (!nic_read32(config, offset, &header) || header == 0 || header == MAXULONG)
            return 0;
        if ((USHORT)header == id)
            return offset;
        offset = (USHORT)(header >> 20 & 0xFFC);
    }
    return 0;
}
