/* SPDX-License-Identifier: MIT
 *
 * How long a waiting side spins before it sleeps.
 */
#include "vmbus/vmbus.h"

#include <stdatomic.h>
#include <unistd.h>

#define HALVINGS_MAX 31u
#define PROBE_LEAST  64u /* waits in vain between two probes, at most */
#define RELAXED      memory_order_relaxed

/* Rarer at first, for a side that is on our own processor never becomes quicker; but a guest that shares its processor
 * with many makes few requests, and both ends must find out that the other spins again. */
static bool probes(unsigned vain)
{
    return vain >= VMBUS_SPIN_PROBE && ((vain & (vain - 1)) == 0 || vain % PROBE_LEAST == 0);
}

unsigned vmbus_spin_rounds(const struct vmbus_spin *spin, unsigned limit)
{
    if (probes(atomic_load_explicit(&spin->vain, RELAXED)))
        return limit;
    return limit >> atomic_load_explicit(&spin->halvings, RELAXED);
}

/* A probe in vain teaches nothing new; one that met says that spinning pays again. */
void vmbus_spin_ended(struct vmbus_spin *spin, bool met)
{
    unsigned halvings = atomic_load_explicit(&spin->halvings, RELAXED);
    unsigned vain = atomic_load_explicit(&spin->vain, RELAXED);
    bool probed = probes(vain);
    if (met)
        halvings = probed || halvings == 0 ? 0 : halvings - 1;
    else if (!probed && halvings < HALVINGS_MAX)
        halvings++;
    atomic_store_explicit(&spin->halvings, halvings, RELAXED);
    atomic_store_explicit(&spin->vain, met ? 0 : vain + 1, RELAXED);
}

unsigned vmbus_spin_default(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN) < 2 ? 0 : VMBUS_SPIN_DEFAULT;
}
