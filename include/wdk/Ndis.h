/* SPDX-License-Identifier: MIT */
#include "ndis.h" /* the other spelling */
