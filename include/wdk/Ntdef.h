/* SPDX-License-Identifier: MIT */
#include "ntdef.h" /* the other spelling */
