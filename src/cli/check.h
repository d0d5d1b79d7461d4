/* SPDX-License-Identifier: MIT
 *
 * What the files of `vfplane check` share.
 *
 * A case is one host with the driver on it, brought to a state, one thing done to it, and taken down again; its id says
 * which ("vf/OID_SRIOV_RESET_VF/vf-freed", "fault/17"). Cases run in child processes, many after another in one child,
 * so that a driver that crashes or hangs costs its case only: the parent sends ids, the child answers with messages.
 */
#ifndef VFPLANE_CLI_CHECK_H
#define VFPLANE_CLI_CHECK_H

#include <vfplane/contract.h>

#include "cli/cli.h"

struct check_arguments {
    const char *pf, *vf, *profile; /* vf: NULL = none */
    bool own_profile;              /* the user named it */
    const char *rule, *one;        /* NULL = all */
    const char *report;            /* "text", "json" or "junit" */
    unsigned timeout;              /* seconds of real time that a case may take */
    const char *known;             /* rules whose report the parent has, each followed by a comma */
    int child;                     /* our end of the parent's socket, -1 = we are the parent */
};

/* ---- tables (check_oids.c) ----------------------------------------------------------------------------------------
 */

enum { CHECK_QUERY = 0, CHECK_SET = 1, CHECK_METHOD = 12 }; /* NDIS_REQUEST_TYPE */

/* Where the value of a member comes from: known only when the state is there. */
enum check_from {
    FROM_VALUE,
    FROM_VF,           /* an allocated VF with a VPort */
    FROM_BARE_VF,      /* one without */
    FROM_FREED_VF,     /* was allocated once */
    FROM_NEVER_VF,     /* in range, never allocated */
    FROM_NUM_VFS,      /* first VFId that is out of range; the switch's NumVFs */
    FROM_TOO_MANY_VFS, /* more than the card has */
    FROM_VPORT,        /* of FROM_VF */
    FROM_NEW_VPORT,    /* a number that no VPort has */
    FROM_FILTER,       /* a receive filter on the default VPort */
    FROM_NEW_FILTER,   /* a number that no filter has */
};

struct check_field {
    uint16_t offset;
    uint8_t size; /* 0 = end of the list */
    uint8_t from;
    uint64_t value;
};

enum check_want { WANT_FAILURE, WANT_SUCCESS, WANT_ANY };

#define CHECK_KEEP    UINT32_MAX /* the length of the good request */
#define CHECK_CHANGED 2

/* One way in which a request differs from the good one, and what must come of it. */
struct check_change {
    const char *name;
    const char *rule; /* broken by success where failure is wanted */
    uint8_t want;
    bool retype; /* sent as `type` */
    uint8_t type;
    uint32_t length; /* of the buffer; CHECK_KEEP */
    uint32_t output; /* OutputBufferLength of a method; CHECK_KEEP: the same */
    struct check_field fields[CHECK_CHANGED];
};

/* What must be there for the good request to succeed. */
enum check_need { NEED_ADAPTER, NEED_NO_SWITCH, NEED_EMPTY_SWITCH, NEED_SWITCH, NEED_VF, NEED_VPORT, NEED_FILTER };

struct check_oid {
    const char *name;
    uint32_t oid;
    uint8_t type;
    uint8_t need;
    bool optional;  /* a driver may not support it */
    bool answered;  /* by NDIS: not sent past it */
    uint16_t fixed; /* bytes through the last member of its structure; Header.Size; 0: it has none */
    uint16_t size;  /* of the good request's buffer */
    const struct check_field *good;
    const struct check_change *changes; /* of its own, ends with a NULL name */
};

extern const struct check_oid check_oids[];
extern const size_t check_oid_count;

/* The changes of an OID: first those that any request has, then its own. False: there is none with that number. */
bool check_change_at(const struct check_oid *oid, size_t index, struct check_change *change);

/* ---- the bench (check_bench.c) ------------------------------------------------------------------------------------
 */

