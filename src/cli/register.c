/* SPDX-License-Identifier: MIT
 *
 * The syntax of setpci(8), and where the register lies that it names. A function here has a type 0 header; the names of
 * bridges are not known.
 */
#include "cli/register.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <vfplane/host.h>

#define CAPABILITIES_POINTER 0x34
#define FIRST_CAPABILITY     0x40
#define FIRST_EXTENDED       0x100
#define CAPABILITY_MIN_SIZE  4
#define TEXT_MAX             256

static const struct {
    const char *name;
    uint8_t offset, width;
} header[] = {
    {"VENDOR_ID", 0x00, 2},
    {"DEVICE_ID", 0x02, 2},
    {"COMMAND", 0x04, 2},
    {"STATUS", 0x06, 2},
    {"REVISION", 0x08, 1},
    {"CLASS_PROG", 0x09, 1},
    {"CLASS_DEVICE", 0x0a, 2},
    {"CACHE_LINE_SIZE", 0x0c, 1},
    {"LATENCY_TIMER", 0x0d, 1},
    {"HEADER_TYPE", 0x0e, 1},
    {"BIST", 0x0f, 1},
    {"BASE_ADDRESS_0", 0x10, 4},
    {"BASE_ADDRESS_1", 0x14, 4},
    {"BASE_ADDRESS_2", 0x18, 4},
    {"BASE_ADDRESS_3", 0x1c, 4},
    {"BASE_ADDRESS_4", 0x20, 4},
    {"BASE_ADDRESS_5", 0x24, 4},
    {"CARDBUS_CIS", 0x28, 4},
    {"SUBSYSTEM_VENDOR_ID", 0x2c, 2},
    {"SUBSYSTEM_ID", 0x2e, 2},
    {"ROM_ADDRESS", 0x30, 4},
    {"CAPABILITIES", 0x34, 1},
    {"INTERRUPT_LINE", 0x3c, 1},
    {"INTERRUPT_PIN", 0x3d, 1},
    {"MIN_GNT", 0x3e, 1},
    {"MAX_LAT", 0x3f, 1},
};

