/* SPDX-License-Identifier: MIT */
#include "ntifs.h" /* the other spelling */
