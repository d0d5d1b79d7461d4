/* SPDX-License-Identifier: MIT
 *
 * The statistics agent (vpci-wire.md 7.2): one snapshot on command, or one every so many 100 ms. Writing to the PF may
 * wait, so it is a work item's; there is one at a time, and what is asked meanwhile it does before it ends.
 *
 * Commands come at PASSIVE_LEVEL, one at a time, and not while the adapter halts; the timer at DISPATCH_LEVEL.
 */
#include "vf.h"

/* The rings carry no traffic, so their records are zero; what travels is the form: one sequence, pieces in order. */
static NDIS_STATUS write_snapshot(struct vf_adapter *adapter)
{
    const ULONG pieces =
        (adapter->rings * (ULONG)sizeof(struct refnic_ring_record) + REFNIC_PIECE_BYTES - 1) / REFNIC_PIECE_BYTES;
    struct refnic_statistics piece = {.sequence = adapter->sequence++};
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    while (piece.index < pieces && status == NDIS_STATUS_SUCCESS) {
        status = NdisMWriteConfigBlock(adapter->port.handle, REFNIC_BLOCK_STATISTICS, &piece, sizeof(piece));
        piece.index++;
    }
    return status;
}

/* A PF that does not take a snapshot gets no more until it asks again. */
static VOID write_asked(PVOID context, NDIS_HANDLE item)
{
    struct vf_adapter *adapter = context;
    struct vf_statistics *statistics = &adapter->statistics;
    BOOLEAN more, last;

    UNREFERENCED_PARAMETER(item);
    do {
        const NDIS_STATUS status = write_snapshot(adapter);

        NdisAcquireSpinLock(&adapter->port.lock);
        if (status != NDIS_STATUS_SUCCESS)
            statistics->failed = TRUE;
        more = statistics->asked && !statistics->stopped;
        statistics->asked = FALSE;
        statistics->writing = more;
        last = statistics->stopped;
        NdisReleaseSpinLock(&adapter->port.lock);
    } while (more);
    if (last)
        NdisSetEvent(&statistics->written); /* nothing of the adapter after this */
}

static VOID ask(struct vf_adapter *adapter, BOOLEAN by_timer)
{
    struct vf_statistics *statistics = &adapter->statistics;
    BOOLEAN begin = FALSE;

    NdisAcquireSpinLock(&adapter->port.lock);
    if (statistics->writing)
        statistics->asked = statistics->asked || !by_timer;
    else if (!statistics->stopped && !(by_timer && statistics->failed))
        begin = statistics->writing = TRUE;
    NdisReleaseSpinLock(&adapter->port.lock);
    if (begin)
        NdisQueueIoWorkItem(statistics->work, write_asked, adapter);
}

static VOID period_over(PVOID system1, PVOID context, PVOID system2, PVOID system3)
{
    UNREFERENCED_PARAMETER(system1);
    UNREFERENCED_PARAMETER(system2);
    UNREFERENCED_PARAMETER(system3);
    ask(context, TRUE);
}

VOID vf_statistics_command(struct vf_adapter *adapter, USHORT command)
{
    struct vf_statistics *statistics = &adapter->statistics;
    const ULONG period = command * REFNIC_PERIOD_MS;
    LARGE_INTEGER first;

    if (command == REFNIC_COMMAND_SNAPSHOT) {
        ask(adapter, FALSE);
        return;
    }
    (void)NdisCancelTimerObject(statistics->timer);
    NdisAcquireSpinLock(&adapter->port.lock);
    statistics->failed = FALSE;
    NdisReleaseSpinLock(&adapter->port.lock);
    if (command == REFNIC_COMMAND_NONE)
        return;
    first.QuadPart = -10000 * (LONGLONG)period;
    (void)NdisSetTimerObject(statistics->timer, first, (LONG)period, adapter);
}

NDIS_STATUS vf_statistics_open(struct vf_adapter *adapter)
{
    struct vf_statistics *statistics = &adapter->statistics;
    NDIS_TIMER_CHARACTERISTICS timer;
    NDIS_STATUS status;

    NdisZeroMemory(&timer, sizeof(timer));
    timer.Header.Type = NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS;
    timer.Header.Revision = NDIS_TIMER_CHARACTERISTICS_REVISION_1;
    timer.Header.Size = NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1;
    timer.AllocationTag = NIC_TAG;
    timer.TimerFunction = period_over;
    timer.FunctionContext = adapter;
    NdisInitializeEvent(&statistics->written);
    statistics->work = NdisAllocateIoWorkItem(adapter->port.handle);
    if (!statistics->work)
        return NDIS_STATUS_RESOURCES;
    status = NdisAllocateTimerObject(adapter->port.handle, &timer, &statistics->timer);
    if (status != NDIS_STATUS_SUCCESS)
        NdisFreeIoWorkItem(statistics->work);
    return status;
}

VOID vf_statistics_close(struct vf_adapter *adapter)
{
    struct vf_statistics *statistics = &adapter->statistics;
    BOOLEAN writing;

    (void)NdisCancelTimerObject(statistics->timer);
    KeFlushQueuedDpcs(); /* the timer's may be running */
    NdisAcquireSpinLock(&adapter->port.lock);
    statistics->stopped = TRUE;
    writing = statistics->writing;
    NdisReleaseSpinLock(&adapter->port.lock);
    if (writing)
        (void)NdisWaitEvent(&statistics->written, 0);
    NdisFreeTimerObject(statistics->timer);
    NdisFreeIoWorkItem(statistics->work);
}
