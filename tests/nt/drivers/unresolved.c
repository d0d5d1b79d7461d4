/* SPDX-License-Identifier: MIT
 *
 * A driver that calls what nobody offers.
 */
#include <wdm.h>

NTSTATUS KeNobodyOffersThis(VOID);

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    UNREFERENCED_PARAMETER(driver);
    UNREFERENCED_PARAMETER(registry_path);
    return KeNobodyOffersThis();
}
