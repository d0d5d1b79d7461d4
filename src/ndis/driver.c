/* SPDX-License-Identifier: MIT
 *
 * Miniport drivers: NdisMRegisterMiniportDriver and its opposite, optional handlers (ndis.md 5.12, 3.4).
 */
#include "ndis/internal.h"

#define CHARACTERISTICS NDIS_MINIPORT_DRIVER_CHARACTERISTICS

/* Header revision and size that a version of NDIS demands. */
static const struct {
    unsigned version;
    UCHAR revision;
    USHORT size;
} revisions[] = {
    {680, NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3, NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3},
    {610, NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2, NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2},
    {600, NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1, NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1},
};

static const size_t required[] = {
    offsetof(CHARACTERISTICS, InitializeHandlerEx),
    offsetof(CHARACTERISTICS, HaltHandlerEx),
    offsetof(CHARACTERISTICS, UnloadHandler),
    offsetof(CHARACTERISTICS, PauseHandler),
    offsetof(CHARACTERISTICS, RestartHandler),
    offsetof(CHARACTERISTICS, OidRequestHandler),
    offsetof(CHARACTERISTICS, SendNetBufferListsHandler),
    offsetof(CHARACTERISTICS, ReturnNetBufferListsHandler),
    offsetof(CHARACTERISTICS, CancelSendHandler),
    offsetof(CHARACTERISTICS, DevicePnPEventNotifyHandler),
    offsetof(CHARACTERISTICS, ShutdownHandlerEx),
    offsetof(CHARACTERISTICS, CancelOidRequestHandler),
};

/* 630 for 6.30; 0 when there is no such version. 6.1 is written as minor 1, later ones as 20, 30, ... */
static unsigned version_of(const CHARACTERISTICS *given)
{
    static const UCHAR minors[] = {0, 1, 20, 30, 40, 50, 51, 60, 70};
    UCHAR minor = given->MinorNdisVersion;

    if (given->MajorNdisVersion != 6)
        return 0;
    if (minor >= 80 && minor <= 89)
        return 600u + minor;
    for (size_t i = 0; i < sizeof minors; i++)
        if (minors[i] == minor)
            return minor == 1 ? 610 : 600u + minor;
    return 0;
}

static bool revision_ok(const CHARACTERISTICS *given, unsigned version)
{
    size_t row = 0;

    if (given->Header.Type != NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS)
        return false;
    while (version < revisions[row].version)
        row++;
    return given->Header.Revision >= revisions[row].revision && given->Header.Size >= revisions[row].size;
}

static bool handlers_ok(const CHARACTERISTICS *given)
{
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (!*(void *const *)((const char *)given + required[i]))
            return false;
    if (given->CheckForHangHandlerEx && !given->ResetHandlerEx)
        return false;
    return !given->DirectOidRequestHandler == !given->CancelDirectOidRequestHandler;
}

static NDIS_STATUS check(const CHARACTERISTICS *given, CHARACTERISTICS *copy, unsigned *version)
{
    *version = version_of(given);
    if (!*version)
        return NDIS_STATUS_BAD_VERSION;
    if (!revision_ok(given, *version))
        return NDIS_STATUS_BAD_CHARACTERISTICS;
    memset(copy, 0, sizeof *copy);
    memcpy(copy, given, given->Header.Size < sizeof *copy ? given->Header.Size : sizeof *copy);
    return handlers_ok(copy) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_BAD_CHARACTERISTICS;
}

struct ndis_driver *ndis_driver_of(PDRIVER_OBJECT object)
{
    struct ndis_partition *room = ndis_partition_of(nt_driver_partition(object));
    struct ndis_driver *driver;

    if (!room)
        return NULL;
    ndis_lock(&room->lock);
    for (driver = room->drivers; driver && driver->object != object; driver = driver->next)
        ;
    ndis_unlock(&room->lock);
    return driver;
}

bool ndis_driver_exists(struct ndis_partition *room, const void *handle)
{
    struct ndis_driver *driver;

    if (!room || !handle)
        return false;
    ndis_lock(&room->lock);
    for (driver = room->drivers; driver && driver != handle; driver = driver->next)
        ;
    ndis_unlock(&room->lock);
    return driver != NULL;
}

