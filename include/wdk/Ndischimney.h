/* SPDX-License-Identifier: MIT */
#include "ndischimney.h" /* the other spelling */
