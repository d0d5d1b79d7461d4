/* SPDX-License-Identifier: MIT
 *
 * What a host costs that has 1 to 65,535 VFs, or 1 to 256 PFs.
 */
#include "cli/scale.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vfplane/profile.h>

#define ALL_VFS     UINT16_MAX
#define BATCHES     21u
#define BATCH       4096u /* requests */
#define BATCH_QUICK 16u
#define COMMAND     0x04u
#define BUS_MASTER  0x0004u

const struct scale_kind scale_kinds[SCALE_AXES] = {
    [SCALE_VFS] = {"VFs", "VFs of one PF", {1, 4, 16, 64, 256, 1024, 4096, 16384, ALL_VFS}},
    [SCALE_PFS] = {"PFs", "PFs of one host, a VF each", {1, 4, 16, 64, 256}},
    [SCALE_GUESTS] = {"guests", "guest processes of one host, a VF each", {1, 4, 16, 64, 256}},
};

double scale_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double scale_resident_bytes(void)
{
    char line[128];
    double kilobytes = 0, value;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status))
        if (sscanf(line, "RssAnon: %lf", &value) == 1 || sscanf(line, "RssShmem: %lf", &value) == 1)
            kilobytes += value;
    if (status)
        fclose(status);
    return kilobytes * 1024;
}

static void pin_thread(pid_t thread, int processor)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(thread, sizeof(one), &one);
}

