/* SPDX-License-Identifier: MIT
 *
 * Whether a file holds all of its image. The dynamic linker maps what the segments say without looking how long the
 * file is, and the process faults on the first page that is not there.
 */
#include "nt/loader.h"

#include <elf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, bytes, size, (off_t)offset) == (ssize_t)size;
}

static bool is_inside(const Elf64_Phdr *segment, uint64_t size)
{
    return segment->p_type != PT_LOAD || (segment->p_offset <= size && segment->p_filesz <= size - segment->p_offset);
}

bool nt_image_whole(int fd)
{
    Elf64_Ehdr header;
    struct stat status;
    if (fstat(fd, &status) || !read_at(fd, &header, sizeof(header), 0) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_phentsize != sizeof(Elf64_Phdr))
        return true;
    for (uint64_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        if (header.e_phoff > INT64_MAX ||
            !read_at(fd, &segment, sizeof(segment), header.e_phoff + i * sizeof(segment)) ||
            !is_inside(&segment, (uint64_t)status.st_size))
            return false;
    }
    return true;
}