enum check_state {
    STATE_PAUSED,
    STATE_RUNNING,
    STATE_SWITCH,
    STATE_VF,
    STATE_FREED,
    STATE_DELETED,
    STATE_REMOVED,
    STATE_RESTARTED,
    CHECK_STATES
};
extern const char *const check_state_names[CHECK_STATES];

#define CHECK_VFS 4u /* of a switch: with a VPort, without, freed, never allocated */

struct check_bench {
    const struct check_arguments *arguments;
    struct vfp_host *host;
    struct vfp_pf *pf;
    struct vfp_driver *driver;
    struct vfp_adapter *adapter;
    unsigned num_vfs;
    bool impatient;          /* the host waits only shortly */
    bool has_switch, has_vf; /* now */
    uint16_t vf, bare_vf, freed_vf, never_vf;
    uint32_t vport;
    uint32_t filter; /* 0: the driver has none */
    char error[320]; /* what the last refused step said */
};

/* A host with the card. 0, or -1 with bench->error. */
int check_bench_open(struct check_bench *bench, const struct check_arguments *arguments);
/* Everything down, the driver unloaded, what it leaked reported. */
void check_bench_close(struct check_bench *bench);
int check_bench_start(struct check_bench *bench); /* loads the driver if need be, starts it on the card */
void check_bench_stop(struct check_bench *bench); /* VFs and VPorts freed, the adapter halted */
/* Before the driver is asked for something: how long the host waits for it. */
void check_bench_patience(struct check_bench *bench);
/* From an open bench to the state. 0, or -1 with bench->error. */
int check_bench_reach(struct check_bench *bench, enum check_state state);

/* ---- requests (check_request.c) -----------------------------------------------------------------------------------
 */

#define CHECK_BUFFER 8192u
/* A good request with these values in place of its own, as an overlying driver sends it; `buffer` gets what came back.
 * Returns the NDIS_STATUS. */
int check_send_plain(struct check_bench *bench, uint32_t oid, const struct check_field *fields,
                     uint8_t buffer[CHECK_BUFFER]);
/* The same; 0, or -1 with bench->error. */
int check_bench_oid(struct check_bench *bench, uint32_t oid, const struct check_field *fields,
                    uint8_t buffer[CHECK_BUFFER]);
/* Runs the case (state, oid, change) on a bench that is in the state. */
void check_request(struct check_bench *bench, enum check_state state, const struct check_oid *oid,
                   const struct check_change *change);
/* The rule that the case puts to the test, NULL: those of the contracts only. */
const char *check_request_rule(enum check_state state, const struct check_oid *oid, const struct check_change *change);

/* ---- scenarios (check_scenario.c, check_guest.c) ------------------------------------------------------------------
 */

#define CHECK_NEVER SIZE_MAX

/* How many steps the standard scenario has between which the card may be pulled. */
size_t check_steps(void);
/* The standard scenario on an open bench, from loading the driver to unloading it; the card is pulled after `removed`
 * steps (CHECK_NEVER). What the driver refuses is a finding if `strict`. */
void check_scenario(struct check_bench *bench, size_t removed, bool strict);
/* Start and stop several times under one load of the driver. */
void check_start_stop(struct check_bench *bench);
/* The scenario with the call `site` failing; 0: counts the sites. */
bool check_fault(struct check_bench *bench, unsigned site);
void check_guest(struct check_bench *bench); /* with arguments->vf */

/* ---- cases (check_cases.c) ----------------------------------------------------------------------------------------
 */

