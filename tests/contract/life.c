/* SPDX-License-Identifier: MIT
 *
 * Rows of a driver's and an adapter's life, of who may call what, and of indications: each has a bad driver that breaks
 * it in one place.
 */
#include "rig.h"

/* ---- driver and adapter */

static NTSTATUS entry_wrong_size(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS characteristics;

    pf_fill_characteristics(&characteristics);
    characteristics.Header.Size -= 8;
    return NdisMRegisterMiniportDriver(driver, path, NULL, &characteristics, &pf_driver_handle);
}

static NDIS_STATUS attributes_general_first(struct pf *pf)
{
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES general = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 2,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2}};

    NdisMSetMiniportAttributes(pf->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&general);
    return pf_set_attributes(pf);
}

static NDIS_STATUS attributes_short(struct pf *pf)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 1, 8}};

    NdisMSetMiniportAttributes(pf->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&registration);
    return pf_set_attributes(pf);
}

static NDIS_STATUS attributes_no_general(struct pf *pf)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 1,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1},
        .MiniportAdapterContext = pf};

    return NdisMSetMiniportAttributes(pf->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&registration);
}

/* The good attributes, then hardware-assist attributes that say `flags`. */
static NDIS_STATUS assist(struct pf *pf, ULONG flags, ULONG switches)
{
    NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES assist = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES, 3,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3}};
    NDIS_SRIOV_CAPABILITIES sriov = {.Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1},
                                     .SriovCapabilities = flags};
    NDIS_NIC_SWITCH_CAPABILITIES nic_switch = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 2, NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2},
        .MaxNumSwitches = switches,
        .MaxNumVFs = PF_VFS,
        .MaxNumVPorts = PF_VFS + 1,
        .MaxNumQueuePairs = 16,
        .MaxNumQueuePairsPerNonDefaultVPort = 1,
        .MaxNumMacAddresses = 16};
    NDIS_STATUS status = pf_set_attributes(pf);

    assist.HardwareSriovCapabilities = assist.CurrentSriovCapabilities = &sriov;
    assist.HardwareNicSwitchCapabilities = assist.CurrentNicSwitchCapabilities = &nic_switch;
    NdisMSetMiniportAttributes(pf->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&assist);
    return status;
}

static NDIS_STATUS attributes_pf_and_vf(struct pf *pf)
{
    return assist(pf, 7, 1);
}

static NDIS_STATUS attributes_two_switches(struct pf *pf)
{
    return assist(pf, 3, 2);
}

static NDIS_STATUS initialize_pends(struct pf *pf, NDIS_STATUS good)
{
    (void)pf, (void)good;
    return NDIS_STATUS_PENDING;
}

static NDIS_STATUS initialize_fails_enabled(struct pf *pf, NDIS_STATUS good)
{
    (void)good;
    pf_enable(pf, 2);
    return NDIS_STATUS_FAILURE;
}

static NDIS_STATUS pause_fails(struct pf *pf)
{
    (void)pf;
    return NDIS_STATUS_FAILURE;
}

static NDIS_STATUS completes_pause(struct pf *pf, NDIS_STATUS good)
{
    NdisMPauseComplete(pf->handle);
    return good;
}

static void halt_nothing(struct pf *pf)
{
    (void)pf;
}

static NDIS_STATUS bad_handle(struct pf *pf, NDIS_STATUS good)
{
    UCHAR byte;

    NdisMGetBusData(pf, PCI_WHICHSPACE_CONFIG, 0, &byte, 1);
    return good;
}

static NDIS_STATUS null_output(struct pf *pf, NDIS_STATUS good)
{
    UCHAR bus, function;

    NdisMGetVirtualFunctionLocation(pf->handle, 0, NULL, &bus, &function);
    return good;
}

/* ---- who may call what */

static NDIS_STATUS reads_block(struct pf *pf, NDIS_STATUS good)
{
    NdisMReadConfigBlock(pf->handle, 0, pf->block, sizeof pf->block);
    return good;
}

static NDIS_STATUS writes_block(struct pf *pf, NDIS_STATUS good)
{
    NdisMWriteConfigBlock(pf->handle, 0, pf->block, sizeof pf->block);
    return good;
}

