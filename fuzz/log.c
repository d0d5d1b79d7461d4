/* SPDX-License-Identifier: MIT
 *
 * Fuzzes `vfplane replay`: its log, and what it makes of a VF's answers. The first byte says what the rest is:
 *
 *     even   the text of a log
 *     odd    accesses, each written as a line of a log: kind (1 byte), offset (2), value (4), and the VF's answer (4)
 *
 * The VF that answers is made up: it gives the next bytes of the input.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/cli.h"
#include "input.h"

#include <vfplane/guest.h>

static unsigned complaints, writes, reads;
static struct input answers;

void complain(const char *format, ...)
{
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    MUST(vsnprintf(line, sizeof line, format, arguments) > 0);
    va_end(arguments);
    complaints++;
}

/* What replay promises its guest: accesses of 1, 2 or 4 bytes, each inside one dword of configuration space. */
static void check_access(unsigned function, uint32_t offset, uint32_t size)
{
    MUST(function == 0 && (size == 1 || size == 2 || size == 4));
    MUST(offset < 4096 && offset % 4 + size <= 4);
}

uint32_t vfp_guest_config_read(struct vfp_guest *guest, unsigned function, uint32_t offset, uint32_t size)
{
    (void)guest;
    check_access(function, offset, size);
    reads++;
    uint32_t value = take32(&answers);
    return size == 4 ? value : value & ((1u << size * 8) - 1);
}

void vfp_guest_config_write(struct vfp_guest *guest, unsigned function, uint32_t offset, uint32_t size, uint32_t value)
{
    (void)guest, (void)value;
    check_access(function, offset, size);
    writes++;
}

static int make_lines(char *text, size_t size, struct input *input)
{
    int used = 0;
    while (input->at < input->end && (size_t)used + 128 < size) {
        static const unsigned sizes[] = {1, 2, 4, 4};
        uint8_t kind = take8(input);
        unsigned bytes = sizes[kind >> 1 & 3], offset = take16(input) & (kind & 0x80 ? 0xFFFF : 0x3F);
        uint32_t value = take32(input);
        used += snprintf(text + used, size - (size_t)used, "[vpci cfg %s slot=%u +%03x/%u %s %x]\n",
                         kind & 1 ? "wr" : "rd", kind & 0x40 ? 1u : 0u, offset, bytes, kind & 1 ? "<-" : "->", value);
        if (kind & 8)
            used += snprintf(text + used, size - (size_t)used, "pci 0000:00:00.0: a line of the kernel\n");
    }
    return used;
}

static void play(struct capture *capture)
{
    static FILE *nowhere;
    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    MUST(nowhere);
    unsigned wrong = replay_accesses(NULL, capture, nowhere);
    MUST(wrong <= reads && reads + writes == capture->count);
}

static void try_log(const char *text, size_t length)
{
    struct capture capture;
    char path[64];
    int fd = memfd_create("log", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, text, length) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    complaints = writes = reads = 0;
    if (capture_load(path, &capture) == 0) {
        MUST(capture.count > 0 && !complaints);
        play(&capture);
        capture_free(&capture);
    } else {
        MUST(complaints == 1 && !capture.accesses && !capture.count);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[64u << 10];
    struct input input = {data, data + size};
    if (!size)
        return 0;
    answers = (struct input){data + size / 2, data + size};
    if (take8(&input) & 1)
        try_log(text, (size_t)make_lines(text, sizeof text, &input));
    else
        try_log((const char *)data + 1, size - 1);
    return 0;
}