struct check_case {
    char id[96];
    char note[192];   /* what it does, when the id does not say it: the site of a fault */
    const char *rule; /* that it puts to the test; NULL: those of the contracts only */
};
struct check_list {
    struct check_case *cases;
    size_t count, capacity;
};
/* Appends every case that is known without running the driver. False: no memory. */
bool check_list_all(struct check_list *list, const struct check_arguments *arguments);
/* Appends a case; `note` may be NULL. */
bool check_list_add(struct check_list *list, const char *rule, const char *note, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void check_list_free(struct check_list *list);
/* Runs it in this process. False: there is no such case. */
bool check_run_case(const struct check_arguments *arguments, const char *id);

/* ---- messages of a child (check_child.c) --------------------------------------------------------------------------
 */

enum check_kind {
    MESSAGE_DONE,
    MESSAGE_GONE, /* done, and the child ends */
    MESSAGE_FINDING,
    MESSAGE_SITE,
    MESSAGE_CANNOT,
    MESSAGE_UNKNOWN,
};

#define CHECK_REPORT 2048

struct check_message {
    uint32_t kind;
    uint32_t number;           /* SITE: of the site */
    char rule[64];             /* FINDING */
    char text[320];            /* what was seen; SITE: its name; CANNOT: why */
    char report[CHECK_REPORT]; /* the whole of it, with the stack; only of the first finding of a rule in a child */
};

int check_child(const struct check_arguments *arguments);
/* For cases: what was found. */
void check_found(const struct vfp_finding *finding, void *context);
void check_verdict(const char *rule, const char *format, ...) __attribute__((format(printf, 2, 3)));
void check_site(unsigned number, const char *name);
/* The driver was seen never to complete something, now or in an earlier case: the host need not wait long any more. */
bool check_is_impatient(void);
void check_cannot(const char *why);
unsigned check_found_count(void); /* in the case that runs */
/* A request is sent that breaks this rule if it succeeds. Until check_expected, findings that only follow from taking
 * it (byte counts, registers of a VF that is not there) are held back, and a fault in memory means OID_BUFFER_BOUNDS if
 * that is the rule. `drop`: what was held back is forgotten. */
void check_expect(const char *rule);
void check_expected(bool drop);
/* What is found in this case from now on only follows from what was found before: it is not told. */
void check_mute(void);

/* ---- the parent (check_run.c) and what it found (check_report.c) --------------------------------------------------
 */

struct check_row {
    const struct vfp_rule *rule;
    bool probed;     /* there are cases that put it to the test; else every case does */
    unsigned cases;  /* that put it to the test, or broke it */
    unsigned broken; /* cases in which it was broken */
    size_t first;    /* index of the first of them */
    bool *seen;      /* by index of the case: broken in it */
    size_t seen_size;
    struct check_message finding; /* in the first */
};

struct check_results {
    const struct check_arguments *arguments;
    const struct check_list *list;
    struct check_row *rows; /* in the order of vfp_rules() */
    size_t row_count;
    unsigned cases, hangs;
    unsigned left_out; /* cases not run, because the driver hangs too often */
    char cannot[384];  /* why the driver could not be checked at all */
};

bool check_results_init(struct check_results *results, const struct check_arguments *arguments,
                        const struct check_list *list);
void check_results_free(struct check_results *results);
void check_results_forget(struct check_results *results); /* all cases so far */
/* Case `index` of the list was run, or broke a rule. */
void check_results_case(struct check_results *results, size_t index);
void check_results_add(struct check_results *results, size_t index, const struct check_message *finding);
unsigned check_results_broken(const struct check_results *results, enum vfp_severity severity); /* rules */
/* 0, -EIO, -ENOMEM */
int check_report(const struct check_results *results, FILE *out);
bool check_report_known(const char *format);
/* "vfplane check PF.so --case ID": runs that one again. */
void check_command(const struct check_results *results, const struct check_row *row, char *text, size_t size);
const char *check_verdict_name(const struct check_row *row);
/* --rule wants the row. */
bool check_results_shows(const struct check_results *results, const struct check_row *row);

/* Runs the cases [from, to) of the list in children; fault sites are added to the list as they are counted. 0, or -1
 * with a complaint or results->cannot. */
int check_run(struct check_results *results, struct check_list *list, size_t from, size_t to);

#endif
