/* SPDX-License-Identifier: MIT
 *
 * What the PDO of a VF answers IRP_MN_QUERY_INTERFACE with: BUS_INTERFACE_STANDARD and VPCI_INTERFACE_STANDARD
 * (pci.md 1.1-1.3, 2.2, 5.5, 5.6).
 */
#include "vpci/vsc/internal.h"

#include <initguid.h>
#include <wdmguid.h>

/* GUIDs of vpci.h, defined this time. */
#include <vpci.h>

#include <assert.h>
#include <string.h>

static VOID reference(PVOID context)
{
    struct vsc_function *function = context;
    vsc_function_reference(function);
    atomic_fetch_add(&function->interfaces, 1);
}

static VOID dereference(PVOID context)
{
    struct vsc_function *function = context;
    uint32_t before = atomic_fetch_sub(&function->interfaces, 1);
    assert(before > 0);
    (void)before;
    vsc_function_dereference(function);
}

/* ---- BUS_INTERFACE_STANDARD ------------------------------------------------------------------------------------- */

/* Above APC_LEVEL the caller is reported and served (pci.md 5.5). */
static bool bus_data_valid(struct vsc_function *function, const char *routine, ULONG space, const void *buffer,
                           ULONG offset, ULONG length)
{
    if (!function || !atomic_load(&function->interfaces))
        return false;
    nt_irql_at_most(APC_LEVEL, routine);
    if (space == PCI_WHICHSPACE_CONFIG && vsc_config_range_valid(buffer, offset, length))
        return true;
    TRACE_REFUSE("vsc", "BUS_DATA_RANGE pci.md 5.5", "space %08x, %u bytes at 0x%03x%s", space, length, offset,
                 buffer ? "" : ", no buffer");
    return false;
}

static ULONG set_bus_data(PVOID context, ULONG space, PVOID buffer, ULONG offset, ULONG length)
{
    uint32_t shown = 0;
    if (trace_current && buffer)
        memcpy(&shown, buffer, length < 4 ? length : 4);
    TRACE_DOOR(span, "vsc", "SetBusData", "%u bytes at 0x%03x <- %0*x%s", length, offset,
               (int)(length < 4 ? length : 4) * 2, shown, length > 4 ? "..." : "");
    ULONG done = bus_data_valid(context, "SetBusData", space, buffer, offset, length) &&
                         vsc_config_access(context, true, offset, buffer, length)
                     ? length
                     : 0;
    TRACE_DONE(span, "%u", done);
    return done;
}

static ULONG get_bus_data(PVOID context, ULONG space, PVOID buffer, ULONG offset, ULONG length)
{
    TRACE_DOOR(span, "vsc", "GetBusData", "%u bytes at 0x%03x", length, offset);
    ULONG done = bus_data_valid(context, "GetBusData", space, buffer, offset, length) &&
                         vsc_config_access(context, false, offset, buffer, length)
                     ? length
                     : 0;
    TRACE_DONE(span, "%u", done);
    return done;
}

/* Memory of a BAR is where the bus address says; there is nothing between. */
static BOOLEAN translate_bus_address(PVOID context, PHYSICAL_ADDRESS address, ULONG length, PULONG space,
                                     PPHYSICAL_ADDRESS translated)
{
    struct vsc_function *function = context;
    uint64_t start = (uint64_t)address.QuadPart;
    nt_irql_at_most(PASSIVE_LEVEL, "TranslateBusAddress");
    if (!function || !space || !translated || *space != 0 || !length)
        return FALSE;
    for (unsigned i = 0; i < VPCI_BARS; i++) {
        const struct vsc_bar *bar = &function->bar[i];
        if (!bar->address || start < bar->address || start - bar->address >= bar->size ||
            length > bar->size - (start - bar->address))
            continue;
        *translated = address;
        return TRUE;
    }
    return FALSE;
}

/* A VF here moves no data: it has no DMA adapter. */
static struct _DMA_ADAPTER *get_dma_adapter(PVOID context, struct _DEVICE_DESCRIPTION *description, PULONG registers)
{
    (void)context, (void)description, (void)registers;
    nt_irql_at_most(PASSIVE_LEVEL, "GetDmaAdapter");
    return NULL;
}

/* ---- IRP_MN_QUERY_INTERFACE ------------------------------------------------------------------------------------- */

static void fill_bus(struct vsc_function *function, PINTERFACE out)
{
    *(PBUS_INTERFACE_STANDARD)out = (BUS_INTERFACE_STANDARD){
        .Size = sizeof(BUS_INTERFACE_STANDARD),
        .Version = 1,
        .Context = function,
        .InterfaceReference = reference,
        .InterfaceDereference = dereference,
        .TranslateBusAddress = translate_bus_address,
        .GetDmaAdapter = get_dma_adapter,
        .SetBusData = set_bus_data,
        .GetBusData = get_bus_data,
    };
}

static void fill_vpci(struct vsc_function *function, PINTERFACE out)
{
    *(PVPCI_INTERFACE_STANDARD)out = (VPCI_INTERFACE_STANDARD){
        .Size = sizeof(VPCI_INTERFACE_STANDARD),
        .Version = 1,
        .Context = function,
        .InterfaceReference = reference,
        .InterfaceDereference = dereference,
        .WriteVfConfigBlock = vsc_write_block,
        .ReadVfConfigBlock = vsc_read_block,
        .SerialNumber = function->description.serial,
    };
}

static const struct offered {
    const GUID *type;
    USHORT size;
    bool child_only; /* pci.md 0.4 */
    void (*fill)(struct vsc_function *function, PINTERFACE out);
} offers[] = {
    {&GUID_BUS_INTERFACE_STANDARD, sizeof(BUS_INTERFACE_STANDARD), false, fill_bus},
    {&GUID_VPCI_INTERFACE_STANDARD, sizeof(VPCI_INTERFACE_STANDARD), true, fill_vpci},
};

static const struct offered *find_offer(struct vsc_function *function, const GUID *type)
{
    bool child = nt_partition_role(function->vsc->partition) == NT_CHILD;
    if (!type || atomic_load(&function->state) == VSC_MISSING)
        return NULL;
    for (unsigned i = 0; i < sizeof offers / sizeof offers[0]; i++)
        if (IsEqualGUID(offers[i].type, type) && (child || !offers[i].child_only))
            return &offers[i];
    return NULL;
}

NTSTATUS vsc_query_interface(struct vsc_function *function, PIO_STACK_LOCATION stack, NTSTATUS unchanged)
{
    const struct offered *offer = find_offer(function, stack->Parameters.QueryInterface.InterfaceType);
    PINTERFACE out = stack->Parameters.QueryInterface.Interface;
    nt_irql_at_most(PASSIVE_LEVEL, "IRP_MN_QUERY_INTERFACE");
    if (!offer)
        return unchanged;
    if (!out)
        return STATUS_INVALID_PARAMETER;
    if (stack->Parameters.QueryInterface.Size < offer->size || stack->Parameters.QueryInterface.Version < 1) {
        TRACE_REFUSE("vsc", "QUERY_INTERFACE_SIZE pci.md 5.6", "size %u version %u for size %u version 1",
                     stack->Parameters.QueryInterface.Size, stack->Parameters.QueryInterface.Version, offer->size);
        return STATUS_INVALID_BUFFER_SIZE;
    }
    vsc_function_again(function);
    offer->fill(function, out);
    out->InterfaceReference(function);
    return STATUS_SUCCESS;
}
