/* SPDX-License-Identifier: MIT
 *
 * Put before a shipped file when it is compiled for a model: the room's spinning lock is the scheduler's.
 */
#ifndef TESTS_NDIS_MODEL_LOCK_H
#define TESTS_NDIS_MODEL_LOCK_H

#include "ndis/wait.h"

void model_lock_taken(struct ndis_lock *lock);
void model_lock_given(struct ndis_lock *lock);
#define ndis_lock(lock)   model_lock_taken(lock)
#define ndis_unlock(lock) model_lock_given(lock)

#endif
