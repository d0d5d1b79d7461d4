/* SPDX-License-Identifier: MIT */
#include "ntddk.h" /* the other spelling */
