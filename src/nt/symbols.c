/* SPDX-License-Identifier: MIT
 *
 * Names of stack frames, by libdw (elfutils) from the images of this process.
 */
#include "nt/contract.h"

#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Debug information that is not in the image itself is not looked for: no search of the disk, no network. */
static int no_debug_file(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, const char *file,
                         const char *link, GElf_Word crc, char **found)
{
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)found;
    return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = no_debug_file,
};

struct nt_symbols *nt_symbols_open(void)
{
    Dwfl *images = dwfl_begin(&callbacks);
    if (images)
        dwfl_report_end(images, NULL, NULL);
    return (struct nt_symbols *)images;
}

void nt_symbols_close(struct nt_symbols *symbols)
{
    dwfl_end((Dwfl *)symbols);
}

/* The image that has the address, read from the file it was loaded from: also a driver's private copy, which has no
 * name in the file system any more. */
static Dwfl_Module *module_at(Dwfl *images, uintptr_t address, const struct link_map *map)
{
    Dwfl_Module *module = dwfl_addrmodule(images, address);
    const char *file = *map->l_name ? map->l_name : "/proc/self/exe";
    if (module)
        return module;
    dwfl_report_begin_add(images);
    dwfl_report_elf(images, file, file, -1, map->l_addr, true);
    dwfl_report_end(images, NULL, NULL);
    return dwfl_addrmodule(images, address);
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}

/* A private copy is loaded as /proc/self/fd/N, which leads to "/memfd:NAME (deleted)". */
static void name_image(const char *path, char *name, size_t size)
{
    char target[256];
    ssize_t length = strncmp(path, "/proc/self/fd/", 14) == 0 ? readlink(path, target, sizeof(target) - 1) : -1;
    if (length < 0 || strncmp(target, "/memfd:", 7) != 0) {
        snprintf(name, size, "%s", base_name(path));
        return;
    }
    target[length] = '\0';
    snprintf(name, size, "%.*s", (int)strcspn(target + 7, " "), target + 7);
}

struct place {
    const char *function, *file;
    uintptr_t offset; /* in the function, else in the image */
    int line;
};

/* By the compilation units' own ranges: not every compiler writes the table that would lead to the unit. */
static void find_line(Dwfl_Module *module, uintptr_t address, struct place *place)
{
    Dwarf_Die *unit = NULL;
    Dwarf_Addr bias;
    while ((unit = dwfl_module_nextcu(module, unit, &bias)))
        if (dwarf_haspc(unit, address - bias) > 0)
            break;
    Dwarf_Line *line = unit ? dwarf_getsrc_die(unit, address - bias) : NULL;
    if (line && dwarf_lineno(line, &place->line) == 0 && place->line > 0)
        place->file = base_name(dwarf_linesrc(line, NULL, NULL));
}

/* A frame holds the address behind the call: the line is that of the byte before. */
static void find_source(Dwfl_Module *module, uintptr_t address, struct place *place)
{
    GElf_Sym symbol;
    GElf_Off offset;
    const char *function = dwfl_module_addrinfo(module, address - 1, &offset, &symbol, NULL, NULL, NULL);
    if (function) {
        place->function = function;
        place->offset = offset + 1;
    }
    find_line(module, address - 1, place);
}

int nt_symbols_name(struct nt_symbols *symbols, void *frame, char *text, size_t size)
{
    struct place place = {0};
    struct link_map *map = NULL;
    Dl_info where;
    char image[64], line[128] = "";
    if (!dladdr1(frame, &where, (void **)&map, RTLD_DL_LINKMAP) || !where.dli_fname || !map)
        return snprintf(text, size, "%p", frame);
    name_image(where.dli_fname, image, sizeof(image));
    place.function = where.dli_sname;
    place.offset = (uintptr_t)frame - (uintptr_t)(where.dli_sname ? where.dli_saddr : where.dli_fbase);
    Dwfl_Module *module = symbols ? module_at((Dwfl *)symbols, (uintptr_t)frame - 1, map) : NULL;
    if (module)
        find_source(module, (uintptr_t)frame, &place);
    if (place.file)
        snprintf(line, sizeof(line), " at %s:%d", place.file, place.line);
    return snprintf(text, size, "%s+0x%zx (%s)%s", place.function ? place.function : "", (size_t)place.offset, image,
                    line);
}

int nt_frame_name(void *frame, char *text, size_t size)
{
    struct nt_symbols *symbols = nt_symbols_open();
    int length = nt_symbols_name(symbols, frame, text, size);
    nt_symbols_close(symbols);
    return length;
}
