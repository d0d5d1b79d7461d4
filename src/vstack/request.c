/* SPDX-License-Identifier: MIT
 *
 * Requests of a partition on their way to the PF driver, one of a VF at a time.
 *
 * The OID and its buffer belong to the VF, not to the request: when an owner leaves, or gives up waiting, its requests
 * complete at once although the PF driver may still hold the OID. `current` says whom the OID was for; an OID that
 * comes back while `current` is NULL comes back to nobody.
 */
#include <string.h>

#include "vstack/internal.h"

/* A status of NDIS that is positive but no success (ndis.md 3.7 trap b) must not look like one. */
static NTSTATUS nt_status(struct vstack_vf *vf, NDIS_STATUS status)
{
    if (status == NDIS_STATUS_SUCCESS)
        return STATUS_SUCCESS;
    if (atomic_load_explicit(&vf->stack->removed, memory_order_relaxed))
        return STATUS_DEVICE_REMOVED;
    if (status == NDIS_STATUS_NOT_ACCEPTED)
        return STATUS_DEVICE_NOT_READY;
    return status < 0 ? status : STATUS_UNSUCCESSFUL;
}

NTSTATUS vstack_usable(struct vstack_vf *vf)
{
    if (atomic_load_explicit(&vf->stack->removed, memory_order_relaxed))
        return STATUS_DEVICE_REMOVED;
    return vf->attached ? STATUS_SUCCESS : STATUS_DEVICE_NOT_CONNECTED;
}

void vstack_callback_enter(struct vstack_vf *vf)
{
    vf->calls++;
}

void vstack_callback_leave(struct vstack_vf *vf)
{
    pthread_mutex_lock(&vf->lock);
    vf->calls--;
    pthread_cond_broadcast(&vf->quiet);
    pthread_mutex_unlock(&vf->lock);
}

static void deliver(struct vstack_request *request, NTSTATUS status, struct vstack_answer *answer)
{
    request->status = status;
    if (status < 0) {
        request->value = 0xFFFFFFFF;
        request->length = 0;
        if (request->kind == VSTACK_BLOCK_READ)
            memset(request->data, 0, sizeof(request->data));
    }
    if (answer)
        *answer = (struct vstack_answer){true, status, request->value, request->length};
    if (request->done)
        request->done(request);
}

/* Completes a request that never was in the queue. */
void vstack_finish(struct vstack_vf *vf, struct vstack_request *request, NTSTATUS status, struct vstack_answer *answer)
{
    pthread_mutex_lock(&vf->lock);
    vstack_callback_enter(vf);
    pthread_mutex_unlock(&vf->lock);
    request->vf = vf;
    deliver(request, status, answer);
    vstack_callback_leave(vf);
}

/* ---- the OID of each kind ---------------------------------------------------------------------------------------- */

_Static_assert(sizeof(NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS) == sizeof(NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS),
               "one offset serves all four");
#define DATA_OFFSET ((ULONG)sizeof(NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS))

static const struct {
    NDIS_OID oid;
    NDIS_REQUEST_TYPE type;
    ULONG size;   /* of the structure: Header.Size */
    ULONG length; /* of the buffer, without data */
} oids[] = {
    [VSTACK_CONFIG_READ] = {OID_SRIOV_READ_VF_CONFIG_SPACE, NdisRequestMethod,
                            NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS_REVISION_1, 0},
    [VSTACK_CONFIG_WRITE] = {OID_SRIOV_WRITE_VF_CONFIG_SPACE, NdisRequestSetInformation,
                             NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS_REVISION_1, 0},
    [VSTACK_BLOCK_READ] = {OID_SRIOV_READ_VF_CONFIG_BLOCK, NdisRequestMethod,
                           NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1, 0},
    [VSTACK_BLOCK_WRITE] = {OID_SRIOV_WRITE_VF_CONFIG_BLOCK, NdisRequestSetInformation,
                            NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1, 0},
    [VSTACK_RESET] = {OID_SRIOV_RESET_VF, NdisRequestSetInformation, NDIS_SIZEOF_SRIOV_RESET_VF_PARAMETERS_REVISION_1,
                      sizeof(NDIS_SRIOV_RESET_VF_PARAMETERS)},
    [VSTACK_POWER] = {OID_SRIOV_SET_VF_POWER_STATE, NdisRequestSetInformation,
                      NDIS_SIZEOF_SRIOV_SET_VF_POWER_STATE_PARAMETERS_REVISION_1,
                      sizeof(NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS)},
};

static bool carries_data(enum vstack_kind kind)
{
    return kind <= VSTACK_BLOCK_WRITE;
}

static bool is_read(const struct vstack_request *request)
{
    return request->kind == VSTACK_CONFIG_READ || request->kind == VSTACK_BLOCK_READ;
}

/* Fills the VF's buffer for the request and gives its length. Bytes behind the structure: what is written, else zero.
 */
