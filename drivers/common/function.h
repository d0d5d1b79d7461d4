/* SPDX-License-Identifier: MIT
 *
 * Reset and power of one VF, by its own registers (pci.md 4.3, 4.10). PASSIVE_LEVEL: they wait.
 */
#ifndef NIC_FUNCTION_H
#define NIC_FUNCTION_H

#include "config.h"

#define NIC_SETTLE_US      100000 /* after VF Enable and after an FLR, pci.md 4.3 */
#define NIC_SETTLE_RETRIES 10     /* until a function that does not answer is called broken: 1 s */

/* Offsets of the capabilities a PF driver uses; 0: the VF has none. */
struct nic_function {
    UCHAR express, msix, pm;
};

/* FALSE: the function does not answer. */
BOOLEAN nic_function_probe(const struct nic_config *config, struct nic_function *function);

/* FLR. Success means that the function answered again with its registers at their reset values. STATUS_IO_TIMEOUT: it
 * did not answer within `settles` times NIC_SETTLE_US; STATUS_UNSUCCESSFUL: it cannot be reset, or was not. */
NTSTATUS nic_function_reset(const struct nic_config *config, const struct nic_function *function, ULONG settles);

/* State 0..3 is D0..D3. A VF without the Power Management capability cannot be switched: TRUE, and its driver remembers
 * the state (decisions.md). FALSE: the function does not answer, or does not have that state. */
BOOLEAN nic_function_power(const struct nic_config *config, const struct nic_function *function, USHORT state);

/* Does the SR-IOV capability at `sriov` of the PF show that many VFs, enabled? */
BOOLEAN nic_vfs_enabled(const struct nic_config *own, USHORT sriov, USHORT num_vfs);

/* Each driver has its own: waits that long at PASSIVE_LEVEL. */
VOID nic_sleep(ULONG microseconds);

#endif