static const struct {
    const char *name;
    enum register_space space;
    uint16_t id;
} capabilities[] = {
    {"CAP_PM", REGISTER_CAPABILITY, 0x01},     {"CAP_AGP", REGISTER_CAPABILITY, 0x02},
    {"CAP_VPD", REGISTER_CAPABILITY, 0x03},    {"CAP_SLOTID", REGISTER_CAPABILITY, 0x04},
    {"CAP_MSI", REGISTER_CAPABILITY, 0x05},    {"CAP_CHSWP", REGISTER_CAPABILITY, 0x06},
    {"CAP_PCIX", REGISTER_CAPABILITY, 0x07},   {"CAP_HT", REGISTER_CAPABILITY, 0x08},
    {"CAP_VNDR", REGISTER_CAPABILITY, 0x09},   {"CAP_DBG", REGISTER_CAPABILITY, 0x0a},
    {"CAP_CCRC", REGISTER_CAPABILITY, 0x0b},   {"CAP_HOTPLUG", REGISTER_CAPABILITY, 0x0c},
    {"CAP_SSVID", REGISTER_CAPABILITY, 0x0d},  {"CAP_AGP3", REGISTER_CAPABILITY, 0x0e},
    {"CAP_SECURE", REGISTER_CAPABILITY, 0x0f}, {"CAP_EXP", REGISTER_CAPABILITY, 0x10},
    {"CAP_MSIX", REGISTER_CAPABILITY, 0x11},   {"CAP_SATA", REGISTER_CAPABILITY, 0x12},
    {"CAP_AF", REGISTER_CAPABILITY, 0x13},     {"CAP_EA", REGISTER_CAPABILITY, 0x14},
    {"ECAP_AER", REGISTER_EXTENDED, 0x01},     {"ECAP_VC", REGISTER_EXTENDED, 0x02},
    {"ECAP_DSN", REGISTER_EXTENDED, 0x03},     {"ECAP_PB", REGISTER_EXTENDED, 0x04},
    {"ECAP_RCLINK", REGISTER_EXTENDED, 0x05},  {"ECAP_RCILINK", REGISTER_EXTENDED, 0x06},
    {"ECAP_RCEC", REGISTER_EXTENDED, 0x07},    {"ECAP_MFVC", REGISTER_EXTENDED, 0x08},
    {"ECAP_VC2", REGISTER_EXTENDED, 0x09},     {"ECAP_RBCB", REGISTER_EXTENDED, 0x0a},
    {"ECAP_VNDR", REGISTER_EXTENDED, 0x0b},    {"ECAP_ACS", REGISTER_EXTENDED, 0x0d},
    {"ECAP_ARI", REGISTER_EXTENDED, 0x0e},     {"ECAP_ATS", REGISTER_EXTENDED, 0x0f},
    {"ECAP_SRIOV", REGISTER_EXTENDED, 0x10},   {"ECAP_MRIOV", REGISTER_EXTENDED, 0x11},
    {"ECAP_MCAST", REGISTER_EXTENDED, 0x12},   {"ECAP_PRI", REGISTER_EXTENDED, 0x13},
    {"ECAP_REBAR", REGISTER_EXTENDED, 0x15},   {"ECAP_DPA", REGISTER_EXTENDED, 0x16},
    {"ECAP_TPH", REGISTER_EXTENDED, 0x17},     {"ECAP_LTR", REGISTER_EXTENDED, 0x18},
    {"ECAP_SECPCI", REGISTER_EXTENDED, 0x19},  {"ECAP_PMUX", REGISTER_EXTENDED, 0x1a},
    {"ECAP_PASID", REGISTER_EXTENDED, 0x1b},   {"ECAP_LNR", REGISTER_EXTENDED, 0x1c},
    {"ECAP_DPC", REGISTER_EXTENDED, 0x1d},     {"ECAP_L1PM", REGISTER_EXTENDED, 0x1e},
    {"ECAP_PTM", REGISTER_EXTENDED, 0x1f},     {"ECAP_M_PCIE", REGISTER_EXTENDED, 0x20},
    {"ECAP_FRS", REGISTER_EXTENDED, 0x21},     {"ECAP_RTR", REGISTER_EXTENDED, 0x22},
    {"ECAP_DVSEC", REGISTER_EXTENDED, 0x23},   {"ECAP_VF_REBAR", REGISTER_EXTENDED, 0x24},
    {"ECAP_DLNK", REGISTER_EXTENDED, 0x25},    {"ECAP_16GT", REGISTER_EXTENDED, 0x26},
    {"ECAP_LMR", REGISTER_EXTENDED, 0x27},     {"ECAP_HIER_ID", REGISTER_EXTENDED, 0x28},
    {"ECAP_NPEM", REGISTER_EXTENDED, 0x29},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the text ---------------------------------------------------------------------------------------------------- */

/* A hexadecimal number and nothing else. */
static bool parse_hex(const char *text, uint32_t highest, uint32_t *value)
{
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    size_t length = strspn(text, "0123456789abcdefABCDEF");
    if (!length || text[length])
        return false;
    unsigned long long parsed = strtoull(text, NULL, 16); /* a number too long becomes the highest there is */
    if (parsed > highest)
        return false;
    *value = (uint32_t)parsed;
    return true;
}

/* Cuts the text at the first `mark`; what follows it, or NULL. */
static char *cut(char *text, char mark)
{
    char *at = strchr(text, mark);
    if (at)
        *at++ = 0;
    return at;
}

static const char *parse_width(const char *text, unsigned *width)
{
    switch (text[0] && !text[1] ? tolower((unsigned char)text[0]) : 0) {
    case 'b':
        *width = 1;
        return NULL;
    case 'w':
        *width = 2;
        return NULL;
    case 'l':
        *width = 4;
        return NULL;
    default:
        return "the width is one of .B, .W and .L";
    }
}

static const char *parse_name(const char *name, struct register_operation *operation)
{
    uint32_t id;
    if (parse_hex(name, VFP_CONFIG_SIZE - 1, &operation->offset))
        return NULL;
    for (size_t i = 0; i < COUNT(header); i++)
        if (strcasecmp(name, header[i].name) == 0) {
            operation->offset = header[i].offset;
            operation->width = header[i].width;
            return NULL;
        }
    for (size_t i = 0; i < COUNT(capabilities); i++)
        if (strcasecmp(name, capabilities[i].name) == 0) {
            operation->space = capabilities[i].space;
            operation->capability = capabilities[i].id;
            return NULL;
        }
    if (strncasecmp(name, "CAP", 3) == 0 && parse_hex(name + 3, UINT8_MAX, &id))
        operation->space = REGISTER_CAPABILITY;
    else if (strncasecmp(name, "ECAP", 4) == 0 && parse_hex(name + 4, UINT16_MAX, &id))
        operation->space = REGISTER_EXTENDED;
    else
        return "no such register";
    operation->capability = (uint16_t)id;
    return NULL;
}

static const char *parse_register(char *text, struct register_operation *operation)
{
    char *number = cut(text, '@'), *width = cut(text, '.'), *offset = cut(text, '+');
    uint32_t more = 0;
    const char *wrong = parse_name(text, operation);
    if (!wrong && width)
        wrong = parse_width(width, &operation->width);
    if (wrong)
        return wrong;
    if (number && operation->space == REGISTER_ADDRESS)
        return "@NUMBER picks one of several capabilities, and this is none";
    if (number && !parse_hex(number, VFP_CONFIG_SIZE, &operation->number))
        return "@NUMBER is not a hexadecimal number";
    if (offset && !parse_hex(offset, VFP_CONFIG_SIZE - 1, &more))
        return "+OFFSET is not a hexadecimal number below 1000";
    operation->offset += more;
    return operation->width ? NULL : "how wide? .B, .W or .L is needed";
}

static const char *parse_values(char *text, struct register_operation *operation)
{
    uint32_t highest = UINT32_MAX >> (32 - 8 * operation->width);
    while (text) {
        char *next = cut(text, ','), *mask = cut(text, ':');
        if (operation->count == REGISTER_VALUES_MAX)
            return "too many values";
        struct register_value *value = &operation->values[operation->count++];
        value->mask = highest;
        if (!parse_hex(text, highest, &value->value))
            return "a value is not a hexadecimal number of the register's width";
        if (mask && !parse_hex(mask, highest, &value->mask))
            return "a mask is not a hexadecimal number of the register's width";
        text = next;
    }
    return NULL;
}

const char *register_parse(const char *text, struct register_operation *operation)
{
    char copy[TEXT_MAX];
    *operation = (struct register_operation){.space = REGISTER_ADDRESS};
    if (strlen(text) >= sizeof copy)
        return "too long";
    strcpy(copy, text);
    char *values = cut(copy, '=');
    const char *wrong = parse_register(copy, operation);
    return wrong ? wrong : parse_values(values, operation);
}

/* ---- where it lies ------------------------------------------------------------------------------------------------
 */

struct list {
    register_read_fn *read;
    void *context;
    uint32_t first;
    uint16_t (*id)(uint32_t head);
    uint32_t (*next)(uint32_t head);
};

static uint16_t standard_id(uint32_t head)
{
    return head & 0xff;
}

static uint32_t standard_next(uint32_t head)
{
    return head >> 8 & 0xfc;
}

static uint16_t extended_id(uint32_t head)
{
    return head & 0xffff;
}

static uint32_t extended_next(uint32_t head)
{
    return head >> 20 & 0xffc;
}

/* A list may not hold more capabilities than there is room for: then it runs in a circle. */
static int walk(const struct list *list, uint32_t lowest, uint16_t wanted, unsigned number, uint32_t *address)
{
    uint32_t at = list->first;
    for (unsigned steps = 0; at >= lowest; steps++) {
        uint32_t head;
        int result = list->read(list->context, at, &head, sizeof head);
        if (result)
            return result;
        head = le32toh(head);
        if (steps == VFP_CONFIG_SIZE / CAPABILITY_MIN_SIZE)
            return -ELOOP;
        if (list->id(head) == wanted && head && number-- == 0) {
            *address = at;
            return 0;
        }
        at = list->next(head);
    }
    return -ENOENT;
}

static int find_capability(const struct register_operation *operation, register_read_fn *read, void *context,
                           uint32_t *address)
{
    struct list list = {read, context, FIRST_EXTENDED, extended_id, extended_next};
    if (operation->space == REGISTER_EXTENDED)
        return walk(&list, FIRST_EXTENDED, operation->capability, operation->number, address);
    uint8_t first;
    int result = read(context, CAPABILITIES_POINTER, &first, sizeof first);
    list = (struct list){read, context, first & 0xfc, standard_id, standard_next};
    return result ? result : walk(&list, FIRST_CAPABILITY, operation->capability, operation->number, address);
}

int register_find(const struct register_operation *operation, register_read_fn *read, void *context, uint32_t *address)
{
    uint32_t start = 0, bytes = operation->width * (operation->count ? operation->count : 1);
    int result = operation->space == REGISTER_ADDRESS ? 0 : find_capability(operation, read, context, &start);
    if (result)
        return result;
    *address = start + operation->offset;
    return *address + bytes > VFP_CONFIG_SIZE ? -ERANGE : 0;
}

void register_list(FILE *stream)
{
    fputs("cap pos w name\n", stream);
    for (size_t i = 0; i < COUNT(header); i++)
        fprintf(stream, "     %02x %c %s\n", header[i].offset, " BW L"[header[i].width], header[i].name);
    for (size_t i = 0; i < COUNT(capabilities); i++)
        fprintf(stream, "%*s%0*x 00 - %s\n", capabilities[i].space == REGISTER_EXTENDED ? 0 : 2, "",
                capabilities[i].space == REGISTER_EXTENDED ? 4 : 2, capabilities[i].id, capabilities[i].name);
}
