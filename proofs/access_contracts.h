/* SPDX-License-Identifier: MIT
 *
 * What the parts of src/pci/access.c ask of each other and promise. The three proofs of the register file meet here: who
 * calls is held to `requires`, and each body is proved to keep within what is said of it.
 *
 * A write of a piece also stores in a slot. No contract says so, and none needs to: a load gives any value.
 */
#ifndef PROOFS_ACCESS_CONTRACTS_H
#define PROOFS_ACCESS_CONTRACTS_H

#include "any.h"

#include "pci/internal.h"

struct target;

/* Eva cannot relate an offset to a length: access_loop.c holds the callers to it. */
#ifndef INSIDE_THE_SPACE
#define INSIDE_THE_SPACE 0 == 0
#endif

/*@ requires an_aligned_piece: length == 1 || length == 2 || length == 4;
    requires inside_a_dword: offset % 4 + length <= 4;
    requires inside_the_space: offset < 4096;
    requires inside_the_data: \valid_read(bytes + (0 .. length - 1));
    assigns *changes \from *bytes; */
static void write_piece(const struct target *target, uint32_t offset, uint32_t length, const uint8_t *bytes,
                        struct pci_changes *changes);

/*@ requires inside_the_space: INSIDE_THE_SPACE;
    requires inside_the_data: \valid_read(bytes + (0 .. length - 1));
    requires apart: \separated(changes, bytes + (0 .. length - 1));
    assigns *changes \from bytes[0 .. length - 1]; */
static void write_pieces(const struct target *target, uint32_t offset, const uint8_t *bytes, uint32_t length,
                         struct pci_changes *changes);

/*@ requires inside_a_dword: 1 <= length && offset % 4 + length <= 4;
    requires inside_the_data: \valid(bytes + (0 .. length - 1));
    assigns bytes[0 .. length - 1] \from value; */
static void give_part(uint8_t *bytes, uint32_t value, uint32_t offset, uint32_t length);

/*@ requires inside_the_space: INSIDE_THE_SPACE;
    requires inside_the_data: \valid(bytes + (0 .. length - 1));
    assigns bytes[0 .. length - 1] \from slots[0 .. 1023]; */
static void read_pieces(const struct pci_map *map, const uint32_t *slots, uint32_t offset, uint8_t *bytes,
                        uint32_t length);

#endif
