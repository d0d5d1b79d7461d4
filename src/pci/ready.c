/* SPDX-License-Identifier: MIT
 *
 * Which function answers, and from when on: it is there, and the time that a reset or VF Enable takes is over (pci.md
 * 4.3, 6.34). The time is on the host's clock and of the host's choice; without a choice everything answers at once.
 */
#include "pci/internal.h"
#include "trace/trace.h"

/* How much too early an access to the function is now; 0: it is ready. */
static uint64_t early_ns(const struct pci_device *device, int function)
{
    uint64_t now = pci_now(device), ready;
    if (function == PCI_FUNCTION_PF) {
        ready = atomic_load_explicit(&device->pf_ready_ns, memory_order_acquire);
    } else {
        uint64_t created = atomic_load_explicit(&device->vfs_ready_ns, memory_order_acquire);
        ready = atomic_load_explicit(&pci_vf_at(device, function)->ready_ns, memory_order_acquire);
        ready = created > ready ? created : ready;
    }
    return now < ready ? ready - now : 0;
}

/* An access before the specification's 100 ms have passed is counted, and under strict timing not answered. */
static bool is_ready(struct pci_device *device, int function)
{
    uint64_t early = early_ns(device, function);
    if (!early)
        return true;
    atomic_fetch_add_explicit(&device->early, 1, memory_order_relaxed);
    if (function == PCI_FUNCTION_PF)
        TRACE_REFUSE("pci", "READY_TIME pci.md 4.3", "PF accessed %llu ns too early", (unsigned long long)early);
    else
        TRACE_REFUSE("pci", "READY_TIME pci.md 4.3", "VF %d accessed %llu ns too early", function,
                     (unsigned long long)early);
    return !device->options.strict_timing;
}

bool pci_pf_in_reset(const struct pci_device *device)
{
    return device->timed && device->options.strict_timing && early_ns(device, PCI_FUNCTION_PF);
}

bool pci_pf_answers(struct pci_device *device)
{
    if (atomic_load_explicit(&device->gone, memory_order_acquire))
        return false;
    return !device->timed || is_ready(device, PCI_FUNCTION_PF);
}

bool pci_vf_answers(struct pci_device *device, int function)
{
    uint32_t reachable = atomic_load_explicit(&device->reachable, memory_order_acquire);
    if (__builtin_expect((uint32_t)function >= reachable, 0))
        return false;
    return !device->timed || is_ready(device, function);
}

bool pci_still_answers(const struct pci_device *device, int function)
{
    if (function == PCI_FUNCTION_PF)
        return !atomic_load_explicit(&device->gone, memory_order_acquire) && !pci_pf_in_reset(device);
    if ((uint32_t)function >= atomic_load_explicit(&device->reachable, memory_order_acquire))
        return false;
    return !device->timed || !device->options.strict_timing || !early_ns(device, function);
}
