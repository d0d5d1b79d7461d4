/* SPDX-License-Identifier: MIT
 *
 * Unknown values for the prover, and GCC's atomic builtins in plain C (see include/stdatomic.h for what that assumes).
 */
#ifndef PROOFS_ANY_H
#define PROOFS_ANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/stdatomic.h"

extern volatile uint32_t any_source; /* each read is another value */

/*@ requires low <= high;
    assigns \result \from low, high, any_source;
    ensures low <= \result <= high; */
uint32_t any_in(uint32_t low, uint32_t high);

static inline uint32_t any32(void)
{
    return any_source;
}

static inline void any_bytes(uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)any_source;
}

#define __atomic_load_n(at, order)         (*(const volatile __typeof__(*(at)) *)(at))
#define __atomic_store_n(at, value, order) (*(volatile __typeof__(*(at)) *)(at) = (value))
/* A little-endian machine, as vfplane runs on. */
#define htole16(value) (value)
#define htole32(value) (value)
#define le32toh(value) (value)
/* Fails for no reason or because another thread stored something, or succeeds. */
#define __atomic_compare_exchange_n(at, expected, value, weak, success, failure) \
    (any_source ? (*(at) = (value), true) : (*(expected) = *(const volatile __typeof__(*(at)) *)(at), false))

#endif
