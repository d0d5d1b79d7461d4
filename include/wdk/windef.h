/* SPDX-License-Identifier: MIT */
#include "ntdef.h" /* the kernel's share of it */
