/* SPDX-License-Identifier: MIT
 *
 * What a row's rounds say about its aim. No claim is made when others had the processors, when the floor did not stand
 * still or was another than in its own row, or when the rounds themselves do not agree.
 */
#include "bench.h"

#include <math.h>

static enum bench_verdict too_noisy(char *why, size_t size, const char *format, double a, double b)
{
    snprintf(why, size, format, a, b);
    return BENCH_TOO_NOISY;
}

bool bench_floor_moved(const struct bench_result *result)
{
    return result->floor > 0 && result->floor_row > 0 &&
           fabs(result->floor / result->floor_row - 1) > BENCH_SPREAD_MOST;
}

enum bench_verdict bench_judge(const struct bench_kind *kind, const struct bench_result *result, char *why, size_t size)
{
    *why = '\0';
    if (result->state != BENCH_MEASURED || kind->limit == BENCH_NO_AIM ||
        (kind->limit == BENCH_TIMES && !result->ratio))
        return BENCH_NO_VERDICT;
    if (result->taken > BENCH_TAKEN_MOST)
        return too_noisy(why, size, "others had %.0f %% of the processors, more than %.0f %%", result->taken * 100,
                         BENCH_TAKEN_MOST * 100);
    if (result->floor_spread > BENCH_SPREAD_MOST)
        return too_noisy(why, size, "its floor varied by %.0f %%, more than %.0f %%", result->floor_spread * 100,
                         BENCH_SPREAD_MOST * 100);
    if (bench_floor_moved(result))
        return too_noisy(why, size, "its floor was %+.0f %% from its own row, more than %.0f %%",
                         (result->floor / result->floor_row - 1) * 100, BENCH_SPREAD_MOST * 100);
    if (result->high <= kind->most)
        return BENCH_MET;
    if (result->low > kind->most)
        return BENCH_NOT_MET;
    return too_noisy(why, size, "its rounds say %.3g to %.3g", result->low, result->high);
}
