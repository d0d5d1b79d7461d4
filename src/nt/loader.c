/* SPDX-License-Identifier: MIT
 *
 * Loads driver images. The dynamic linker loads one file once, so the second load of a file goes through a private copy
 * in memory: each load has its own globals.
 */
#include "nt/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SHOWN 400u /* characters of a path in an error; the rest is for what is wrong */

/* What the dynamic linker has loaded is the process's, so is this lock: between asking whether a file is loaded and
 * loading it nobody else may load it. */
static pthread_mutex_t loader_lock = PTHREAD_MUTEX_INITIALIZER;

NTSTATUS nt_load_fail(struct nt_load_error *error, NTSTATUS status, const char *path, const char *format, ...)
{
    va_list arguments;
    size_t length = strlen(path);
    size_t used = (size_t)snprintf(error->text, sizeof(error->text), "%s%s: ", length > PATH_SHOWN ? "..." : "",
                                   length > PATH_SHOWN ? path + length - PATH_SHOWN : path);
    va_start(arguments, format);
    vsnprintf(error->text + used, sizeof(error->text) - used, format, arguments);
    va_end(arguments);
    return status;
}

/* Descriptor of a copy of the file in memory; -1 with errno. The caller keeps it open as long as the image is loaded:
 * the name under which the copy is loaded stays taken. */
static int copy_file(const char *path, const char *name)
{
    struct stat status;
    int from = open(path, O_RDONLY | O_CLOEXEC);
    int to = from < 0 ? -1 : memfd_create(name, MFD_CLOEXEC);
    bool copied = to >= 0 && fstat(from, &status) == 0;
    for (off_t left = copied ? status.st_size : 0; copied && left > 0;) {
        ssize_t count = sendfile(to, from, NULL, (size_t)left);
        copied = count > 0;
        left -= count;
    }
    int saved = errno;
    if (from >= 0)
        close(from);
    if (to >= 0 && !copied) {
        close(to);
        to = -1;
    }
    errno = saved;
    return to;
}

static bool is_loaded(const char *path)
{
    void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    if (handle)
        dlclose(handle);
    return handle != NULL;
}

static bool is_cut(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool cut = fd >= 0 && !nt_image_whole(fd);
    if (fd >= 0)
        close(fd);
    return cut;
}

/* The dynamic linker's sentence, which names the file it was given first; of missing symbols it names one, so they are
 * sought again. */
static NTSTATUS not_loadable(const char *path, const char *given, struct nt_load_error *error)
{
    char symbols[sizeof(error->text) - PATH_SHOWN - 64];
    const char *text = dlerror(), *reason = text ? text : "cannot be loaded";
    size_t length = strlen(path);
    if (strncmp(reason, path, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
        reason += length + 2;
    nt_load_fail(error, STATUS_INVALID_IMAGE_FORMAT, given, "%s", reason);
    if (!strstr(error->text, "undefined symbol"))
        return STATUS_INVALID_IMAGE_FORMAT;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && nt_image_unresolved(fd, symbols, sizeof(symbols)))
        nt_load_fail(error, STATUS_INVALID_IMAGE_FORMAT, given, "unresolved: %s", symbols);
    if (fd >= 0)
        close(fd);
    return STATUS_INVALID_IMAGE_FORMAT;
}

static NTSTATUS load(const char *path, const char *given, struct nt_image *image, struct nt_load_error *error)
{
    char copy[64];
    if (is_loaded(path)) {
        image->fd = copy_file(path, image->name);
        if (image->fd < 0)
            return nt_load_fail(error, STATUS_INSUFFICIENT_RESOURCES, given, "%s", strerror(errno));
        snprintf(copy, sizeof(copy), "/proc/self/fd/%d", image->fd);
        path = copy;
    }
    if (is_cut(path))
        return nt_load_fail(error, STATUS_INVALID_IMAGE_FORMAT, given, "the file ends before its image does");
    image->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!image->handle)
        return not_loadable(path, given, error);
    image->entry = (PDRIVER_INITIALIZE)dlsym(image->handle, "DriverEntry");
    if (!image->entry)
        return nt_load_fail(error, STATUS_DRIVER_ENTRYPOINT_NOT_FOUND, given, "no DriverEntry");
    return STATUS_SUCCESS;
}

NTSTATUS nt_image_open(const char *path, struct nt_image *image, struct nt_load_error *error)
{
    const char *slash = strrchr(path, '/');
    *image = (struct nt_image){.fd = -1};
    snprintf(image->name, sizeof(image->name), "%s", slash ? slash + 1 : path);
    /* An absolute name keeps the dynamic linker from looking anywhere else. */
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return nt_load_fail(error, STATUS_OBJECT_NAME_NOT_FOUND, path, "%s", strerror(errno));
    pthread_mutex_lock(&loader_lock);
    NTSTATUS status = load(absolute, path, image, error);
    if (!NT_SUCCESS(status))
        nt_image_close(image->handle, image->fd);
    pthread_mutex_unlock(&loader_lock);
    free(absolute);
    return status;
}

void nt_image_close(void *handle, int fd)
{
    if (handle)
        dlclose(handle);
    if (fd >= 0)
        close(fd);
}

NT_EXPORT PVOID MmGetSystemRoutineAddress(PUNICODE_STRING name)
{
    char text[128];
    size_t count = name->Length / sizeof(WCHAR);
    if (!nt_irql_at_most(PASSIVE_LEVEL, "MmGetSystemRoutineAddress") || count >= sizeof(text))
        return NULL;
    for (size_t i = 0; i < count; i++)
        text[i] = (char)(name->Buffer[i] < 0x80 ? name->Buffer[i] : '?');
    text[count] = '\0';
    return dlsym(RTLD_DEFAULT, text);
}
