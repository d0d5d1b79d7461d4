/* SPDX-License-Identifier: MIT
 *
 * Finds a PF and one of its VFs in a capture and makes both maps. The text may be the whole machine's: the PF is the
 * first function with an SR-IOV capability, the VF the first FFFFh function on one of its routing IDs.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "pci/internal.h"

#define FILE_MAX          (16u << 20) /* a machine with hundreds of functions prints a few MiB */
#define SRIOV_ID          0x0010
#define CONVENTIONAL      256u
#define CONVENTIONAL_ROWS (CONVENTIONAL / 16)
#define MIGRATION         0x1u
#define VF_ENABLE         0x1u
#define ARI               0x10u
#define FLR_CAPABLE       0x10000000u

/* ---- which functions ------------------------------------------------------------------------------------------- */

static bool is_complete(const struct pci_capture *capture)
{
    return capture->rows == PCI_ROWS;
}

/* The first 256 bytes and no more: all there is of a function that is not PCI Express. */
static bool is_conventional(const struct pci_capture *capture)
{
    bool whole = capture->rows == CONVENTIONAL_ROWS;
    for (unsigned row = 0; row < CONVENTIONAL_ROWS; row++)
        whole = whole && capture->row_line[row];
    return whole;
}

/* FFFFh in both IDs, and yet an answer: a function that is not there reads all ones everywhere. */
static bool looks_like_vf(const struct pci_capture *capture)
{
    return capture->row_line[0] && pci_captured_word(capture, 0x00) == 0xffff &&
           pci_captured_word(capture, 0x02) == 0xffff && capture->space[0x0e] != 0xff;
}

/* Its routing ID is one that the PF hands out (pci.md 4.2). */
static bool is_vf_of(const struct pci_capture *vf, const struct pci_capture *pf)
{
    uint32_t sriov = pci_find_extended(pf, SRIOV_ID);
    uint32_t first = pf->routing_id + pci_captured_word(pf, sriov + 0x14);
    uint32_t stride = pci_captured_word(pf, sriov + 0x16);
    if (vf->segment != pf->segment || vf->routing_id < first)
        return false;
    uint32_t away = vf->routing_id - first;
    return stride ? away % stride == 0 && away / stride < pci_captured_word(pf, sriov + 0x0e) : away == 0;
}

static int incomplete(const char *name, const struct pci_capture *capture, struct pci_error *error)
{
    return pci_fail(error, name, capture->line,
                    "function %s has %u bytes, 4096 are needed: run lspci as root with -xxxx", capture->address,
                    capture->rows * 16);
}

/* The first function with an SR-IOV capability, or of a plain profile the first without. Where extended space is
 * missing reads give all ones and writes go nowhere (pci.md 5.5). */
static int find_pf(struct pci_text text, bool plain, struct pci_capture *pf, struct pci_capture *scratch,
                   struct pci_error *error)
{
    const char *name = text.name;
    bool any = false, any_short = false;
    int more;
    while ((more = pci_capture_next(&text, scratch, error)) > 0) {
        if (plain && is_conventional(scratch)) {
            memset(scratch->space + CONVENTIONAL, 0xff, PCI_CONFIG_SIZE - CONVENTIONAL);
            scratch->rows = PCI_ROWS;
        }
        if (is_complete(scratch) && !pci_find_extended(scratch, SRIOV_ID) == plain) {
            *pf = *scratch;
            return 0;
        }
        if (!is_complete(scratch) && !any_short) {
            *pf = *scratch;
            any_short = true;
        }
        any = true;
    }
    if (more < 0)
        return more;
    if (!any)
        return pci_fail(error, name, 0, "not an lspci -xxxx capture: no line names a function");
    if (any_short)
        return incomplete(name, pf, error);
    return pci_fail(error, name, 0, "no function with%s an SR-IOV capability in the capture", plain ? "out" : "");
}

static int find_vf(struct pci_text text, const struct pci_capture *pf, struct pci_capture *vf,
                   struct pci_capture *scratch, struct pci_error *error)
{
    const char *name = text.name;
    bool found = false;
    int more;
    while ((more = pci_capture_next(&text, scratch, error)) > 0) {
        bool fits = is_vf_of(scratch, pf);
        if (!looks_like_vf(scratch) || (found && !fits))
            continue;
        *vf = *scratch;
        found = true;
        if (fits)
            break;
    }
    if (more < 0)
        return more;
    if (!found)
        return pci_fail(error, name, 0,
                        "no VF (Vendor ID FFFFh) in the capture: enable one VF and add its lspci -xxxx");
    return is_complete(vf) ? 0 : incomplete(name, vf, error);
}

/* ---- SR-IOV: what only the two captures together say --------------------------------------------------------------
 */

