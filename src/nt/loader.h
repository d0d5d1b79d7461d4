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

#endif
