/* SPDX-License-Identifier: MIT
 *
 * From here on DEFINE_GUID defines its GUID instead of declaring it. Include it before the header with the GUIDs.
 */
#ifndef INITGUID
#define INITGUID
#endif
#include "guiddef.h"
