/* SPDX-License-Identifier: MIT */
#include "km/sal.h" /* source annotations, older spelling */
