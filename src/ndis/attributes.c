/* SPDX-License-Identifier: MIT
 *
 * NdisMSetMiniportAttributes (ndis.md 5.11): order, revisions and sizes, the pairs of capability pointers. What the
 * miniport passes is copied; its structures may lie on its stack.
 */
#include "ndis/internal.h"

/* ---- capabilities ----------------------------------------------------------------------------------------- */

/* One kind of capability structure: where its two pointers are, where its copies go, its size by revision. */
struct kind {
    const char *name;
    size_t pointer[2];
    size_t copy[2];
    UCHAR revision;  /* of the hardware-assist structure that has the pointers */
    USHORT sizes[3]; /* by revision of the capability structure, 0 = no such revision */
    USHORT room;
};

#define ASSIST(member) offsetof(NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES, member)
#define COPY(member)                                                                                                   \
    {                                                                                                                  \
        offsetof(struct ndis_capabilities, member[0]), offsetof(struct ndis_capabilities, member[1])                   \
    }

enum { KIND_FILTER, KIND_SWITCH, KIND_SRIOV, KINDS };

static const struct kind kinds[KINDS] = {
    [KIND_FILTER] = {"receive filter",
                     {ASSIST(HardwareReceiveFilterCapabilities), ASSIST(CurrentReceiveFilterCapabilities)},
                     COPY(filter),
                     NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_2,
                     {NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_1,
                      NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2, 0},
                     sizeof(NDIS_RECEIVE_FILTER_CAPABILITIES)},
    [KIND_SWITCH] = {"NIC switch",
                     {ASSIST(HardwareNicSwitchCapabilities), ASSIST(CurrentNicSwitchCapabilities)},
                     COPY(nic_switch),
                     NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_2,
                     {NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_1, NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2,
                      NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3},
                     sizeof(NDIS_NIC_SWITCH_CAPABILITIES)},
    [KIND_SRIOV] = {"SR-IOV",
                    {ASSIST(HardwareSriovCapabilities), ASSIST(CurrentSriovCapabilities)},
                    COPY(sriov),
                    NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3,
                    {NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1, 0, 0},
                    sizeof(NDIS_SRIOV_CAPABILITIES)},
};

