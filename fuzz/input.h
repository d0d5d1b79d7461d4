/* SPDX-License-Identifier: MIT
 *
 * The bytes that a fuzzer made up, taken from the front; behind the end there are zeroes.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct input {
    const uint8_t *at, *end;
};

static inline uint8_t take8(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static inline uint16_t take16(struct input *input)
{
    uint16_t low = take8(input);
    return (uint16_t)(low | take8(input) << 8);
}

static inline uint32_t take32(struct input *input)
{
    uint32_t low = take16(input);
    return low | (uint32_t)take16(input) << 16;
}

/* A property that must hold for every input. */
#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                              \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
