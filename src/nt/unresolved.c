/* SPDX-License-Identifier: MIT
 *
 * Which symbols of an image nobody offers. The dynamic linker names the first one only; a driver team wants them all.
 * The file may be anything: each piece is read only if the file has it, and nothing is believed.
 */
#include "nt/loader.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARIES_MAX 32u
#define PIECE_MAX     (64u << 20) /* a table larger than this is no driver's */

struct table {
    char *bytes; /* malloc; a zero byte stands behind them */
    uint64_t size;
};

struct elf {
    int fd;
    Elf64_Ehdr header;
};

static bool read_at(int fd, void *bytes, uint64_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, bytes, size, (off_t)offset) == (ssize_t)size;
}

static bool is_elf(struct elf *elf)
{
    return read_at(elf->fd, &elf->header, sizeof(elf->header), 0) && !memcmp(elf->header.e_ident, ELFMAG, SELFMAG) &&
           elf->header.e_ident[EI_CLASS] == ELFCLASS64 && elf->header.e_ident[EI_DATA] == ELFDATA2LSB &&
           elf->header.e_shentsize == sizeof(Elf64_Shdr);
}

static bool section_at(const struct elf *elf, uint32_t index, Elf64_Shdr *section)
{
    uint64_t offset;
    if (index >= elf->header.e_shnum ||
        __builtin_add_overflow(elf->header.e_shoff, (uint64_t)index * sizeof(*section), &offset))
        return false;
    return read_at(elf->fd, section, sizeof(*section), offset);
}

static bool section_of_type(const struct elf *elf, uint32_t type, Elf64_Shdr *section)
{
    for (uint32_t i = 0; i < elf->header.e_shnum; i++)
        if (section_at(elf, i, section) && section->sh_type == type)
            return true;
    return false;
}

static bool read_table(const struct elf *elf, const Elf64_Shdr *section, struct table *table)
{
    table->size = section->sh_size;
    table->bytes = table->size <= PIECE_MAX ? malloc(table->size + 1) : NULL;
    if (!table->bytes || !read_at(elf->fd, table->bytes, table->size, section->sh_offset)) {
        free(table->bytes);
        table->bytes = NULL;
        return false;
    }
    table->bytes[table->size] = '\0';
    return true;
}

/* A table of this type and the strings that belong to it. */
static bool read_pair(const struct elf *elf, uint32_t type, struct table *table, struct table *strings)
{
    Elf64_Shdr section, names;
    *table = *strings = (struct table){NULL, 0};
    if (!section_of_type(elf, type, &section) || !section_at(elf, section.sh_link, &names))
        return false;
    if (read_table(elf, &section, table) && read_table(elf, &names, strings))
        return true;
    free(table->bytes);
    return false;
}

/* NULL: there is no such string, or it is empty. */
static const char *string_at(const struct table *strings, uint64_t offset)
{
    return offset < strings->size && strings->bytes[offset] ? strings->bytes + offset : NULL;
}

/* ---- who offers a symbol: the process, and the libraries that the image names -------------------------------------
 */

struct offers {
    void *libraries[LIBRARIES_MAX];
    unsigned count;
};

static void open_libraries(const struct elf *elf, struct offers *offers)
{
    struct table dynamic, strings;
    offers->count = 0;
    if (!read_pair(elf, SHT_DYNAMIC, &dynamic, &strings))
        return;
    for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic.size && offers->count < LIBRARIES_MAX;
         at += sizeof(Elf64_Dyn)) {
        Elf64_Dyn entry;
        memcpy(&entry, dynamic.bytes + at, sizeof(entry));
        const char *name = entry.d_tag == DT_NEEDED ? string_at(&strings, entry.d_un.d_val) : NULL;
        void *library = name ? dlopen(name, RTLD_LAZY | RTLD_LOCAL) : NULL;
        if (library)
            offers->libraries[offers->count++] = library;
    }
    free(dynamic.bytes);
    free(strings.bytes);
}

static bool is_offered(const struct offers *offers, const char *name)
{
    bool found = dlsym(RTLD_DEFAULT, name) != NULL;
    for (unsigned i = 0; !found && i < offers->count; i++)
        found = dlsym(offers->libraries[i], name) != NULL;
    return found;
}

/* Names that would not fit are only counted. */
struct listing {
    char *text;
    size_t size, used;
    unsigned count, left_out;
};

#define ROOM_FOR_COUNT 24u /* ", and 4294967295 more" */

static void list(struct listing *listing, const char *name)
{
    size_t length = strlen(name);
    listing->count++;
    if (listing->left_out || listing->used + 2 + length + ROOM_FOR_COUNT >= listing->size) {
        listing->left_out++;
        return;
    }
    listing->used += (size_t)snprintf(listing->text + listing->used, listing->size - listing->used, "%s%s",
                                      listing->used ? ", " : "", name);
}

static void walk(const struct table *symbols, const struct table *strings, const struct offers *offers,
                 struct listing *listing)
{
    for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols->size; at += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        memcpy(&symbol, symbols->bytes + at, sizeof(symbol));
        const char *name = string_at(strings, symbol.st_name);
        if (name && symbol.st_shndx == SHN_UNDEF && ELF64_ST_BIND(symbol.st_info) == STB_GLOBAL &&
            !is_offered(offers, name))
            list(listing, name);
    }
}

unsigned nt_image_unresolved(int fd, char *text, size_t size)
{
    struct elf elf = {.fd = fd};
    struct table symbols, strings;
    struct offers offers;
    struct listing listing = {.text = text, .size = size};
    text[0] = '\0';
    if (!is_elf(&elf) || !read_pair(&elf, SHT_DYNSYM, &symbols, &strings))
        return 0;
    open_libraries(&elf, &offers);
    walk(&symbols, &strings, &offers, &listing);
    if (listing.left_out)
        snprintf(text + listing.used, size - listing.used, "%s%u more", listing.used ? ", and " : "", listing.left_out);
    while (offers.count)
        dlclose(offers.libraries[--offers.count]);
    free(symbols.bytes);
    free(strings.bytes);
    return listing.count;
}
