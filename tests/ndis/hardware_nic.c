/* SPDX-License-Identifier: MIT */
#include "hardware_nic.h"

struct nic *hardware_nic(unsigned messages)
{
    struct nic *nic = nic_create(FAKE_HOST);

    nic->bus->bars = 2;
    nic->bus->messages = messages;
    nic->bus->ports = 1;
    ndis_set_keyword(nic->partition, "Key\\Here", "7");
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    nic_clear_log(nic);
    return nic;
}

NDIS_HANDLE hardware_configuration(struct nic *nic)
{
    NDIS_CONFIGURATION_OBJECT object = {
        .Header = {NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT, 1, NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1},
        .NdisHandle = nic->handle};
    NDIS_HANDLE handle;

    assert_int_equal(NdisOpenConfigurationEx(&object, &handle), NDIS_STATUS_SUCCESS);
    return handle;
}

static VOID process_list(PDEVICE_OBJECT device, PVOID reserved, PSCATTER_GATHER_LIST list, PVOID context)
{
    (void)device, (void)reserved, (void)list, (void)context;
}

static BOOLEAN isr(NDIS_HANDLE context, PBOOLEAN queue, PULONG targets)
{
    (void)context, (void)queue, (void)targets;
    return FALSE;
}

static VOID dpc(NDIS_HANDLE context, PVOID argument, PVOID throttle, PVOID reserved)
{
    (void)context, (void)argument, (void)throttle, (void)reserved;
}

const NDIS_SG_DMA_DESCRIPTION hardware_dma = {
    .Header = {NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, 1, NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1},
    .ProcessSGListHandler = process_list,
};

const NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS hardware_line = {
    .Header = {NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, 1, NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1},
    .InterruptHandler = isr,
    .InterruptDpcHandler = dpc,
};
