/* SPDX-License-Identifier: MIT
 *
 * Preloaded by `make coverage`: a process that ends by _exit() or abort() leaves its counters behind too, as one that
 * ends by exit() does. Children of the checker and of `vfplane bench scale` end like that, and nothing in src/ should
 * know that it is measured.
 */
#undef _FILE_OFFSET_BITS /* libgcov calls open(), not open64() */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void ending(void);

/* Each image has a list of counters of its own, and writes it from its .fini_array; src/ and drivers/ have no other
 * function there. A second call finds nothing left to write. */
static void end_image(const struct dl_phdr_info *image, const ElfW(Dyn) * dynamic)
{
    const uintptr_t *endings = NULL;
    size_t count = 0;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        if (dynamic->d_tag == DT_FINI_ARRAY)
            endings = (const uintptr_t *)(image->dlpi_addr + dynamic->d_un.d_ptr);
        else if (dynamic->d_tag == DT_FINI_ARRAYSZ)
            count = dynamic->d_un.d_val / sizeof(*endings);
    }
    for (; endings && count; count--)
        ((ending *)endings[count - 1])();
}

static int visit(struct dl_phdr_info *image, size_t size, void *build)
{
    static char self[4096];
    const char *name = image->dlpi_name;
    (void)size;
    if (!name[0]) /* the program */
        name = realpath("/proc/self/exe", self) ? self : "";
    if (strncmp(name, build, strlen(build)) != 0 || strstr(name, "coverage_exit"))
        return 0;
    for (unsigned i = 0; i < image->dlpi_phnum; i++)
        if (image->dlpi_phdr[i].p_type == PT_DYNAMIC)
            end_image(image, (const ElfW(Dyn) *)(image->dlpi_addr + image->dlpi_phdr[i].p_vaddr));
    return 0;
}

static void write_counters(void)
{
    char *build = getenv("COVERAGE_BUILD"); /* absolute; other programs' images are left alone. Empty: all are. */
    if (build && *build)
        dl_iterate_phdr(visit, build);
}

/* libgcov writes before an exec and at the end, when nobody needs what an exec would close. In a table of this thread's
 * own: no other thread takes the place, and none misses the descriptor. */
static bool give_up_one_descriptor(void)
{
    if (unshare(CLONE_FILES) != 0)
        return false;
    for (int file = 0; file < getdtablesize(); file++) {
        int flags = fcntl(file, F_GETFD);
        if (flags >= 0 && flags & FD_CLOEXEC)
            return close(file) == 0;
    }
    return false;
}

/* A process that has used up its descriptors has none left to write with. */
int open(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...);
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    *(void **)&next = dlsym(RTLD_NEXT, "open");
    int file = next(path, flags, mode);
    const char *end = strrchr(path, '.');
    if (file >= 0 || errno != EMFILE || !end || strcmp(end, ".gcda") != 0 || !give_up_one_descriptor())
        return file;
    return next(path, flags, mode);
}

_Noreturn void _exit(int status)
{
    void (*next)(int);
    *(void **)&next = dlsym(RTLD_NEXT, "_exit");
    write_counters();
    next(status);
    __builtin_unreachable();
}

_Noreturn void abort(void)
{
    struct sigaction action;
    void (*next)(void);
    *(void **)&next = dlsym(RTLD_NEXT, "abort");
    if (sigaction(SIGABRT, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        write_counters(); /* who handles it goes on, and ends by _exit() */
    next();
    __builtin_unreachable();
}
