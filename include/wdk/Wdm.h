/* SPDX-License-Identifier: MIT */
#include "wdm.h" /* the other spelling */
