/* SPDX-License-Identifier: MIT */
#include "nic.h"

/* ---- record ----------------------------------------------------------------------------------------------- */

static void on_record(struct trace_sink *base, const struct trace_record *record)
{
    struct rules_sink *sink = (struct rules_sink *)base;

    pthread_mutex_lock(&sink->lock);
    if (record->kind == TRACE_REFUSED && sink->count < 64)
        snprintf(sink->rules[sink->count++], sizeof sink->rules[0], "%s", record->rule);
    if (record->kind == TRACE_SPAN && !strcmp(record->room, "ndis") && sink->door_count < 64) {
        memcpy(sink->doors[sink->door_count], record->door, sizeof record->door);
        memcpy(sink->details[sink->door_count], record->detail, sizeof record->detail);
        memcpy(sink->results[sink->door_count++], record->result, sizeof record->result);
    }
    pthread_mutex_unlock(&sink->lock);
}

static void on_flush(struct trace_sink *sink)
{
    (void)sink;
}

bool nic_saw_rule(struct nic *nic, const char *rule)
{
    bool saw = false;

    pthread_mutex_lock(&nic->sink.lock);
    for (unsigned i = 0; i < nic->sink.count; i++)
        saw |= !strncmp(nic->sink.rules[i], rule, strlen(rule));
    pthread_mutex_unlock(&nic->sink.lock);
    return saw;
}

bool nic_saw_door(struct nic *nic, const char *door, const char *detail, const char *result)
{
    bool saw = false;

    pthread_mutex_lock(&nic->sink.lock);
    for (unsigned i = 0; i < nic->sink.door_count; i++)
        saw |= !strcmp(nic->sink.doors[i], door) && !strcmp(nic->sink.details[i], detail) &&
               !strcmp(nic->sink.results[i], result);
    pthread_mutex_unlock(&nic->sink.lock);
    return saw;
}

void nic_log(struct nic *nic, const char *format, ...)
{
    va_list arguments;
    size_t length;

    pthread_mutex_lock(&nic->lock);
    length = strlen(nic->log);
    if (length + 80 < sizeof nic->log) {
        va_start(arguments, format);
        vsnprintf(nic->log + length, sizeof nic->log - length, format, arguments);
        va_end(arguments);
        strcat(nic->log, " ");
    }
    pthread_cond_broadcast(&nic->changed);
    pthread_mutex_unlock(&nic->lock);
}

void nic_clear_log(struct nic *nic)
{
    nic->log[0] = 0;
}

void nic_wait(struct nic *nic, unsigned *counter, unsigned value)
{
    pthread_mutex_lock(&nic->lock);
    while (*counter < value)
        pthread_cond_wait(&nic->changed, &nic->lock);
    pthread_mutex_unlock(&nic->lock);
}

/* ---- the overlying driver --------------------------------------------------------------------------------- */

static void on_complete(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct nic *nic = context;

    pthread_mutex_lock(&nic->lock);
    nic->completions++;
    nic->last_status = status;
    nic->last_request = request;
    pthread_cond_broadcast(&nic->changed);
    pthread_mutex_unlock(&nic->lock);
}

static void on_status(void *context, PNDIS_STATUS_INDICATION indication)
{
    struct nic *nic = context;

    nic->indications++;
    nic->last_indication = indication->StatusCode;
}

static const struct ndis_overlying overlying = {"test", on_complete, on_status};

void nic_request(NDIS_OID_REQUEST *request, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length)
{
    memset(request, 0, sizeof *request);
    request->Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    request->Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    request->Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    request->RequestType = type;
    request->DATA.QUERY_INFORMATION.Oid = oid;
    request->DATA.QUERY_INFORMATION.InformationBuffer = buffer;
    request->DATA.QUERY_INFORMATION.InformationBufferLength = length;
    if (type == NdisRequestMethod)
        request->DATA.METHOD_INFORMATION.OutputBufferLength = length;
}

NDIS_STATUS nic_send(struct nic *nic, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length)
{
    NDIS_OID_REQUEST request;
    unsigned before = nic->completions;
    NDIS_STATUS status;

    nic_request(&request, type, oid, buffer, length);
    status = NdisOidRequest(nic->binding, &request);
    if (status != NDIS_STATUS_PENDING)
        return status;
    nic_wait(nic, &nic->completions, before + 1);
    return nic->last_status;
}

/* ---- life
 * ---------------------------------------------------------------------------------------------- */

struct nic *nic_create(enum fake_kind kind)
{
    struct nic *nic = calloc(1, sizeof *nic);
    struct nt_partition_options options = {.name = "test", .role = kind == FAKE_GUEST ? NT_CHILD : NT_PARENT};

    pthread_mutex_init(&nic->lock, NULL);
    pthread_cond_init(&nic->changed, NULL);
    pthread_mutex_init(&nic->sink.lock, NULL);
    nic->sink.sink = (struct trace_sink){on_record, on_flush};
    nic->trace = trace_create(&nic->sink.sink, 1, "test");
    options.trace = nic->trace;
    nic->partition = nt_partition_create(&options);
    assert_non_null(nic->partition);
    nt_enter(nic->partition);
    nic->bus = fake_bus_create(nic->partition, kind);
    nic->vf = kind == FAKE_GUEST;
    nic_fill_characteristics(&nic->characteristics);
    nic_fill_capabilities(nic);
    nic_loading = nic;
    return nic;
}

NTSTATUS nic_load(struct nic *nic)
{
    return nt_driver_start(nic->partition, "testnic", nic_driver_entry, &nic->driver);
}

NTSTATUS nic_add(struct nic *nic)
{
    NTSTATUS status = nt_pnp_add_device(nic->driver, nic->bus->pdo);

    nic->adapter = ndis_adapter_of(nic->bus->pdo);
    return status;
}

NTSTATUS nic_start(struct nic *nic)
{
    NTSTATUS status = nt_pnp_start(nic->bus->pdo);

    if (NT_SUCCESS(status))
        assert_int_equal(ndis_open(nic->adapter, &overlying, nic, &nic->binding), NDIS_STATUS_SUCCESS);
    return status;
}

struct nic *nic_running(enum fake_kind kind)
{
    struct nic *nic = nic_create(kind);

    assert_int_equal(nic_load(nic), STATUS_SUCCESS);
    assert_int_equal(nic_add(nic), STATUS_SUCCESS);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_RUNNING);
    nic_clear_log(nic);
    return nic;
}

void nic_remove(struct nic *nic)
{
    if (nic->binding)
        ndis_close(nic->binding);
    nic->binding = NULL;
    if (nic->adapter)
        nt_pnp_simple(nic->bus->pdo, IRP_MN_REMOVE_DEVICE);
    nic->adapter = NULL;
}

void nic_destroy(struct nic *nic)
{
    nic_remove(nic);
    if (nic->driver)
        nt_driver_unload(nic->driver);
    nt_drain_work(nic->partition);
    assert_int_equal(nic->bus->references, 0);
    fake_bus_destroy(nic->bus);
    ndis_clear_keywords(nic->partition);
    nt_enter(NULL);
    assert_int_equal(nt_partition_destroy(nic->partition), 0);
    trace_destroy(nic->trace);
    free(nic);
}
