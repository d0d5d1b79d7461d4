/* SPDX-License-Identifier: MIT */
#include "ntstatus.h" /* the other spelling */