/* Copies a capability structure as far as its revision goes: of a higher one than we know, what we know. */
static NDIS_STATUS copy_capability(const struct kind *kind, struct ndis_capabilities *into, enum ndis_which which,
                                   const NDIS_OBJECT_HEADER *given)
{
    NDIS_OBJECT_HEADER *copy = (void *)((char *)into + kind->copy[which]);
    unsigned revision = given->Revision;

    while (revision > 3 || (revision > 0 && !kind->sizes[revision - 1]))
        revision--;
    if (given->Type != NDIS_OBJECT_TYPE_DEFAULT || revision == 0 || given->Size < kind->sizes[revision - 1])
        return NDIS_STATUS_BAD_VERSION;
    assert(kind->sizes[revision - 1] <= kind->room);
    memset(copy, 0, kind->room);
    memcpy(copy, given, kind->sizes[revision - 1]);
    copy->Revision = (UCHAR)revision;
    copy->Size = kind->sizes[revision - 1];
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS copy_kind(const struct kind *kind, struct ndis_capabilities *into, const void *given)
{
    const NDIS_OBJECT_HEADER *pointers[2];
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    if (((const NDIS_OBJECT_HEADER *)given)->Revision < kind->revision)
        return NDIS_STATUS_SUCCESS;
    for (unsigned which = 0; which < 2; which++)
        memcpy(&pointers[which], (const char *)given + kind->pointer[which], sizeof pointers[which]);
    if (pointers[NDIS_CURRENT] && !pointers[NDIS_HARDWARE]) {
        TRACE_REFUSE("ndis", "CAPABILITY_PAIR ndis.md 5.11", "%s: current capabilities without hardware ones",
                     kind->name);
        return NDIS_STATUS_FAILURE;
    }
    for (unsigned which = 0; which < 2 && status == NDIS_STATUS_SUCCESS; which++)
        if (pointers[which])
            status = copy_capability(kind, into, which, pointers[which]);
    return status;
}

/* PF and VF at once is nothing; a PF has NIC-switch capabilities beside its SR-IOV ones, in the same form. */
static NDIS_STATUS check_sriov(const struct ndis_capabilities *given)
{
    const ULONG both = NDIS_SRIOV_CAPS_PF_MINIPORT | NDIS_SRIOV_CAPS_VF_MINIPORT;

    for (unsigned which = 0; which < 2; which++) {
        ULONG flags = given->sriov[which].SriovCapabilities;

        if (!given->sriov[which].Header.Size)
            continue;
        if ((flags & both) != both && (!(flags & NDIS_SRIOV_CAPS_PF_MINIPORT) || given->nic_switch[which].Header.Size))
            continue;
        nt_violation_in(NDIS_RULE(SRIOV_CAPABILITIES), "NdisMSetMiniportAttributes", "flags %x%s", flags,
                        (flags & both) == both ? "" : " without NIC switch capabilities");
        return NDIS_STATUS_FAILURE;
    }
    return NDIS_STATUS_SUCCESS;
}

static bool power_of_two(ULONG n)
{
    return n && !(n & (n - 1));
}

/* Rules a PF driver must keep (ndis.md 3.3); that NDIS enforces them is not documented: they are reported. */
static void judge_switch(const NDIS_NIC_SWITCH_CAPABILITIES *c)
{
    const char *wrong = NULL;

    if (c->Header.Size < NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2)
        return;
    if (c->MaxNumSwitches != 1)
        wrong = "MaxNumSwitches is not 1";
    else if (c->MaxNumVPorts < (ULONG64)c->MaxNumVFs + 1)
        wrong = "MaxNumVPorts is below MaxNumVFs + 1";
    else if (c->MaxNumQueuePairs < c->MaxNumVPorts)
        wrong = "MaxNumQueuePairs is below MaxNumVPorts";
    else if (c->MaxNumMacAddresses < c->MaxNumVPorts)
        wrong = "MaxNumMacAddresses is below MaxNumVPorts";
    else if (!power_of_two(c->MaxNumQueuePairsPerNonDefaultVPort))
        wrong = "MaxNumQueuePairsPerNonDefaultVPort is no power of two";
    if (wrong)
        nt_violation(NDIS_RULE(SWITCH_CAPABILITIES), "NDIS_NIC_SWITCH_CAPABILITIES: %s", wrong);
}

static NDIS_STATUS set_hardware_assist(struct ndis_adapter *adapter, const void *given)
{
    struct ndis_attributes *attributes = &adapter->attributes;
    struct ndis_capabilities capabilities = {0};
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    for (unsigned i = 0; i < KINDS && status == NDIS_STATUS_SUCCESS; i++)
        status = copy_kind(&kinds[i], &capabilities, given);
    if (status == NDIS_STATUS_SUCCESS)
        status = check_sriov(&capabilities);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    for (unsigned which = 0; which < 2; which++)
        if (capabilities.sriov[which].SriovCapabilities & NDIS_SRIOV_CAPS_PF_MINIPORT)
            judge_switch(&capabilities.nic_switch[which]);
    ndis_lock(&attributes->lock);
    attributes->capabilities = capabilities;
    ndis_unlock(&attributes->lock);
    return NDIS_STATUS_SUCCESS;
}

void ndis_capabilities_refresh(struct ndis_adapter *adapter, PNDIS_STATUS_INDICATION indication)
{
    struct ndis_attributes *attributes = &adapter->attributes;
    const NDIS_OBJECT_HEADER *given = indication->StatusBuffer;
    enum ndis_which which =
        indication->StatusCode == NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES ? NDIS_HARDWARE : NDIS_CURRENT;
    NDIS_STATUS status = NDIS_STATUS_FAILURE;

    if (given && indication->StatusBufferSize >= sizeof *given && given->Size <= indication->StatusBufferSize) {
        ndis_lock(&attributes->lock);
        status = copy_capability(&kinds[KIND_SWITCH], &attributes->capabilities, which, given);
        ndis_unlock(&attributes->lock);
    }
    if (status != NDIS_STATUS_SUCCESS)
        nt_violation(NDIS_RULE(STATUS_INDICATION_BUFFER),
                     "NIC switch capabilities indicated without a valid structure");
}

/* ---- registration, general -------------------------------------------------------------------------------- */

static NDIS_STATUS set_registration(struct ndis_adapter *adapter, const void *given)
{
    const NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES *from = given;

    adapter->context = from->MiniportAdapterContext;
    adapter->attributes.flags = from->AttributeFlags;
    adapter->attributes.interface_type = from->InterfaceType;
    adapter->attributes.registered = true;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS set_general(struct ndis_adapter *adapter, const void *given)
{
    struct ndis_attributes *attributes = &adapter->attributes;
    const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *from = given;
    NDIS_OID *supported = NULL;
    USHORT size = from->Header.Size < sizeof *from ? from->Header.Size : sizeof *from;

    if (from->MacAddressLength > NDIS_MAX_PHYS_ADDRESS_LENGTH || from->SupportedOidListLength % sizeof(NDIS_OID) ||
        (from->SupportedOidListLength && !from->SupportedOidList))
        return NDIS_STATUS_FAILURE;
    if (from->SupportedOidListLength) {
        supported = malloc(from->SupportedOidListLength);
        if (!supported)
            return NDIS_STATUS_RESOURCES;
        memcpy(supported, from->SupportedOidList, from->SupportedOidListLength);
    }
    free(attributes->supported);
    attributes->supported = supported;
    attributes->supported_count = from->SupportedOidListLength / sizeof(NDIS_OID);
    memset(&attributes->adapter, 0, sizeof attributes->adapter);
    memcpy(&attributes->adapter, from, size);
    attributes->adapter.SupportedOidList = NULL;
    attributes->adapter.PowerManagementCapabilities = NULL;
    attributes->adapter.RecvScaleCapabilities = NULL;
    attributes->adapter.PowerManagementCapabilitiesEx = NULL;
    attributes->general = true;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS set_add_device(struct ndis_adapter *adapter, const void *given)
{
    const NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES *from = given;

    adapter->add_context = from->MiniportAddDeviceContext;
    return NDIS_STATUS_SUCCESS;
}

/* Offload, NDK, packet direct: nothing of the configuration plane; taken and not kept. */
static NDIS_STATUS set_nothing(struct ndis_adapter *adapter, const void *given)
{
    (void)adapter, (void)given;
    return NDIS_STATUS_SUCCESS;
}

/* ---- the call --------------------------------------------------------------------------------------------- */

enum needs { NEEDS_NOTHING, NEEDS_REGISTRATION, NEEDS_GENERAL, NEEDS_ADD_DEVICE };

struct form {
    UCHAR type;
    enum needs needs;
    /* What a driver of this NDIS version or later must pass at least, newest first; the last row is for all. */
    struct {
        unsigned version;
        UCHAR revision;
        USHORT size;
    } demands[3];
    NDIS_STATUS (*set)(struct ndis_adapter *adapter, const void *given);
};

static const struct form forms[] = {
    {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
     NEEDS_NOTHING,
     {{0, 1, NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1}},
     set_registration},
    {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
     NEEDS_REGISTRATION,
     {{620, 2, NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2},
      {0, 1, NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1}},
     set_general},
    {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES,
     NEEDS_GENERAL,
     {{630, 3, NDIS_SIZEOF_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3},
      {620, 2, NDIS_SIZEOF_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_2},
      {0, 1, NDIS_SIZEOF_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_1}},
     set_hardware_assist},
    {NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES,
     NEEDS_ADD_DEVICE,
     {{0, 1, NDIS_SIZEOF_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES_REVISION_1}},
     set_add_device},
    {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES, NEEDS_GENERAL, {{0, 1, 0}}, set_nothing},
    {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES, NEEDS_GENERAL, {{0, 1, 0}}, set_nothing},
    {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_PACKET_DIRECT_ATTRIBUTES, NEEDS_GENERAL, {{0, 1, 0}}, set_nothing},
};

static bool in_order(const struct ndis_adapter *adapter, enum needs needs)
{
    bool initializing = atomic_load(&adapter->state) == NDIS_INITIALIZING;

    switch (needs) {
    case NEEDS_NOTHING:
        return initializing;
    case NEEDS_REGISTRATION:
        return initializing && adapter->attributes.registered;
    case NEEDS_GENERAL:
        return initializing && adapter->attributes.general;
    default:
        return adapter->in_add_device;
    }
}

static NDIS_STATUS set(struct ndis_adapter *adapter, const NDIS_OBJECT_HEADER *given)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct form *form = &forms[i];
        unsigned row = 0;

        if (form->type != given->Type)
            continue;
        while (adapter->driver->version < form->demands[row].version)
            row++;
        if (given->Revision < form->demands[row].revision || given->Size < form->demands[row].size)
            return NDIS_STATUS_BAD_VERSION;
        if (in_order(adapter, form->needs))
            return form->set(adapter, given);
        nt_violation_in(NDIS_RULE(ATTRIBUTES_ORDER), "NdisMSetMiniportAttributes", "type %02x is set out of order",
                        given->Type);
        return NDIS_STATUS_FAILURE;
    }
    nt_violation_in(NDIS_RULE(ATTRIBUTES_HEADER), "NdisMSetMiniportAttributes", "type %02x is not known", given->Type);
    return NDIS_STATUS_FAILURE;
}

NDIS_EXPORT NDIS_STATUS NdisMSetMiniportAttributes(NDIS_HANDLE NdisMiniportAdapterHandle,
                                                   PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportAdapterHandle, PASSIVE_LEVEL, "NdisMSetMiniportAttributes");
    const NDIS_OBJECT_HEADER *given = (const void *)MiniportAttributes;
    NDIS_STATUS status;

    if (!adapter || !given)
        return NDIS_STATUS_FAILURE;
    TRACE_DOOR(span, "ndis", "NdisMSetMiniportAttributes", "type 0x%02x revision %u, %u bytes", given->Type,
               given->Revision, given->Size);
    status = nt_fault("NdisMSetMiniportAttributes") ? NDIS_STATUS_RESOURCES : set(adapter, given);
    if (status == NDIS_STATUS_BAD_VERSION)
        nt_violation(NDIS_RULE(ATTRIBUTES_HEADER), "type %02x, revision %u, size %u, or a structure it points to",
                     given->Type, given->Revision, given->Size);
    if (status != NDIS_STATUS_SUCCESS)
        TRACE_REFUSE("ndis", "ATTRIBUTES ndis.md 5.11", "%s", ndis_status_name(status));
    TRACE_DONE(span, "%s", ndis_status_name(status));
    return status;
}

