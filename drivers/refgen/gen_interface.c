/* SPDX-License-Identifier: MIT
 *
 * The interfaces refgen hands out (pci.md 3.3, 3.4, 5.6). SRIOV_DEVICE_INTERFACE_STANDARD_2 has no GUID of its own: who
 * has room for it gets it. The Context of both is the adapter, which lives until the last dereference.
 */
#include <initguid.h>

#include "gen.h"

#define GEN_VERSION 1

static VOID reference(PVOID context)
{
    gen_reference(context);
}

static VOID dereference(PVOID context)
{
    gen_release(context);
}

static VOID fill_sriov(PINTERFACE out, USHORT size)
{
    SRIOV_DEVICE_INTERFACE_STANDARD_2 routines = {0};

    gen_fill_sriov(&routines);
    RtlCopyMemory((PUCHAR)out + sizeof(INTERFACE), (PUCHAR)&routines + sizeof(INTERFACE), size - sizeof(INTERFACE));
}

static VOID fill_mitigable(PINTERFACE out, USHORT size)
{
    UNREFERENCED_PARAMETER(size);
    ((PMITIGABLE_DEVICE_INTERFACE)out)->ReadWriteMitigatedRegister = gen_mitigated_register;
}

/* The first row of a GUID that fits is given: the larger form first. */
static const struct offer {
    const GUID *type;
    USHORT size;
    VOID (*fill)(PINTERFACE out, USHORT size);
} offers[] = {
    {&GUID_SRIOV_DEVICE_INTERFACE_STANDARD, sizeof(SRIOV_DEVICE_INTERFACE_STANDARD_2), fill_sriov},
    {&GUID_SRIOV_DEVICE_INTERFACE_STANDARD, sizeof(SRIOV_DEVICE_INTERFACE_STANDARD), fill_sriov},
    {&GUID_MITIGABLE_DEVICE_INTERFACE, sizeof(MITIGABLE_DEVICE_INTERFACE), fill_mitigable},
};

static const struct offer *find(PIO_STACK_LOCATION stack, BOOLEAN *known)
{
    ULONG i;

    *known = FALSE;
    for (i = 0; stack->Parameters.QueryInterface.InterfaceType && i < RTL_NUMBER_OF(offers); i++) {
        if (!IsEqualGUID(stack->Parameters.QueryInterface.InterfaceType, offers[i].type))
            continue;
        *known = TRUE;
        if (stack->Parameters.QueryInterface.Size >= offers[i].size)
            return &offers[i];
    }
    return NULL;
}

BOOLEAN gen_query_interface(struct gen_adapter *adapter, PIO_STACK_LOCATION stack, NTSTATUS *status)
{
    PINTERFACE out = stack->Parameters.QueryInterface.Interface;
    BOOLEAN known;
    const struct offer *offer = find(stack, &known);

    if (!known)
        return FALSE;
    *status = !out ? STATUS_INVALID_PARAMETER : STATUS_INVALID_BUFFER_SIZE;
    if (!out || !offer || stack->Parameters.QueryInterface.Version < GEN_VERSION)
        return TRUE;
    out->Size = offer->size;
    out->Version = GEN_VERSION;
    out->Context = adapter;
    out->InterfaceReference = reference;
    out->InterfaceDereference = dereference;
    offer->fill(out, offer->size);
    gen_reference(adapter);
    *status = STATUS_SUCCESS;
    return TRUE;
}
