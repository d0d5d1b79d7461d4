/* SPDX-License-Identifier: MIT
 *
 * What a driver says while it runs: its debug output is a note in the trace, its assertions are broken rules.
 */
#include "nt/internal.h"
#include "nt/printf.h"

#include <stdio.h>
#include <stdlib.h>

NT_EXPORT ULONG vDbgPrintEx(ULONG component, ULONG level, PCCH format, va_list arguments)
{
    char text[512];
    (void)component, (void)level;
    if (!trace_current)
        return STATUS_SUCCESS;
    size_t length = nt_vsnprintf(text, sizeof(text), format, arguments);
    for (length = length < sizeof(text) ? length : sizeof(text) - 1; length && text[length - 1] <= ' '; length--)
        text[length - 1] = '\0';
    TRACE_NOTE("DbgPrint", "%s", text);
    return STATUS_SUCCESS;
}

NT_EXPORT ULONG DbgPrintEx(ULONG component, ULONG level, PCSTR format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    ULONG status = vDbgPrintEx(component, level, format, arguments);
    va_end(arguments);
    return status;
}

NT_EXPORT ULONG DbgPrint(PCSTR format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    ULONG status = vDbgPrintEx(DPFLTR_DEFAULT_ID, DPFLTR_ERROR_LEVEL, format, arguments);
    va_end(arguments);
    return status;
}

NT_EXPORT VOID DbgBreakPoint(VOID)
{
    nt_violation(NT_RULE(DBG_BREAK_POINT), "the driver calls the debugger");
}

NT_EXPORT VOID RtlAssert(PVOID assertion, PVOID file, ULONG line, PSTR message)
{
    nt_violation(NT_RULE(DRIVER_ASSERTION), "%s:%u: %s %s", (const char *)file, line, (const char *)assertion,
                 message ? message : "");
}

/* The driver asks for the machine to stop. There is no other machine to go on with: its code is in this process. */
NT_EXPORT VOID KeBugCheckEx(ULONG code, ULONG_PTR p1, ULONG_PTR p2, ULONG_PTR p3, ULONG_PTR p4)
{
    nt_violation(NT_RULE(BUGCHECK), "%08x (%llx, %llx, %llx, %llx)", code, p1, p2, p3, p4);
    fprintf(stderr, "vfplane: a driver stopped the machine: bugcheck %08x (%llx, %llx, %llx, %llx)\n", code, p1, p2, p3,
            p4);
    abort();
}

NT_EXPORT VOID KeBugCheck(ULONG code)
{
    KeBugCheckEx(code, 0, 0, 0, 0);
}
