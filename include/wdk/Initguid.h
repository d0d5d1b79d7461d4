/* SPDX-License-Identifier: MIT */
#include "initguid.h" /* the other spelling */
