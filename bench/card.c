/* SPDX-License-Identifier: MIT */
#include <initguid.h>

#include "card.h"

#include <stdlib.h>
#include <wdmguid.h>

#define VERSION 1 /* pci.md 1.4: what callers pass */

static struct pci_profile *synth(uint16_t vfs)
{
    struct pci_profile *profile = NULL;
    struct pci_error error;
    int size = pci_profile_synth(vfs, NULL, 0) + 1;
    char *text = malloc((size_t)size);
    if (text) {
        pci_profile_synth(vfs, text, (size_t)size);
        pci_profile_parse("synthetic", text, (size_t)size - 1, &profile, &error);
    }
    free(text);
    return profile;
}

static void shuffle(uint32_t *order, uint32_t count)
{
    uint32_t random = 2463534242u; /* xorshift */
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i-- > 1;) {
        random ^= random << 13, random ^= random >> 17, random ^= random << 5;
        uint32_t j = random % (i + 1), swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

/* A register for which a write is one store: the one with the most writable bits. */
static uint32_t find_plain(const struct pci_map *map)
{
    uint32_t best = 0;
    for (uint32_t dword = 0; dword < PCI_DWORDS; dword++)
        if (map->dword[dword].kind == PCI_PLAIN &&
            (!best || __builtin_popcount(map->dword[dword].rw) > __builtin_popcount(map->dword[best].rw)))
            best = dword;
    return best * 4;
}

bool bench_card_enable(struct bench_card *card, bool enable)
{
    return NT_SUCCESS(
        card->bus.EnableVirtualization(card->bus.Context, enable ? (UINT16)card->vfs : 0, FALSE, FALSE, enable));
}

void bench_card_close(struct bench_card *card)
{
    nt_enter(card->partition);
    if (card->bus.Context) {
        bench_card_enable(card, false);
        card->bus.InterfaceDereference(card->bus.Context);
    }
    if (card->pdo)
        pcibus_remove_device(card->pdo);
    pci_device_destroy(card->device);
    nt_enter(NULL);
    if (card->partition)
        nt_partition_destroy(card->partition);
    if (card->profile)
        pci_profile_unref(card->profile);
    free(card->order);
}

bool bench_card_open(struct bench_card *card, uint16_t vfs)
{
    *card = (struct bench_card){.vfs = vfs, .profile = synth(vfs), .order = malloc(vfs * sizeof(*card->order))};
    card->partition = nt_partition_create(&(struct nt_partition_options){.name = "host"});
    nt_enter(card->partition);
    if (card->profile && card->partition && card->order &&
        pci_device_create(card->profile, &(struct pci_device_options){0}, &card->device) == 0 &&
        NT_SUCCESS(pcibus_add_device(card->partition, card->device, &card->pdo)) &&
        NT_SUCCESS(nt_query_interface(card->pdo, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(card->bus), VERSION,
                                      (PINTERFACE)&card->bus)) &&
        bench_card_enable(card, true)) {
        shuffle(card->order, vfs);
        card->plain = find_plain(&card->profile->vf);
        card->control = card->profile->vf.express + 8u;
        return true;
    }
    bench_card_close(card);
    return false;
}