/* ---- what others ask -------------------------------------------------------------------------------------- */

void ndis_attributes_clear(struct ndis_adapter *adapter)
{
    free(adapter->attributes.supported);
    memset(&adapter->attributes, 0, sizeof adapter->attributes);
}

NDIS_NIC_SWITCH_CAPABILITIES ndis_switch_limits(struct ndis_adapter *adapter)
{
    NDIS_NIC_SWITCH_CAPABILITIES limits;

    ndis_lock(&adapter->attributes.lock);
    limits = adapter->attributes.capabilities.nic_switch[NDIS_CURRENT];
    ndis_unlock(&adapter->attributes.lock);
    return limits;
}

static ULONG current_sriov(struct ndis_adapter *adapter)
{
    const NDIS_SRIOV_CAPABILITIES *sriov = &adapter->attributes.capabilities.sriov[NDIS_CURRENT];

    return sriov->Header.Size ? sriov->SriovCapabilities : 0;
}

bool ndis_is_pf(struct ndis_adapter *adapter)
{
    const ULONG pf = NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_PF_MINIPORT;

    return (current_sriov(adapter) & pf) == pf;
}

bool ndis_is_vf(struct ndis_adapter *adapter)
{
    return adapter->below.has_vpci || (current_sriov(adapter) & NDIS_SRIOV_CAPS_VF_MINIPORT);
}

const NDIS_SRIOV_CAPABILITIES *ndis_sriov_capabilities(struct ndis_adapter *adapter)
{
    const NDIS_SRIOV_CAPABILITIES *found = &adapter->attributes.capabilities.sriov[NDIS_CURRENT];

    return found->Header.Size ? found : NULL;
}

const NDIS_NIC_SWITCH_CAPABILITIES *ndis_switch_capabilities(struct ndis_adapter *adapter)
{
    const NDIS_NIC_SWITCH_CAPABILITIES *found = &adapter->attributes.capabilities.nic_switch[NDIS_CURRENT];

    return found->Header.Size ? found : NULL;
}
