/* SPDX-License-Identifier: MIT
 *
 * The device as the contracts see it: what BUS_INTERFACE_STANDARD and PCI_VIRTUALIZATION_INTERFACE of the PDO tell.
 * These questions are NDIS's own and do not show in the trace.
 */
#include "ndis/internal.h"

#define SPACE_END    4096u
#define EXTENDED     0x100u
#define CAPABILITIES 0x34u
#define HOPS         48u

bool ndis_function_read(const struct ndis_function *function, ULONG offset, void *value, ULONG size)
{
    struct ndis_below *below = &function->adapter->below;
    struct trace *trace;
    ULONG got = 0;

    if (atomic_load(&function->adapter->removed))
        return false;
    trace = trace_enter_thread(NULL); /* our own question is no part of the driver's run */
    if (function->vf < 0 && below->has_bus)
        got = below->bus.GetBusData(below->bus.Context, PCI_WHICHSPACE_CONFIG, value, offset, size);
    else if (function->vf >= 0 && below->has_virtualization)
        got = below->virtualization.GetVirtualFunctionData(below->virtualization.Context, (USHORT)function->vf, value,
                                                           offset, size);
    trace_enter_thread(trace);
    return got == size;
}

/* Offset of a capability; 0: none. */
ULONG ndis_function_capability(const struct ndis_function *function, UCHAR id)
{
    UCHAR at = 0, header[2];

    if (!ndis_function_read(function, CAPABILITIES, &at, sizeof at))
        return 0;
    for (unsigned hop = 0; at >= 0x40 && hop < HOPS; hop++, at = header[1]) {
        at &= 0xfc;
        if (!ndis_function_read(function, at, header, sizeof header))
            return 0;
        if (header[0] == id)
            return at;
    }
    return 0;
}

static ULONG find_sriov(const struct ndis_function *function)
{
    ULONG at = EXTENDED, header;

    for (unsigned hop = 0; at >= EXTENDED && at < SPACE_END && hop < HOPS; hop++, at = header >> 20 & 0xffc) {
        if (!ndis_function_read(function, at, &header, sizeof header) || header == 0 || header == 0xffffffff)
            return 0;
        if ((header & 0xffff) == PCI_EXPRESS_SINGLE_ROOT_IO_VIRTUALIZATION_CAP_ID)
            return at;
    }
    return 0;
}

struct ndis_sriov_now ndis_sriov_now(struct ndis_adapter *adapter)
{
    const struct ndis_function pf = {adapter, -1};
    struct ndis_sriov_now now = {0};
    ULONG at = find_sriov(&pf);
    USHORT control;

    if (!at ||
        !ndis_function_read(&pf, at + offsetof(PCI_EXPRESS_SRIOV_CAPABILITY, SRIOVControl), &control, sizeof control) ||
        !ndis_function_read(&pf, at + offsetof(PCI_EXPRESS_SRIOV_CAPABILITY, NumVFs), &now.num_vfs,
                            sizeof now.num_vfs) ||
        !ndis_function_read(&pf, at + offsetof(PCI_EXPRESS_SRIOV_CAPABILITY, TotalVFs), &now.total_vfs,
                            sizeof now.total_vfs))
        return now;
    now.known = control != 0xffff;
    now.enabled = control & 1;
    return now;
}

bool ndis_vf_location(struct ndis_adapter *adapter, USHORT vf, ULONG *rid)
{
    const PCI_VIRTUALIZATION_INTERFACE *bus = &adapter->below.virtualization;
    struct trace *trace;
    USHORT segment;
    UCHAR bus_number, function;
    NTSTATUS status;

    if (!adapter->below.has_virtualization || atomic_load(&adapter->removed))
        return false;
    trace = trace_enter_thread(NULL);
    status = bus->GetLocation(bus->Context, vf, &segment, &bus_number, &function);
    trace_enter_thread(trace);
    *rid = NDIS_MAKE_RID(segment, bus_number, function);
    return NT_SUCCESS(status);
}
