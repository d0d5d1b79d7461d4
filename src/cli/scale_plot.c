/* SPDX-License-Identifier: MIT
 *
 * Four drawings of the same points: cost of an operation, memory, start and stop, each over how many there are.
 */
#include "cli/scale.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct drawing {
    const char *title;
    enum scale_value value;
    double unit;
    bool each;
} drawings[] = {
    {"one write of 4 bytes, ns", SCALE_OP_NS, 1, false},
    {"memory of the host, each, KiB", SCALE_BYTES, 1024, false},
    {"start, each, microseconds", SCALE_START_NS, 1000, true},
    {"stop, each, microseconds", SCALE_STOP_NS, 1000, true},
};

static double value_of(const struct scale_point *point, const struct drawing *drawing)
{
    double value = point->value[drawing->value] / drawing->unit;
    return drawing->each ? value / point->count : value;
}

/* The points as data blocks $VFs, $PFs, $guests: count, then a column a drawing. */
static void write_data(const struct scale *scale, FILE *script)
{
    for (enum scale_axis axis = SCALE_VFS; axis < SCALE_AXES; axis++) {
        fprintf(script, "$%s << END\n", scale_kinds[axis].name);
        for (unsigned i = 0; i < SCALE_POINTS; i++) {
            const struct scale_point *point = &scale->point[axis][i];
            if (!point->count)
                continue;
            fprintf(script, "%u", point->count);
            for (unsigned j = 0; j < sizeof(drawings) / sizeof(drawings[0]); j++)
                fprintf(script, " %g", value_of(point, &drawings[j]));
            fputc('\n', script);
        }
        fprintf(script, "END\n");
    }
}

static void write_script(const struct scale *scale, FILE *script)
{
    write_data(scale, script);
    fprintf(script, "set terminal svg size 900,680 background rgb 'white'\n"
                    "set logscale xy\nset grid\nset xrange [0.8:90000]\nset key top left\nset format y '%%g'\n"
                    "set multiplot layout 2,2\n");
    for (unsigned j = 0; j < sizeof(drawings) / sizeof(drawings[0]); j++) {
        fprintf(script, "set title '%s'\nplot ", drawings[j].title);
        for (enum scale_axis axis = SCALE_VFS; axis < SCALE_AXES; axis++)
            fprintf(script, "%s$%s using 1:%u with linespoints title '%s'", axis ? ", " : "", scale_kinds[axis].name,
                    j + 2, scale_kinds[axis].name);
        fputc('\n', script);
    }
    fprintf(script, "unset multiplot\n");
}

static _Noreturn void become_gnuplot(int script, int svg)
{
    dup2(script, STDIN_FILENO);
    dup2(svg, STDOUT_FILENO);
    execlp("gnuplot", "gnuplot", (char *)NULL);
    _exit(127);
}

int scale_plot(const struct scale *scale, const char *path)
{
    FILE *script = tmpfile();
    int svg = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), status = -1;
    if (svg < 0 || !script) {
        int error = errno;
        complain("%s: %s", path, strerror(error));
        if (script)
            fclose(script);
        return -error;
    }
    write_script(scale, script);
    rewind(script);
    pid_t pid = fork();
    if (pid == 0)
        become_gnuplot(fileno(script), svg);
    if (pid > 0)
        waitpid(pid, &status, 0);
    fclose(script);
    close(svg);
    if (status == 0)
        return 0;
    unlink(path);
    complain(WIFEXITED(status) && WEXITSTATUS(status) == 127 ? "gnuplot: not found (Debian package gnuplot-nox)"
                                                             : "gnuplot failed");
    return -EIO;
}
