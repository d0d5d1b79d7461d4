/* SPDX-License-Identifier: MIT
 *
 * What the files of `vfplane bench scale` share: bench.c the command, scale.c the points, scale_guests.c those with
 * guest processes, scale_plot.c the drawing.
 */
#ifndef VFPLANE_CLI_SCALE_H
#define VFPLANE_CLI_SCALE_H

#include "cli/cli.h"

enum scale_axis { SCALE_VFS, SCALE_PFS, SCALE_GUESTS, SCALE_AXES };
#define SCALE_POINTS 9u
#define SCALE_RUNS   5u
#define SCALE_OTHERS 0.10 /* when others have more, numbers are not worth comparing */

enum scale_value {
    SCALE_START_NS,  /* from no host to `count` of them ready for requests */
    SCALE_STOP_NS,   /* from the end of the last request until the host is gone */
    SCALE_OP_NS,     /* one write that changes a register; with guests: of them all together, wherever the kernel puts
                      * them */
    SCALE_PINNED_NS, /* the same with the host on the first processor and all guests on the second; 0 on the other axes,
                      * and where there is no second processor */
    SCALE_BYTES,     /* resident memory of the host, each */
    SCALE_OWN_BYTES, /* of a guest's process, without what it shares with files; 0 on the other axes */
    SCALE_VALUES
};

/* Of one measurement with `count` of them. Free of pointers: it comes through a pipe. */
struct scale_point {
    unsigned count; /* 0: not measured */
    double value[SCALE_VALUES];
    char why[160]; /* could not be measured */
};

struct scale {
    bool quick; /* a few, and short: shows that it runs */
    const char *card, *pf_driver, *vf_driver;
    double others;                                      /* their share of the processors meanwhile, 0..1 */
    struct scale_point point[SCALE_AXES][SCALE_POINTS]; /* the median of the runs, value by value */
};

extern const struct scale_kind {
    const char *name;              /* "VFs" */
    const char *title;             /* "VFs of one PF" */
    unsigned counts[SCALE_POINTS]; /* 0: no more */
} scale_kinds[SCALE_AXES];

/* Fills every point, each in a process of its own, so that none inherits memory: all points once, then all again, so
 * that what disturbs the machine for a while disturbs one of a point's SCALE_RUNS runs (a quick one: one run).
 * Complains of those that fail; false when there is one. */
bool scale_measure(struct scale *scale);

/* One point with guests, in such a process. */
void scale_guests(const struct scale *scale, unsigned guests, struct scale_point *point);

double scale_median(double *values, unsigned count); /* sorts them */
/* Binds every thread of this process to the first (0) or second (1) processor it may use; false: there is none. */
bool scale_pin(unsigned which);
double scale_now_ns(void);
double scale_resident_bytes(void); /* of this process: its own memory and what it shares with guests */
/* One host, its card with that many VFs and the reference PF driver on it. Fails with point->why. */
bool scale_host(const struct scale *scale, const char *card, unsigned vfs, struct vfp_host **host,
                struct vfp_adapter **adapter, struct scale_point *point);
/* Writes a synthetic card with that many VFs to a new file; `path` is a template of mkstemp. */
bool scale_card(char *path, unsigned vfs);

/* Draws all points as SVG through gnuplot. 0, or a negative errno. */
int scale_plot(const struct scale *scale, const char *path);

#endif
