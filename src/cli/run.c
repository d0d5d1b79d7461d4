/* SPDX-License-Identifier: MIT
 *
 * vfplane run: a card, its PF driver, a switch with VFs, and guests in processes of their own whose VF drivers start,
 * work and are told of a change. Prints every request as a tree, the VFs as lspci decodes them, and a summary.
 */
#include "cli/run.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_TIMEOUT_MS 60000
#define EJECT_TIMEOUT_MS 10000
#define SHOWN_MAX        256 /* VFs that lspci decodes all of */
#define GBIT             UINT64_C(1000000000)

static const struct argp_option options[] = {
    {"profile", 'p', "FILE", 0, "the card: an lspci -vvvxxxx capture of a PF and one VF (default: the Intel 82576)", 0},
    {"vfs", 'n', "N", 0, "virtual functions to enable (default 4)", 0},
    {"guests", 'g', "N", 0, "guest processes, each with one VF (default 2)", 0},
    {"pf", 'P', "FILE", 0, "PF driver image (default: refnic_pf.so)", 0},
    {"vf", 'V', "FILE", 0, "VF driver image; given several times, guests take them in turn (default: refnic_vf.so)", 0},
    {"keyword", 'k', "NAME=VALUE", 0, "a configuration keyword of the PF driver, as *SRIOV=1; several may be given", 0},
    {"keywords", 'K', "FILE", 0, "keywords from a file, one NAME=VALUE a line", 0},
    {"strict-timing", 's', NULL, 0, "a VF answers 100 ms after VF Enable and FLR, not before (default: at once)", 0},
    {"real-time", 'r', NULL, 0, "drivers' waits really wait (default: they advance a clock of their own)", 0},
    {"packets", 'w', "FILE", 0, "write every packet of the guests' channels there, byte for byte and annotated", 0},
    {"trace", 't', "KIND", 0, "text, json, chrome or none (default text)", 0},
    {0},
};

static error_t add_driver(struct run_arguments *arguments, const char *text)
{
    if (arguments->vf_count == RUN_DRIVERS_MAX) {
        complain("--vf %s: at most %d drivers", text, RUN_DRIVERS_MAX);
        return EINVAL;
    }
    arguments->vf[arguments->vf_count++] = text;
    return 0;
}

