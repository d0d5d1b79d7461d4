/* SPDX-License-Identifier: MIT
 *
 * The two doors of configuration space. Without a trace they are a jump; with one, each access is a span, its change is
 * told in words and a refusal names its rule.
 */
#include <stdio.h>
#include <string.h>

#include "pci/internal.h"
#include "trace/trace.h"

/* Which rule of pci.md 5.1 refused the access. */
static void trace_refusal(const struct pci_device *device, int function, uint32_t offset, uint32_t length)
{
    if (!pci_in_range(offset, length))
        TRACE_REFUSE("pci", "CONFIG_RANGE pci.md 5.1 rows 4-6", "%u bytes at %03x", length, offset);
    else if (pci_device_gone(device))
        TRACE_REFUSE("pci", "DEVICE_GONE pci.md 5.1 row 7", "surprise removed");
    else if (function != PCI_FUNCTION_PF && atomic_load(&device->power))
        TRACE_REFUSE("pci", "PF_NOT_D0 pci.md 5.1 row 11", "PF in D%u", atomic_load(&device->power));
    else if (function != PCI_FUNCTION_PF && (uint32_t)function >= atomic_load(&device->existing))
        TRACE_REFUSE("pci", "NO_SUCH_VF pci.md 5.1 rows 8-9", "VF %d of %u", function, atomic_load(&device->existing));
}

static void name_of(int function, char text[16])
{
    if (function == PCI_FUNCTION_PF)
        snprintf(text, 16, "PF");
    else
        snprintf(text, 16, "VF %d", function);
}

/* " <- 00000006" for up to four bytes in register order. */
static const char *value_text(const uint8_t *bytes, uint32_t length, char text[16])
{
    uint32_t value = 0;
    text[0] = '\0';
    if (length > 4)
        return text;
    memcpy(&value, bytes, length);
    snprintf(text, 16, " <- %0*x", (int)length * 2, le32toh(value));
    return text;
}

/* As pci_access_write, and says what it did. Before and after are read beside the write, not under its lock: they are
 * words for a person, other threads may be writing too. */
static __attribute__((noinline)) uint32_t traced_write(struct pci_device *device, int function, uint32_t offset,
                                                       const uint8_t *bytes, uint32_t length)
{
    char name[16], value[16], words[168];
    uint8_t before[64] = {0}, after[64] = {0};
    uint32_t shown = pci_in_range(offset, length) ? length < sizeof before ? length : sizeof before : 0;
    name_of(function, name);
    TRACE_DOOR(span, "pci", "configuration write", "%s: %u bytes at 0x%03x%s", name, length, offset,
               value_text(bytes, shown, value));
    bool readable = pci_access_peek(device, function, offset, before, shown);
    uint32_t written = pci_access_write(device, function, offset, bytes, length);
    if (!written)
        trace_refusal(device, function, offset, length);
    else if (readable && pci_access_peek(device, function, offset, after, shown) &&
             pci_describe_write(device, function, offset, shown, bytes, before, after, words, sizeof words) > 0)
        TRACE_NOTE("pci", "%s", words);
    TRACE_DONE(span, "%u", written);
    return written;
}

static __attribute__((noinline)) uint32_t traced_read(struct pci_device *device, int function, uint32_t offset,
                                                      uint8_t *bytes, uint32_t length)
{
    char name[16];
    uint32_t value = 0;
    name_of(function, name);
    TRACE_DOOR(span, "pci", "configuration read", "%s: %u bytes at 0x%03x", name, length, offset);
    uint32_t got = pci_access_read(device, function, offset, bytes, length);
    if (!got)
        trace_refusal(device, function, offset, length);
    memcpy(&value, bytes, got < 4 ? got : 4);
    TRACE_DONE(span, "%u: %0*x%s", got, (int)(2 * (got < 4 ? got : 4)), le32toh(value), got > 4 ? ".." : "");
    return got;
}

uint32_t pci_config_read(struct pci_device *device, int function, uint32_t offset, void *buffer, uint32_t length)
{
    if (__builtin_expect(trace_current != NULL, 0))
        return traced_read(device, function, offset, buffer, length);
    return pci_access_read(device, function, offset, buffer, length);
}

uint32_t pci_config_write(struct pci_device *device, int function, uint32_t offset, const void *buffer, uint32_t length)
{
    if (__builtin_expect(trace_current != NULL, 0))
        return traced_write(device, function, offset, buffer, length);
    return pci_access_write(device, function, offset, buffer, length);
}