static int take_sriov(struct pci_profile *profile, const char *name, const struct pci_capture *pf,
                      struct pci_error *error)
{
    uint32_t at = profile->pf.sriov;
    profile->segment = pf->segment;
    profile->rom = pf->rom;
    profile->routing_id = pf->routing_id;
    if (!at)
        return 0;
    profile->initial_vfs = pci_captured_word(pf, at + 0x0c);
    profile->total_vfs = pci_captured_word(pf, at + 0x0e);
    profile->first_offset = pci_captured_word(pf, at + 0x14);
    profile->stride = pci_captured_word(pf, at + 0x16);
    profile->page_sizes = pci_captured_word(pf, at + 0x1c) | (uint32_t)pci_captured_word(pf, at + 0x1e) << 16;
    profile->migration = pci_captured_word(pf, at + 0x04) & MIGRATION;
    if (!(profile->page_sizes & 1))
        return pci_fail(error, name, pf->row_line[(at + 0x1c) / 16],
                        "%s does not support 4 KiB pages (Supported Page Sizes %08x)", pf->address,
                        profile->page_sizes);
    if ((profile->total_vfs > 0 && !profile->first_offset) || (profile->total_vfs > 1 && !profile->stride))
        return pci_fail(error, name, pf->row_line[(at + 0x14) / 16],
                        "%s has %u VFs but First VF Offset %u and VF Stride %u", pf->address, profile->total_vfs,
                        profile->first_offset, profile->stride);
    return 0;
}

/* Reset values and masks that depend on how the PF was found (pci.md 4.1; NumVFs: drivers.md 12). */
static void fit_sriov(struct pci_map *map, const struct pci_capture *pf)
{
    uint32_t at = map->sriov;
    uint16_t control = pci_captured_word(pf, at + 0x08);
    bool lowest = (pf->routing_id & 7) == 0 || control & ARI;
    struct pci_register *reg = &map->dword[(at + 0x08) / 4];
    if (!lowest) {
        reg->rw &= ~ARI;
        reg->boot &= ~ARI;
    }
    if (control & VF_ENABLE)
        map->dword[(at + 0x10) / 4].reset &= 0xffff0000u;
    map->dword[(at + 0x20) / 4].reset = 1;
}

/* What a VF has from its PF whatever its own capture says (pci.md 4.5 to 4.7); `at` is from the start of its owner. */
enum owner { HEADER, EXPRESS_1, EXPRESS_2, SERIAL };
static const struct {
    enum owner owner;
    uint16_t at;
    uint32_t mask;
} inherited[] = {
    {HEADER, 0x08, 0xffffff00u},    /* class code */
    {HEADER, 0x2c, 0x0000ffffu},    /* subsystem vendor ID */
    {EXPRESS_1, 0x04, 0xffffffe7u}, /* device capabilities but phantom functions */
    {EXPRESS_1, 0x0c, 0xffffffffu}, /* link capabilities */
    {EXPRESS_2, 0x24, 0xffffffffu}, /* device capabilities 2 */
    {SERIAL, 0x04, 0xffffffffu},    /* serial number (SPEC?) */
    {SERIAL, 0x08, 0xffffffffu},
};

/* 0: no PCI Express capability (or one of an unknown version), 1: without, 2: with the second half. */
static unsigned express_version(const struct pci_map *map)
{
    unsigned version = map->express ? map->dword[map->express / 4].reset >> 16 & 0xf : 0;
    return version > 2 ? 2 : version;
}

/* Where the owner's registers start; false: the function has no such owner. */
static bool find_owner(const struct pci_map *map, enum owner owner, uint16_t *base)
{
    switch (owner) {
    case EXPRESS_1:
    case EXPRESS_2:
        *base = map->express;
        return express_version(map) >= (owner == EXPRESS_2 ? 2 : 1);
    case SERIAL:
        *base = map->serial;
        return map->serial != 0;
    default:
        *base = 0;
        return true;
    }
}

