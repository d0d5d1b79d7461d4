/* SPDX-License-Identifier: MIT
 *
 * A driver that calls what nobody offers, beside what the executive and the mathematics library do; and looks for one
 * routine that it could do without.
 */
#include <wdm.h>

NTSTATUS KeNobodyOffersThis(VOID);
VOID NdisNorThis(VOID);
extern ULONG MmNorThisVariable;
double cbrt(double value);
VOID ExPerhaps(VOID) __attribute__((weak));

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    UNREFERENCED_PARAMETER(driver);
    if (ExPerhaps)
        ExPerhaps();
    NdisNorThis();
    MmNorThisVariable = (ULONG)cbrt(registry_path->Length) + KeGetCurrentIrql();
    return KeNobodyOffersThis();
}
