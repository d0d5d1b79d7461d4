/* SPDX-License-Identifier: MIT */
#include "ndis.h" /* TCP chimney is gone from NDIS; the name is still included */
