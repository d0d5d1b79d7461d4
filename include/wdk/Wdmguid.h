/* SPDX-License-Identifier: MIT */
#include "wdmguid.h" /* the other spelling */