static NDIS_STATUS enables_twice(struct pf *pf, NDIS_STATUS good)
{
    pf_enable(pf, 2);
    pf_enable(pf, 2);
    pf->enabled = true;
    pf_disable(pf);
    return good;
}

static NDIS_STATUS disables_twice(struct pf *pf, NDIS_STATUS good)
{
    pf_disable(pf);
    return good;
}

static NDIS_STATUS enables_none(struct pf *pf, NDIS_STATUS good)
{
    pf_enable(pf, 0);
    return good;
}

static NDIS_STATUS enables_too_many(struct pf *pf, NDIS_STATUS good)
{
    pf_enable(pf, 60000);
    return good;
}

static NDIS_STATUS disables_two(struct pf *pf, NDIS_STATUS good)
{
    NdisMEnableVirtualization(pf->handle, 2, FALSE, FALSE, FALSE);
    return good;
}

static NDIS_STATUS migrates(struct pf *pf, NDIS_STATUS good)
{
    NdisMEnableVirtualization(pf->handle, 2, TRUE, FALSE, TRUE);
    return good;
}

static NDIS_STATUS touches_vf_early(struct pf *pf, NDIS_STATUS good)
{
    UCHAR byte;

    NdisMGetVirtualFunctionBusData(pf->handle, 0, &byte, 0, 1);
    return good;
}

/* ---- indications */

static NDIS_STATUS indicates(struct pf *pf, USHORT header_size, USHORT size)
{
    NDIS_LINK_STATE link = {.Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, size}};
    NDIS_STATUS_INDICATION indication = {.Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, 1, header_size},
                                         .SourceHandle = pf->handle,
                                         .StatusCode = NDIS_STATUS_LINK_STATE,
                                         .StatusBuffer = &link,
                                         .StatusBufferSize = sizeof link};

    NdisMIndicateStatusEx(pf->handle, &indication);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS indicates_without_header(struct pf *pf, NDIS_STATUS good)
{
    indicates(pf, 8, NDIS_SIZEOF_LINK_STATE_REVISION_1);
    return good;
}

static NDIS_STATUS indicates_wrong_size(struct pf *pf, NDIS_STATUS good)
{
    indicates(pf, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1, 4);
    return good;
}

/* ---- what a driver opens, sets and frees */

static NDIS_STATUS lock_of_no_handle(struct pf *pf, NDIS_STATUS good)
{
    (void)pf;
    assert_null(NdisAllocateRWLock((NDIS_HANDLE)(ULONG_PTR)0x77));
    return good;
}

static NDIS_HANDLE open_configuration(struct pf *pf)
{
    NDIS_CONFIGURATION_OBJECT object = {.Header = {NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
                                                   NDIS_CONFIGURATION_OBJECT_REVISION_1,
                                                   NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1},
                                        .NdisHandle = pf->handle};
    NDIS_HANDLE handle;

    assert_int_equal(NdisOpenConfigurationEx(&object, &handle), NDIS_STATUS_SUCCESS);
    return handle;
}

static NDIS_STATUS leaves_configuration_open(struct pf *pf, NDIS_STATUS good)
{
    open_configuration(pf);
    return good;
}

static NDIS_STATUS closes_configuration_twice(struct pf *pf, NDIS_STATUS good)
{
    NDIS_HANDLE handle = open_configuration(pf);

    NdisCloseConfiguration(handle);
    NdisCloseConfiguration(handle);
    return good;
}

static VOID never_fires(PVOID one, PVOID context, PVOID two, PVOID three)
{
    (void)one, (void)context, (void)two, (void)three;
}

static NDIS_HANDLE make_timer(struct pf *pf)
{
    NDIS_TIMER_CHARACTERISTICS timer = {.Header = {NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS,
                                                   NDIS_TIMER_CHARACTERISTICS_REVISION_1,
                                                   NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1},
                                        .AllocationTag = 'tseT',
                                        .TimerFunction = never_fires};
    NDIS_HANDLE handle;

    assert_int_equal(NdisAllocateTimerObject(pf->handle, &timer, &handle), NDIS_STATUS_SUCCESS);
    return handle;
}

