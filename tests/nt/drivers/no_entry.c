/* SPDX-License-Identifier: MIT
 *
 * A library that is no driver.
 */
#include <wdm.h>

ULONG not_a_driver(VOID)
{
    return 1;
}
