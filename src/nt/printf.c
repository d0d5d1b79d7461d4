/* SPDX-License-Identifier: MIT */
#include "nt/printf.h"

#include "nt/internal.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum size { SIZE_DEFAULT, SIZE_CHAR, SIZE_SHORT, SIZE_LONG, SIZE_64, SIZE_WIDE };

struct spec {
    bool left, zero, plus, space, alternate;
    int width, precision; /* precision -1 = none given */
    enum size size;
    char type;
};

/* Text of either width: exactly one pointer is set. */
struct text {
    const char *narrow;
    const WCHAR *wide;
};

static unsigned peek(const struct text *text, size_t at)
{
    return text->narrow ? (unsigned char)text->narrow[at] : text->wide[at];
}

static void skip(struct text *text, size_t count)
{
    if (text->narrow)
        text->narrow += count;
    else
        text->wide += count;
}

struct out {
    char *narrow;
    WCHAR *wide;
    size_t size, length;
    bool is_wide; /* of the function called: the width that %s and %c stand for */
};

static void put(struct out *out, unsigned c)
{
    if (out->length < out->size) {
        if (out->is_wide)
            out->wide[out->length] = (WCHAR)c;
        else
            out->narrow[out->length] = (char)(c <= 0xFF ? c : '?');
    }
    out->length++;
}

static void pad(struct out *out, char c, int count)
{
    while (count-- > 0)
        put(out, (unsigned char)c);
}

/* ---- parsing ------------------------------------------------------------------------------------------------------
 */

static void parse_flags(struct text *format, struct spec *spec)
{
    for (;; skip(format, 1))
        switch (peek(format, 0)) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        default:
            return;
        }
}

/* va_list is an array here: it is advanced through the structure. */
struct arguments {
    va_list list;
};

static void parse_number(struct text *format, int *number, struct arguments *arguments)
{
    int value = 0;
    if (peek(format, 0) == '*') {
        skip(format, 1);
        *number = va_arg(arguments->list, int);
        return;
    }
    for (; peek(format, 0) >= '0' && peek(format, 0) <= '9'; skip(format, 1))
        if (value < 100000)
            value = value * 10 + (int)(peek(format, 0) - '0');
    *number = value;
}

static bool starts_with(const struct text *format, const char *word)
{
    for (size_t i = 0; word[i]; i++)
        if (peek(format, i) != (unsigned char)word[i])
            return false;
    return true;
}

