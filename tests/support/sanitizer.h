/* SPDX-License-Identifier: MIT
 *
 * Which sanitizers this file is compiled for, asked as each compiler wants to be: WITH_ASAN, WITH_TSAN, WITH_SANITIZER.
 */
#ifndef VFPLANE_TESTS_SANITIZER_H
#define VFPLANE_TESTS_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#if __has_feature(memory_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#if defined(WITH_ASAN) || defined(WITH_TSAN)
#define WITH_SANITIZER 1
#endif

#endif
