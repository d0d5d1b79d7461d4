/* SPDX-License-Identifier: MIT
 *
 * For the prover only: an atomic object is a plain one, and a load gives any value, because another thread may have
 * stored it (a volatile read, which Eva takes as unknown). This is weaker than every memory order, so what is proved
 * holds for each of them.
 */
#ifndef PROOFS_STDATOMIC_H
#define PROOFS_STDATOMIC_H
#define __FC_STDATOMIC /* in the place of Frama-C's own, which knows no atomic object */

#define _Atomic
typedef unsigned atomic_uint;
typedef unsigned char atomic_bool; /* only ever asked whether it is 0 */

enum { memory_order_relaxed, memory_order_acquire, memory_order_release, memory_order_acq_rel };

#define atomic_load_explicit(at, order)       (*(const volatile __typeof__(*(at)) *)(at))
#define atomic_store_explicit(at, new, order) (*(volatile __typeof__(*(at)) *)(at) = (new))
#define atomic_fetch_add_explicit(at, by, order) \
    (*(volatile __typeof__(*(at)) *)(at) = *(const volatile __typeof__(*(at)) *)(at) + (by))

#endif
