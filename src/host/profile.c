/* SPDX-License-Identifier: MIT
 *
 * Profiles without a host: looked at, shown, dumped, made up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfplane/profile.h>

#include "pci/pci.h"

/* There is no struct vfp_profile: the public name of the room's own handle. */
static const struct pci_profile *inside(const struct vfp_profile *profile)
{
    return (const struct pci_profile *)profile;
}

/* What a device of the profile could not be at its own address. */
static int try_device(struct pci_profile *profile, const char *path, struct pci_error *why)
{
    const struct pci_device_options options = {0};
    struct pci_device *device;
    int result = pci_device_create(profile, &options, &device);
    if (!result)
        pci_device_destroy(device);
    else
        snprintf(why->text, sizeof(why->text), "%s: %s", path,
                 result == -EINVAL ? "the routing IDs of its VFs do not fit behind the address of the capture"
                                   : strerror(-result));
    return result;
}

int vfp_profile_open(const char *path, struct vfp_profile **profile, char *error, size_t size)
{
    struct pci_profile *loaded;
    struct pci_error why = {0};
    int result = pci_profile_load(path, &loaded, &why);
    if (!result) {
        result = try_device(loaded, path, &why);
        if (result)
            pci_profile_unref(loaded);
    }
    if (result)
        snprintf(error, size, "%s", why.text);
    else
        *profile = (struct vfp_profile *)loaded;
    return result;
}

void vfp_profile_close(struct vfp_profile *profile)
{
    pci_profile_unref((struct pci_profile *)profile);
}

uint16_t vfp_profile_total_vfs(const struct vfp_profile *profile)
{
    return pci_profile_total_vfs(inside(profile));
}

static int put(const char *text, FILE *stream)
{
    return fputs(text, stream) < 0 ? -EIO : 0;
}

int vfp_profile_show(const struct vfp_profile *profile, FILE *stream)
{
    int length = pci_profile_show(inside(profile), NULL, 0);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    int result = -ENOMEM;
    if (text && pci_profile_show(inside(profile), text, (size_t)length + 1) == length)
        result = put(text, stream);
    free(text);
    return result;
}

int vfp_profile_synth(uint16_t total_vfs, FILE *stream)
{
    if (!total_vfs)
        return -EINVAL;
    int length = pci_profile_synth(total_vfs, NULL, 0);
    char *text = malloc((size_t)length + 1);
    if (!text)
        return -ENOMEM;
    pci_profile_synth(total_vfs, text, (size_t)length + 1);
    int result = put(text, stream);
    free(text);
    return result;
}

static int dump_all(struct pci_device *device, uint16_t num_vfs, FILE *stream)
{
    char text[16384];
    for (int function = PCI_FUNCTION_PF; function < (int)num_vfs; function++) {
        int length = pci_dump(device, function, text, sizeof(text));
        if (length <= 0 || (size_t)length >= sizeof(text) || put(text, stream))
            return -EIO;
    }
    return fflush(stream) ? -EIO : 0;
}

int vfp_profile_dump(const struct vfp_profile *profile, uint16_t num_vfs, FILE *stream)
{
    const struct pci_device_options options = {0};
    struct pci_device *device;
    if (num_vfs > vfp_profile_total_vfs(profile))
        return -EINVAL;
    /* The device counts its own reference; the caller's stays as it is. */
    int result = pci_device_create((struct pci_profile *)profile, &options, &device);
    if (result)
        return result;
    if (num_vfs && pci_sriov_enable(device, num_vfs) != PCI_OK)
        result = -EINVAL; /* InitialVFs: fewer than TotalVFs without migration */
    if (!result)
        result = dump_all(device, num_vfs, stream);
    pci_device_destroy(device);
    return result;
}
