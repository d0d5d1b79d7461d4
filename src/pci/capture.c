/* SPDX-License-Identifier: MIT
 *
 * Reads the text that `lspci -vvvxxxx` prints. Everything in it is untrusted: each line is looked at between its two
 * ends only, numbers are bounded, and what is not understood is skipped unless it spoils a function.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pci/internal.h"

struct line {
    const char *at, *end;
};

int pci_fail(struct pci_error *error, const char *name, unsigned line, const char *format, ...)
{
    if (!error)
        return -EINVAL;
    int used = line ? snprintf(error->text, sizeof error->text, "%s:%u: ", name, line)
                    : snprintf(error->text, sizeof error->text, "%s: ", name);
    error->line = line;
    va_list args;
    va_start(args, format);
    if (used >= 0 && (size_t)used < sizeof error->text)
        vsnprintf(error->text + used, sizeof error->text - used, format, args);
    va_end(args);
    return -EINVAL;
}

static struct line current_line(const struct pci_text *text)
{
    const char *end = memchr(text->at, '\n', text->end - text->at);
    struct line line = {text->at, end ? end : text->end};
    if (line.end > line.at && line.end[-1] == '\r')
        line.end--;
    return line;
}

static void skip_line(struct pci_text *text)
{
    const char *end = memchr(text->at, '\n', text->end - text->at);
    text->at = end ? end + 1 : text->end;
    text->line++;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes hex digits, at most `most`; returns how many. */
static unsigned take_hex(struct line *line, unsigned most, uint32_t *value)
{
    unsigned digits = 0;
    for (*value = 0; digits < most && line->at < line->end && hex_value(*line->at) >= 0; digits++)
        *value = *value << 4 | hex_value(*line->at++);
    return digits;
}

static bool take_char(struct line *line, char c)
{
    if (line->at == line->end || *line->at != c)
        return false;
    line->at++;
    return true;
}

static bool take_word(struct line *line, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(line->end - line->at) < length || memcmp(line->at, word, length) != 0)
        return false;
    line->at += length;
    return true;
}

/* "[dddd:]bb:dd.f " at the start of a line. */
static bool parse_address(struct line line, uint32_t *segment, uint16_t *routing_id)
{
    uint32_t bus, device, function;
    struct line short_form = line;
    *segment = 0;
    unsigned digits = take_hex(&line, 8, segment);
    if (digits < 4 || !take_char(&line, ':')) {
        line = short_form;
        *segment = 0;
    }
    if (take_hex(&line, 2, &bus) != 2 || !take_char(&line, ':') || take_hex(&line, 2, &device) != 2 ||
        !take_char(&line, '.') || take_hex(&line, 1, &function) != 1)
        return false;
    *routing_id = bus << 8 | device << 3 | function;
    return device < 32 && function < 8 && (line.at == line.end || *line.at == ' ');
}

/* "40: 01 50 .." : 1 a row of 16 bytes, 0 not a row of hex, -1 a row that is broken. */
static int parse_row(struct line line, uint32_t *offset, uint8_t bytes[16])
{
    unsigned digits = take_hex(&line, 3, offset);
    if (digits < 2 || !take_char(&line, ':'))
        return 0;
    for (unsigned i = 0; i < 16; i++) {
        uint32_t byte;
        if (!take_char(&line, ' ') || take_hex(&line, 2, &byte) != 2)
            return -1;
        bytes[i] = byte;
    }
    while (take_char(&line, ' '))
        ;
    return line.at == line.end && *offset % 16 == 0 ? 1 : -1;
}

/* The n in "[size=nK]"; 0: none, or not a size a BAR can have. */
static uint64_t parse_size(struct line line)
{
    const char *mark = memmem(line.at, line.end - line.at, "[size=", 6);
    if (!mark)
        return 0;
    uint64_t size = 0;
    for (line.at = mark + 6; line.at < line.end && *line.at >= '0' && *line.at <= '9'; line.at++)
        if ((size = size * 10 + (*line.at - '0')) > 1u << 30)
            return 0;
    static const char units[] = "KMGTP";
    const char *unit = line.at < line.end && *line.at ? strchr(units, *line.at) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (!size || size & (size - 1) || size > UINT64_MAX >> 1 >> shift)
        return 0;
    return size << shift;
}

/* lspci indents what belongs to the function by one tab, what belongs to a capability by two. */
static void parse_region(struct line line, struct pci_capture *capture)
{
    unsigned depth = 0;
    for (; line.at < line.end && (*line.at == '\t' || *line.at == ' '); line.at++)
        depth += *line.at == '\t' ? 8 : 1;
    if (!depth)
        return;
    if (depth < 16 && take_word(&line, "Expansion ROM at "))
        capture->rom = parse_size(line);
    uint32_t number;
    if (!take_word(&line, "Region ") || take_hex(&line, 1, &number) != 1 || !take_char(&line, ':'))
        return;
    if (number < PCI_BAR_COUNT)
        (depth < 16 ? capture->region : capture->vf_region)[number] = parse_size(line);
}

static int take_row(struct pci_text *text, struct pci_capture *capture, uint32_t offset, const uint8_t bytes[16],
                    struct pci_error *error)
{
    unsigned row = offset / 16;
    if (row >= PCI_ROWS)
        return pci_fail(error, text->name, text->line, "offset %03x lies beyond the 4096 bytes of a function", offset);
    if (capture->row_line[row])
        return pci_fail(error, text->name, text->line, "offset %03x of function %s appears twice", offset,
                        capture->address);
    memcpy(capture->space + offset, bytes, 16);
    capture->row_line[row] = text->line;
    capture->rows++;
    return 0;
}

static int take_body_line(struct pci_text *text, struct line line, struct pci_capture *capture, struct pci_error *error)
{
    uint32_t offset;
    uint8_t bytes[16];
    int row = parse_row(line, &offset, bytes);
    if (row < 0)
        return pci_fail(error, text->name, text->line, "not an offset and 16 bytes of hex");
    if (row > 0)
        return take_row(text, capture, offset, bytes, error);
    parse_region(line, capture);
    return 0;
}

/* To the next address line; rows of hex before it belong to no function. */
static int find_address(struct pci_text *text, struct pci_capture *capture, struct pci_error *error)
{
    for (; text->at < text->end; skip_line(text)) {
        struct line line = current_line(text);
        uint32_t offset;
        uint8_t bytes[16];
        if (parse_address(line, &capture->segment, &capture->routing_id)) {
            const char *end = memchr(line.at, ' ', line.end - line.at);
            snprintf(capture->address, sizeof capture->address, "%.*s", (int)((end ? end : line.end) - line.at),
                     line.at);
            return 1;
        }
        if (parse_row(line, &offset, bytes) > 0)
            return pci_fail(error, text->name, text->line,
                            "bytes before the line that names their function (such as \"01:00.0 Ethernet ...\")");
    }
    return 0;
}

int pci_capture_next(struct pci_text *text, struct pci_capture *capture, struct pci_error *error)
{
    *capture = (struct pci_capture){0};
    int found = find_address(text, capture, error);
    if (found <= 0)
        return found;
    capture->line = text->line;
    for (skip_line(text); text->at < text->end; skip_line(text)) {
        struct line line = current_line(text);
        uint32_t segment;
        uint16_t routing_id;
        if (parse_address(line, &segment, &routing_id))
            break;
        int status = take_body_line(text, line, capture, error);
        if (status)
            return status;
    }
    return 1;
}
