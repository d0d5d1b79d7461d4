/* SPDX-License-Identifier: MIT */
#include "bench.h"

const struct bench_kind bench_kinds[BENCH_ROWS] = {
#define SECTION(id, title)
#define ROW(id, section, name, unit, floor, limit, most)                                                               \
    [ROW_##id] = {#id, name, SECTION_##section, BENCH_##unit, ROW_##floor, BENCH_##limit, most},
#include "rows.def"
#undef SECTION
#undef ROW
};

const char *const bench_sections[BENCH_SECTIONS] = {
#define SECTION(id, title) [SECTION_##id] = title,
#define ROW(id, section, name, unit, floor, limit, most)
#include "rows.def"
#undef SECTION
#undef ROW
};
