/* SPDX-License-Identifier: MIT
 *
 * What the compiler calls in a file built with -fsanitize=thread: before each plain access, and in the place of each
 * atomic one, however it is spelled (atomic_load, atomic_store_explicit, __atomic_store, __sync_fetch_and_add, ++ of an
 * _Atomic word, ...). Here they are the model's steps; what is asked for is then done with sequential consistency. What
 * has no routine here (128 bits, fences) does not link.
 *
 * In a build with ThreadSanitizer the atomic routines exist; the test is linked with --wrap for them, so that both see
 * the access. Plain accesses are then its alone.
 */
#include <stdbool.h>
#include <stdint.h>

#include "model.h"
#include "sanitizer.h"

#if defined(WITH_TSAN)
#define NAME(routine)                   __wrap___tsan_##routine
#define REAL(type, routine, parameters) type __real___tsan_##routine parameters;
#define DONE(routine, arguments, here)  __real___tsan_##routine arguments
#else
#define NAME(routine) __tsan_##routine
#define REAL(type, routine, parameters)
#define DONE(routine, arguments, here) here
#endif

/* A step at `at`, then what the routine is for: with its own means or, without ThreadSanitizer, as said in `here`. */
#define ROUTINE(type, routine, parameters, arguments, here)                                                            \
    REAL(type, routine, parameters)                                                                                    \
    type NAME(routine) parameters;                                                                                     \
    type NAME(routine) parameters                                                                                      \
    {                                                                                                                  \
        (void)order;                                                                                                   \
        model_access(at, sizeof *at, true);                                                                            \
        return DONE(routine, arguments, here);                                                                         \
    }

#define CHANGE(word, routine, builtin)                                                                                 \
    ROUTINE(word, routine, (volatile word * at, word value, int order), (at, value, order),                            \
            builtin(at, value, __ATOMIC_SEQ_CST))

#define COMPARE(word, routine)                                                                                         \
    ROUTINE(int, routine, (volatile word * at, word * seen, word value, int order, int failed),                        \
            (at, seen, value, order, failed),                                                                          \
            ((void)failed, __atomic_compare_exchange_n(at, seen, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)))

#define COMPARE_VALUE(word, routine)                                                                                   \
    ROUTINE(word, routine, (volatile word * at, word seen, word value, int order, int failed),                         \
            (at, seen, value, order, failed),                                                                          \
            ((void)failed, __atomic_compare_exchange_n(at, &seen, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST),   \
             seen))

#define ATOMICS(bits, word)                                                                                            \
    ROUTINE(word, atomic##bits##_load, (const volatile word *at, int order), (at, order),                              \
            __atomic_load_n(at, __ATOMIC_SEQ_CST))                                                                     \
    ROUTINE(void, atomic##bits##_store, (volatile word * at, word value, int order), (at, value, order),               \
            __atomic_store_n(at, value, __ATOMIC_SEQ_CST))                                                             \
    CHANGE(word, atomic##bits##_exchange, __atomic_exchange_n)                                                         \
    CHANGE(word, atomic##bits##_fetch_add, __atomic_fetch_add)                                                         \
    CHANGE(word, atomic##bits##_fetch_sub, __atomic_fetch_sub)                                                         \
    CHANGE(word, atomic##bits##_fetch_and, __atomic_fetch_and)                                                         \
    CHANGE(word, atomic##bits##_fetch_or, __atomic_fetch_or)                                                           \
    CHANGE(word, atomic##bits##_fetch_xor, __atomic_fetch_xor)                                                         \
    CHANGE(word, atomic##bits##_fetch_nand, __atomic_fetch_nand)                                                       \
    COMPARE(word, atomic##bits##_compare_exchange_strong)                                                              \
    COMPARE(word, atomic##bits##_compare_exchange_weak)                                                                \
    COMPARE_VALUE(word, atomic##bits##_compare_exchange_val)

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

#if !defined(WITH_TSAN)
#define PLAIN(routine, bytes)                                                                                          \
    void __tsan_##routine(void *at);                                                                                   \
    void __tsan_##routine(void *at)                                                                                    \
    {                                                                                                                  \
        model_access(at, bytes, false);                                                                                \
    }

PLAIN(read1, 1)
PLAIN(read2, 2)
PLAIN(read4, 4)
PLAIN(read8, 8)
PLAIN(read16, 16)
PLAIN(write1, 1)
PLAIN(write2, 2)
PLAIN(write4, 4)
PLAIN(write8, 8)
PLAIN(write16, 16)
PLAIN(unaligned_read2, 2)
PLAIN(unaligned_read4, 4)
PLAIN(unaligned_read8, 8)
PLAIN(unaligned_read16, 16)
PLAIN(unaligned_write2, 2)
PLAIN(unaligned_write4, 4)
PLAIN(unaligned_write8, 8)
PLAIN(unaligned_write16, 16)

void __tsan_read_range(void *at, unsigned long bytes);
void __tsan_read_range(void *at, unsigned long bytes)
{
    model_access(at, bytes, false);
}

void __tsan_write_range(void *at, unsigned long bytes);
void __tsan_write_range(void *at, unsigned long bytes)
{
    model_access(at, bytes, false);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}
#endif
