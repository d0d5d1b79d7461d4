/* SPDX-License-Identifier: MIT */
#include "documented.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ERRORS 16u

static const struct {
    const char *call;
    int errors[ERRORS];
} calls[] = {
    {"vfp_keyword_set", {ENOMEM}},
    {"vfp_switch_create", {ENOMEM, EOPNOTSUPP, EIO}},
    {"vfp_vf_allocate", {ENOMEM, ECANCELED, EIO}},
    {"vfp_channel_attach", {ENOMEM, EMFILE, ENFILE, EAGAIN}},
    {"vfp_channel_offer", {ENOMEM, EAGAIN}},
    {"vfp_host_run", {ENOMEM, ENOSPC}},
    {"vfp_vf_config_read", {ENOMEM, ECANCELED, EIO}},
    {"vfp_vf_block_write", {ENOMEM, ECANCELED, EIO}},
    {"vfp_vf_block_read", {ENOMEM, ECANCELED, EIO}},
    {"vfp_guest_connect", {ENOMEM, EMFILE, ENFILE, EAGAIN, ECONNREFUSED, EPIPE, EPROTO, ETIMEDOUT}},
    {"vfp_guest_start", {ENOENT, ENOEXEC, ENODEV, ENOMEM, EIO}},
};

struct came {
    char call[24];
    int error; /* 0: none */
    unsigned times;
};

static struct book {
    unsigned count;
    struct came came[128];
} * book;

void documented_create(void)
{
    book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (book == MAP_FAILED)
        abort();
}

/* The processes of a run fail one after the other: the last writer of an entry is the only one. */
static void enter(const char *call, int error)
{
    unsigned i = 0;
    while (i < book->count && (book->came[i].error != error || strcmp(book->came[i].call, call) != 0))
        i++;
    if (i == sizeof book->came / sizeof book->came[0])
        return;
    if (i == book->count) {
        snprintf(book->came[i].call, sizeof book->came[i].call, "%s", call);
        book->came[i].error = error;
        book->count++;
    }
    book->came[i].times++;
}

bool documented(const char *call, int error)
{
    enter(call, error);
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (unsigned j = 0; strcmp(calls[i].call, call) == 0 && j < ERRORS && calls[i].errors[j]; j++) {
            if (error == -calls[i].errors[j])
                return true;
        }
    }
    return false;
}

void documented_note(const char *call)
{
    enter(call, 0);
}

unsigned documented_print(void)
{
    unsigned failures = 0;
    for (unsigned i = 0; i < book->count; i++) {
        const struct came *came = &book->came[i];
        printf("# %u times %s: %s\n", came->times, came->call, came->error ? strerrorname_np(-came->error) : "failed");
        failures += came->times;
    }
    return failures;
}
