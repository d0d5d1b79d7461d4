/* SPDX-License-Identifier: MIT */
#include "ntstrsafe.h" /* the other spelling */
