/* SPDX-License-Identifier: MIT
 *
 * Reads a capture of a vPCI host: lines "[vpci cfg rd slot=0 +004/2 -> 0]" and "[vpci cfg wr slot=0 +004/2 <- 400]",
 * between messages and kernel output that are passed over.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MARK "[vpci cfg "

static bool sane(const struct access *access, unsigned slot, unsigned long long offset)
{
    bool size = access->size == 1 || access->size == 2 || access->size == 4;
    return slot == 0 && size && offset < 4096 && offset % 4 + access->size <= 4;
}

/* 1 an access, 0 another line, -1 looks like one and is not. */
static int parse_line(const char *line, struct access *access)
{
    char direction[3], arrow[3];
    unsigned slot, size;
    unsigned long long offset, value;
    const char *mark = strstr(line, MARK);
    if (!mark)
        return 0;
    if (sscanf(mark + strlen(MARK), "%2s slot=%u +%llx/%u %2s %llx", direction, &slot, &offset, &size, arrow, &value) !=
        6)
        return -1;
    access->write = strcmp(direction, "wr") == 0;
    if (strcmp(arrow, access->write ? "<-" : "->") || (!access->write && strcmp(direction, "rd")))
        return -1;
    access->offset = (uint16_t)offset;
    access->size = (uint8_t)size;
    access->value = (uint32_t)value;
    return size < 256 && sane(access, slot, offset) && value >> 8 * size == 0 ? 1 : -1;
}

static int add(struct capture *capture, const struct access *access)
{
    if (capture->count % 256 == 0) {
        struct access *grown = realloc(capture->accesses, (capture->count + 256) * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        capture->accesses = grown;
    }
    capture->accesses[capture->count++] = *access;
    return 0;
}

static int load_lines(FILE *file, const char *path, struct capture *capture)
{
    char line[512];
    for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
        if (number > LINES_MAX) {
            complain("%s: more than %u lines", path, LINES_MAX);
            return -EINVAL;
        }
        struct access access = {.line = number};
        int kind = parse_line(line, &access);
        if (kind < 0) {
            complain("%s:%u: not a configuration access of slot 0 that fits in one dword: %.*s", path, number,
                     (int)strcspn(line, "\n"), line);
            return -EINVAL;
        }
        if (kind && add(capture, &access)) {
            complain("%s: out of memory", path);
            return -ENOMEM;
        }
        capture->other_lines += !kind;
    }
    if (capture->count == 0) {
        complain("%s: no configuration access in it (lines that begin with \"" MARK "\")", path);
        return -EINVAL;
    }
    return 0;
}

int capture_load(const char *path, struct capture *capture)
{
    *capture = (struct capture){0};
    FILE *file = fopen(path, "r");
    if (!file) {
        int error = errno;
        complain("%s: %s", path, strerror(error));
        return -error;
    }
    int result = load_lines(file, path, capture);
    fclose(file);
    if (result)
        capture_free(capture);
    return result;
}

void capture_free(struct capture *capture)
{
    free(capture->accesses);
    *capture = (struct capture){0};
}
