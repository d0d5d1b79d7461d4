/* SPDX-License-Identifier: MIT
 *
 * What the subcommands share. Each takes its own arguments (argv[0] is "vfplane COMMAND") and returns the exit status.
 */
#ifndef VFPLANE_CLI_H
#define VFPLANE_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <vfplane/host.h>

enum {
    EXIT_OK = 0,
    EXIT_WRONG = 1,  /* something did not do what it should */
    EXIT_CANNOT = 2, /* could not run: bad arguments, missing file */
};

int run_main(int argc, char **argv);
int check_main(int argc, char **argv);
int guest_main(int argc, char **argv);
int replay_main(int argc, char **argv);
int dump_main(int argc, char **argv);
int profile_main(int argc, char **argv);
int vmm_check_main(int argc, char **argv);
int bench_main(int argc, char **argv);
int setpci_main(int argc, char **argv);

/* One line on standard error: "vfplane: ...". */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* argp_parse() for a subcommand: what is wrong with its arguments is one line on standard error, without argp's hints
 * behind it. Its parser says so by complain() and EINVAL, not by argp_error(). 0, or an errno that has been told. */
struct argp;
int parse_arguments(const struct argp *argp, int argc, char **argv, void *input);
/* A decimal number from 0 to 65535 and nothing else. */
bool parse_number(const char *text, unsigned *value);
/* The same from `least` on, for an option. 0, or EINVAL with a complaint that names it, and *value as it was. */
int parse_count(const char *option, const char *text, unsigned least, unsigned *value);
/* The exit status of a command that has written standard output with `result` (0 or a negative errno); what is still
 * buffered goes out first. A complaint unless it is EXIT_OK. */
int close_output(int result);

/* Of a file that is read a line at a time: whatever it is, it comes to an end. */
#define LINES_MAX 1000000u

/* ---- configuration keywords -------------------------------------------------------------------------------------- */

struct keyword;
/* Adds "NAME=VALUE" ("*SRIOV=1", "NicSwitches\\0\\*NumVFs=4"), blanks round either ignored. 0; -EINVAL: it is none;
 * -ENOMEM. */
int keyword_add(struct keyword **list, const char *setting);
/* Adds those of a file: one a line, '#' and ';' begin a comment. 0, or a negative errno with a complaint. */
int keywords_load(struct keyword **list, const char *path);
int keywords_set(const struct keyword *list, struct vfp_host *host); /* 0, or what vfp_keyword_set said */
void keywords_free(struct keyword *list);

/* A file that comes with vfplane, found beside this program in the build tree or where `meson install` put it; the
 * string is the caller's. NULL (and a complaint) when it is in neither place. */
char *find_profile(const char *name);
char *find_driver(const char *name);
char *find_self(void);

/* "text", "json", "chrome" or "none" -> a trace on that stream (one that only counts for none); NULL and a complaint.
 */
struct vfp_trace *open_trace(const char *kind, FILE *stream);

/* Runs `lspci -v -F` on what `dump` printed to a stream and writes its output. 0 or -1 with a complaint. */
int decode_with_lspci(int (*dump)(FILE *stream, void *context), void *context, FILE *out);

/* ---- a guest process -------------------------------------------------------------------------------------------- */

struct child {
    char name[16];   /* "guest 1" */
    unsigned number; /* 1.. */
    pid_t pid;       /* 0 = not running */
    int socket;      /* our end of its channel, until a VF is attached */
    int report;      /* it writes one line at a time: "running", "failed: why" */
    int status;      /* of waitpid, once it ended */
};
/* Starts `vfplane guest` with `driver` (NULL: none) or the accesses of `replay` (NULL: none); its trace joins ours.
 * 0 or -1 with a complaint. */
int child_start(struct child *child, unsigned number, const char *driver, const char *replay, struct vfp_trace *trace);
/* The next line of its report without the newline, or false: the process ended or nothing came in time. */
bool child_report(struct child *child, char *line, size_t size, int timeout_ms);
/* Waits for its end; kills it after `timeout_ms`. True when it exited with 0; else `why` says how it ended. */
bool child_wait(struct child *child, int timeout_ms, char *why, size_t size);

/* ---- captures ---------------------------------------------------------------------------------------------------- */

struct access {
    unsigned line; /* in the log */
    bool write;
    uint16_t offset;
    uint8_t size;
    uint32_t value; /* written, or read back in the capture */
    uint32_t got;   /* read back when it was played */
};
struct capture {
    struct access *accesses;
    size_t count;
    unsigned other_lines; /* messages, BAR accesses, kernel output */
};
/* 0, or -errno with a complaint naming file and line. */
int capture_load(const char *path, struct capture *capture);
void capture_free(struct capture *capture);

struct vfp_guest;
/* Plays a capture on function 0, then prints each access with what came back and the closing count on `out`. Returns
 * how many answers broke a rule that holds for every VF, or for the VF of the capture if it is that one. */
unsigned replay_accesses(struct vfp_guest *guest, struct capture *capture, FILE *out);

#endif
