/* SPDX-License-Identifier: MIT */
#include "guiddef.h" /* the other spelling */
