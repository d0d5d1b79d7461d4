/* SPDX-License-Identifier: MIT
 *
 * vfplane bench scale: what a host costs as VFs, PFs and guests become many.
 */
#include "cli/scale.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum format { TEXT, MARKDOWN, JSON };
enum { KEY_JSON = 256, KEY_MARKDOWN, KEY_PLOT, KEY_QUICK };

struct bench_arguments {
    enum format format;
    bool quick, scale;
    const char *plot;
};

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, 0, "the table as one JSON object", 0},
    {"markdown", KEY_MARKDOWN, NULL, 0, "the table for a document", 0},
    {"plot", KEY_PLOT, "FILE.svg", 0, "also draws it, through gnuplot", 0},
    {"quick", KEY_QUICK, NULL, 0, "the two smallest of each: shows that it runs", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct bench_arguments *arguments = state->input;
    switch (key) {
    case KEY_JSON:
        arguments->format = JSON;
        return 0;
    case KEY_MARKDOWN:
        arguments->format = MARKDOWN;
        return 0;
    case KEY_PLOT:
        arguments->plot = text;
        return 0;
    case KEY_QUICK:
        arguments->quick = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!arguments->scale && strcmp(text, "scale") == 0) {
            arguments->scale = true;
            return 0;
        }
        complain("bench %s: `bench scale` and options only", text);
        return EINVAL;
    case ARGP_KEY_END:
        if (arguments->scale)
            return 0;
        complain("bench: what? `bench scale` is there");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static const struct {
    double from, divisor;
    const char *name;
} times[] = {{1e9, 1e9, "s"}, {1e6, 1e6, "ms"}, {1e4, 1e3, "us"}, {0, 1, "ns"}},
  sizes[] = {{1048576, 1048576, "MiB"}, {10240, 1024, "KiB"}, {0, 1, "bytes"}};

static const char *time_text(char text[24], double ns)
{
    unsigned i = 0;
    while (ns < times[i].from)
        i++;
    snprintf(text, 24, "%.*f %s", ns / times[i].divisor < 100 ? 1 : 0, ns / times[i].divisor, times[i].name);
    return text;
}

static const char *size_text(char text[24], double bytes)
{
    unsigned i = 0;
    while (bytes < sizes[i].from && sizes[i].from > 0)
        i++;
    snprintf(text, 24, "%.0f %s", bytes / sizes[i].divisor, sizes[i].name);
    return text;
}

static void print_table(const struct scale *scale, bool markdown)
{
    const char *const row =
        markdown ? "| %u | %s | %s | %s | %s | %s | %s |\n" : "%8u  %10s  %10s  %10s  %10s  %12s  %12s\n";
    for (enum scale_axis axis = SCALE_VFS; axis < SCALE_AXES; axis++) {
        if (markdown)
            printf(
                "\n**%s**\n\n| | start | stop | a write | pinned | memory of the host, each | of a guest's process |\n"
                "|--:|--:|--:|--:|--:|--:|--:|\n",
                scale_kinds[axis].title);
        else
            printf("%s\n%8s  %10s  %10s  %10s  %10s  %12s  %12s\n", scale_kinds[axis].title, "", "start", "stop",
                   "a write", "pinned", "host, each", "guest");
        for (unsigned i = 0; i < SCALE_POINTS; i++) {
            const struct scale_point *point = &scale->point[axis][i];
            const double *value = point->value;
            char start[24], stop[24], op[24], bytes[24], pinned[24] = "", own[24] = "";
            if (value[SCALE_PINNED_NS] > 0)
                time_text(pinned, value[SCALE_PINNED_NS]);
            if (value[SCALE_OWN_BYTES] > 0)
                size_text(own, value[SCALE_OWN_BYTES]);
            if (point->count)
                printf(row, point->count, time_text(start, value[SCALE_START_NS]),
                       time_text(stop, value[SCALE_STOP_NS]), time_text(op, value[SCALE_OP_NS]), pinned,
                       size_text(bytes, value[SCALE_BYTES]), own);
        }
    }
}

static void print_noise(const struct scale *scale, bool markdown)
{
    const char *const mark = markdown ? "*" : "";
    if (scale->others > SCALE_OTHERS)
        printf("%s%sToo noisy to compare: others had %.0f %% of the processors.%s\n", markdown ? "\n" : "", mark,
               scale->others * 100, mark);
}

static json_t *point_json(const struct scale_point *point)
{
    const double *value = point->value;
    json_t *object =
        json_pack("{s:i, s:f, s:f, s:f, s:f}", "count", (int)point->count, "start_ns", value[SCALE_START_NS], "stop_ns",
                  value[SCALE_STOP_NS], "write_ns", value[SCALE_OP_NS], "host_bytes_each", value[SCALE_BYTES]);
    if (value[SCALE_PINNED_NS] > 0)
        json_object_set_new(object, "pinned_write_ns", json_real(value[SCALE_PINNED_NS]));
    if (value[SCALE_OWN_BYTES] > 0)
        json_object_set_new(object, "guest_bytes", json_real(value[SCALE_OWN_BYTES]));
    return object;
}

static int print_json(const struct scale *scale)
{
    json_t *root = json_object();
    for (enum scale_axis axis = SCALE_VFS; axis < SCALE_AXES; axis++) {
        json_t *points = json_array();
        for (unsigned i = 0; i < SCALE_POINTS; i++)
            if (scale->point[axis][i].count)
                json_array_append_new(points, point_json(&scale->point[axis][i]));
        json_object_set_new(root, scale_kinds[axis].name, points);
    }
    json_object_set_new(root, "taken_by_others", json_real(scale->others));
    int result = root && json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0 ? 0 : -EIO;
    putchar('\n');
    json_decref(root);
    return result;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static int run(struct scale *scale, const struct bench_arguments *arguments)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max; /* a guest has several */
        setrlimit(RLIMIT_NOFILE, &files);
    }
    bool all = scale_measure(scale);
    int result = 0;
    if (arguments->format == JSON) {
        result = print_json(scale);
    } else {
        print_table(scale, arguments->format == MARKDOWN);
        print_noise(scale, arguments->format == MARKDOWN);
    }
    result = close_output(result);
    if (result == EXIT_OK && arguments->plot && scale_plot(scale, arguments->plot) != 0)
        result = EXIT_CANNOT;
    return result == EXIT_OK && !all ? EXIT_WRONG : result;
}

int bench_main(int argc, char **argv)
{
    static struct scale scale;
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "scale",
        .doc = "What a host costs with 1 to 65,535 VFs, 1 to 256 PFs, 1 to 256 guests: start, stop, a write, memory.\v"
               "Exit status: 0; 1 something could not be measured; 2 it could not run.",
    };
    struct bench_arguments arguments = {0};
    if (parse_arguments(&argp, argc, argv, &arguments))
        return EXIT_CANNOT;
    char *card = find_profile("intel-82576.lspci"), *pf = find_driver("refnic_pf.so"),
         *vf = find_driver("refnic_vf.so");
    scale = (struct scale){.quick = arguments.quick, .card = card, .pf_driver = pf, .vf_driver = vf};
    int result = card && pf && vf ? run(&scale, &arguments) : EXIT_CANNOT;
    free(card);
    free(pf);
    free(vf);
    return result;
}
