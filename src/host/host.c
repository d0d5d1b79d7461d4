/* SPDX-License-Identifier: MIT
 *
 * A host and its cards.
 */
#include "host/internal.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_WORKERS 2
#define READY_DELAY_NS  100000000u /* pci.md 4.3 */

void host_list_add(void *list, void *element)
{
    struct owned **head = list, *added = element;
    added->next = *head;
    *head = added;
}

void host_list_remove(void *list, void *element)
{
    for (struct owned **at = list; *at; at = &(*at)->next) {
        if (*at == element) {
            *at = ((struct owned *)element)->next;
            return;
        }
    }
}

int host_fail(struct vfp_host *host, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(host->error, sizeof(host->error), format, arguments);
    va_end(arguments);
    return error;
}

struct vfp_host *vfp_host_create(const struct vfp_host_options *options)
{
    struct vfp_host *host = calloc(1, sizeof(*host));
    if (!host)
        return NULL;
    host->relids[0] = 1;
    host->strict_timing = options->strict_timing;
    if (options->trace && !(host->trace = trace_create(vfp_trace_sink(options->trace), 0, "host")))
        goto failed;
    host->partition = nt_partition_create(&(struct nt_partition_options){
        .name = "host", .role = NT_PARENT, .trace = host->trace, .real_time = options->real_time});
    if (!host->partition)
        goto failed;
    host->contracts = (struct host_contracts){options->contracts, options->on_finding, options->finding_context};
    nt_device_values(host->partition, ndis_keyword);
    host_contracts_init(host->partition, &host->contracts);
    host->vsp = vsp_create(host->partition, options->workers ? options->workers : DEFAULT_WORKERS);
    host->loop = vmm_loop_create();
    if (!host->vsp || !host->loop)
        goto failed;
    return host;
failed:
    vsp_destroy(host->vsp);
    vmm_loop_destroy(host->loop);
    if (host->partition)
        nt_partition_destroy(host->partition);
    trace_destroy(host->trace);
    free(host);
    return NULL;
}

static void remove_pf(struct vfp_pf *pf)
{
    HOST_ENTER(pf->host);
    pcibus_remove_device(pf->pdo);
    HOST_LEAVE();
    pci_device_destroy(pf->device);
    free(pf);
}

size_t vfp_host_destroy(struct vfp_host *host)
{
    if (!host)
        return 0;
    while (host->adapters)
        vfp_adapter_stop(host->adapters);
    while (host->vmms)
        vfp_vmm_close(host->vmms);
    vmm_loop_destroy(host->loop);
    vsp_destroy(host->vsp);
    while (host->drivers)
        vfp_driver_unload(host->drivers);
    while (host->pfs) {
        struct vfp_pf *pf = host->pfs;
        host_list_remove(&host->pfs, pf);
        remove_pf(pf);
    }
    ndis_clear_keywords(host->partition);
    size_t leaked = nt_partition_destroy(host->partition);
    trace_destroy(host->trace);
    free(host);
    return leaked;
}

const char *vfp_host_error(const struct vfp_host *host)
{
    return host->error;
}

int vfp_keyword_set(struct vfp_host *host, const char *keyword, const char *value)
{
    return ndis_set_keyword(host->partition, keyword, value) ? 0 : host_fail(host, -ENOMEM, "out of memory");
}

uint64_t vfp_violations(const struct vfp_host *host)
{
    return nt_violations(host->partition);
}

uint64_t vfp_pf_early_accesses(const struct vfp_pf *pf)
{
    struct pci_counters counters;
    pci_counters(pf->device, &counters);
    return counters.early_accesses;
}

