/* SPDX-License-Identifier: MIT
 *
 * Formatting as the WDK does: l is 32 bits, I64 and ll 64, S and ws/ls the other / the 16-bit width, wZ a
 * UNICODE_STRING, Z an ANSI_STRING, p sixteen digits.
 */
#ifndef VFPLANE_NT_PRINTF_H
#define VFPLANE_NT_PRINTF_H

#include <stdarg.h>
#include <stddef.h>
#include <wdm.h>

/* Characters the whole text has (without terminator), as snprintf; the buffer is always terminated if size > 0.
 * Characters over FFh become '?'. */
size_t nt_vsnprintf(char *buffer, size_t size, const char *format, va_list arguments);

#endif
