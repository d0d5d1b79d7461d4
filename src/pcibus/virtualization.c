/* SPDX-License-Identifier: MIT
 *
 * The routines of PCI_VIRTUALIZATION_INTERFACE (pci.md 1.4, 5.1 to 5.4). A context that is not live fails each of them:
 * 0 bytes, STATUS_INVALID_PARAMETER, or no effect.
 */
#include "pcibus/internal.h"

#include <stdio.h>

struct pcibus_value pcibus_value(const char *before, PVOID buffer, ULONG length)
{
    struct pcibus_value value = {""};
    unsigned long long number = 0;
    if (!buffer || !length || length > sizeof(number))
        return value;
    memcpy(&number, buffer, length); /* little-endian, as the registers are */
    snprintf(value.text, sizeof(value.text), "%s%0*llx", before, (int)length * 2, number);
    return value;
}

/* ---- configuration space ----------------------------------------------------------------------------------------- */

static __attribute__((noinline)) ULONG no_buffer(void)
{
    TRACE_REFUSE("pcibus", "NULL_BUFFER pci.md 5.1 row 3", "no buffer");
    return 0;
}

/* The PDO is gone. A card that was pulled still reads all ones. */
static __attribute__((noinline)) ULONG removed(struct pcibus_pf *pf, PVOID fill, ULONG offset, ULONG length)
{
    TRACE_REFUSE("pcibus", "PF_REMOVED pci.md 5.1 row 7", "the PF is no longer on the bus");
    if (fill && atomic_load(&pf->surprised) && (ULONG64)offset + length <= PCI_CONFIG_SIZE)
        memset(fill, 0xff, length);
    return 0;
}

static inline ULONG read_config(struct pcibus_pf *pf, int function, PVOID buffer, ULONG offset, ULONG length)
{
    struct pci_device *device = pcibus_present(pf);
    if (__builtin_expect(!buffer, 0))
        return no_buffer();
    if (__builtin_expect(!device, 0))
        return removed(pf, buffer, offset, length);
    return pci_config_read(device, function, offset, buffer, length);
}

static inline ULONG write_config(struct pcibus_pf *pf, int function, PVOID buffer, ULONG offset, ULONG length)
{
    struct pci_device *device = pcibus_present(pf);
    if (__builtin_expect(!buffer, 0))
        return no_buffer();
    if (__builtin_expect(!device, 0))
        return removed(pf, NULL, offset, length);
    return pci_config_write(device, function, offset, buffer, length);
}

ULONG pcibus_read(struct pcibus_pf *pf, int function, PVOID buffer, ULONG offset, ULONG length)
{
    return read_config(pf, function, buffer, offset, length);
}

ULONG pcibus_write(struct pcibus_pf *pf, int function, PVOID buffer, ULONG offset, ULONG length)
{
    return write_config(pf, function, buffer, offset, length);
}

static __attribute__((noinline)) bool high_irql(const char *routine)
{
    if (!nt_irql_at_most(DISPATCH_LEVEL, routine))
        return false;
    TRACE_NOTE("pcibus", "suspicious: %s at DISPATCH_LEVEL, documented for <= APC_LEVEL", routine);
    return true;
}

/* The PF of a data call. The documented limit is APC_LEVEL, the NDIS wrapper's is DISPATCH_LEVEL and it comes straight
 * through here: between the two it is served and noted, above it is refused (decisions.md). */
static inline struct pcibus_pf *data_call(PVOID context, const char *routine)
{
    struct pcibus_pf *pf = pcibus_pf_of(context, PCIBUS_VIRTUALIZATION, routine);
    return __builtin_expect(nt_irql > APC_LEVEL, 0) && !high_irql(routine) ? NULL : pf;
}

static inline ULONG set_data(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    struct pcibus_pf *pf = data_call(context, "SetVirtualFunctionData");
    return pf ? write_config(pf, vf, buffer, offset, length) : 0;
}

static inline ULONG get_data(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    struct pcibus_pf *pf = data_call(context, "GetVirtualFunctionData");
    return pf ? read_config(pf, vf, buffer, offset, length) : 0;
}

/* The doors of these two are apart: a span on the stack would cost every call that nobody traces. */
static __attribute__((noinline)) ULONG traced_set(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    TRACE_DOOR(span, "pcibus", "SetVirtualFunctionData", "VF %u: %u bytes at 0x%03x%s", vf, length, offset,
               pcibus_value(" <- ", buffer, length).text);
    ULONG done = set_data(context, vf, buffer, offset, length);
    TRACE_DONE(span, "%u", done);
    return done;
}

