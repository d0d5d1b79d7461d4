/* SPDX-License-Identifier: MIT */
#include "pcivirt.h" /* the other spelling */