static NDIS_STATUS frees_set_timer(struct pf *pf, NDIS_STATUS good)
{
    NDIS_HANDLE timer = make_timer(pf);

    NdisSetTimerObject(timer, (LARGE_INTEGER){.QuadPart = -10000000000ll}, 0, NULL);
    NdisFreeTimerObject(timer);
    return good;
}

static NDIS_STATUS frees_timer_twice(struct pf *pf, NDIS_STATUS good)
{
    NDIS_HANDLE timer = make_timer(pf);

    NdisFreeTimerObject(timer);
    NdisFreeTimerObject(timer);
    return good;
}

static NDIS_STATUS frees_item_twice(struct pf *pf, NDIS_STATUS good)
{
    NDIS_HANDLE item = NdisAllocateIoWorkItem(pf->handle);

    NdisFreeIoWorkItem(item);
    NdisFreeIoWorkItem(item);
    return good;
}

static NDIS_STATUS initialize_ends_as_nothing_does(struct pf *pf, NDIS_STATUS good)
{
    (void)pf, (void)good;
    return (NDIS_STATUS)0x12345;
}

/* ---- rows */

static const struct row rows[] = {
    {"DRIVER_CHARACTERISTICS", {.entry = entry_wrong_size}},
    {"DRIVER_NOT_DEREGISTERED", {.no_deregister = true}},
    {"ATTRIBUTES_ORDER", {.attributes = attributes_general_first}},
    {"ATTRIBUTES_HEADER", {.attributes = attributes_short}},
    {"GENERAL_ATTRIBUTES_MISSING", {.attributes = attributes_no_general}},
    {"SRIOV_CAPABILITIES", {.attributes = attributes_pf_and_vf}},
    {"SWITCH_CAPABILITIES", {.attributes = attributes_two_switches}},
    {"INITIALIZE_STATUS", {.initialize = initialize_pends}},
    {"INITIALIZE_STATUS", {.initialize = initialize_ends_as_nothing_does}},
    {"PAUSE_FAILED", {.pause = pause_fails}},
    {"BAD_NDIS_HANDLE", {.initialize = lock_of_no_handle}},
    {"CONFIGURATION_LEAK", {.initialize = leaves_configuration_open}},
    {"BAD_CONFIGURATION_HANDLE", {.initialize = closes_configuration_twice}},
    {"TIMER_FREED_SET", {.initialize = frees_set_timer}},
    {"POOL_BAD_FREE", {.initialize = frees_timer_twice}},
    {"POOL_BAD_FREE", {.initialize = frees_item_twice}},
    {"COMPLETION_NOT_PENDING", {.initialize = completes_pause}},
    {"BAD_ADAPTER_HANDLE", {.initialize = bad_handle}},
    {"NULL_OUTPUT", {.initialize = null_output}},
    {"HALT_LEFT_VIRTUALIZATION", {.static_model = true, .halt = halt_nothing}},
    {"HALT_LEFT_VIRTUALIZATION", {.initialize = initialize_fails_enabled}},
    {"VF_ROUTINE_ON_PF", {.initialize = reads_block}},
    {"VF_ROUTINE_ON_PF", {.initialize = writes_block}},
    {"VIRTUALIZATION_TWICE", {.initialize = enables_twice}},
    {"VIRTUALIZATION_OFF_TWICE", {.initialize = disables_twice}},
    {"VIRTUALIZATION_NUM_VFS", {.initialize = enables_none}},
    {"VIRTUALIZATION_NUM_VFS", {.initialize = enables_too_many}},
    {"VIRTUALIZATION_OFF_NUM_VFS", {.initialize = disables_two}},
    {"VIRTUALIZATION_MIGRATION", {.initialize = migrates}},
    {"VF_DATA_NOT_ENABLED", {.initialize = touches_vf_early}},
    {"STATUS_INDICATION_HEADER", {.initialize = indicates_without_header}},
    {"STATUS_INDICATION_BUFFER", {.initialize = indicates_wrong_size}},
};

int main(void)
{
    return rig_main(rows, sizeof rows / sizeof *rows);
}
