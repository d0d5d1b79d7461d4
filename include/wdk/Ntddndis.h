/* SPDX-License-Identifier: MIT */
#include "ntddndis.h" /* the other spelling */