static int fit_vf(struct pci_profile *profile, const char *name, const struct pci_capture *vf, struct pci_error *error)
{
    struct pci_map *own = &profile->vf;
    const struct pci_map *pf = &profile->pf;
    if (!own->express)
        return pci_fail(error, name, vf->line, "VF %s has no PCI Express capability", vf->address);
    for (unsigned i = 0; i < sizeof inherited / sizeof *inherited; i++) {
        uint16_t from, to;
        if (!find_owner(pf, inherited[i].owner, &from) || !find_owner(own, inherited[i].owner, &to))
            continue;
        struct pci_register *reg = &own->dword[(to + inherited[i].at) / 4];
        uint32_t value = pf->dword[(from + inherited[i].at) / 4].reset;
        reg->reset = (reg->reset & ~inherited[i].mask) | (value & inherited[i].mask);
    }
    own->dword[0].reset = 0xffffffffu;
    own->dword[(own->express + 0x04) / 4].reset |= FLR_CAPABLE;
    return 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static int build(struct pci_profile *profile, const char *name, const struct pci_capture *pf,
                 const struct pci_capture *vf, struct pci_error *error)
{
    int status = pci_map_build(&profile->pf, name, pf, false, error);
    if (!status && pf->space[0x0e] & 0x7f)
        status = pci_fail(error, name, pf->row_line[0], "%s has header type %u, a PF has 0", pf->address,
                          pf->space[0x0e] & 0x7f);
    if (!status)
        status = take_sriov(profile, name, pf, error);
    if (!status)
        status = pci_map_bars(&profile->pf, name, pf, vf, profile->pf_bars, profile->vf_bars, error);
    if (status)
        return status;
    if (profile->pf.sriov)
        fit_sriov(&profile->pf, pf);
    status = pci_map_seal(&profile->pf, name, pf, error);
    if (!status && vf)
        status = pci_map_build(&profile->vf, name, vf, true, error);
    if (!status && vf)
        status = fit_vf(profile, name, vf, error);
    return status || !vf ? status : pci_map_seal(&profile->vf, name, vf, error);
}

static int parse(struct pci_text text, bool plain, struct pci_capture captures[3], struct pci_profile *profile,
                 struct pci_error *error)
{
    struct pci_capture *pf = &captures[0], *vf = &captures[1], *scratch = &captures[2];
    int status = find_pf(text, plain, pf, scratch, error);
    if (status)
        return status;
    bool has_vfs = !plain && pci_captured_word(pf, pci_find_extended(pf, SRIOV_ID) + 0x0e) > 0;
    status = has_vfs ? find_vf(text, pf, vf, scratch, error) : 0;
    return status ? status : build(profile, text.name, pf, has_vfs ? vf : NULL, error);
}

static int out_of_memory(struct pci_error *error, const char *name)
{
    pci_fail(error, name, 0, "out of memory");
    return -ENOMEM;
}

static int parse_text(const char *name, const char *text, size_t length, bool plain, struct pci_profile **profile,
                      struct pci_error *error)
{
    struct pci_profile *made = calloc(1, sizeof *made);
    struct pci_capture *captures = calloc(3, sizeof *captures);
    int status = -ENOMEM;
    if (made)
        atomic_init(&made->references, 1);
    if (made && captures) {
        struct pci_text cursor = {.name = name, .at = text, .end = text + length, .line = 1};
        status = parse(cursor, plain, captures, made, error);
    }
    free(captures);
    if (!status) {
        *profile = made;
        return 0;
    }
    if (made)
        pci_profile_unref(made);
    return status == -ENOMEM ? out_of_memory(error, name) : status;
}

int pci_profile_parse(const char *name, const char *text, size_t length, struct pci_profile **profile,
                      struct pci_error *error)
{
    return parse_text(name, text, length, false, profile, error);
}

int pci_profile_parse_plain(const char *name, const char *text, size_t length, struct pci_profile **profile,
                            struct pci_error *error)
{
    return parse_text(name, text, length, true, profile, error);
}

static int read_file(int file, const char *path, char **text, size_t *length, struct pci_error *error)
{
    size_t room = 64u << 10;
    char *bytes = NULL;
    *length = 0;
    for (;;) {
        char *grown = realloc(bytes, room);
        if (!grown) {
            free(bytes);
            return out_of_memory(error, path);
        }
        bytes = grown;
        ssize_t got = read(file, bytes + *length, room - *length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || *length + got > FILE_MAX) {
            int status = got < 0 ? -errno : -EINVAL;
            pci_fail(error, path, 0, "%s", got < 0 ? strerror(errno) : "larger than 16 MiB");
            free(bytes);
            return status;
        }
        if (got == 0)
            break;
        *length += got;
        room = *length == room ? room * 2 : room;
    }
    *text = bytes;
    return 0;
}

int pci_profile_load(const char *path, struct pci_profile **profile, struct pci_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        int status = -errno;
        pci_fail(error, path, 0, "%s", strerror(-status));
        return status;
    }
    char *text = NULL;
    size_t length = 0;
    int status = read_file(file, path, &text, &length, error);
    close(file);
    if (status)
        return status;
    status = pci_profile_parse(path, text, length, profile, error);
    free(text);
    return status;
}

uint16_t pci_profile_total_vfs(const struct pci_profile *profile)
{
    return profile->total_vfs;
}

void pci_profile_unref(struct pci_profile *profile)
{
    if (!profile || atomic_fetch_sub_explicit(&profile->references, 1, memory_order_acq_rel) != 1)
        return;
    free(profile->pf.named);
    free(profile->vf.named);
    free(profile);
}
