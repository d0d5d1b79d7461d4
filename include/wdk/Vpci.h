/* SPDX-License-Identifier: MIT */
#include "vpci.h" /* the other spelling */
