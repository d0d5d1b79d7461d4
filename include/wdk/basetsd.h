/* SPDX-License-Identifier: MIT */
#include "ntdef.h" /* the sized types */
