/* SPDX-License-Identifier: MIT
 *
 * vfplane dump: a card and its VFs as `lspci -F` reads them, raw or as the guests that have the VFs see them. Standard
 * output is nothing but that.
 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vfplane/profile.h>

#define DEFAULT_VFS 4u

struct dump_arguments {
    const char *profile;
    unsigned vfs;
    bool has_vfs, guest;
};

static const struct argp_option options[] = {
    {"profile", 'p', "FILE", 0, "the card: an lspci -vvvxxxx capture of a PF and one VF (default: the Intel 82576)", 0},
    {"vfs", 'n', "N", 0, "virtual functions to enable (default 4, or all if the card has fewer)", 0},
    {"raw", 'r', NULL, 0, "PF and VFs as the hardware answers (default)", 0},
    {"guest", 'g', NULL, 0, "the VFs as guests see them, through the reference PF driver", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct dump_arguments *arguments = state->input;
    switch (key) {
    case 'p':
        arguments->profile = text;
        return 0;
    case 'n':
        arguments->has_vfs = true;
        return parse_count("--vfs", text, 0, &arguments->vfs);
    case 'r':
        arguments->guest = false;
        return 0;
    case 'g':
        arguments->guest = true;
        return 0;
    case ARGP_KEY_ARG:
        complain("dump %s: options only", text);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int dump_raw(const struct vfp_profile *profile, const char *path, unsigned vfs)
{
    int result = vfp_profile_dump(profile, (uint16_t)vfs, stdout);
    if (result != -EINVAL)
        return close_output(result);
    complain("--vfs %u: %s does not have so many initially (InitialVFs)", vfs, path);
    return EXIT_CANNOT;
}

/* ---- through the virtualization stack ---------------------------------------------------------------------------- */

static int dump_guests(struct vfp_host *host, const char *path, const char *driver_path, unsigned vfs)
{
    struct vfp_pf *pf = vfp_pf_add(host, path, NULL);
    struct vfp_driver *driver = pf ? vfp_driver_load(host, driver_path) : NULL;
    struct vfp_adapter *adapter = driver ? vfp_adapter_start(driver, pf) : NULL;
    int result = !adapter || vfp_switch_create(adapter, vfs) ? -1 : 0;
    for (unsigned i = 0; i < vfs && !result; i++) {
        struct vfp_vf *vf;
        result = vfp_vf_allocate(adapter, &vf);
        if (!result)
            result = vfp_vf_guest_dump(vf, stdout);
    }
    if (!result || result == -EIO)
        return close_output(result);
    complain("%s", vfp_host_error(host));
    return EXIT_CANNOT;
}

static int dump_guest(const char *path, unsigned vfs)
{
    char *driver = find_driver("refnic_pf.so");
    struct vfp_host *host = driver ? vfp_host_create(&(struct vfp_host_options){0}) : NULL;
    int result = EXIT_CANNOT;
    if (host)
        result = dump_guests(host, path, driver, vfs);
    else if (driver)
        complain("out of memory");
    vfp_host_destroy(host);
    free(driver);
    return result;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static int dump_profile(struct dump_arguments *arguments, const char *path)
{
    struct vfp_profile *profile;
    char error[512];
    if (vfp_profile_open(path, &profile, error, sizeof(error))) {
        complain("%s", error);
        return EXIT_CANNOT;
    }
    unsigned total = vfp_profile_total_vfs(profile);
    unsigned vfs = arguments->has_vfs ? arguments->vfs : total < DEFAULT_VFS ? total : DEFAULT_VFS;
    int result = EXIT_CANNOT;
    if (vfs > total)
        complain("--vfs %u: %s has %u VFs", vfs, path, total);
    else
        result = arguments->guest ? dump_guest(path, vfs) : dump_raw(profile, path, vfs);
    vfp_profile_close(profile);
    return result;
}

int dump_main(int argc, char **argv)
{
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Writes a card and its VFs as `lspci -F FILE` reads them.\v"
               "Exit status: 0, or 2 with one line on standard error.",
    };
    struct dump_arguments arguments = {0};
    if (parse_arguments(&argp, argc, argv, &arguments))
        return EXIT_CANNOT;
    char *path = arguments.profile ? strdup(arguments.profile) : find_profile("intel-82576.lspci");
    int result = path ? dump_profile(&arguments, path) : EXIT_CANNOT;
    free(path);
    return result;
}