static __attribute__((noinline)) ULONG traced_get(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    TRACE_DOOR(span, "pcibus", "GetVirtualFunctionData", "VF %u: %u bytes at 0x%03x", vf, length, offset);
    ULONG done = get_data(context, vf, buffer, offset, length);
    TRACE_DONE(span, "%u%s", done, pcibus_value(": ", buffer, done).text);
    return done;
}

static ULONG set_virtual_function_data(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    return __builtin_expect(trace_current != NULL, 0) ? traced_set(context, vf, buffer, offset, length)
                                                      : set_data(context, vf, buffer, offset, length);
}

static ULONG get_virtual_function_data(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    return __builtin_expect(trace_current != NULL, 0) ? traced_get(context, vf, buffer, offset, length)
                                                      : get_data(context, vf, buffer, offset, length);
}

/* ---- where VFs are ------------------------------------------------------------------------------------------------
 */

static const NTSTATUS status_of[] = {
    [PCI_OK] = STATUS_SUCCESS,
    [PCI_NO_SRIOV] = STATUS_INVALID_DEVICE_STATE,
    [PCI_BAD_PARAMETER] = STATUS_INVALID_PARAMETER,
    [PCI_BAD_STATE] = STATUS_INVALID_DEVICE_STATE,
    [PCI_NO_BUS] = STATUS_INSUFFICIENT_RESOURCES,
    [PCI_GONE] = STATUS_NO_SUCH_DEVICE,
};

static NTSTATUS location(struct pcibus_pf *pf, USHORT vf, PUINT16 segment, PUINT8 bus, PUINT8 function)
{
    uint16_t routing_id;
    if (!segment || !bus || !function) {
        TRACE_REFUSE("pcibus", "NULL_OUTPUT pci.md 5.2", "an output pointer is NULL");
        return STATUS_INVALID_PARAMETER;
    }
    if (!pcibus_present(pf))
        return STATUS_NO_SUCH_DEVICE;
    enum pci_result result = pci_vf_routing_id(pf->device, vf, &routing_id);
    if (result == PCI_OK) {
        *segment = pci_segment(pf->device);
        *bus = (UINT8)(routing_id >> 8);
        *function = (UINT8)routing_id;
    } else {
        TRACE_REFUSE("pcibus", "NO_SUCH_VF pci.md 5.2", "VF %u of %u", vf, pci_sriov_total_vfs(pf->device));
    }
    return result == PCI_NO_SRIOV ? STATUS_INVALID_PARAMETER : status_of[result];
}

