/* SPDX-License-Identifier: MIT
 *
 * Registers as setpci names them: REGISTER[+OFFSET][.B|.W|.L][@NUMBER][=VALUE[:MASK],...], numbers hexadecimal, letters
 * of either case. REGISTER is an address, a name of the standard header (COMMAND), or a capability: CAP_EXP, ECAP_AER,
 * CAPxx, ECAPxxxx, of which NUMBER picks one of several, from 0.
 */
#ifndef VFPLANE_CLI_REGISTER_H
#define VFPLANE_CLI_REGISTER_H

#include <stdint.h>
#include <stdio.h>

#define REGISTER_VALUES_MAX 64

enum register_space { REGISTER_ADDRESS, REGISTER_CAPABILITY, REGISTER_EXTENDED };

struct register_value {
    uint32_t value, mask; /* bits outside the mask keep what they are */
};

struct register_operation {
    enum register_space space;
    uint16_t capability; /* its ID */
    unsigned number;     /* which of those with that ID */
    uint32_t offset;     /* from the start of configuration space or of the capability */
    unsigned width;      /* 1, 2 or 4 */
    unsigned count;      /* values to write, into registers that follow each other; 0: a read */
    struct register_value values[REGISTER_VALUES_MAX];
};

/* NULL, or what is wrong with the text; then the operation holds nothing usable. */
const char *register_parse(const char *text, struct register_operation *operation);

/* Reads `length` bytes of a function's configuration space; 0 or a negative errno. */
typedef int register_read_fn(void *context, uint32_t offset, void *buffer, uint32_t length);

/* Where the first register of the operation lies. 0; -ENOENT: the function has no such capability; -ELOOP: its
 * list of capabilities does not end; -ERANGE: a register of the operation is not within 4,096 bytes; or what `read`
 * said. */
int register_find(const struct register_operation *operation, register_read_fn *read, void *context, uint32_t *address);

/* Every name, as `setpci --dumpregs` lists them. */
void register_list(FILE *stream);

#endif
