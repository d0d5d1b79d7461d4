/* SPDX-License-Identifier: MIT
 *
 * What a driver with a mistake looks like to a guest: its writes succeed and change nothing.
 */
#include <ndis.h>

ULONG deaf_set_data(NDIS_HANDLE adapter, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset, ULONG length);

ULONG deaf_set_data(NDIS_HANDLE adapter, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset, ULONG length)
{
    (void)adapter, (void)vf, (void)buffer, (void)offset;
    return length;
}