static error_t add_keyword(struct run_arguments *arguments, const char *text)
{
    int result = keyword_add(&arguments->keywords, text);
    if (!result)
        return 0;
    complain("--keyword %s: %s", text, result == -EINVAL ? "NAME=VALUE is needed" : "out of memory");
    return EINVAL;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct run_arguments *arguments = state->input;
    switch (key) {
    case 'p':
        arguments->profile = text;
        return 0;
    case 'P':
        arguments->pf = text;
        return 0;
    case 't':
        arguments->trace = text;
        return 0;
    case 's':
        arguments->strict_timing = true;
        return 0;
    case 'r':
        arguments->real_time = true;
        return 0;
    case 'w':
        arguments->packets = text;
        return 0;
    case 'n':
        return parse_count("--vfs", text, 0, &arguments->vfs);
    case 'g':
        return parse_count("--guests", text, 0, &arguments->guests);
    case 'k':
        return add_keyword(arguments, text);
    case 'K':
        return keywords_load(&arguments->keywords, text) ? EINVAL : 0;
    case 'V':
        return add_driver(arguments, text);
    case ARGP_KEY_ARG:
        complain("run %s: options only", text);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the host ---------------------------------------------------------------------------------------------------- */

static int host_failed(struct run *run)
{
    complain("%s", vfp_host_error(run->host));
    return EXIT_CANNOT;
}

static int start_host(struct run *run, const char *profile, const char *driver_path)
{
    const struct run_arguments *arguments = run->arguments;
    vfp_trace_heading(run->trace, "The host: a card, its PF driver, a switch");
    run->host = vfp_host_create(&(struct vfp_host_options){
        .trace = run->trace, .strict_timing = arguments->strict_timing, .real_time = arguments->real_time});
    if (!run->host) {
        complain("out of memory");
        return EXIT_CANNOT;
    }
    vfp_host_set_packets(run->host, run->packets);
    run->pf = keywords_set(arguments->keywords, run->host) ? NULL : vfp_pf_add(run->host, profile, NULL);
    if (!run->pf)
        return host_failed(run);
    unsigned total = vfp_pf_total_vfs(run->pf);
    if (arguments->vfs > total) {
        complain("--vfs %u: %s has %u VFs", arguments->vfs, profile, total);
        return EXIT_CANNOT;
    }
    if (arguments->guests > arguments->vfs) {
        complain("--guests %u: VF %u does not exist, %u VFs are enabled (--vfs)", arguments->guests, arguments->vfs,
                 arguments->vfs);
        return EXIT_CANNOT;
    }
    struct vfp_driver *driver = vfp_driver_load(run->host, driver_path);
    run->adapter = driver ? vfp_adapter_start(driver, run->pf) : NULL;
    if (!run->adapter || vfp_switch_create(run->adapter, arguments->vfs))
        return host_failed(run);
    return EXIT_OK;
}

/* ---- the guests -------------------------------------------------------------------------------------------------- */

/* On a worker thread: only notes it, the main thread tells. */
static void guest_ended(void *context, bool orderly, const char *reason)
{
    struct run_guest *guest = context;
    pthread_mutex_lock(&guest->lock);
    snprintf(guest->ended, sizeof(guest->ended), "%s", *reason ? reason : "closed its channel");
    guest->orderly = orderly;
    pthread_mutex_unlock(&guest->lock);
}

static int start_guest(struct run *run, unsigned index, const char *driver)
{
    struct run_guest *guest = &run->guests[index];
    pthread_mutex_init(&guest->lock, NULL);
    if (vfp_vf_allocate(run->adapter, &guest->vf))
        return host_failed(run);
    guest->vf_index = vfp_vf_index(guest->vf);
    if (child_start(&guest->child, index + 1, driver, NULL, run->trace))
        return EXIT_CANNOT;
    run->guest_count++;
    if (vfp_channel_attach(guest->vf, guest->child.socket, guest->child.name, guest_ended, guest, &guest->channel)) {
        close(guest->child.socket);
        return host_failed(run);
    }
    return EXIT_OK;
}

/* One line that says what happened to a guest, where, and what became of its VF. */
static void tell_end(struct run_guest *guest, const char *why, const char *when)
{
    complain("%s, VF %u: %s %s; the VF was reset and taken back", guest->child.name, guest->vf_index, why, when);
    guest->failed = true;
}

static void wait_running(struct run_guest *guest)
{
    char line[240], why[320];
    if (child_report(&guest->child, line, sizeof(line), START_TIMEOUT_MS) && strcmp(line, "running") == 0) {
        guest->running = true;
        return;
    }
    child_wait(&guest->child, 1000, why, sizeof(why));
    tell_end(guest, strncmp(line, "failed: ", 8) == 0 ? line + 8 : why, "while its driver was starting");
}

static int start_guests(struct run *run, const char *reference_vf)
{
    const struct run_arguments *arguments = run->arguments;
    vfp_trace_heading(run->trace, "The guests: each its VF, its channel, its VF driver");
    run->guests = calloc(arguments->guests ? arguments->guests : 1, sizeof(*run->guests));
    if (!run->guests) {
        complain("out of memory");
        return EXIT_CANNOT;
    }
    for (unsigned i = 0; i < arguments->guests; i++) {
        const char *driver = arguments->vf_count ? arguments->vf[i % arguments->vf_count] : reference_vf;
        int result = start_guest(run, i, driver);
        if (result)
            return result;
    }
    for (unsigned i = 0; i < run->guest_count; i++)
        wait_running(&run->guests[i]);
    return EXIT_OK;
}

static void stop_guest(struct run_guest *guest)
{
    char why[320];
    if (guest->channel && guest->child.pid)
        vfp_channel_eject(guest->channel, EJECT_TIMEOUT_MS);
    /* How a guest ends that never ran is of no interest: what kept it from running has been told. */
    if (guest->child.pid && !child_wait(&guest->child, EJECT_TIMEOUT_MS, why, sizeof(why)) && guest->running)
        tell_end(guest, why, "while it was running");
    if (guest->channel)
        vfp_channel_close(guest->channel);
    guest->channel = NULL;
}

static void stop_guests(struct run *run)
{
    if (run->adapter)
        vfp_trace_heading(run->trace, "The end: the guests give their VFs back, the host stops");
    for (unsigned i = 0; i < run->guest_count; i++)
        stop_guest(&run->guests[i]);
}

/* ---- what is shown ----------------------------------------------------------------------------------------------- */

/* Of a card with very many, only those that guests have. */
static bool is_shown(const struct run *run, unsigned vf)
{
    bool shown = vfp_pf_num_vfs(run->pf) <= SHOWN_MAX;
    for (unsigned i = 0; i < run->guest_count && !shown; i++)
        shown = run->guests[i].vf_index == vf;
    return shown;
}

static int dump_vfs(FILE *stream, void *context)
{
    struct run *run = context;
    for (unsigned vf = 0; vf < vfp_pf_num_vfs(run->pf); vf++) {
        if (!is_shown(run, vf))
            continue;
        if (vfp_pf_dump(run->pf, (int)vf, true, stream)) {
            complain("%s", vfp_host_error(run->host));
            return -1;
        }
        fputc('\n', stream);
    }
    return 0;
}

/* lspci's text is taken while the guests run and printed after their trees. NULL and a complaint on failure. */
static char *decode_vfs(struct run *run)
{
    char *text = NULL;
    FILE *file = tmpfile();
    if (!file || (vfp_pf_num_vfs(run->pf) && decode_with_lspci(dump_vfs, run, file))) {
        if (!file)
            complain("no temporary file for lspci's output");
        goto out;
    }
    long length = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    text = length < 0 ? NULL : calloc(1, (size_t)length + 1);
    rewind(file);
    if (text && fread(text, 1, (size_t)length, file) != (size_t)length)
        text[0] = 0;
out:
    if (file)
        fclose(file);
    return text;
}

static bool work(struct run *run, char **lspci)
{
    if (!run->arguments->pf && !run->arguments->vf_count)
        run_wait_settled(run);
    vfp_trace_heading(run->trace, "The PF's link changes: each guest is told and reads its block again");
    run->link_changed_ns = run_now_ns();
    if (vfp_link_set(run->adapter, true, 10 * GBIT)) {
        /* A PF driver of the user's own may not take it: said, and not a failure of the run by itself. */
        complain("%s", vfp_host_error(run->host));
        return run->arguments->pf != NULL;
    }
    if (!run->arguments->vf_count)
        run_wait_for_rereads(run);
    *lspci = decode_vfs(run);
    return *lspci != NULL;
}

/* Ends the host; false when its drivers broke a rule or leaked. */
static bool close_host(struct run *run)
{
    uint64_t violations = run->host ? vfp_violations(run->host) : 0;
    uint64_t early = run->pf ? vfp_pf_early_accesses(run->pf) : 0;
    size_t leaked = vfp_host_destroy(run->host);
    if (violations || leaked)
        complain("the drivers broke %llu rules and leaked %zu bytes of pool", (unsigned long long)violations, leaked);
    if (early)
        complain("the drivers accessed VFs %llu times before they were ready", (unsigned long long)early);
    return !violations && !leaked && !early;
}

static bool report(struct run *run, const char *lspci, FILE *out)
{
    if (*lspci)
        fprintf(out,
                "\nthe VFs while the guests ran, as lspci decodes them (IDs as an operating system shows them)\n\n%s",
                lspci);
    fputc('\n', out);
    bool good = run_checks(run, out);
    vfp_trace_summary(run->trace, out);
    fprintf(out, good ? "everything did what it should\n" : "NOT everything did what it should\n");
    return good;
}

static int open_packets(struct run *run)
{
    if (!run->arguments->packets)
        return EXIT_OK;
    run->packets = fopen(run->arguments->packets, "w");
    if (!run->packets) {
        complain("%s: %s", run->arguments->packets, strerror(errno));
        return EXIT_CANNOT;
    }
    return EXIT_OK;
}

/* True unless they were wanted and could not all be written. */
static bool close_packets(struct run *run)
{
    bool good = !run->packets || !ferror(run->packets);
    if (!run->packets || (fclose(run->packets) == 0 && good))
        return true;
    complain("%s: %s", run->arguments->packets, strerror(errno));
    return false;
}

static int run_all(struct run *run, const char *profile, const char *pf, const char *vf)
{
    /* What a program reads has standard output to itself; what is for a person then goes to standard error. */
    bool is_data = strcmp(run->arguments->trace, "json") == 0 || strcmp(run->arguments->trace, "chrome") == 0;
    FILE *out = is_data ? stderr : stdout;
    char *lspci = NULL;
    int result = open_packets(run);
    if (!result)
        result = start_host(run, profile, pf);
    if (!result)
        result = start_guests(run, vf);
    bool good = !result && work(run, &lspci);
    stop_guests(run);
    good = close_host(run) && good;
    good = close_packets(run) && good;
    vfp_trace_drain(run->trace);
    vfp_trace_flush(run->trace);
    if (!result)
        good = report(run, lspci ? lspci : "", out) && good;
    free(lspci);
    return result ? result : good ? EXIT_OK : EXIT_WRONG;
}

int run_main(int argc, char **argv)
{
    struct run_arguments arguments = {.trace = "text", .vfs = 4, .guests = 2};
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Runs a PF driver over a card and guests with VF drivers, and shows every request.\v"
               "Exit status: 0 everything did what it should, 1 something did not, 2 could not run.",
    };
    if (parse_arguments(&argp, argc, argv, &arguments)) {
        keywords_free(arguments.keywords);
        return EXIT_CANNOT;
    }
    char *profile = arguments.profile ? strdup(arguments.profile) : find_profile("intel-82576.lspci");
    char *pf = arguments.pf ? strdup(arguments.pf) : find_driver("refnic_pf.so");
    char *vf = arguments.vf_count ? NULL : find_driver("refnic_vf.so");
    struct run run = {.arguments = &arguments, .trace = open_trace(arguments.trace, stdout)};
    int result = EXIT_CANNOT;
    if (run.trace && profile && pf && (vf || arguments.vf_count))
        result = run_all(&run, profile, pf, vf);
    vfp_trace_destroy(run.trace);
    keywords_free(arguments.keywords);
    free(run.guests);
    free(profile);
    free(pf);
    free(vf);
    return result;
}