static NTSTATUS get_location(PVOID context, USHORT vf, PUINT16 segment, PUINT8 bus, PUINT8 function)
{
    TRACE_DOOR(span, "pcibus", "GetLocation", "VF %u", vf);
    struct pcibus_pf *pf = pcibus_pf_of(context, PCIBUS_VIRTUALIZATION, "GetLocation");
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (pf)
        status = nt_irql_at_most(PASSIVE_LEVEL, "GetLocation") ? location(pf, vf, segment, bus, function)
                                                               : STATUS_INVALID_DEVICE_STATE;
    if (NT_SUCCESS(status))
        TRACE_DONE(span, "%04x:%02x:%02x.%x", *segment, *bus, *function >> 3, *function & 7);
    else
        TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

static VOID get_resources(PVOID context, PUINT8 captured)
{
    TRACE_DOOR(span, "pcibus", "GetResources", "PF");
    struct pcibus_pf *pf = pcibus_pf_of(context, PCIBUS_VIRTUALIZATION, "GetResources");
    if (pf && captured && nt_irql_at_most(PASSIVE_LEVEL, "GetResources") && pcibus_present(pf)) {
        *captured = pci_captured_buses(pf->device);
        TRACE_DONE(span, "%u captured buses", *captured);
    }
    TRACE_DONE(span, "no effect");
}

/* ---- enabling -----------------------------------------------------------------------------------------------------
 */

static NTSTATUS refuse(const char *rule, NTSTATUS status)
{
    TRACE_REFUSE("pcibus", rule, "%s", nt_status_name(status));
    return status;
}

/* The parameter rows of pci.md 5.3, which stand before those of state and resources. */
static NTSTATUS check_parameters(struct pci_device *device, UINT16 num_vfs, bool migration, bool interrupt, bool enable)
{
    if (!pci_sriov_present(device))
        return refuse("NO_SRIOV pci.md 5.3", STATUS_INVALID_DEVICE_STATE);
    if (!enable)
        return num_vfs ? refuse("NUM_VFS_ON_DISABLE pci.md 5.3", STATUS_INVALID_PARAMETER) : STATUS_SUCCESS;
    if (!num_vfs || num_vfs > pci_sriov_total_vfs(device))
        return refuse("NUM_VFS_RANGE pci.md 5.3", STATUS_INVALID_PARAMETER);
    if (!migration && interrupt)
        return refuse("MIGRATION_INTERRUPT pci.md 5.3", STATUS_INVALID_PARAMETER);
    if (migration && !pci_sriov_migration_capable(device))
        return refuse("VF_MIGRATION pci.md 5.3", STATUS_INVALID_PARAMETER);
    /* Migration belongs to MR-IOV, whose state machine no device here has. */
    return migration ? refuse("VF_MIGRATION pci.md 1.4.5", STATUS_NOT_SUPPORTED) : STATUS_SUCCESS;
}

static NTSTATUS change(struct pcibus_pf *pf, UINT16 num_vfs, bool migration, bool interrupt, bool enable)
{
    if (!pcibus_present(pf))
        return refuse("PF_REMOVED pci.md 5.3", STATUS_NO_SUCH_DEVICE);
    NTSTATUS status = check_parameters(pf->device, num_vfs, migration, interrupt, enable);
    if (NT_SUCCESS(status)) {
        enum pci_result result = enable ? pci_sriov_enable(pf->device, num_vfs) : pci_sriov_disable(pf->device);
        status = status_of[result];
        if (result != PCI_OK)
            refuse(result == PCI_NO_BUS ? "BUS_NUMBERS pci.md 5.3" : "VIRTUALIZATION_STATE pci.md 5.3", status);
    }
    return status;
}

static NTSTATUS enable_virtualization(PVOID context, UINT16 num_vfs, BOOLEAN migration, BOOLEAN interrupt,
                                      BOOLEAN enable)
{
    TRACE_DOOR(span, "pcibus", "EnableVirtualization", "%s, NumVFs %u", enable ? "enable" : "disable", num_vfs);
    struct pcibus_pf *pf = pcibus_pf_of(context, PCIBUS_VIRTUALIZATION, "EnableVirtualization");
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (pf)
        status = nt_irql_at_most(DISPATCH_LEVEL, "EnableVirtualization")
                     ? change(pf, num_vfs, migration, interrupt, enable)
                     : STATUS_INVALID_DEVICE_STATE;
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

/* ---- BARs ---------------------------------------------------------------------------------------------------------
 */

static NTSTATUS probed_bars(struct pcibus_pf *pf, PULONG values)
{
    if (!pcibus_present(pf))
        return STATUS_NO_SUCH_DEVICE;
    if (!pci_sriov_present(pf->device))
        return refuse("NO_SRIOV pci.md 5.4", STATUS_INVALID_DEVICE_STATE);
    if (!values)
        return refuse("NULL_OUTPUT pci.md 5.4", STATUS_INVALID_PARAMETER);
    if (!atomic_load(&pf->started))
        return refuse("NOT_STARTED pci.md 5.4", STATUS_INVALID_DEVICE_STATE);
    return status_of[pci_vf_probed_bars(pf->device, values)];
}

static NTSTATUS get_probed_bars(PVOID context, PULONG values)
{
    TRACE_DOOR(span, "pcibus", "GetVirtualFunctionProbedBars", "PF");
    struct pcibus_pf *pf = pcibus_pf_of(context, PCIBUS_VIRTUALIZATION, "GetVirtualFunctionProbedBars");
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    if (pf)
        status = nt_irql_at_most(PASSIVE_LEVEL, "GetVirtualFunctionProbedBars") ? probed_bars(pf, values)
                                                                                : STATUS_INVALID_DEVICE_STATE;
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

void pcibus_fill_virtualization(PINTERFACE out)
{
    PPCI_VIRTUALIZATION_INTERFACE interface = (PPCI_VIRTUALIZATION_INTERFACE)out;
    interface->SetVirtualFunctionData = set_virtual_function_data;
    interface->GetVirtualFunctionData = get_virtual_function_data;
    interface->GetLocation = get_location;
    interface->GetResources = get_resources;
    interface->EnableVirtualization = enable_virtualization;
    interface->GetVirtualFunctionProbedBars = get_probed_bars;
}
