/* SPDX-License-Identifier: MIT
 *
 * Runs a fuzzer's entry on each file of a folder, without a fuzzer: what the corpus reached once stays tried. Prints
 * TAP.
 */
#include <dirent.h>
#include <string.h>

#include "input.h"

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In memory of exactly the file's size, so that a sanitizer sees the first byte read behind it. */
static int run_file(const char *folder, const char *name)
{
    char path[4096];
    static uint8_t bytes[1u << 20];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        return -1;
    memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    struct dirent **files;
    int count = argc == 2 ? scandir(argv[1], &files, is_file, alphasort) : -1;
    if (count <= 0) {
        printf("Bail out! no files in %s\n", argc == 2 ? argv[1] : "(which folder?)");
        return 2;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        int result = run_file(argv[1], files[i]->d_name);
        printf("%s %d %s\n", result ? "not ok" : "ok", i + 1, files[i]->d_name);
        free(files[i]);
    }
    free(files);
    return 0;
}
