/* SPDX-License-Identifier: MIT
 *
 * The card: what it is, how many VFs it shall have, and turning virtualization on and off through
 * PCI_VIRTUALIZATION_INTERFACE (pci.md 1.4).
 */
#include "gen.h"

#include "../common/query.h"

/* ---- registers --------------------------------------------------------------------------------------------------- */

static ULONG own_read(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    const struct gen_adapter *adapter = config->context;

    return adapter->bus.GetBusData(adapter->bus.Context, PCI_WHICHSPACE_CONFIG, buffer, offset, length);
}

static ULONG own_write(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    const struct gen_adapter *adapter = config->context;

    return adapter->bus.SetBusData(adapter->bus.Context, PCI_WHICHSPACE_CONFIG, buffer, offset, length);
}

static ULONG vf_read(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    const struct gen_adapter *adapter = config->context;

    return adapter->virtualization.GetVirtualFunctionData(adapter->virtualization.Context, config->vf, buffer, offset,
                                                          length);
}

static ULONG vf_write(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    const struct gen_adapter *adapter = config->context;

    return adapter->virtualization.SetVirtualFunctionData(adapter->virtualization.Context, config->vf, buffer, offset,
                                                          length);
}

struct nic_config gen_config_vf(struct gen_adapter *adapter, USHORT vf)
{
    struct nic_config config = {vf_read, vf_write, adapter, vf};

    return config;
}

