/* SPDX-License-Identifier: MIT
 *
 * Configuration keywords from the command line and from files: what an INF would put in the registry.
 */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_ROOM 4096u

struct keyword {
    struct keyword *next;
    const char *value; /* in text, behind the name */
    char text[];
};

/* Without the blanks round it; changes the text. */
static char *trim(char *text)
{
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = 0;
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

/* Behind the others: the last of two settings of one name wins. */
static void append(struct keyword **list, struct keyword *added)
{
    while (*list)
        list = &(*list)->next;
    *list = added;
}

int keyword_add(struct keyword **list, const char *setting)
{
    const char *equals = strchr(setting, '=');
    size_t length = strlen(setting) + 1;
    if (!equals)
        return -EINVAL;
    struct keyword *added = calloc(1, sizeof(*added) + 2 * length);
    if (!added)
        return -ENOMEM;
    memcpy(added->text + length, setting, length);
    added->text[length + (size_t)(equals - setting)] = 0;
    strcpy(added->text, trim(added->text + length));
    added->value = trim(added->text + length + (equals - setting) + 1);
    if (!*added->text) {
        free(added);
        return -EINVAL;
    }
    append(list, added);
    return 0;
}

static int load_lines(struct keyword **list, const char *path, FILE *file)
{
    char line[LINE_ROOM];
    unsigned number = 0;
    int result = 0;
    while (!result && fgets(line, sizeof(line), file)) {
        bool cut = strlen(line) == sizeof(line) - 1 && line[sizeof(line) - 2] != '\n';
        char *setting = trim(line);
        if (++number > LINES_MAX || cut) {
            complain("%s:%u: %s", path, number, cut ? "the line is too long" : "too many lines");
            return -EINVAL;
        }
        if (*setting && *setting != '#' && *setting != ';')
            result = keyword_add(list, setting);
        if (result == -EINVAL)
            complain("%s:%u: '%s' is no NAME=VALUE", path, number, setting);
    }
    if (!result && ferror(file))
        result = -EIO;
    return result;
}

int keywords_load(struct keyword **list, const char *path)
{
    FILE *file = fopen(path, "r");
    int result = file ? load_lines(list, path, file) : -errno;
    if (file)
        fclose(file);
    if (result && result != -EINVAL)
        complain("%s: %s", path, strerror(-result));
    return result;
}

int keywords_set(const struct keyword *list, struct vfp_host *host)
{
    for (; list; list = list->next) {
        int result = vfp_keyword_set(host, list->text, list->value);
        if (result)
            return result;
    }
    return 0;
}

void keywords_free(struct keyword *list)
{
    while (list) {
        struct keyword *next = list->next;
        free(list);
        list = next;
    }
}