bool scale_pin(unsigned which)
{
    cpu_set_t allowed;
    int processor = 0;
    DIR *threads = opendir("/proc/self/task");
    if (!threads || sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        processor = CPU_SETSIZE;
    for (; processor < CPU_SETSIZE; processor++)
        if (CPU_ISSET(processor, &allowed) && which-- == 0)
            break;
    for (struct dirent *entry; processor < CPU_SETSIZE && (entry = readdir(threads)) != NULL;)
        if (*entry->d_name != '.')
            pin_thread((pid_t)strtol(entry->d_name, NULL, 10), processor);
    if (threads)
        closedir(threads);
    return processor < CPU_SETSIZE;
}

bool scale_card(char *path, unsigned vfs)
{
    int fd = mkstemp(path);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (!stream)
        return false;
    bool written = vfp_profile_synth((uint16_t)vfs, stream) == 0;
    return fclose(stream) == 0 && written;
}

static bool fail(struct scale_point *point, const struct vfp_host *host)
{
    snprintf(point->why, sizeof(point->why), "%s", host ? vfp_host_error(host) : "out of memory");
    return false;
}

/* A PF, its adapter, its switch. */
static struct vfp_adapter *add_pf(struct vfp_host *host, struct vfp_driver *driver, const char *card,
                                  const char *address, unsigned vfs)
{
    struct vfp_pf *pf = vfp_pf_add(host, card, address);
    struct vfp_adapter *adapter = pf ? vfp_adapter_start(driver, pf) : NULL;
    return adapter && vfp_switch_create(adapter, vfs) == 0 ? adapter : NULL;
}

bool scale_host(const struct scale *scale, const char *card, unsigned vfs, struct vfp_host **host,
                struct vfp_adapter **adapter, struct scale_point *point)
{
    *host = vfp_host_create(&(struct vfp_host_options){.workers = 1});
    struct vfp_driver *driver = *host ? vfp_driver_load(*host, scale->pf_driver) : NULL;
    *adapter = driver ? add_pf(*host, driver, card, NULL, vfs) : NULL;
    return *adapter || fail(point, *host);
}

/* ---- the cost of a request ----------------------------------------------------------------------------------------
 */

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double scale_median(double *values, unsigned count)
{
    qsort(values, count, sizeof(*values), ascending);
    return values[count / 2];
}

/* To VFs in an order that no cache foresees. */
static double measure_op(const struct scale *scale, struct vfp_vf **vfs, unsigned count)
{
    double ns[BATCHES];
    uint32_t random = 2463534242u; /* xorshift */
    unsigned batch = scale->quick ? BATCH_QUICK : BATCH;
    for (unsigned i = 0; i < BATCHES; i++) {
        double start = scale_now_ns();
        for (unsigned j = 0; j < batch; j++) {
            uint32_t value = j & 1 ? BUS_MASTER : 0;
            random ^= random << 13, random ^= random >> 17, random ^= random << 5;
            vfp_vf_config_write(vfs[random % count], COMMAND, &value, sizeof(value));
        }
        ns[i] = (scale_now_ns() - start) / batch;
    }
    return scale_median(ns, BATCHES);
}

/* ---- the points -------------------------------------------------------------------------------------------------- */

static void finish(const struct scale *scale, struct vfp_host *host, struct vfp_vf **vfs, unsigned count, double start,
                   double memory, struct scale_point *point)
{
    if (!*point->why) {
        point->value[SCALE_START_NS] = scale_now_ns() - start;
        point->value[SCALE_OP_NS] = measure_op(scale, vfs, count);
        point->value[SCALE_BYTES] = (scale_resident_bytes() - memory) / count;
    }
    double stop = scale_now_ns();
    vfp_host_destroy(host);
    point->value[SCALE_STOP_NS] = scale_now_ns() - stop;
    free(vfs);
}

static void measure_vfs(const struct scale *scale, unsigned count, struct scale_point *point)
{
    char card[] = "/tmp/vfplane-scale-XXXXXX";
    struct vfp_host *host = NULL;
    struct vfp_adapter *adapter;
    struct vfp_vf **vfs = calloc(count, sizeof(struct vfp_vf *));
    bool written = scale_card(card, ALL_VFS);
    double start = scale_now_ns(), memory = scale_resident_bytes();
    if (!vfs || !written)
        fail(point, NULL);
    else if (scale_host(scale, card, count, &host, &adapter, point))
        for (unsigned i = 0; i < count && !*point->why; i++)
            if (vfp_vf_allocate(adapter, &vfs[i]) != 0)
                fail(point, host);
    finish(scale, host, vfs, count, start, memory, point);
    unlink(card);
}

static void measure_pfs(const struct scale *scale, unsigned count, struct scale_point *point)
{
    char address[32];
    struct vfp_vf **vfs = calloc(count, sizeof(struct vfp_vf *));
    double start = scale_now_ns(), memory = scale_resident_bytes();
    struct vfp_host *host = vfs ? vfp_host_create(&(struct vfp_host_options){.workers = 1}) : NULL;
    struct vfp_driver *driver = host ? vfp_driver_load(host, scale->pf_driver) : NULL;
    if (!driver)
        fail(point, host);
    for (unsigned i = 0; i < count && !*point->why; i++) {
        snprintf(address, sizeof(address), "%04x:01:00.0", i); /* a segment each */
        struct vfp_adapter *adapter = add_pf(host, driver, scale->card, address, 1);
        if (!adapter || vfp_vf_allocate(adapter, &vfs[i]) != 0)
            fail(point, host);
    }
    finish(scale, host, vfs, count, start, memory, point);
}

static void (*const measures[SCALE_AXES])(const struct scale *scale, unsigned count, struct scale_point *point) = {
    [SCALE_VFS] = measure_vfs,
    [SCALE_PFS] = measure_pfs,
    [SCALE_GUESTS] = scale_guests,
};

/* ---- a process each -----------------------------------------------------------------------------------------------
 */

static bool measure_point(const struct scale *scale, enum scale_axis axis, unsigned count, struct scale_point *point)
{
    int ends[2];
    snprintf(point->why, sizeof(point->why), "no process");
    if (pipe(ends) != 0)
        return false;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct scale_point mine = {.count = count};
        close(ends[0]);
        measures[axis](scale, count, &mine);
        _exit(write(ends[1], &mine, sizeof(mine)) == sizeof(mine) ? EXIT_OK : EXIT_WRONG);
    }
    close(ends[1]);
    if (pid > 0 && read(ends[0], point, sizeof(*point)) != sizeof(*point))
        snprintf(point->why, sizeof(point->why), "its process ended");
    close(ends[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return !*point->why;
}

/* ---- who else was there -------------------------------------------------------------------------------------------
 */

struct usage {
    double wall, idle, own; /* of all processors, in seconds */
};

static double used(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct usage usage_now(void)
{
    unsigned long long idle = 0, waiting = 0;
    FILE *stat = fopen("/proc/stat", "r");
    if (stat && fscanf(stat, "cpu %*u %*u %*u %llu %llu", &idle, &waiting) != 2)
        idle = waiting = 0;
    if (stat)
        fclose(stat);
    return (struct usage){scale_now_ns() / 1e9 * (double)sysconf(_SC_NPROCESSORS_ONLN),
                          (double)(idle + waiting) / (double)sysconf(_SC_CLK_TCK),
                          used(RUSAGE_SELF) + used(RUSAGE_CHILDREN)};
}

static double others_since(const struct usage *start)
{
    struct usage now = usage_now();
    double wall = now.wall - start->wall;
    double others = wall - (now.idle - start->idle) - (now.own - start->own);
    return others > 0 ? others / wall : 0;
}

/* ---- the runs ---------------------------------------------------------------------------------------------------- */

/* Value by value, of those that were measured. */
static void take_medians(struct scale_point *point, const struct scale_point *run, unsigned runs)
{
    *point = *run;
    for (enum scale_value value = 0; value < SCALE_VALUES; value++) {
        double values[SCALE_RUNS];
        for (unsigned i = 0; i < runs; i++)
            values[i] = run[i].value[value];
        point->value[value] = scale_median(values, runs);
    }
}

static bool is_wanted(const struct scale *scale, enum scale_axis axis, unsigned i)
{
    return scale_kinds[axis].counts[i] && (!scale->quick || i < 2);
}

/* Each point once; those that failed before are left out. False: one failed. */
static bool measure_run(const struct scale *scale, struct scale_point points[SCALE_AXES][SCALE_POINTS][SCALE_RUNS],
                        unsigned run)
{
    bool all = true;
    for (enum scale_axis axis = SCALE_VFS; axis < SCALE_AXES; axis++) {
        for (unsigned i = 0; i < SCALE_POINTS && is_wanted(scale, axis, i); i++) {
            struct scale_point *point = points[axis][i];
            if (*point->why || measure_point(scale, axis, scale_kinds[axis].counts[i], &point[run]))
                continue;
            complain("%u %s: %s", scale_kinds[axis].counts[i], scale_kinds[axis].name, point[run].why);
            *point = point[run];
            all = false;
        }
    }
    return all;
}

bool scale_measure(struct scale *scale)
{
    static struct scale_point points[SCALE_AXES][SCALE_POINTS][SCALE_RUNS];
    struct usage start = usage_now();
    unsigned runs = scale->quick ? 1 : SCALE_RUNS;
    bool all = true;
    for (unsigned run = 0; run < runs; run++)
        all = measure_run(scale, points, run) && all;
    scale->others = others_since(&start);
    for (enum scale_axis axis = SCALE_VFS; axis < SCALE_AXES; axis++)
        for (unsigned i = 0; i < SCALE_POINTS && is_wanted(scale, axis, i); i++)
            if (!*points[axis][i]->why)
                take_medians(&scale->point[axis][i], points[axis][i], runs);
    return all;
}
