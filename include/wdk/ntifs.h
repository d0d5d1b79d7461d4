/* SPDX-License-Identifier: MIT */
#include "ntddk.h" /* file systems are no part of this: what a driver of ours needs of it */
