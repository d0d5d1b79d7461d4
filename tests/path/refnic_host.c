/* SPDX-License-Identifier: MIT
 *
 * The host of refnic_host.h.
 */
#include "refnic_host.h"

#include "nt/contract.h"

static struct host *selected;
static unsigned selected_card;

static PDRIVER_OBJECT load(struct host *host, const char *path)
{
    struct nt_load_error error = {0};
    PDRIVER_OBJECT driver;
    if (!NT_SUCCESS(nt_driver_load(host->partition, path, &driver, &error)))
        fail_msg("%s", error.text);
    return driver;
}

struct trace *host_trace;

static void create(struct host *host)
{
    struct pci_error what = {0};
    memset(host, 0, sizeof(*host));
    if (pci_profile_load(getenv("REFNIC_PROFILE"), &host->profile, &what))
        fail_msg("line %u: %s", what.line, what.text);
    host->partition = nt_partition_create(
        &(struct nt_partition_options){.name = "host", .role = NT_PARENT, .trace = host_trace});
    assert_non_null(host->partition);
    nt_enter(host->partition);
}

void host_create(struct host *host)
{
    create(host);
    host->driver = load(host, getenv("REFNIC_PF"));
}

void host_create_with_vbd(struct host *host, const char *pf_driver)
{
    create(host);
    host->vbd = load(host, getenv("VBD"));
    host->driver = load(host, pf_driver);
}

static uint64_t now(void *context)
{
    return nt_clock_ns(context);
}

NTSTATUS host_start(struct host *host, unsigned index)
{
    struct pci_device_options options = {.routing_id = (uint16_t)(0x100 + 0x100 * index), .has_address = true};
    if (host->strict) {
        options.now_ns = now;
        options.context = host->partition;
        options.ready_delay_ns = 100000000;
        options.strict_timing = true;
    }
    assert_int_equal(pci_device_create(host->profile, &options, &host->device[index]), 0);
    assert_int_equal(pcibus_add_device(host->partition, host->device[index], &host->pdo[index]), STATUS_SUCCESS);
    if (host->vbd)
        assert_int_equal(nt_pnp_add_device(host->vbd, host->pdo[index]), STATUS_SUCCESS);
    NTSTATUS status = nt_pnp_add_device(host->driver, host->pdo[index]);
    assert_int_equal(status, STATUS_SUCCESS);
    status = nt_pnp_start(host->pdo[index]);
    if (!NT_SUCCESS(status))
        return status;
    if (vstack_create(ndis_adapter_of(host->pdo[index]), &host->stack[index]) != NDIS_STATUS_SUCCESS)
        host->stack[index] = NULL; /* no SR-IOV */
    return status;
}

void host_stop(struct host *host, unsigned index)
{
    vstack_destroy(host->stack[index]);
    host->stack[index] = NULL;
    nt_pnp_simple(host->pdo[index], IRP_MN_REMOVE_DEVICE);
    pcibus_remove_device(host->pdo[index]);
    pci_device_destroy(host->device[index]);
    host->pdo[index] = NULL;
}

static void print_finding(const struct vfp_finding *finding, void *context)
{
    (void)context;
    print_error("%s: %s in %s: %s\n", finding->driver, finding->rule->name, finding->routine, finding->text);
}

void host_destroy(struct host *host)
{
    for (unsigned i = 0; i < HOST_CARDS; i++)
        if (host->pdo[i])
            host_stop(host, i);
    nt_driver_unload(host->driver);
    if (host->vbd)
        nt_driver_unload(host->vbd);
    ndis_set_keyword(host->partition, "*SRIOV", NULL);
    ndis_set_keyword(host->partition, "*NumVFs", NULL);
    if (nt_violations(host->partition) != host->violations) {
        nt_findings(host->partition, print_finding, NULL);
        fail_msg("%llu rules broken, %llu expected", (unsigned long long)nt_violations(host->partition),
                 (unsigned long long)host->violations);
    }
    nt_enter(NULL);
    assert_int_equal(nt_partition_destroy(host->partition), 0);
    pci_profile_unref(host->profile);
}

void host_select(struct host *host, unsigned index)
{
    selected = host;
    selected_card = index;
}

NDIS_STATUS host_oid(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG input, ULONG output, ULONG *needed,
                     ULONG *done)
{
    bool method = type == NdisRequestMethod;
    NDIS_OID_REQUEST request = {.RequestType = type};
    request.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                                          NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    request.DATA.Oid = oid;
    request.DATA.SET_INFORMATION.InformationBuffer = buffer;
    if (method) {
        request.DATA.METHOD_INFORMATION.InputBufferLength = input;
        request.DATA.METHOD_INFORMATION.OutputBufferLength = output;
    } else {
        request.DATA.SET_INFORMATION.InformationBufferLength = input;
    }
    NDIS_STATUS status = vstack_oid(selected->stack[selected_card], &request);
    if (needed)
        *needed = method ? request.DATA.METHOD_INFORMATION.BytesNeeded : request.DATA.SET_INFORMATION.BytesNeeded;
    if (done)
        *done = method ? request.DATA.METHOD_INFORMATION.BytesWritten : request.DATA.SET_INFORMATION.BytesRead;
    return status;
}
