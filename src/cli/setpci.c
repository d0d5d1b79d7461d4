/* SPDX-License-Identifier: MIT
 *
 * vfplane setpci: reads and writes registers of a VF by the names of setpci(8), through the PF driver, and says what
 * became of each write.
 */
#include "cli/cli.h"

#include <argp.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/register.h"

#define DEFAULT_VFS 4u
#define OPERATIONS  64

struct setpci_arguments {
    const char *profile, *pf, *trace, *slot;
    unsigned vfs, number, routing_id; /* the VF: `number`, or `routing_id` when there is a `slot` */
    bool has_vfs, dry, list;
    unsigned count;
    const char *text[OPERATIONS];
    struct register_operation operation[OPERATIONS];
};

static const struct argp_option options[] = {
    {"profile", 'p', "FILE", 0, "the card: an lspci -vvvxxxx capture of a PF and one VF (default: the Intel 82576)", 0},
    {"vfs", 'n', "N", 0, "virtual functions to enable (default 4, or all if the card has fewer)", 0},
    {"pf", 'P', "FILE", 0, "PF driver image (default: refnic_pf.so)", 0},
    {"trace", 't', "KIND", 0, "text, json, chrome or none: the way of each access, on standard error (default none)",
     0},
    {NULL, 's', "SLOT", 0, "the VF: bb:dd.f as `vfplane dump` prints it, or its number (default 0)", 0},
    {NULL, 'D', NULL, 0, "dry: read, and say what would be written", 0},
    {"dumpregs", 'l', NULL, 0, "list the names of registers and end", 0},
    {0},
};

/* "01:10.2" is bus, device and function. */
static bool parse_slot(const char *text, unsigned *routing_id)
{
    unsigned bus, device, function;
    int length = 0;
    if (sscanf(text, "%2x:%2x.%1x%n", &bus, &device, &function, &length) != 3 || text[length] || device > 0x1f ||
        function > 7)
        return false;
    *routing_id = bus << 8 | device << 3 | function;
    return true;
}

static error_t set_slot(struct setpci_arguments *arguments, const char *text)
{
    arguments->slot = NULL;
    if (parse_number(text, &arguments->number))
        return 0;
    if (!parse_slot(text, &arguments->routing_id)) {
        complain("-s %s: bb:dd.f or the number of a VF is needed", text);
        return EINVAL;
    }
    arguments->slot = text;
    return 0;
}