VOID nic_sleep(ULONG microseconds)
{
    LARGE_INTEGER interval;

    interval.QuadPart = -10ll * microseconds;
    (VOID) KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

/* ---- keywords ---------------------------------------------------------------------------------------------------- */

/* A number in the device's software key; `value` keeps its default when it is not there. */
static VOID read_keyword(HANDLE key, PUNICODE_STRING name, ULONG *value)
{
    struct {
        KEY_VALUE_PARTIAL_INFORMATION header;
        ULONG more;
    } buffer;
    ULONG length;

    if (NT_SUCCESS(ZwQueryValueKey(key, name, KeyValuePartialInformation, &buffer, sizeof(buffer), &length)) &&
        buffer.header.Type == REG_DWORD && buffer.header.DataLength == sizeof(*value))
        RtlCopyMemory(value, buffer.header.Data, sizeof(*value));
}

/* The keywords of network cards: an administrator need not know what kind of driver a card has. */
static USHORT wanted_vfs(struct gen_adapter *adapter, USHORT total)
{
    UNICODE_STRING sriov_keyword = RTL_CONSTANT_STRING(L"*SRIOV"), num_vfs_keyword = RTL_CONSTANT_STRING(L"*NumVFs");
    ULONG sriov = 1, num_vfs = total;
    HANDLE key;

    if (NT_SUCCESS(IoOpenDeviceRegistryKey(adapter->pdo, PLUGPLAY_REGKEY_DRIVER, KEY_READ, &key))) {
        read_keyword(key, &sriov_keyword, &sriov);
        read_keyword(key, &num_vfs_keyword, &num_vfs);
        ZwClose(key);
    }
    if (!sriov)
        return 0;
    return num_vfs < total ? (USHORT)num_vfs : total;
}

/* ---- first start ------------------------------------------------------------------------------------------------- */

/* There is no EEPROM behind the BARs: a locally administered address made from where the card is. */
static VOID make_address(struct gen_adapter *adapter)
{
    ULONG bus = 0, address = 0, length;

    (VOID) IoGetDeviceProperty(adapter->pdo, DevicePropertyBusNumber, sizeof(bus), &bus, &length);
    (VOID) IoGetDeviceProperty(adapter->pdo, DevicePropertyAddress, sizeof(address), &address, &length);
    adapter->mac[0] = 0x02;
    adapter->mac[1] = 0x76;
    adapter->mac[2] = (UCHAR)bus;
    adapter->mac[5] = (UCHAR)((address >> 16) << 3 | (address & 7));
}

/* TotalVFs; 0: a card without VFs. FALSE: it does not answer. */
static BOOLEAN read_card(struct gen_adapter *adapter, USHORT *total)
{
    const struct nic_config config = {own_read, own_write, adapter, 0};
    PCI_COMMON_HEADER header;

    *total = 0;
    if (config.read(&config, 0, &header, sizeof(header)) != sizeof(header) || header.VendorID == PCI_INVALID_VENDORID)
        return FALSE;
    adapter->vendor = header.VendorID;
    adapter->sriov = nic_find_extended_capability(&config, NIC_EXTCAP_SRIOV);
    return !adapter->sriov || (nic_read16(&config, adapter->sriov + NIC_SRIOV_TOTAL_VFS, total) &&
                               nic_read16(&config, adapter->sriov + NIC_SRIOV_VF_DEVICE_ID, &adapter->vf_device));
}

static NTSTATUS make_vfs(struct gen_adapter *adapter, USHORT num_vfs)
{
    struct gen_vf **vfs;
    NTSTATUS status;
    KIRQL irql;

    status = nic_query_interface(adapter->lower, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(adapter->virtualization),
                                 (PINTERFACE)&adapter->virtualization);
    if (!NT_SUCCESS(status)) {
        adapter->virtualization.Size = 0;
        return status;
    }
    status =
        adapter->virtualization.GetVirtualFunctionProbedBars(adapter->virtualization.Context, adapter->bars.probed);
    if (!NT_SUCCESS(status))
        return status;
    nic_bars_size(&adapter->bars);
    vfs = ExAllocatePoolZero(NonPagedPoolNx, num_vfs * sizeof(*vfs), GEN_TAG);
    if (!vfs)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeAcquireSpinLock(&adapter->lock, &irql);
    adapter->vfs = vfs;
    adapter->num_vfs = num_vfs;
    KeReleaseSpinLock(&adapter->lock, irql);
    return STATUS_SUCCESS;
}

static NTSTATUS learn(struct gen_adapter *adapter)
{
    USHORT total, num_vfs;
    NTSTATUS status = nic_query_interface(adapter->lower, &GUID_BUS_INTERFACE_STANDARD, sizeof(adapter->bus),
                                          (PINTERFACE)&adapter->bus);

    if (!NT_SUCCESS(status)) {
        adapter->bus.Size = 0;
        return status;
    }
    if (!read_card(adapter, &total))
        return STATUS_DEVICE_NOT_READY;
    make_address(adapter);
    adapter->has_luid = NT_SUCCESS(ZwAllocateLocallyUniqueId(&adapter->luid));
    num_vfs = wanted_vfs(adapter, total);
    return num_vfs ? make_vfs(adapter, num_vfs) : STATUS_SUCCESS;
}

/* ---- every start, every stop ------------------------------------------------------------------------------------- */

static NTSTATUS set_virtualization(struct gen_adapter *adapter, USHORT num_vfs)
{
    return adapter->virtualization.EnableVirtualization(adapter->virtualization.Context, num_vfs, FALSE, FALSE,
                                                        num_vfs != 0);
}

/* On failure it is off again. */
static NTSTATUS enable(struct gen_adapter *adapter)
{
    const struct nic_config config = {own_read, own_write, adapter, 0};
    NTSTATUS status = set_virtualization(adapter, adapter->num_vfs);

    if (!NT_SUCCESS(status))
        return status;
    nic_sleep(NIC_SETTLE_US);
    if (nic_vfs_enabled(&config, adapter->sriov, adapter->num_vfs))
        return STATUS_SUCCESS;
    (VOID) set_virtualization(adapter, 0);
    return STATUS_UNSUCCESSFUL;
}

NTSTATUS gen_start(struct gen_adapter *adapter, const CM_PARTIAL_RESOURCE_LIST *resources)
{
    NTSTATUS status = adapter->bus.Size ? STATUS_SUCCESS : learn(adapter);
    KIRQL irql;

    if (!NT_SUCCESS(status))
        return status;
    nic_bars_locate(&adapter->bars, resources);
    if (adapter->num_vfs)
        status = enable(adapter);
    if (!NT_SUCCESS(status))
        return status;
    KeAcquireSpinLock(&adapter->lock, &irql);
    adapter->started = TRUE;
    KeReleaseSpinLock(&adapter->lock, irql);
    return STATUS_SUCCESS;
}

VOID gen_stop(struct gen_adapter *adapter)
{
    BOOLEAN was_started;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    was_started = adapter->started;
    adapter->started = FALSE;
    if (adapter->calls)
        KeClearEvent(&adapter->idle);
    else
        KeSetEvent(&adapter->idle, IO_NO_INCREMENT, FALSE);
    KeReleaseSpinLock(&adapter->lock, irql);
    KeWaitForSingleObject(&adapter->idle, Executive, KernelMode, FALSE, NULL);
    if (!was_started || !adapter->num_vfs)
        return;
    (VOID) set_virtualization(adapter, 0); /* fails when the card was pulled: then there is nothing to disable */
    gen_forget_vfs(adapter);
}
