/* SPDX-License-Identifier: MIT
 *
 * The capability walker: any 4,096 bytes of a capture, both lists, and the search for one capability. The last 64 bytes
 * of pci_capture.space are 0 (capture.c never writes them); nothing here needs that.
 */
#include "any.h"

#include "pci/internal.h"

struct walk;

/*@ requires inside_the_space: offset < 4096 && offset % 4 == 0; */
static int visit(struct walk *walk, uint32_t offset, uint32_t id, uint32_t from);

#include "pci/walk.c"

static struct pci_capture capture;
static struct pci_error error;
static struct pci_found found[PCI_FOUND_MAX];

/*@ assigns \result \from line;
    ensures \result == -22; */
int pci_fail(struct pci_error *into, const char *name, unsigned line, const char *format, ...);

void main(void)
{
    any_bytes(capture.space, sizeof capture.space);
    int count = pci_walk("a card", &capture, found, &error);
    //@ assert within_the_list: count <= 1024;
    pci_find_extended(&capture, (uint16_t)any32());
}
