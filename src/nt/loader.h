/* SPDX-License-Identifier: MIT
 *
 * A driver's image: the shared object it was built as.
 */
#ifndef VFPLANE_NT_LOADER_H
#define VFPLANE_NT_LOADER_H

#include "nt/internal.h"

struct nt_image {
    void *handle; /* dlopen */
    int fd;       /* the private copy, -1 = the file itself is loaded */
    PDRIVER_INITIALIZE entry;
    char name[64]; /* file name without directory */
};

/* Statuses and error text as nt_driver_load. */
NTSTATUS nt_image_open(const char *path, struct nt_image *image, struct nt_load_error *error);
void nt_image_close(void *handle, int fd);
/* "path: why"; returns `status`. Of a long path the end is shown. */
NTSTATUS nt_load_fail(struct nt_load_error *error, NTSTATUS status, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* whole.c: false when the file ends before the segments of its image do. True also for what is no image. */
bool nt_image_whole(int fd);
/* unresolved.c: the symbols that the file needs and neither this process nor the libraries it names have: "KeFoo,
 * NdisBar, and 12 more". Returns how many; 0 also for a file that is no ELF image, or one without section headers. */
unsigned nt_image_unresolved(int fd, char *text, size_t size);

#endif
