/* SPDX-License-Identifier: MIT
 *
 * From the doors to the pieces, by weakest precondition: a range is inside the space and inside the caller's bytes when
 * it gets to the loops that cut it into pieces, each piece then lies in one dword, and there is an end.
 */
#define INSIDE_THE_SPACE offset + length <= 4096

#include "any.h"

/*@ assigns \nothing;
    ensures inside_the_space: \result ==> 1 <= length && offset + length <= 4096; */
static inline _Bool pci_in_range(uint32_t offset, uint32_t length);

#include "access_contracts.h"

/*@ requires left >= 1;
    assigns \nothing;
    ensures \result == 1 || \result == 2 || \result == 4;
    ensures \result <= left;
    ensures offset % 4 + \result <= 4; */
static uint32_t piece_length(uint32_t offset, uint32_t left);

/*@ requires a_dword_there_is: dword < 1024;
    assigns \nothing; */
static uint32_t prove_load(const struct pci_map *map, const uint32_t *slots, uint32_t dword);

/*@ requires inside_the_space: offset + length <= 4096;
    requires inside_the_data: \valid_read(bytes + (0 .. length - 1));
    ensures all_or_nothing: \result == 0 || \result == length; */
static uint32_t write_vf_pieces(struct pci_device *device, int function, uint32_t offset, const uint8_t *bytes,
                                uint32_t length);

/*@ requires inside_the_space: offset + length <= 4096;
    requires inside_the_data: \valid_read(bytes + (0 .. length - 1));
    ensures all_or_nothing: \result == 0 || \result == length; */
static uint32_t write_pf(struct pci_device *device, uint32_t offset, const uint8_t *bytes, uint32_t length);

/*@ requires inside_the_space: offset + length <= 4096;
    requires inside_the_data: \valid_read((const uint8_t *)buffer + (0 .. length - 1)); */
void pci_pf_write_locked(struct pci_device *device, uint32_t offset, const void *buffer, uint32_t length,
                         struct pci_changes *changes);

/*@ requires inside_the_space: offset + length <= 4096;
    requires inside_the_data: \valid(bytes + (0 .. length - 1));
    ensures all_or_nothing: \result == 0 || \result == length; */
static uint32_t read_locked(struct pci_device *device, int function, uint32_t offset, uint8_t *bytes, uint32_t length);

/*@ requires inside_the_data: \valid_read(bytes + (0 .. length - 1));
    ensures all_or_nothing: \result == 0 || \result == length; */
static uint32_t write_any(struct pci_device *device, int function, uint32_t offset, const uint8_t *bytes,
                          uint32_t length);

/*@ requires inside_the_data: \valid(bytes + (0 .. length - 1));
    ensures all_or_nothing: \result == 0 || \result == length; */
static uint32_t read_any(struct pci_device *device, int function, uint32_t offset, uint8_t *bytes, uint32_t length);

/*@ requires inside_the_data: \valid_read(bytes + (0 .. length - 1));
    ensures all_or_nothing: \result == 0 || \result == length; */
uint32_t pci_access_write(struct pci_device *device, int function, uint32_t offset, const uint8_t *bytes,
                          uint32_t length);

/*@ requires inside_the_data: \valid(bytes + (0 .. length - 1));
    ensures all_or_nothing: \result == 0 || \result == length; */
uint32_t pci_access_read(struct pci_device *device, int function, uint32_t offset, uint8_t *bytes, uint32_t length);

#define pci_load prove_load /* access_doors.c has the real one */

#include "pci/access.c"
#include "pci/ready.c"