static error_t add_operation(struct setpci_arguments *arguments, const char *text)
{
    const char *wrong = arguments->count == OPERATIONS ? "too many operations" : NULL;
    if (!wrong) {
        arguments->text[arguments->count] = text;
        wrong = register_parse(text, &arguments->operation[arguments->count++]);
    }
    if (!wrong)
        return 0;
    complain("%s: %s", text, wrong);
    return EINVAL;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct setpci_arguments *arguments = state->input;
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
        return set_slot(arguments, text);
    case 'D':
        arguments->dry = true;
        return 0;
    case 'l':
        arguments->list = true;
        return 0;
    case 'n':
        arguments->has_vfs = true;
        return parse_count("--vfs", text, 0, &arguments->vfs);
    case ARGP_KEY_ARG:
        return add_operation(arguments, text);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- one operation ----------------------------------------------------------------------------------------------- */

static int read_bytes(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    return vfp_vf_config_read(context, offset, buffer, length);
}

static int read_register(struct vfp_vf *vf, uint32_t address, unsigned width, uint32_t *value)
{
    uint32_t stored = 0;
    int result = vfp_vf_config_read(vf, address, &stored, width);
    *value = le32toh(stored);
    return result;
}

static int write_one(struct vfp_vf *vf, const struct setpci_arguments *arguments, const char *text, uint32_t address,
                     unsigned width, const struct register_value *wanted)
{
    int digits = (int)width * 2;
    uint32_t before, after;
    int result = read_register(vf, address, width, &before);
    if (result)
        return result;
    uint32_t value = (before & ~wanted->mask) | (wanted->value & wanted->mask);
    if (arguments->dry) {
        printf("%s @%03x: %0*x, would write %0*x\n", text, address, digits, before, digits, value);
        return 0;
    }
    uint32_t stored = htole32(value);
    result = vfp_vf_config_write(vf, address, &stored, width);
    if (!result)
        result = read_register(vf, address, width, &after);
    if (result)
        return result;
    printf("%s @%03x: %0*x <- %0*x, now %0*x", text, address, digits, before, digits, value, digits, after);
    if (after != value)
        printf("; not as written: %0*x", digits, after ^ value);
    putchar('\n');
    return 0;
}

static int perform(struct vfp_vf *vf, const struct setpci_arguments *arguments, unsigned index)
{
    const struct register_operation *operation = &arguments->operation[index];
    uint32_t address, value;
    int result = register_find(operation, read_bytes, vf, &address);
    if (!result && !operation->count) {
        result = read_register(vf, address, operation->width, &value);
        if (!result)
            printf("%0*x\n", (int)operation->width * 2, value);
    }
    for (unsigned i = 0; i < operation->count && !result; i++)
        result = write_one(vf, arguments, arguments->text[index], address + i * operation->width, operation->width,
                           &operation->values[i]);
    return result;
}

static const char *reason(int result, struct vfp_host *host)
{
    switch (result) {
    case -ENOENT:
        return "the VF has no such capability";
    case -ELOOP:
        return "the VF's list of capabilities does not end";
    case -ERANGE:
        return "not within the 4,096 bytes of configuration space";
    default:
        return vfp_host_error(host);
    }
}

/* ---- the VF ------------------------------------------------------------------------------------------------------ */

/* Every VF up to the wanted one is allocated: they are given out in order. */
static int find_vf(struct vfp_host *host, struct vfp_adapter *adapter, const struct setpci_arguments *arguments,
                   unsigned vfs, struct vfp_vf **vf)
{
    for (unsigned i = 0; i < vfs; i++) {
        if (vfp_vf_allocate(adapter, vf)) {
            complain("%s", vfp_host_error(host));
            return EXIT_CANNOT;
        }
        if (arguments->slot ? vfp_vf_routing_id(*vf) == arguments->routing_id : vfp_vf_index(*vf) == arguments->number)
            return EXIT_OK;
    }
    if (arguments->slot)
        complain("-s %s: none of the %u VFs lies there", arguments->slot, vfs);
    else
        complain("-s %u: VF %u does not exist, %u VFs are enabled (--vfs)", arguments->number, arguments->number, vfs);
    return EXIT_CANNOT;
}

static int on_host(struct vfp_host *host, const struct setpci_arguments *arguments, const char *profile,
                   const char *driver_path)
{
    struct vfp_pf *pf = vfp_pf_add(host, profile, NULL);
    unsigned total = pf ? vfp_pf_total_vfs(pf) : 0;
    unsigned vfs = arguments->has_vfs ? arguments->vfs : total < DEFAULT_VFS ? total : DEFAULT_VFS;
    if (pf && vfs > total) {
        complain("--vfs %u: %s has %u VFs", vfs, profile, total);
        return EXIT_CANNOT;
    }
    struct vfp_driver *driver = pf ? vfp_driver_load(host, driver_path) : NULL;
    struct vfp_adapter *adapter = driver ? vfp_adapter_start(driver, pf) : NULL;
    if (!adapter || vfp_switch_create(adapter, vfs)) {
        complain("%s", vfp_host_error(host));
        return EXIT_CANNOT;
    }
    struct vfp_vf *vf;
    int status = find_vf(host, adapter, arguments, vfs, &vf);
    for (unsigned i = 0; i < arguments->count && !status; i++) {
        int result = perform(vf, arguments, i);
        if (!result)
            continue;
        complain("%s: %s", arguments->text[i], reason(result, host));
        status = EXIT_WRONG;
    }
    return status;
}

static int run(const struct setpci_arguments *arguments, const char *profile, const char *driver)
{
    struct vfp_trace *trace = arguments->trace ? open_trace(arguments->trace, stderr) : NULL;
    if (arguments->trace && !trace)
        return EXIT_CANNOT;
    struct vfp_host *host = vfp_host_create(&(struct vfp_host_options){.trace = trace});
    int status = EXIT_CANNOT;
    if (host)
        status = on_host(host, arguments, profile, driver);
    else
        complain("out of memory");
    vfp_host_destroy(host);
    vfp_trace_destroy(trace);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

int setpci_main(int argc, char **argv)
{
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "REGISTER[=VALUE[:MASK],...]...",
        .doc = "Reads and writes the raw registers of a VF by the names of setpci(8), through the PF driver.\v"
               "REGISTER is COMMAND, CAP_EXP+10.w, ECAP_AER@1+8.l, CAP11.b or an address as 3c.b; numbers are "
               "hexadecimal. The card is a fresh one each time.\n"
               "Exit status: 0; 1 when an access failed; 2 when it could not run, with one line on standard error.",
    };
    struct setpci_arguments arguments = {0};
    if (parse_arguments(&argp, argc, argv, &arguments))
        return EXIT_CANNOT;
    if (arguments.list) {
        register_list(stdout);
        return EXIT_OK;
    }
    if (!arguments.count) {
        complain("setpci: which register?");
        return EXIT_CANNOT;
    }
    char *profile = arguments.profile ? strdup(arguments.profile) : find_profile("intel-82576.lspci");
    char *driver = arguments.pf ? strdup(arguments.pf) : find_driver("refnic_pf.so");
    int status = profile && driver ? run(&arguments, profile, driver) : EXIT_CANNOT;
    free(profile);
    free(driver);
    return status;
}
