/* SPDX-License-Identifier: MIT
 *
 * The types and macros that a driver brings along, before any header of ours (drivers.md 2).
 */
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef unsigned long u_long, ulong;
typedef unsigned int uint;
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
