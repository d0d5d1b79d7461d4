/* SPDX-License-Identifier: MIT */
#include "ntintsafe.h" /* the other spelling */
