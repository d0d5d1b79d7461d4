/* SPDX-License-Identifier: MIT
 *
 * Overlying drivers: bindings, and the miniport's status indications to them (ndis.md 4.24).
 */
#include "ndis/oid_queue.h"

#define BINDING_MAGIC 0x474e49444e494200ull

NDIS_STATUS ndis_open(struct ndis_adapter *adapter, const struct ndis_overlying *overlying, void *context,
                      NDIS_HANDLE *binding)
{
    struct ndis_binding *made;
    enum ndis_state state = ndis_adapter_state(adapter);

    if (state == NDIS_HALTED || state == NDIS_INITIALIZING)
        return NDIS_STATUS_CLOSING;
    made = calloc(1, sizeof *made);
    if (!made)
        return NDIS_STATUS_RESOURCES;
    made->magic = BINDING_MAGIC;
    made->adapter = adapter;
    made->driver = *overlying;
    made->context = context;
    ndis_adapter_hold(adapter);
    ndis_lock(&adapter->bindings_lock);
    made->next = adapter->bindings;
    adapter->bindings = made;
    ndis_unlock(&adapter->bindings_lock);
    *binding = made;
    return NDIS_STATUS_SUCCESS;
}

static bool unlink_idle(struct ndis_adapter *adapter, struct ndis_binding *binding)
{
    struct ndis_binding **link = &adapter->bindings;
    bool idle;

    ndis_lock(&adapter->bindings_lock);
    idle = binding->indications == 0;
    while (idle && *link != binding)
        link = &(*link)->next;
    if (idle)
        *link = binding->next;
    ndis_unlock(&adapter->bindings_lock);
    return idle;
}

void ndis_close(NDIS_HANDLE handle)
{
    struct ndis_binding *binding = ndis_binding_checked(handle, "ndis_close");
    struct ndis_adapter *adapter;

    if (!binding)
        return;
    adapter = binding->adapter;
    while (!unlink_idle(adapter, binding)) /* its status routine is running on another thread */
        sched_yield();
    binding->magic = 0;
    free(binding);
    ndis_adapter_release(adapter);
}

struct ndis_binding *ndis_binding_checked(NDIS_HANDLE handle, const char *routine)
{
    struct ndis_binding *binding = handle;

    if (binding && binding->magic == BINDING_MAGIC)
        return binding;
    nt_violation_in(NDIS_RULE(BAD_BINDING_HANDLE), routine, "%s: %p is no open binding", routine, handle);
    return NULL;
}

void ndis_indicate(struct ndis_adapter *adapter, PNDIS_STATUS_INDICATION indication)
{
    struct ndis_binding *binding, *next;

    ndis_lock(&adapter->bindings_lock);
    for (binding = adapter->bindings; binding; binding = next) {
        if (binding->driver.status) {
            binding->indications++; /* keeps it in the list */
            ndis_unlock(&adapter->bindings_lock);
            binding->driver.status(binding->context, indication);
            ndis_lock(&adapter->bindings_lock);
            binding->indications--;
        }
        next = binding->next;
    }
    ndis_unlock(&adapter->bindings_lock);
}

/* Statuses whose buffer is a structure with a header, and its size. */
static const struct {
    NDIS_STATUS status;
    USHORT size;
} structures[] = {
    {NDIS_STATUS_LINK_STATE, NDIS_SIZEOF_LINK_STATE_REVISION_1},
};

static void check_buffer(PNDIS_STATUS_INDICATION indication)
{
    const NDIS_OBJECT_HEADER *header = indication->StatusBuffer;

    for (size_t i = 0; i < sizeof structures / sizeof *structures; i++)
        if (structures[i].status == indication->StatusCode &&
            (!header || indication->StatusBufferSize < structures[i].size ||
             !ndis_header_ok(header, NDIS_OBJECT_TYPE_DEFAULT, structures[i].size)))
            nt_violation_in(NDIS_RULE(STATUS_INDICATION_BUFFER), "NdisMIndicateStatusEx",
                            "status %08x: %u bytes, Header.Size %u, at least %u", (ULONG)indication->StatusCode,
                            indication->StatusBufferSize,
                            header && indication->StatusBufferSize >= sizeof *header ? header->Size : 0,
                            structures[i].size);
}

NDIS_EXPORT VOID NdisMIndicateStatusEx(NDIS_HANDLE MiniportAdapterHandle, PNDIS_STATUS_INDICATION StatusIndication)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, DISPATCH_LEVEL, "NdisMIndicateStatusEx");

    if (!adapter)
        return;
    if (!StatusIndication || !ndis_header_ok(StatusIndication, NDIS_OBJECT_TYPE_STATUS_INDICATION,
                                             NDIS_SIZEOF_STATUS_INDICATION_REVISION_1)) {
        nt_violation(NDIS_RULE(STATUS_INDICATION_HEADER), "NdisMIndicateStatusEx: no valid NDIS_STATUS_INDICATION");
        return;
    }
    TRACE_DOOR(span, "ndis", "NdisMIndicateStatusEx", "%s, %u bytes", ndis_status_name(StatusIndication->StatusCode),
               StatusIndication->StatusBufferSize);
    if (StatusIndication->StatusCode == NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES ||
        StatusIndication->StatusCode == NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES)
        ndis_capabilities_refresh(adapter, StatusIndication);
    check_buffer(StatusIndication);
    ndis_indicate(adapter, StatusIndication);
    TRACE_DONE(span, "done");
}