static ULONG fill_buffer(struct vstack_vf *vf, const struct vstack_request *request)
{
    NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS *parameters = (void *)vf->buffer;
    NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS *block = (void *)vf->buffer;
    NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *power = (void *)vf->buffer;
    UCHAR *data = (UCHAR *)vf->buffer + DATA_OFFSET;

    memset(vf->buffer, 0, sizeof(vf->buffer));
    vstack_header(&parameters->Header, oids[request->kind].size);
    parameters->VFId = vf->id;
    if (request->kind == VSTACK_POWER)
        power->PowerState = (NDIS_DEVICE_POWER_STATE)request->value;
    if (!carries_data(request->kind))
        return oids[request->kind].length;
    parameters->Length = request->size;
    parameters->BufferOffset = DATA_OFFSET;
    if (request->kind == VSTACK_BLOCK_READ || request->kind == VSTACK_BLOCK_WRITE)
        block->BlockId = request->offset;
    else
        parameters->Offset = request->offset;
    if (request->kind == VSTACK_CONFIG_WRITE)
        memcpy(data, &request->value, request->size);
    if (request->kind == VSTACK_BLOCK_WRITE)
        memcpy(data, request->data, request->size);
    return DATA_OFFSET + request->size;
}

/* Makes the OID of vf->current. vf->lock held, so that the request may be abandoned before the OID is sent. */
static void stage(struct vstack_vf *vf)
{
    const struct vstack_request *request = vf->current;
    NDIS_OID_REQUEST *oid = &vf->oid;
    ULONG length = fill_buffer(vf, request);

    memset(oid, 0, sizeof(*oid));
    oid->Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    oid->Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    oid->Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    oid->RequestType = oids[request->kind].type;
    vstack_remember_call(oid, &vf->call);
    vf->parent = request->span;
    if (oid->RequestType == NdisRequestMethod) {
        oid->DATA.METHOD_INFORMATION.Oid = oids[request->kind].oid;
        oid->DATA.METHOD_INFORMATION.InformationBuffer = vf->buffer;
        oid->DATA.METHOD_INFORMATION.InputBufferLength = length;
        oid->DATA.METHOD_INFORMATION.OutputBufferLength = length;
    } else {
        oid->DATA.SET_INFORMATION.Oid = oids[request->kind].oid;
        oid->DATA.SET_INFORMATION.InformationBuffer = vf->buffer;
        oid->DATA.SET_INFORMATION.InformationBufferLength = length;
    }
}

/* What a read brought: never more than was asked for, never more than the PF driver says it wrote. */
static NTSTATUS fetch(struct vstack_vf *vf, struct vstack_request *request)
{
    const UCHAR *data = (const UCHAR *)vf->buffer + DATA_OFFSET;
    ULONG written = vf->oid.DATA.METHOD_INFORMATION.BytesWritten;
    ULONG got = written > DATA_OFFSET ? written - DATA_OFFSET : 0;

    if (got > request->size)
        got = request->size;
    if (request->kind == VSTACK_BLOCK_READ) {
        memset(request->data, 0, sizeof(request->data));
        memcpy(request->data, data, got);
        request->length = got;
        return STATUS_SUCCESS;
    }
    if (got != request->size) {
        TRACE_REFUSE("vstack", "SHORT_CONFIG_READ ndis.md 4.4", "%u of %u bytes", got, request->size);
        return STATUS_UNSUCCESSFUL;
    }
    ULONG below = 0;
    memcpy(&below, data, got);
    request->value |= below & request->hardware;
    return STATUS_SUCCESS;
}

/* ---- the queue --------------------------------------------------------------------------------------------------- */

/* The OID is back: its request, if anyone still waits, completes; the next one takes its place. True: there is one. */
static bool oid_back(struct vstack_vf *vf, NDIS_STATUS ndis, struct vstack_answer *answer)
{
    NTSTATUS status = nt_status(vf, ndis);
    struct vstack_request *request;
    bool more;

    pthread_mutex_lock(&vf->lock);
    request = vf->current;
    if (request == &vf->reset) {
        vf->resetting = false; /* nobody waits for it, and from here it may be sent again */
        request = NULL;
    } else if (!request) {
        TRACE_NOTE("vstack", "late completion %08x of an abandoned request dropped", (unsigned)ndis);
    } else if (status == STATUS_SUCCESS && is_read(request)) {
        status = fetch(vf, request);
    }
    vf->current = vf->head;
    more = vf->busy = vf->current != NULL;
    if (more) {
        vf->head = vf->current->next;
        stage(vf);
    }
    if (request)
        vstack_callback_enter(vf);
    else
        pthread_cond_broadcast(&vf->quiet);
    pthread_mutex_unlock(&vf->lock);
    if (request) {
        deliver(request, status, answer);
        vstack_callback_leave(vf);
    }
    return more;
}

/* Sends the staged OID, and those behind it as long as they complete at once. `answer` is of the first. */
static void run(struct vstack_vf *vf, struct vstack_answer *answer)
{
    NDIS_STATUS status;
    bool more;
    do {
        status = NdisOidRequest(vf->stack->binding, &vf->oid);
        more = status != NDIS_STATUS_PENDING && oid_back(vf, status, answer);
        answer = NULL;
    } while (more);
}