/* "[ssss:]bb:dd.f" in hexadecimal, as lspci prints it. */
static bool parse_address(const char *text, struct pci_device_options *options)
{
    unsigned segment = 0, bus, device, function;
    int end = 0;
    if (sscanf(text, "%4x:%2x:%2x.%1x%n", &segment, &bus, &device, &function, &end) != 4 || text[end]) {
        segment = 0;
        if (sscanf(text, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3 || text[end])
            return false;
    }
    if (device > 31 || function > 7)
        return false;
    options->segment = (uint16_t)segment;
    options->routing_id = (uint16_t)(bus << 8 | device << 3 | function);
    options->has_address = true;
    return true;
}

static uint64_t partition_clock(void *context)
{
    return nt_clock_ns(context);
}

static int create_device(struct vfp_host *host, const char *path, const char *address, struct pci_device **device)
{
    struct pci_profile *profile;
    struct pci_error error = {0};
    struct pci_device_options options = {.now_ns = partition_clock,
                                         .context = host->partition,
                                         .ready_delay_ns = host->strict_timing ? READY_DELAY_NS : 0,
                                         .strict_timing = host->strict_timing};
    if (address && !parse_address(address, &options))
        return host_fail(host, -EINVAL, "%s: not a PCI address ([ssss:]bb:dd.f)", address);
    int result = pci_profile_load(path, &profile, &error);
    if (result)
        return host_fail(host, result, "%s", error.text);
    result = pci_device_create(profile, &options, device);
    pci_profile_unref(profile);
    if (result == -EINVAL)
        return host_fail(host, result, "%s: the routing IDs of its VFs do not fit behind %s", path,
                         address ? address : "the address of the capture");
    return result ? host_fail(host, result, "%s: %s", path, strerror(-result)) : 0;
}

struct vfp_pf *vfp_pf_add(struct vfp_host *host, const char *profile, const char *address)
{
    struct vfp_pf *pf = calloc(1, sizeof(*pf));
    if (!pf) {
        host_fail(host, -ENOMEM, "out of memory");
        return NULL;
    }
    pf->host = host;
    if (create_device(host, profile, address, &pf->device)) {
        free(pf);
        return NULL;
    }
    HOST_ENTER(host);
    NTSTATUS status = pcibus_add_device(host->partition, pf->device, &pf->pdo);
    HOST_LEAVE();
    if (!NT_SUCCESS(status)) {
        host_fail(host, host_errno(status), "%s: no PDO, status %08x", profile, (unsigned)status);
        pci_device_destroy(pf->device);
        free(pf);
        return NULL;
    }
    host_list_add(&host->pfs, pf);
    return pf;
}

void vfp_pf_surprise_remove(struct vfp_pf *pf)
{
    HOST_ENTER(pf->host);
    pcibus_surprise_remove(pf->pdo);
    for (struct vfp_adapter *adapter = pf->host->adapters; adapter; adapter = (void *)adapter->owned.next) {
        if (adapter->pf == pf && adapter->stack)
            vstack_pf_removed(adapter->stack); /* NDIS tells overlying drivers nothing of it */
    }
    HOST_LEAVE();
}

uint16_t vfp_pf_num_vfs(const struct vfp_pf *pf)
{
    return pci_sriov_num_vfs(pf->device);
}

uint16_t vfp_pf_total_vfs(const struct vfp_pf *pf)
{
    return pci_sriov_total_vfs(pf->device);
}

int host_dump(struct vfp_pf *pf, int function, const uint8_t space[PCI_CONFIG_SIZE], FILE *stream)
{
    char text[16384];
    int length = pci_dump_view(pf->device, function, space, text, sizeof(text));
    bool whole = length > 0 && (size_t)length < sizeof(text);
    return whole && fputs(text, stream) >= 0 ? 0 : host_fail(pf->host, -EIO, "cannot write the dump");
}

/* Fills in the IDs of a VF, which read FFFFh in hardware. */
static void present_ids(const struct pci_device *device, uint8_t *space)
{
    uint16_t vendor, device_id;
    if (pci_vf_identity(device, &vendor, &device_id) != PCI_OK)
        return;
    vendor = htole16(vendor);
    device_id = htole16(device_id);
    memcpy(space, &vendor, sizeof(vendor));
    memcpy(space + sizeof(vendor), &device_id, sizeof(device_id));
}

int vfp_pf_dump(struct vfp_pf *pf, int function, bool present, FILE *stream)
{
    uint8_t space[PCI_CONFIG_SIZE];
    if (function < PCI_FUNCTION_PF || !pci_config_read(pf->device, function, 0, space, sizeof(space)))
        return host_fail(pf->host, -ENOENT, "VF %d does not exist: the PF has %u VFs enabled", function,
                         pci_sriov_num_vfs(pf->device));
    if (present && function != PCI_FUNCTION_PF)
        present_ids(pf->device, space);
    return host_dump(pf, function, space, stream);
}

size_t vfp_pf_save(const struct vfp_pf *pf, void *buffer, size_t size)
{
    return pci_device_save(pf->device, buffer, size);
}

int vfp_pf_restore(struct vfp_pf *pf, const void *buffer, size_t size)
{
    if (pci_device_gone(pf->device))
        return host_fail(pf->host, -ENODEV, "the card was pulled");
    if (pci_device_restore(pf->device, buffer, size))
        return host_fail(pf->host, -EINVAL, "not the saved state of this card");
    if (pci_device_gone(pf->device))
        vfp_pf_surprise_remove(pf);
    return 0;
}
