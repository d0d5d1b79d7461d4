/* SPDX-License-Identifier: MIT
 *
 * String conversions of NDIS, over those of the kernel.
 */
#include "ndis/internal.h"

#define STRING_TAG 0x4e645374 /* NdSt */

NDIS_EXPORT VOID NdisInitializeString(PNDIS_STRING Destination, PUCHAR Source)
{
    ANSI_STRING from;

    RtlInitAnsiString(&from, (PCSZ)Source);
    Destination->Length = 0;
    Destination->MaximumLength = (USHORT)((from.Length + 1u) * sizeof(WCHAR));
    Destination->Buffer = ExAllocatePoolWithTag(NonPagedPool, Destination->MaximumLength, STRING_TAG);
    if (!Destination->Buffer || !NT_SUCCESS(RtlAnsiStringToUnicodeString(Destination, &from, FALSE)))
        Destination->MaximumLength = Destination->Buffer ? Destination->MaximumLength : 0;
}

NDIS_EXPORT NDIS_STATUS NdisAnsiStringToUnicodeString(PNDIS_STRING Destination, PNDIS_ANSI_STRING Source)
{
    if (!nt_irql_at_most(PASSIVE_LEVEL, "NdisAnsiStringToUnicodeString") || !Destination || !Source)
        return NDIS_STATUS_FAILURE;
    return NT_SUCCESS(RtlAnsiStringToUnicodeString(Destination, Source, FALSE)) ? NDIS_STATUS_SUCCESS
                                                                                : NDIS_STATUS_FAILURE;
}

NDIS_EXPORT NDIS_STATUS NdisUnicodeStringToAnsiString(PNDIS_ANSI_STRING Destination, PNDIS_STRING Source)
{
    if (!nt_irql_at_most(PASSIVE_LEVEL, "NdisUnicodeStringToAnsiString") || !Destination || !Source)
        return NDIS_STATUS_FAILURE;
    return NT_SUCCESS(RtlUnicodeStringToAnsiString(Destination, Source, FALSE)) ? NDIS_STATUS_SUCCESS
                                                                                : NDIS_STATUS_FAILURE;
}
