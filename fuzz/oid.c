/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the information buffers of OID requests into refnic's PF miniport, in the real rooms. Each step is a request:
 * the good one of that OID with members changed, cut or lengthened, of any type, through NDIS's checks or raw.
 *
 * What must hold: refnic breaks no rule of the contract, writes nowhere but where it may, does not leave a request
 * pending, and a request that fails changes no register of the PF or of any VF.
 */
#include "../tests/path/refnic_host.h"
#include "input.h"

#include "nt/contract.h"

#define STEPS 24u
#define VFS   4

static const NDIS_OID oids[] = {
    OID_SRIOV_WRITE_VF_CONFIG_SPACE,
    OID_SRIOV_READ_VF_CONFIG_SPACE,
    OID_SRIOV_WRITE_VF_CONFIG_BLOCK,
    OID_SRIOV_READ_VF_CONFIG_BLOCK,
    OID_SRIOV_RESET_VF,
    OID_SRIOV_SET_VF_POWER_STATE,
    OID_SRIOV_VF_VENDOR_DEVICE_ID,
    OID_SRIOV_PROBED_BARS,
    OID_SRIOV_BAR_RESOURCES,
    OID_NIC_SWITCH_CREATE_SWITCH,
    OID_NIC_SWITCH_DELETE_SWITCH,
    OID_NIC_SWITCH_PARAMETERS,
    OID_NIC_SWITCH_ALLOCATE_VF,
    OID_NIC_SWITCH_FREE_VF,
    OID_NIC_SWITCH_CREATE_VPORT,
    OID_NIC_SWITCH_VPORT_PARAMETERS,
    OID_NIC_SWITCH_DELETE_VPORT,
    OID_RECEIVE_FILTER_SET_FILTER,
    OID_RECEIVE_FILTER_CLEAR_FILTER,
    OID_RECEIVE_FILTER_MOVE_FILTER,
    OID_GEN_LINK_PARAMETERS,
    OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_STATISTICS,
    OID_PNP_SET_POWER,
};
#define OIDS (sizeof(oids) / sizeof(oids[0]))

static struct host host;

struct registers {
    uint8_t bytes[1 + VFS][PCI_CONFIG_SIZE];
};

static void look(struct registers *registers)
{
    memset(registers, 0, sizeof(*registers));
    for (int function = PCI_FUNCTION_PF; function < pci_sriov_num_vfs(host.device[0]) && function < VFS; function++)
        pci_config_read(host.device[0], function, 0, registers->bytes[function + 1], PCI_CONFIG_SIZE);
}

/* Values that mean something where they may be put: offsets, lengths, numbers of VFs and VPorts. */
static uint32_t choose_value(struct input *input)
{
    static const uint32_t usual[] = {0,          1,      2,      3,          4,          5,          20,
                                     128,        129,    0xFFFF, 0x10000,    0x7FFFFFFF, 0x80000000, 0xFFFFFFF0,
                                     0xFFFFFFFF, 0x1000, 0xFFC,  0xFFFFFFEC, 24,         44};
    uint8_t chosen = take8(input);
    return chosen < 0xE0 ? usual[chosen % (sizeof(usual) / sizeof(usual[0]))] : take32(input);
}

static ULONG spoil(UCHAR *buffer, ULONG length, struct input *input)
{
    unsigned changes = take8(input) % 4;
    for (unsigned i = 0; i < changes; i++) {
        ULONG at = take8(input) % (length < 64 ? length : 64);
        uint32_t value = choose_value(input);
        memcpy(buffer + at, &value, at + 4 <= length ? 4 : 1);
    }
    uint8_t cut = take8(input);
    if (cut < 0xC0)
        return length;
    return cut < 0xE0 ? length * (cut - 0xC0u) / 32u : length + cut - 0xE0u;
}

static NDIS_REQUEST_TYPE choose_type(NDIS_OID oid, uint8_t chosen)
{
    static const NDIS_REQUEST_TYPE types[] = {NdisRequestMethod, NdisRequestSetInformation,
                                              NdisRequestQueryInformation};
    if (chosen < 16)
        return types[chosen % 3];
    if (oid == OID_SRIOV_PROBED_BARS)
        return NdisRequestQueryInformation;
    return chosen & 1 ? NdisRequestMethod : NdisRequestSetInformation;
}

static void check_end(const NDIS_OID_REQUEST *request, NDIS_STATUS status, ULONG input, ULONG output)
{
    MUST(status != NDIS_STATUS_PENDING);
    if (request->RequestType != NdisRequestMethod) {
        MUST(status != NDIS_STATUS_SUCCESS || request->DATA.SET_INFORMATION.BytesRead <= input);
        return;
    }
    MUST(request->DATA.METHOD_INFORMATION.BytesWritten <= output || status != NDIS_STATUS_SUCCESS);
    MUST(request->DATA.METHOD_INFORMATION.BytesRead <= input || status != NDIS_STATUS_SUCCESS);
    MUST(status != NDIS_STATUS_INVALID_LENGTH || request->DATA.METHOD_INFORMATION.BytesNeeded);
}

static NDIS_STATUS send(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG input, ULONG output, bool raw)
{
    NDIS_OID_REQUEST request = {.RequestType = type};
    request.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                                          NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    request.DATA.Oid = oid;
    request.DATA.SET_INFORMATION.InformationBuffer = buffer;
    if (type == NdisRequestMethod) {
        request.DATA.METHOD_INFORMATION.InputBufferLength = input;
        request.DATA.METHOD_INFORMATION.OutputBufferLength = output;
    } else {
        request.DATA.SET_INFORMATION.InformationBufferLength = input;
    }
    NDIS_STATUS status = ndis_oid_wait(vstack_binding(host.stack[0]), &request, raw);
    check_end(&request, status, input, type == NdisRequestMethod ? output : input);
    return status;
}

static void step(struct input *input)
{
    static struct registers before, after;
    UCHAR whole[REQUEST_MAX] = {0};
    NDIS_OID oid = oids[take8(input) % OIDS];
    uint8_t kind = take8(input);
    NDIS_REQUEST_TYPE type = choose_type(oid, kind >> 1);
    ULONG in = spoil(whole, request_fill(oid, whole), input);
    ULONG out = kind & 0x80 ? take8(input) : in;
    ULONG bytes = in > out ? in : out;
    UCHAR *exact = malloc(bytes ? bytes : 1);
    MUST(exact);
    memcpy(exact, whole, bytes);
    look(&before);
    if (send(type, oid, exact, in, out, kind & 1) != NDIS_STATUS_SUCCESS) {
        look(&after);
        MUST(memcmp(&before, &after, sizeof(before)) == 0);
    }
    free(exact);
}

static void report(const struct vfp_finding *finding, void *context)
{
    (void)context;
    fprintf(stderr, "%s in %s: %s\n", finding->rule->name, finding->routine, finding->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    if (!host.partition)
        host_create(&host);
    nt_enter(host.partition);
    MUST(host_start(&host, 0) == STATUS_SUCCESS);
    host_select(&host, 0);
    if (take8(&input) & 1)
        MUST(vstack_switch_create(host.stack[0], VFS) == NDIS_STATUS_SUCCESS);
    for (unsigned steps = 0; steps < STEPS && input.at < input.end; steps++)
        step(&input);
    host_stop(&host, 0);
    if (nt_violations(host.partition))
        nt_findings(host.partition, report, NULL);
    MUST(nt_violations(host.partition) == 0);
    nt_enter(NULL);
    return 0;
}