/* The driver a handle names, of the partition this thread runs in. */
static struct ndis_driver *driver_checked(NDIS_HANDLE handle, const char *routine)
{
    if (ndis_driver_exists(ndis_partition_of(nt_current()), handle))
        return handle;
    nt_violation_in(NDIS_RULE(BAD_DRIVER_HANDLE), routine, "%s: %p is no miniport driver handle", routine, handle);
    return NULL;
}

static void list_driver(struct ndis_driver *driver)
{
    ndis_lock(&driver->room->lock);
    driver->next = driver->room->drivers;
    driver->room->drivers = driver;
    ndis_unlock(&driver->room->lock);
}

static void unlist_driver(struct ndis_driver *driver)
{
    struct ndis_driver **link = &driver->room->drivers;

    ndis_lock(&driver->room->lock);
    while (*link != driver)
        link = &(*link)->next;
    *link = driver->next;
    ndis_unlock(&driver->room->lock);
}

static void drop_driver(struct ndis_driver *driver)
{
    struct ndis_partition *room = driver->room;

    unlist_driver(driver);
    free(driver);
    ndis_partition_drop(room);
}

static VOID unload(PDRIVER_OBJECT object)
{
    struct ndis_driver *driver = ndis_driver_of(object);
    struct ndis_partition *room;

    if (!driver)
        return;
    room = ndis_partition_hold(driver->room->nt);
    TRACE_DOOR(span, "ndis", "MiniportUnload", "%s", nt_driver_name(object));
    driver->handlers.UnloadHandler(object);
    TRACE_DONE(span, "done");
    driver = ndis_driver_of(object);
    if (driver) {
        nt_violation(NDIS_RULE(DRIVER_NOT_DEREGISTERED),
                     "%s: MiniportUnload returned without NdisMDeregisterMiniportDriver", nt_driver_name(object));
        drop_driver(driver);
    }
    ndis_configurations_end(room, nt_driver_name(object));
    ndis_partition_drop(room);
}

static void hook(PDRIVER_OBJECT object)
{
    for (unsigned major = 0; major <= IRP_MJ_MAXIMUM_FUNCTION; major++)
        object->MajorFunction[major] = ndis_dispatch_pass;
    object->MajorFunction[IRP_MJ_PNP] = ndis_dispatch_pnp;
    object->MajorFunction[IRP_MJ_POWER] = ndis_dispatch_power;
    object->DriverExtension->AddDevice = ndis_add_device;
    object->DriverUnload = unload;
}

static NDIS_STATUS register_driver(PDRIVER_OBJECT object, NDIS_HANDLE context, const CHARACTERISTICS *given,
                                   PNDIS_HANDLE handle)
{
    struct ndis_driver *driver = calloc(1, sizeof *driver);
    NDIS_STATUS status;

    if (!driver)
        return NDIS_STATUS_RESOURCES;
    status = check(given, &driver->handlers, &driver->version);
    if (status != NDIS_STATUS_SUCCESS)
        nt_violation_in(NDIS_RULE(DRIVER_CHARACTERISTICS), "NdisMRegisterMiniportDriver",
                        "type %02x, revision %u, size %u for NDIS %u.%u: %s", given->Header.Type,
                        given->Header.Revision, given->Header.Size, given->MajorNdisVersion, given->MinorNdisVersion,
                        ndis_status_name(status));
    driver->room = status == NDIS_STATUS_SUCCESS ? ndis_partition_hold(nt_driver_partition(object)) : NULL;
    if (!driver->room) {
        free(driver);
        return status == NDIS_STATUS_SUCCESS ? NDIS_STATUS_RESOURCES : status;
    }
    driver->object = object;
    driver->name = nt_driver_name(object);
    driver->context = context;
    list_driver(driver);
    *handle = driver;
    if (driver->handlers.SetOptionsHandler) {
        driver->takes_options = true;
        status = driver->handlers.SetOptionsHandler(driver, context);
        driver->takes_options = false;
    }
    if (status != NDIS_STATUS_SUCCESS) {
        *handle = NULL;
        drop_driver(driver);
        return status;
    }
    hook(object);
    return NDIS_STATUS_SUCCESS;
}

