/* SPDX-License-Identifier: MIT
 *
 * Register access: one volatile access of the register's width each. There is no port space: reads give all ones.
 */
#include "nt/internal.h"

#define NT_REGISTER(name, type)                                                                                        \
    NT_EXPORT type READ_REGISTER_##name(volatile type *reg)                                                            \
    {                                                                                                                  \
        return *reg;                                                                                                   \
    }                                                                                                                  \
    NT_EXPORT VOID WRITE_REGISTER_##name(volatile type *reg, type value)                                               \
    {                                                                                                                  \
        *reg = value;                                                                                                  \
    }

#define NT_REGISTER_BUFFER(name, type)                                                                                 \
    NT_EXPORT VOID READ_REGISTER_BUFFER_##name(volatile type *reg, type *buffer, ULONG count)                          \
    {                                                                                                                  \
        for (ULONG i = 0; i < count; i++)                                                                              \
            buffer[i] = reg[i];                                                                                        \
    }                                                                                                                  \
    NT_EXPORT VOID WRITE_REGISTER_BUFFER_##name(volatile type *reg, type *buffer, ULONG count)                         \
    {                                                                                                                  \
        for (ULONG i = 0; i < count; i++)                                                                              \
            reg[i] = buffer[i];                                                                                        \
    }

#define NT_PORT(name, type)                                                                                            \
    NT_EXPORT type READ_PORT_##name(type *port)                                                                        \
    {                                                                                                                  \
        (void)port;                                                                                                    \
        return (type)~0u;                                                                                              \
    }                                                                                                                  \
    NT_EXPORT VOID WRITE_PORT_##name(type *port, type value)                                                           \
    {                                                                                                                  \
        (void)port, (void)value;                                                                                       \
    }

NT_REGISTER(UCHAR, UCHAR)
NT_REGISTER(USHORT, USHORT)
NT_REGISTER(ULONG, ULONG)
NT_REGISTER(ULONG64, ULONG64)
NT_REGISTER_BUFFER(UCHAR, UCHAR)
NT_REGISTER_BUFFER(USHORT, USHORT)
NT_REGISTER_BUFFER(ULONG, ULONG)
NT_PORT(UCHAR, UCHAR)
NT_PORT(USHORT, USHORT)
NT_PORT(ULONG, ULONG)
