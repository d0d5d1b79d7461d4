/* SPDX-License-Identifier: MIT */
#include "ndis6/link.h" /* interface types */
