/* SPDX-License-Identifier: MIT
 *
 * What the subcommands share: standard output, finding what comes with vfplane, opening a trace, and handing
 * configuration space to the real lspci.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/version.h"

int close_output(int result)
{
    if (!result && (fflush(stdout) || ferror(stdout)))
        result = -EIO;
    if (!result)
        return EXIT_OK;
    complain(result == -EIO ? "standard output: cannot be written" : "%s", strerror(-result));
    return EXIT_CANNOT;
}

char *find_self(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length <= 0) {
        complain("cannot tell where this program lies (/proc/self/exe)");
        return NULL;
    }
    path[length] = 0;
    return strdup(path);
}

/* The first of two places, relative to this program's folder, that has the file. */
static char *find_beside(const char *in_build, const char *installed, const char *name)
{
    const char *const places[] = {in_build, installed};
    char *self = find_self();
    if (!self)
        return NULL;
    const char *folder = dirname(self);
    char *found = NULL;
    for (size_t i = 0; i < 2 && !found; i++) {
        char *path;
        if (asprintf(&path, "%s/%s/%s", folder, places[i], name) < 0)
            break;
        found = realpath(path, NULL);
        free(path);
    }
    if (!found)
        complain("%s: neither in %s/%s nor in %s/%s", name, folder, in_build, folder, installed);
    free(self);
    return found;
}

char *find_profile(const char *name)
{
    return find_beside("../../profiles", INSTALLED_PROFILES, name);
}

/* In the build each driver has a folder: refnic_pf.so and refnic_vf.so lie in refnic, refgen.so in refgen. */
char *find_driver(const char *name)
{
    char folder[64];
    snprintf(folder, sizeof(folder), "../../drivers/%.*s", (int)strcspn(name, "_."), name);
    return find_beside(folder, INSTALLED_DRIVERS, name);
}

struct vfp_trace *open_trace(const char *kind, FILE *stream)
{
    if (strcmp(kind, "text") == 0)
        return vfp_trace_text(stream);
    if (strcmp(kind, "json") == 0)
        return vfp_trace_json(stream);
    if (strcmp(kind, "chrome") == 0)
        return vfp_trace_chrome(stream);
    if (strcmp(kind, "none") == 0)
        return vfp_trace_count();
    complain("--trace %s: one of text, json, chrome, none", kind);
    return NULL;
}

static int run_lspci(int dump, FILE *out)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", dump);
    fflush(out);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY); /* it warns where no kernel modules are installed */
        dup2(fileno(out), STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execlp("lspci", "lspci", "-v", "-F", path, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    complain(WIFEXITED(status) && WEXITSTATUS(status) == 127 ? "lspci: not found (Debian package pciutils)"
                                                             : "lspci -F failed");
    return -1;
}

int decode_with_lspci(int (*dump)(FILE *stream, void *context), void *context, FILE *out)
{
    int fd = memfd_create("vfplane-dump", 0);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w+");
    if (!stream) {
        complain("no memory for the dump");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int result = dump(stream, context);
    if (!result && (fflush(stream) || fseek(stream, 0, SEEK_SET)))
        result = -1;
    if (!result)
        result = run_lspci(fd, out);
    fclose(stream);
    return result;
}
