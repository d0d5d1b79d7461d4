/* SPDX-License-Identifier: MIT
 *
 * Captures as bytes that a test can change, printed back to text for the parser. The bytes are read here with sscanf,
 * not with the room's own reader.
 */
#ifndef TESTS_PCI_FIXTURE_H
#define TESTS_PCI_FIXTURE_H

#include "test.h"
#include "pci/pci.h"

struct function_page {
    char address[24];
    uint8_t space[PCI_CONFIG_SIZE];
    const char *size[PCI_BAR_COUNT]; /* "16K"; NULL = no Region line */
    const char *rom;
};

struct capture_page {
    struct function_page pf, vf;
    bool no_vf;
};

enum card { CARD_82576, CARD_NVME, CARD_SYNTHETIC };

/* Both functions of a card as in profiles/, or of the synthetic one with 8 VFs. */
void page_load(struct capture_page *page, enum card card);
/* A file of profiles/ or tests/data as text; free() it. */
char *file_text(const char *variable, const char *name, size_t *length);
char *page_text(const struct capture_page *page);
void put16(uint8_t *space, uint32_t offset, uint16_t value);
void put32(uint8_t *space, uint32_t offset, uint32_t value);
/* TotalVFs and InitialVFs, First VF Offset, VF Stride of the 82576 page; the VF moves to its first routing ID. */
void page_set_vfs(struct capture_page *page, uint16_t total, uint16_t offset, uint16_t stride, uint16_t pf_routing_id);

/* The device of a page; fails the test if there is none. */
struct pci_device *page_device(const struct capture_page *page, const struct pci_device_options *options);
struct pci_device *card_device(enum card card);
/* An 82576 as page_set_vfs makes it. */
struct pci_device *vfs_device(uint16_t total, uint16_t offset, uint16_t stride, uint16_t pf_routing_id);
/* The message of a text that must not parse. */
void assert_refused(const char *text, size_t length, const char *part_of_message, unsigned line);

uint32_t get(struct pci_device *device, int function, uint32_t offset, uint32_t length);
void set(struct pci_device *device, int function, uint32_t offset, uint32_t length, uint32_t value);
#define SRIOV_82576     0x160u
#define SRIOV_NVME      0x120u
#define SRIOV_SYNTHETIC 0x160u

#endif