static void oid_completed(struct vstack_call *call, NDIS_STATUS status)
{
    struct vstack_vf *vf = CONTAINING_RECORD(call, struct vstack_vf, call);
    if (!oid_back(vf, status, NULL))
        return;
    TRACE_DOOR(span, "vstack", "next request", "VF %u", vf->id);
    TRACE_UNDER(span, vf->parent);
    run(vf, NULL);
    TRACE_DONE(span, "sent");
}

void vstack_requests_init(struct vstack_vf *vf)
{
    vf->call.complete = oid_completed;
}

static void enqueue(struct vstack_vf *vf, struct vstack_request *request)
{
    request->next = NULL;
    if (vf->head)
        vf->tail->next = request;
    else
        vf->head = request;
    vf->tail = request;
}

/* vf->lock held. True: the caller must run(). */
static bool begin(struct vstack_vf *vf, struct vstack_request *request)
{
    if (vf->busy) {
        enqueue(vf, request);
        return false;
    }
    vf->busy = true;
    vf->current = request;
    stage(vf);
    return true;
}

void vstack_submit(struct vstack_vf *vf, struct vstack_request *request, enum vstack_kind kind,
                   struct vstack_answer *answer)
{
    NTSTATUS status;
    bool first = false;

    request->vf = vf;
    request->kind = kind;
    request->span = request->trace_parent || !trace_current ? request->trace_parent : trace_span_id();
    pthread_mutex_lock(&vf->lock);
    status = vstack_usable(vf);
    if (status == STATUS_SUCCESS)
        first = begin(vf, request);
    else
        vstack_callback_enter(vf);
    pthread_mutex_unlock(&vf->lock);
    if (status != STATUS_SUCCESS) {
        deliver(request, status, answer);
        vstack_callback_leave(vf);
    } else if (first) {
        run(vf, answer);
    }
}

/* ---- giving up --------------------------------------------------------------------------------------------------- */

/* vf->lock held. */
static bool take_out(struct vstack_vf *vf, struct vstack_request *request)
{
    struct vstack_request *before = NULL, *at = vf->head;

    if (vf->current == request) {
        vf->current = NULL;
        return true;
    }
    while (at && at != request) {
        before = at;
        at = at->next;
    }
    if (!at)
        return false;
    if (before)
        before->next = at->next;
    else
        vf->head = at->next;
    if (vf->tail == at)
        vf->tail = before;
    return true;
}

bool vstack_abandon(struct vstack_request *request, NTSTATUS status)
{
    struct vstack_vf *vf = request->vf;
    bool ours;

    if (!vf)
        return false;
    pthread_mutex_lock(&vf->lock);
    ours = take_out(vf, request);
    if (ours)
        vstack_callback_enter(vf);
    pthread_mutex_unlock(&vf->lock);
    if (!ours)
        return false;
    deliver(request, status, NULL);
    vstack_callback_leave(vf);
    return true;
}

/* The first request of a partition; vf->lock held. */
static struct vstack_request *first_of_owner(struct vstack_vf *vf, bool current_too)
{
    struct vstack_request *request = vf->head;
    if (current_too && vf->current && vf->current != &vf->reset)
        return vf->current;
    return request == &vf->reset ? request->next : request;
}

/* Everything the leaving owner still waits for. With `current_too` also the one the PF driver holds. */
void vstack_cancel_all(struct vstack_vf *vf, NTSTATUS status, bool current_too)
{
    struct vstack_request *request;

    pthread_mutex_lock(&vf->lock);
    while ((request = first_of_owner(vf, current_too)) != NULL) {
        take_out(vf, request);
        vstack_callback_enter(vf);
        pthread_mutex_unlock(&vf->lock);
        deliver(request, status, NULL);
        vstack_callback_leave(vf);
        pthread_mutex_lock(&vf->lock);
    }
    pthread_mutex_unlock(&vf->lock);
}

/* Until no callback runs any more, and with `also_pf` until the PF driver holds nothing of this VF. */
void vstack_wait_quiet(struct vstack_vf *vf, bool also_pf)
{
    pthread_mutex_lock(&vf->lock);
    while (vf->calls || (also_pf && vf->busy))
        pthread_cond_wait(&vf->quiet, &vf->lock);
    pthread_mutex_unlock(&vf->lock);
}

/* RESET_VF for an owner that has left; one that is on its way already will do. */
void vstack_quiet_hardware(struct vstack_vf *vf)
{
    bool first = false;

    pthread_mutex_lock(&vf->lock);
    if (!vf->resetting && !atomic_load(&vf->stack->removed)) {
        vf->resetting = true;
        vf->reset.kind = VSTACK_RESET;
        vf->reset.vf = vf;
        first = begin(vf, &vf->reset);
    }
    pthread_mutex_unlock(&vf->lock);
    if (first)
        run(vf, NULL);
}