NDIS_EXPORT NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                                                    NDIS_HANDLE MiniportDriverContext,
                                                    PNDIS_MINIPORT_DRIVER_CHARACTERISTICS MiniportDriverCharacteristics,
                                                    PNDIS_HANDLE NdisMiniportDriverHandle)
{
    NDIS_STATUS status;

    (void)RegistryPath;
    if (!nt_irql_at_most(PASSIVE_LEVEL, "NdisMRegisterMiniportDriver") || !DriverObject ||
        !MiniportDriverCharacteristics || !NdisMiniportDriverHandle || ndis_driver_of(DriverObject))
        return NDIS_STATUS_FAILURE;
    TRACE_DOOR(span, "ndis", "NdisMRegisterMiniportDriver", "%s, NDIS %u.%u", nt_driver_name(DriverObject),
               MiniportDriverCharacteristics->MajorNdisVersion, MiniportDriverCharacteristics->MinorNdisVersion);
    status = nt_fault("NdisMRegisterMiniportDriver")
                 ? NDIS_STATUS_RESOURCES
                 : register_driver(DriverObject, MiniportDriverContext, MiniportDriverCharacteristics,
                                   NdisMiniportDriverHandle);
    TRACE_DONE(span, "%s", ndis_status_name(status));
    return status;
}

static bool has_adapter_of(const struct ndis_driver *driver)
{
    for (struct ndis_adapter_block *block = &driver->room->adapters; block; block = atomic_load(&block->next))
        for (unsigned i = 0; i < NDIS_ADAPTERS_PER_BLOCK; i++) {
            struct ndis_adapter *adapter = atomic_load(&block->slots[i]);

            if (adapter && adapter->driver == driver)
                return true;
        }
    return false;
}

NDIS_EXPORT VOID NdisMDeregisterMiniportDriver(NDIS_HANDLE NdisMiniportDriverHandle)
{
    struct ndis_driver *driver;

    if (!nt_irql_at_most(PASSIVE_LEVEL, "NdisMDeregisterMiniportDriver"))
        return;
    driver = driver_checked(NdisMiniportDriverHandle, "NdisMDeregisterMiniportDriver");
    if (!driver)
        return;
    if (has_adapter_of(driver)) {
        nt_violation(NDIS_RULE(DRIVER_HAS_ADAPTERS),
                     "NdisMDeregisterMiniportDriver while an adapter of the driver exists");
        return;
    }
    drop_driver(driver);
}

NDIS_EXPORT NDIS_STATUS NdisSetOptionalHandlers(NDIS_HANDLE NdisHandle, PNDIS_DRIVER_OPTIONAL_HANDLERS OptionalHandlers)
{
    struct ndis_driver *driver;

    if (!nt_irql_at_most(PASSIVE_LEVEL, "NdisSetOptionalHandlers") || !OptionalHandlers)
        return NDIS_STATUS_FAILURE;
    driver = driver_checked(NdisHandle, "NdisSetOptionalHandlers");
    if (!driver || !driver->takes_options || nt_fault("NdisSetOptionalHandlers"))
        return NDIS_STATUS_FAILURE;
    if (((const NDIS_OBJECT_HEADER *)OptionalHandlers)->Type != NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS)
        return NDIS_STATUS_NOT_SUPPORTED;
    if (!ndis_header_ok(OptionalHandlers, NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS,
                        NDIS_SIZEOF_MINIPORT_PNP_CHARACTERISTICS_REVISION_1))
        return NDIS_STATUS_BAD_CHARACTERISTICS;
    memcpy(&driver->pnp, OptionalHandlers, NDIS_SIZEOF_MINIPORT_PNP_CHARACTERISTICS_REVISION_1);
    return NDIS_STATUS_SUCCESS;
}
