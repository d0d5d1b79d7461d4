/* SPDX-License-Identifier: MIT
 *
 * What drivers ask about time, and how they let it pass; what they ask about processors.
 */
#include "nt/internal.h"

#include <time.h>

/* System time (100 ns since 1601) at which a virtual clock starts: 2024-01-01, so that runs repeat exactly. */
#define NT_EPOCH_2024     INT64_C(133485408000000000)
#define NT_EPOCH_UNIX     INT64_C(116444736000000000)
#define NT_TICK_100NS     156250u /* 15.625 ms */
#define NT_STALL_LIMIT_US 50u     /* KeStallExecutionProcessor's documented limit */
#define NT_PROCESSORS     1u

NT_EXPORT VOID KeQuerySystemTimePrecise(PLARGE_INTEGER time)
{
    struct nt_partition *partition = nt_partition_current;
    struct timespec now;
    if (partition && !partition->real_time) {
        time->QuadPart = NT_EPOCH_2024 + (int64_t)(nt_clock_read(partition) / 100);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    time->QuadPart = NT_EPOCH_UNIX + (int64_t)now.tv_sec * 10000000 + now.tv_nsec / 100;
}

NT_EXPORT VOID KeQuerySystemTime(PLARGE_INTEGER time)
{
    KeQuerySystemTimePrecise(time);
}

NT_EXPORT ULONGLONG KeQueryInterruptTime(VOID)
{
    return nt_clock_read(nt_partition_current) / 100;
}

NT_EXPORT LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER frequency)
{
    if (frequency)
        frequency->QuadPart = 10000000;
    return (LARGE_INTEGER){.QuadPart = (LONGLONG)(nt_clock_read(nt_partition_current) / 100)};
}

NT_EXPORT VOID KeQueryTickCount(PLARGE_INTEGER count)
{
    count->QuadPart = (LONGLONG)(nt_clock_read(nt_partition_current) / 100 / NT_TICK_100NS);
}

NT_EXPORT ULONG KeQueryTimeIncrement(VOID)
{
    return NT_TICK_100NS;
}

static void pass(uint64_t ns)
{
    struct nt_partition *partition = nt_partition_current;
    struct timespec interval = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    if (partition && !partition->real_time)
        nt_clock_advance(partition, ns);
    else
        nanosleep(&interval, NULL);
}

NT_EXPORT NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE mode, BOOLEAN alertable, PLARGE_INTEGER interval)
{
    LARGE_INTEGER now = {0};
    (void)mode, (void)alertable;
    if (!nt_irql_at_most(APC_LEVEL, "KeDelayExecutionThread"))
        return STATUS_INVALID_DEVICE_STATE;
    if (interval->QuadPart > 0)
        KeQuerySystemTimePrecise(&now);
    LONGLONG left = interval->QuadPart > 0 ? interval->QuadPart - now.QuadPart : -interval->QuadPart;
    pass(left > 0 ? (uint64_t)left * 100 : 0);
    return STATUS_SUCCESS;
}

NT_EXPORT VOID KeStallExecutionProcessor(ULONG microseconds)
{
    if (microseconds > NT_STALL_LIMIT_US)
        nt_violation(NT_RULE(STALL_TOO_LONG), "KeStallExecutionProcessor(%u us), at most %u", microseconds, NT_STALL_LIMIT_US);
    pass(microseconds * NT_NS_PER_US);
}

/* ---- processors: a partition has one, so that drivers' per-processor arrays stay small and runs repeat ----------- */

NT_EXPORT ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER number)
{
    if (number)
        *number = (PROCESSOR_NUMBER){0};
    return 0;
}

NT_EXPORT ULONG KeGetCurrentProcessorNumber(VOID)
{
    return 0;
}

NT_EXPORT ULONG KeQueryActiveProcessorCount(PKAFFINITY active)
{
    if (active)
        *active = 1;
    return NT_PROCESSORS;
}

NT_EXPORT ULONG KeQueryActiveProcessorCountEx(USHORT group)
{
    return group == 0 || group == ALL_PROCESSOR_GROUPS ? NT_PROCESSORS : 0;
}

NT_EXPORT ULONG KeQueryMaximumProcessorCountEx(USHORT group)
{
    return KeQueryActiveProcessorCountEx(group);
}

NT_EXPORT KAFFINITY KeQueryActiveProcessors(VOID)
{
    return 1;
}

NT_EXPORT NTSTATUS KeGetProcessorNumberFromIndex(ULONG index, PPROCESSOR_NUMBER number)
{
    if (index >= NT_PROCESSORS)
        return STATUS_INVALID_PARAMETER;
    *number = (PROCESSOR_NUMBER){0};
    return STATUS_SUCCESS;
}

NT_EXPORT ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER number)
{
    return number->Group == 0 && number->Number < NT_PROCESSORS ? number->Number : (ULONG)-1;
}
