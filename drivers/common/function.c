/* SPDX-License-Identifier: MIT
 *
 * Neither reset nor power is believed without looking: Initiate FLR always reads 0, so a bit that an FLR must clear is
 * set before it and looked at afterwards.
 */
#include "function.h"

BOOLEAN nic_function_probe(const struct nic_config *config, struct nic_function *function)
{
    ULONG class;

    if (!nic_read32(config, NIC_CLASS, &class) || class == MAXULONG)
        return FALSE;
    return nic_find_capability(config, NIC_CAP_EXPRESS, &function->express) &&
           nic_find_capability(config, NIC_CAP_MSIX, &function->msix) &&
           nic_find_capability(config, NIC_CAP_PM, &function->pm);
}

/* No new transactions, and the old ones have ended (pci.md 4.3 "before FLR"). A function that never finishes is reset
 * all the same: that is what an FLR is for. */
static BOOLEAN quiesce(const struct nic_config *config, const struct nic_function *function)
{
    ULONG tries;
    USHORT status;

    if (!nic_change16(config, NIC_COMMAND, NIC_COMMAND_BUS_MASTER, 0))
        return FALSE;
    for (tries = 0; tries < NIC_SETTLE_RETRIES; tries++) {
        if (!nic_read16(config, function->express + NIC_EXP_DEVSTA, &status))
            return FALSE;
        if (!(status & NIC_EXP_DEVSTA_TP))
            break;
        nic_sleep(NIC_SETTLE_US);
    }
    return TRUE;
}

/* Masking a quiet function's interrupts changes nothing, and an FLR unmasks them. Without MSI-X there is no such bit,
 * and only Bus Master is looked at. */
static BOOLEAN leave_mark(const struct nic_config *config, const struct nic_function *function)
{
    return !function->msix || nic_change16(config, function->msix + NIC_MSIX_CONTROL, 0, NIC_MSIX_MASK);
}

static BOOLEAN mark_is_gone(const struct nic_config *config, const struct nic_function *function)
{
    USHORT control, command;

    if (function->msix && (!nic_read16(config, function->msix + NIC_MSIX_CONTROL, &control) ||
                           (control & (NIC_MSIX_MASK | NIC_MSIX_ENABLE))))
        return FALSE;
    return nic_read16(config, NIC_COMMAND, &command) && !(command & NIC_COMMAND_BUS_MASTER);
}

static BOOLEAN wait_until_ready(const struct nic_config *config, ULONG settles)
{
    ULONG tries, class;

    for (tries = 0; tries < settles; tries++) {
        nic_sleep(NIC_SETTLE_US);
        if (nic_read32(config, NIC_CLASS, &class) && class != MAXULONG)
            return TRUE;
    }
    return FALSE;
}

NTSTATUS nic_function_reset(const struct nic_config *config, const struct nic_function *function, ULONG settles)
{
    ULONG capabilities;

    if (!function->express || !nic_read32(config, function->express + NIC_EXP_DEVCAP, &capabilities) ||
        !(capabilities & NIC_EXP_DEVCAP_FLR))
        return STATUS_UNSUCCESSFUL;
    if (!quiesce(config, function) || !leave_mark(config, function) ||
        !nic_change16(config, function->express + NIC_EXP_DEVCTL, 0, NIC_EXP_DEVCTL_FLR))
        return STATUS_UNSUCCESSFUL;
    if (!wait_until_ready(config, settles))
        return STATUS_IO_TIMEOUT;
    return mark_is_gone(config, function) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

BOOLEAN nic_function_power(const struct nic_config *config, const struct nic_function *function, USHORT state)
{
    USHORT control;

    if (!function->pm)
        return TRUE;
    if (!nic_change16(config, function->pm + NIC_PM_CONTROL, NIC_PM_STATE_MASK, state))
        return FALSE;
    nic_sleep(10000); /* D3hot to D0, pci.md 4.3 */
    return nic_read16(config, function->pm + NIC_PM_CONTROL, &control) && (control & NIC_PM_STATE_MASK) == state;
}

BOOLEAN nic_vfs_enabled(const struct nic_config *own, USHORT sriov, USHORT num_vfs)
{
    USHORT control, number;

    return nic_read16(own, sriov + NIC_SRIOV_CONTROL, &control) &&
           nic_read16(own, sriov + NIC_SRIOV_NUM_VFS, &number) && (control & NIC_SRIOV_CONTROL_VFE) &&
           number == num_vfs;
}
