/* SPDX-License-Identifier: MIT
 *
 * Put before a shipped file when it is compiled for a model: each atomic operation on a word is a step of its own.
 */
#ifndef VFPLANE_TEST_MODEL_ATOMIC_H
#define VFPLANE_TEST_MODEL_ATOMIC_H

#include <stdatomic.h>

void model_atomic(const volatile void *word);

#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_fetch_or
#define atomic_load(word)         (model_atomic(word), atomic_load_explicit((word), memory_order_seq_cst))
#define atomic_store(word, value) (model_atomic(word), atomic_store_explicit((word), (value), memory_order_seq_cst))
#define atomic_exchange(word, value)                                                                                   \
    (model_atomic(word), atomic_exchange_explicit((word), (value), memory_order_seq_cst))
#define atomic_fetch_or(word, value)                                                                                   \
    (model_atomic(word), atomic_fetch_or_explicit((word), (value), memory_order_seq_cst))

/* A builtin is not its own macro again inside its macro. */
#define __atomic_load_n(at, order)          (model_atomic(at), __atomic_load_n((at), (order)))
#define __atomic_store_n(at, value, order)  (model_atomic(at), __atomic_store_n((at), (value), (order)))
#define __atomic_fetch_or(at, value, order) (model_atomic(at), __atomic_fetch_or((at), (value), (order)))
#define __atomic_compare_exchange_n(at, seen, value, weak, success, failure)                                           \
    (model_atomic(at), __atomic_compare_exchange_n((at), (seen), (value), (weak), (success), (failure)))

#endif
