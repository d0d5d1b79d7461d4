/* SPDX-License-Identifier: MIT
 *
 * Text of unknown length into a buffer of known length.
 */
#include <stdarg.h>
#include <stdio.h>

#include "pci/internal.h"

void pci_put(struct pci_page *page, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool room = page->used < page->size;
    int wrote = vsnprintf(room ? page->text + page->used : NULL, room ? page->size - page->used : 0, format, args);
    va_end(args);
    page->used += wrote > 0 ? wrote : 0;
}