static void parse_size(struct text *format, struct spec *spec)
{
    static const struct {
        const char *text;
        enum size size;
    } sizes[] = {
        {"I64", SIZE_64},  {"I32", SIZE_LONG}, {"I", SIZE_64}, {"ll", SIZE_64}, {"l", SIZE_LONG}, {"hh", SIZE_CHAR},
        {"h", SIZE_SHORT}, {"w", SIZE_WIDE},   {"z", SIZE_64}, {"j", SIZE_64},  {"t", SIZE_64},
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (starts_with(format, sizes[i].text)) {
            spec->size = sizes[i].size;
            skip(format, strlen(sizes[i].text));
            return;
        }
}

/* ---- conversions --------------------------------------------------------------------------------------------------
 */

static void put_number(struct out *out, const struct spec *spec, const char *prefix, uint64_t value, unsigned base,
                       bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[64];
    int count = 0;
    for (; value; value /= base)
        text[count++] = digits[value % base];
    int minimum = spec->precision >= 0 ? spec->precision : 1;
    int zeros = count < minimum ? minimum - count : 0;
    int room = spec->width - count - zeros - (int)strlen(prefix);
    bool fill_zero = spec->zero && !spec->left && spec->precision < 0;
    if (!spec->left && !fill_zero)
        pad(out, ' ', room);
    for (const char *c = prefix; *c; c++)
        put(out, (unsigned char)*c);
    pad(out, '0', zeros + (fill_zero && room > 0 ? room : 0));
    while (count)
        put(out, (unsigned char)text[--count]);
    if (spec->left)
        pad(out, ' ', room);
}

static void put_signed(struct out *out, const struct spec *spec, int64_t value)
{
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";
    put_number(out, spec, sign, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, false);
}

/* `most` characters, -1 = up to the terminator. */
static void put_text(struct out *out, const struct spec *spec, struct text text, int most)
{
    int length = 0;
    if (!text.narrow && !text.wide)
        text.narrow = "(null)", most = -1;
    while ((most < 0 || length < most) && (spec->precision < 0 || length < spec->precision) &&
           (most >= 0 || peek(&text, (size_t)length)))
        length++;
    if (!spec->left)
        pad(out, ' ', spec->width - length);
    for (int i = 0; i < length; i++)
        put(out, peek(&text, (size_t)i));
    if (spec->left)
        pad(out, ' ', spec->width - length);
}

static void put_counted(struct out *out, const struct spec *spec, const void *string)
{
    const UNICODE_STRING *wide = string;
    const ANSI_STRING *narrow = string;
    if (!string || !wide->Buffer)
        put_text(out, spec, (struct text){0}, -1);
    else if (spec->size == SIZE_WIDE || spec->size == SIZE_LONG)
        put_text(out, spec, (struct text){.wide = wide->Buffer}, wide->Length / 2);
    else
        put_text(out, spec, (struct text){.narrow = narrow->Buffer}, narrow->Length);
}

static void put_double(struct out *out, const struct spec *spec, double value)
{
    char format[] = "%.*f", text[400];
    format[3] = spec->type;
    int precision = spec->precision < 0 ? 6 : spec->precision > 60 ? 60 : spec->precision;
    snprintf(text, sizeof(text), format, precision, value);
    put_text(out, &(struct spec){.left = spec->left, .width = spec->width, .precision = -1},
             (struct text){.narrow = text}, -1);
}

static int64_t narrow_signed(enum size size, int value)
{
    return size == SIZE_CHAR ? (signed char)value : size == SIZE_SHORT ? (short)value : value;
}

static uint64_t narrow_unsigned(enum size size, unsigned value)
{
    return size == SIZE_CHAR ? (unsigned char)value : size == SIZE_SHORT ? (unsigned short)value : value;
}

/* Whether %s, %S, %c, %C with this size stand for 16-bit characters: s for the width of the function, S for the other.
 */
static bool is_wide(const struct out *out, const struct spec *spec)
{
    if (spec->size == SIZE_WIDE || spec->size == SIZE_LONG)
        return true;
    if (spec->size == SIZE_SHORT)
        return false;
    bool other = spec->type == 'S' || spec->type == 'C';
    return out->is_wide != other;
}

static void convert_text(struct out *out, const struct spec *spec, struct arguments *arguments)
{
    bool wide = is_wide(out, spec);
    struct text text = {0};
    if (spec->type == 'c' || spec->type == 'C') {
        WCHAR c = (WCHAR)va_arg(arguments->list, int);
        c = wide ? c : (unsigned char)c;
        put_text(out, spec, (struct text){.wide = &c}, 1);
        return;
    }
    if (wide)
        text.wide = va_arg(arguments->list, const WCHAR *);
    else
        text.narrow = va_arg(arguments->list, const char *);
    put_text(out, spec, text, -1);
}

static void convert_integer(struct out *out, struct spec *spec, struct arguments *arguments)
{
    bool hexadecimal = spec->type == 'x' || spec->type == 'X';
    unsigned base = hexadecimal ? 16 : spec->type == 'o' ? 8 : 10;
    if (spec->type == 'd' || spec->type == 'i') {
        put_signed(out, spec,
                   spec->size == SIZE_64 ? va_arg(arguments->list, long long)
                                         : narrow_signed(spec->size, va_arg(arguments->list, int)));
        return;
    }
    uint64_t value = spec->size == SIZE_64 ? va_arg(arguments->list, unsigned long long)
                                           : narrow_unsigned(spec->size, va_arg(arguments->list, unsigned));
    const char *prefix = spec->alternate && hexadecimal && value ? (spec->type == 'X' ? "0X" : "0x")
                         : spec->alternate && base == 8 && value ? "0"
                                                                 : "";
    put_number(out, spec, prefix, value, base, spec->type == 'X');
}

static void convert(struct out *out, struct spec *spec, struct arguments *arguments)
{
    switch (spec->type) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        convert_integer(out, spec, arguments);
        break;
    case 'p':
        put_number(out, &(struct spec){.left = spec->left, .width = spec->width, .precision = 16}, "",
                   (uintptr_t)va_arg(arguments->list, void *), 16, true);
        break;
    case 's':
    case 'S':
    case 'c':
    case 'C':
        convert_text(out, spec, arguments);
        break;
    case 'Z':
        put_counted(out, spec, va_arg(arguments->list, const void *));
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
        put_double(out, spec, va_arg(arguments->list, double));
        break;
    default: /* "%%", and what is no conversion stands for itself */
        put(out, (unsigned char)spec->type);
        break;
    }
}

static void format_one(struct out *out, struct text *format, struct arguments *arguments)
{
    struct spec spec = {.precision = -1};
    parse_flags(format, &spec);
    parse_number(format, &spec.width, arguments);
    if (spec.width < 0) {
        spec.left = true;
        spec.width = spec.width < -100000 ? 100000 : -spec.width;
    }
    if (peek(format, 0) == '.') {
        skip(format, 1);
        parse_number(format, &spec.precision, arguments);
    }
    parse_size(format, &spec);
    if (!peek(format, 0))
        return;
    spec.type = (char)(peek(format, 0) < 0x80 ? peek(format, 0) : '?');
    skip(format, 1);
    convert(out, &spec, arguments);
}

static size_t format_all(struct out *out, struct text format, va_list list)
{
    struct arguments arguments;
    va_copy(arguments.list, list);
    while (peek(&format, 0)) {
        unsigned c = peek(&format, 0);
        skip(&format, 1);
        if (c == '%')
            format_one(out, &format, &arguments);
        else
            put(out, c);
    }
    va_end(arguments.list);
    return out->length;
}

size_t nt_vsnprintf(char *buffer, size_t size, const char *format, va_list list)
{
    struct out out = {.narrow = buffer, .size = size};
    size_t length = format_all(&out, (struct text){.narrow = format}, list);
    if (size)
        buffer[length < size ? length : size - 1] = '\0';
    return length;
}

/* The CRT's rule: terminated only if there is room for it; -1 if the text does not fit. */
static int crt_result(const struct out *out)
{
    return out->length > out->size || out->length > INT32_MAX ? -1 : (int)out->length;
}

NT_EXPORT int _vsnprintf(char *buffer, size_t size, const char *format, va_list list)
{
    struct out out = {.narrow = buffer, .size = size};
    if (format_all(&out, (struct text){.narrow = format}, list) < size)
        buffer[out.length] = 0;
    return crt_result(&out);
}

NT_EXPORT int _vsnwprintf(wchar_t *buffer, size_t size, const wchar_t *format, va_list list)
{
    struct out out = {.wide = buffer, .size = size, .is_wide = true};
    if (format_all(&out, (struct text){.wide = format}, list) < size)
        buffer[out.length] = 0;
    return crt_result(&out);
}
