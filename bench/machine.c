/* SPDX-License-Identifier: MIT
 *
 * The clock, the processors, and who else was on them.
 */
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define OURS 80u

static pid_t ours[OURS];
static unsigned our_count;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return 0; /* of a process that has been waited for */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void bench_sleep_ms(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&time, &time) != 0)
        continue;
}

/* ---- processors ------------------------------------------------------------------------------------------------- */

static cpu_set_t allowed;

/* Where it fails the set stays empty. */
static void learn_allowed(void)
{
    sched_getaffinity(0, sizeof(allowed), &allowed);
}

/* The number of the first, second, ... processor that this program was allowed when it began; -1: there is none. */
static int processor(unsigned which)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, learn_allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && which-- == 0)
            return cpu;
    return -1;
}

void bench_end_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}

bool bench_two_processors(void)
{
    return processor(1) >= 0;
}

bool bench_pin(unsigned which)
{
    cpu_set_t one;
    int cpu = processor(which);
    if (cpu < 0)
        return false;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof(one), &one) == 0;
}

/* ---- others ----------------------------------------------------------------------------------------------------- */

void bench_ours(pid_t pid)
{
    if (our_count < OURS)
        ours[our_count++] = pid;
}

static uint64_t used_ns(int who)
{
    struct rusage usage;
    if (getrusage(who, &usage) != 0)
        return 0;
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

static uint64_t own_ns(void)
{
    uint64_t own = used_ns(RUSAGE_SELF) + used_ns(RUSAGE_CHILDREN);
    unsigned kept = 0;
    for (unsigned i = 0; i < our_count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(ours[i], &clock) != 0)
            continue; /* it is one of the children that ended */
        own += clock_ns(clock);
        ours[kept++] = ours[i];
    }
    our_count = kept;
    return own;
}

/* Of the line "cpuN user nice system idle iowait ...", in ticks. */
static uint64_t idle_ticks(FILE *stat, int cpu)
{
    char line[512];
    int number;
    unsigned long long idle, waiting;
    rewind(stat);
    while (fgets(line, sizeof(line), stat))
        if (sscanf(line, "cpu%d %*u %*u %*u %llu %llu", &number, &idle, &waiting) == 3 && number == cpu)
            return idle + waiting;
    return 0;
}

static void usage(unsigned processors, uint64_t *idle, uint64_t *own)
{
    FILE *stat = fopen("/proc/stat", "r");
    *idle = 0;
    for (unsigned i = 0; stat && i < processors; i++)
        *idle += idle_ticks(stat, processor(i)) * 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    if (stat)
        fclose(stat);
    *own = own_ns();
}

const struct bench_machine bench_real_machine = {now_ns, usage};
const struct bench_machine *bench_machine = &bench_real_machine;

void bench_watch_start(struct bench_watch *watch, unsigned processors)
{
    watch->processors = bench_two_processors() ? processors : 1;
    bench_machine->usage(watch->processors, &watch->idle, &watch->own);
    watch->wall = bench_machine->now_ns();
}

double bench_watch_end(const struct bench_watch *watch)
{
    uint64_t idle, own;
    double wall = (double)(bench_machine->now_ns() - watch->wall) * watch->processors;
    bench_machine->usage(watch->processors, &idle, &own);
    double others = wall - (double)(idle - watch->idle) - (double)(own - watch->own);
    return wall > 0 && others > 0 ? others / wall : 0;
}
