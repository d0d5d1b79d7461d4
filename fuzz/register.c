/* SPDX-License-Identifier: MIT
 *
 * Register names of the command line: any text is an operation within its limits, or is refused with a reason; and in
 * any configuration space the register that it names is found within the space, or not at all.
 *
 * The text ends with the first zero; the bytes behind it are the configuration space, again and again.
 */
#include "input.h"

#include <string.h>

#include "cli/register.h"

#define SPACE 4096

struct space {
    const uint8_t *bytes;
    size_t size;
    unsigned reads;
};

static int read_space(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    struct space *space = context;
    MUST(offset + length <= SPACE);
    MUST(++space->reads <= SPACE);
    for (uint32_t i = 0; i < length; i++)
        ((uint8_t *)buffer)[i] = space->size ? space->bytes[(offset + i) % space->size] : 0;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = strnlen((const char *)data, size);
    struct register_operation operation;
    char *text = malloc(length + 1);
    if (!text)
        return 0;
    memcpy(text, data, length);
    text[length] = 0;
    const char *wrong = register_parse(text, &operation);
    free(text);
    if (wrong)
        return 0;
    MUST(operation.width == 1 || operation.width == 2 || operation.width == 4);
    MUST(operation.count <= REGISTER_VALUES_MAX);
    for (unsigned i = 0; i < operation.count; i++)
        MUST(operation.width == 4 || !((operation.values[i].value | operation.values[i].mask) >> 8 * operation.width));
    struct space space = {data + length, size - length, 0};
    uint32_t address;
    if (!register_find(&operation, read_space, &space, &address))
        MUST(address + operation.width * (operation.count ? operation.count : 1) <= SPACE);
    return 0;
}
