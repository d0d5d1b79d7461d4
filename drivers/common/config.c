/* SPDX-License-Identifier: MIT
 *
 * Registers of a function, and the two capability lists.
 */
#include "config.h"

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

BOOLEAN nic_find_capability(const struct nic_config *config, UCHAR id, UCHAR *found)
{
    USHORT status, entry;
    UCHAR offset;
    ULONG steps;

    *found = 0;
    if (!nic_read16(config, NIC_STATUS, &status) ||
        !nic_read16(config, FIELD_OFFSET(PCI_COMMON_HEADER, u.type0.CapabilitiesPtr), &entry))
        return FALSE;
    offset = status & NIC_STATUS_CAPABILITIES ? (UCHAR)(entry & 0xFC) : 0;
    for (steps = 0; offset >= sizeof(PCI_COMMON_HEADER) && steps < 48; steps++) { /* 48 dwords lie in 40h..FFh */
        if (!nic_read16(config, offset, &entry))
            return FALSE;
        if ((UCHAR)entry == id) {
            *found = offset;
            return TRUE;
        }
        offset = (UCHAR)((entry >> 8) & 0xFC);
    }
    return TRUE;
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
