/* SPDX-License-Identifier: MIT
 *
 * The guest cannot tell which road leads to its PF driver: the same card under refnic (NDIS) and under refgen (the
 * generic interface), and everything a partition may ask of its VF, answered byte for byte the same.
 */
#include "refgen_rig.h"

#include "vstack/vstack.h"

#include "drivers/common/blocks.h"
#include "drivers/refgen/refgen.h"
#include "drivers/refnic/refnic.h"

#define COMMAND        0x04
#define MSIX_CONTROL   0x72
#define DEVICE_CONTROL 0xA8

struct road {
    const char *name, *driver_path;
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    struct pci_profile *profile;
    struct pci_device *device;
    PDEVICE_OBJECT pdo;
    struct vstack *stack;
    struct vstack_vf *vf;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned told;
};
enum { NDIS, GENERIC };
static struct road roads[2];

static void on_invalidated(void *context)
{
    struct road *road = context;
    pthread_mutex_lock(&road->lock);
    road->told++;
    pthread_cond_broadcast(&road->changed);
    pthread_mutex_unlock(&road->lock);
}

static const struct vstack_partition guest = {.name = "guest", .invalidated = on_invalidated};

static void open_road(struct road *road, bool generic, const UCHAR *mac)
{
    struct pci_device_options options = {.routing_id = 0x100, .has_address = true};
    struct vstack_vf_options vf = {.vm_name = "vm"};
    struct nt_load_error error = {0};
    memset(road, 0, sizeof(*road));
    pthread_mutex_init(&road->lock, NULL);
    pthread_cond_init(&road->changed, NULL);
    memcpy(vf.mac, mac, sizeof(vf.mac));
    assert_int_equal(pci_profile_load(getenv("REFNIC_PROFILE"), &road->profile, NULL), 0);
    road->partition = nt_partition_create(&(struct nt_partition_options){.name = "host", .role = NT_PARENT});
    nt_enter(road->partition);
    if (!NT_SUCCESS(nt_driver_load(road->partition, getenv(generic ? "REFGEN" : "REFNIC_PF"), &road->driver, &error)))
        fail_msg("%s", error.text);
    assert_int_equal(pci_device_create(road->profile, &options, &road->device), 0);
    assert_int_equal(pcibus_add_device(road->partition, road->device, &road->pdo), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_add_device(road->driver, road->pdo), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_start(road->pdo), STATUS_SUCCESS);
    assert_int_equal(generic ? vstack_create_generic(road->pdo, &road->stack)
                             : vstack_create(ndis_adapter_of(road->pdo), &road->stack),
                     STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(road->stack, 8), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_vf_allocate(road->stack, &vf, &road->vf), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_vf_attach(road->vf, &guest, road), STATUS_SUCCESS);
    nt_enter(NULL);
}

static void close_road(struct road *road)
{
    nt_enter(road->partition);
    vstack_destroy(road->stack);
    nt_pnp_simple(road->pdo, IRP_MN_REMOVE_DEVICE);
    pcibus_remove_device(road->pdo);
    pci_device_destroy(road->device);
    nt_driver_unload(road->driver);
    assert_int_equal(nt_violations(road->partition), 0);
    nt_enter(NULL);
    assert_int_equal(nt_partition_destroy(road->partition), 0);
    pci_profile_unref(road->profile);
    pthread_cond_destroy(&road->changed);
    pthread_mutex_destroy(&road->lock);
}

/* ---- requests -----------------------------------------------------------------------------------------------------
 */

struct asked {
    struct vstack_request request;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void on_done(struct vstack_request *request)
{
    struct asked *asked = request->context;
    pthread_mutex_lock(&asked->lock);
    asked->done = true;
    pthread_cond_broadcast(&asked->changed);
    pthread_mutex_unlock(&asked->lock);
}

enum kind { READ, WRITE, READ_BLOCK, WRITE_BLOCK, RESET, POWER };

static struct vstack_request ask(struct road *road, enum kind kind, ULONG where, ULONG size, ULONG value,
                                 const void *data)
{
    struct asked asked = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct vstack_request *request = &asked.request;
    request->done = on_done;
    request->context = &asked;
    nt_enter(road->partition);
    if (kind == READ)
        vstack_config_read(road->vf, request, where, size);
    else if (kind == WRITE)
        vstack_config_write(road->vf, request, where, size, value);
    else if (kind == READ_BLOCK)
        vstack_block_read(road->vf, request, where, size);
    else if (kind == WRITE_BLOCK)
        vstack_block_write(road->vf, request, where, data, size);
    else if (kind == RESET)
        vstack_reset(road->vf, request);
    else
        vstack_set_power(road->vf, request, (NDIS_DEVICE_POWER_STATE)value);
    pthread_mutex_lock(&asked.lock);
    while (!asked.done)
        pthread_cond_wait(&asked.changed, &asked.lock);
    pthread_mutex_unlock(&asked.lock);
    nt_enter(NULL);
    return *request;
}

/* On both; what came back must be the same. */
static struct vstack_request both(enum kind kind, ULONG where, ULONG size, ULONG value, const void *data)
{
    struct vstack_request first = ask(&roads[NDIS], kind, where, size, value, data);
    struct vstack_request second = ask(&roads[GENERIC], kind, where, size, value, data);
    if (first.status != second.status || (kind == READ && first.value != second.value) ||
        (kind == READ_BLOCK &&
         (first.length != second.length || memcmp(first.data, second.data, sizeof(first.data)) != 0)))
        fail_msg("kind %d at 0x%x, %u bytes: %08x %x and %08x %x", kind, where, size, (unsigned)first.status,
                 first.value, (unsigned)second.status, second.value);
    return second;
}

static void whole_space(void)
{
    for (ULONG offset = 0; offset < 4096; offset += 4)
        both(READ, offset, 4, 0, NULL);
}

static ULONG64 told(struct road *road)
{
    pthread_mutex_lock(&road->lock);
    while (!road->told)
        pthread_cond_wait(&road->changed, &road->lock);
    road->told = 0;
    pthread_mutex_unlock(&road->lock);
    return vstack_take_invalidations(road->vf);
}

/* The VF's address: refnic takes the one it is given, refgen chooses. */
static int set_up(void **state)
{
    static const UCHAR any[6] = {2};
    struct refnic_link link;
    (void)state;
    open_road(&roads[GENERIC], true, any);
    struct vstack_request block = ask(&roads[GENERIC], READ_BLOCK, REFNIC_BLOCK_LINK, sizeof(link), 0, NULL);
    memcpy(&link, block.data, sizeof(link));
    open_road(&roads[NDIS], false, link.mac);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close_road(&roads[NDIS]);
    close_road(&roads[GENERIC]);
    return 0;
}

/* ---- the same ------------------------------------------------------------------------------------------------------
 */

static void identity_location_and_bars_are_the_same(void **state)
{
    struct vstack_vf *a = roads[NDIS].vf, *b = roads[GENERIC].vf;
    (void)state;
    assert_memory_equal(vstack_vf_identity(a), vstack_vf_identity(b), sizeof(struct vstack_identity));
    assert_memory_equal(vstack_vf_probed_bars(a), vstack_vf_probed_bars(b), 6 * sizeof(ULONG));
    assert_int_equal(vstack_vf_rid(a), vstack_vf_rid(b));
    assert_int_equal(vstack_vf_id(a), vstack_vf_id(b));
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(vstack_vf_bar_size(a, i), vstack_vf_bar_size(b, i));
}

static void the_whole_configuration_space_is_the_same(void **state)
{
    (void)state;
    whole_space();
}

static void every_write_does_the_same(void **state)
{
    static const ULONG values[] = {0xFFFFFFFF, 0, 0x5A5A5A5A, 0x00007FFF};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        for (ULONG offset = 0; offset < 4096; offset += 4) {
            ULONG value = offset == DEVICE_CONTROL ? values[i] & 0x7FFF : values[i]; /* FLR: below */
            both(WRITE, offset, 4, value, NULL);
            both(READ, offset, 4, 0, NULL);
        }
    whole_space();
    for (ULONG offset = 0; offset < 0x100; offset++) {
        both(WRITE, offset, 1, offset == DEVICE_CONTROL + 1 ? 0 : 0xFF, NULL);
        both(READ, offset, 1, 0, NULL);
    }
    whole_space();
}

static void bad_accesses_are_refused_the_same_way(void **state)
{
    static const struct {
        ULONG offset, size;
    } rows[] = {{4096, 4}, {0, 3}, {3, 2}, {0, 0}, {0, 8}, {0xFFFFFFFF, 1}, {4094, 4}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(both(READ, rows[i].offset, rows[i].size, 0, NULL).status, STATUS_INVALID_PARAMETER);
        assert_int_equal(both(WRITE, rows[i].offset, rows[i].size, 1, NULL).status, STATUS_INVALID_PARAMETER);
    }
}

static void an_flr_by_register_and_by_message_do_the_same(void **state)
{
    (void)state;
    both(WRITE, COMMAND, 2, 6, NULL);
    both(WRITE, MSIX_CONTROL, 2, 0x8000, NULL);
    assert_int_equal(both(READ, COMMAND, 2, 0, NULL).value & 6, 6);
    both(WRITE, DEVICE_CONTROL, 2, 0x8000, NULL);
    assert_int_equal(both(READ, COMMAND, 2, 0, NULL).value & 6, 0);
    whole_space();
    both(WRITE, COMMAND, 2, 6, NULL);
    both(RESET, 0, 0, 0, NULL);
    whole_space();
}

static void every_block_is_the_same_of_any_length(void **state)
{
    (void)state;
    for (ULONG block = 0; block < 35; block++)
        for (ULONG length = 0; length < 131; length++)
            both(READ_BLOCK, block, length, 0, NULL);
    both(READ_BLOCK, 0xFFFFFFFF, 128, 0, NULL);
    both(READ_BLOCK, 0, 0xFFFFFFFF, 0, NULL);
}

static void every_block_write_does_the_same(void **state)
{
    UCHAR data[128];
    (void)state;
    for (ULONG block = 0; block < 35; block++)
        for (ULONG length = 1; length <= 128; length++) {
            for (unsigned i = 0; i < sizeof(data); i++)
                data[i] = (UCHAR)(i < 16 ? (length + i) % 7 : i);
            both(WRITE_BLOCK, block, length, 0, data);
            both(READ_BLOCK, 0, 128, 0, NULL);
            both(READ_BLOCK, REFNIC_BLOCK_STATISTICS, 128, 0, NULL);
        }
}

static void the_backchannel_asks_for_the_same(void **state)
{
    struct refnic_control control = {.capabilities = REFNIC_AGENT_STATISTICS, .version = 1, .rings = 2};
    (void)state;
    assert_int_equal(both(WRITE_BLOCK, 0, 128, 0, &control).status, STATUS_SUCCESS);
    assert_int_equal(told(&roads[NDIS]), 1);
    assert_int_equal(told(&roads[GENERIC]), 1);
    both(READ_BLOCK, 0, 128, 0, NULL);
}

static NDIS_STATUS set_at_pf(struct road *road, NDIS_OID oid, void *data, ULONG length)
{
    NDIS_OID_REQUEST request = {.RequestType = NdisRequestSetInformation};
    request.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                                          NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    request.DATA.SET_INFORMATION.Oid = oid;
    request.DATA.SET_INFORMATION.InformationBuffer = data;
    request.DATA.SET_INFORMATION.InformationBufferLength = length;
    nt_enter(road->partition);
    NDIS_STATUS status = vstack_oid(road->stack, &request);
    nt_enter(NULL);
    return status;
}

static void a_command_for_the_vf_looks_the_same(void **state)
{
    REFNIC_VF_COMMAND command = {.Control = REFNIC_AGENT_STATISTICS, .Command = 10};
    REFGEN_VF_COMMAND the_same = {.Control = REFNIC_AGENT_STATISTICS, .Command = 10};
    struct rig rig = {.pdo = roads[GENERIC].pdo};
    (void)state;
    command.VFId = the_same.VFId = vstack_vf_id(roads[NDIS].vf);
    assert_int_equal(set_at_pf(&roads[NDIS], OID_REFNIC_VF_COMMAND, &command, sizeof(command)), NDIS_STATUS_SUCCESS);
    nt_enter(roads[GENERIC].partition);
    assert_int_equal(rig_control(&rig, IOCTL_REFGEN_VF_COMMAND, &the_same, sizeof(the_same), 0, NULL), STATUS_SUCCESS);
    nt_enter(NULL);
    assert_true(told(&roads[NDIS]) == 1 && told(&roads[GENERIC]) == 1);
    struct vstack_request block = both(READ_BLOCK, REFNIC_BLOCK_CONTROL, 128, 0, NULL);
    struct refnic_control control;
    memcpy(&control, block.data, sizeof(control));
    assert_int_equal(control.command, 10);
}

static void a_link_change_looks_the_same(void **state)
{
    REFGEN_LINK link = {.Connected = 1, .Speed = 10000000000ull};
    NDIS_LINK_PARAMETERS parameters = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_LINK_PARAMETERS_REVISION_1, NDIS_SIZEOF_LINK_PARAMETERS_REVISION_1},
        .MediaDuplexState = MediaDuplexStateFull,
        .XmitLinkSpeed = link.Speed,
        .RcvLinkSpeed = link.Speed,
        .PauseFunctions = NdisPauseFunctionsUnsupported};
    struct rig rig = {.pdo = roads[GENERIC].pdo};
    (void)state;
    assert_int_equal(set_at_pf(&roads[NDIS], OID_GEN_LINK_PARAMETERS, &parameters, sizeof(parameters)),
                     NDIS_STATUS_SUCCESS);
    nt_enter(roads[GENERIC].partition);
    assert_int_equal(rig_control(&rig, IOCTL_REFGEN_SET_LINK, &link, sizeof(link), 0, NULL), STATUS_SUCCESS);
    nt_enter(NULL);
    assert_int_equal(set_at_pf(&roads[GENERIC], OID_GEN_LINK_PARAMETERS, &parameters, sizeof(parameters)),
                     NDIS_STATUS_NOT_SUPPORTED);
    assert_true(told(&roads[NDIS]) == REFNIC_MASK(REFNIC_BLOCK_LINK));
    assert_true(told(&roads[GENERIC]) == REFNIC_MASK(REFNIC_BLOCK_LINK));
    struct vstack_request block = both(READ_BLOCK, REFNIC_BLOCK_LINK, 32, 0, NULL);
    struct refnic_link changed;
    memcpy(&changed, block.data, sizeof(changed));
    assert_int_equal(changed.generation, 2);
}

static void power_states_are_taken_and_refused_the_same_way(void **state)
{
    (void)state;
    for (ULONG power = 0; power < 6; power++) {
        both(POWER, 0, 0, power, NULL);
        whole_space();
    }
}

static void the_next_owner_finds_the_same(void **state)
{
    (void)state;
    both(WRITE, COMMAND, 2, 6, NULL);
    for (unsigned i = 0; i < 2; i++) {
        nt_enter(roads[i].partition);
        vstack_vf_detach(roads[i].vf);
        assert_int_equal(vstack_vf_attach(roads[i].vf, &guest, &roads[i]), STATUS_SUCCESS);
        nt_enter(NULL);
    }
    whole_space();
    both(READ_BLOCK, 0, 128, 0, NULL);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(identity_location_and_bars_are_the_same),
        CASE(the_whole_configuration_space_is_the_same),
        CASE(every_write_does_the_same),
        CASE(bad_accesses_are_refused_the_same_way),
        CASE(an_flr_by_register_and_by_message_do_the_same),
        CASE(every_block_is_the_same_of_any_length),
        CASE(every_block_write_does_the_same),
        CASE(the_backchannel_asks_for_the_same),
        CASE(a_command_for_the_vf_looks_the_same),
        CASE(a_link_change_looks_the_same),
        CASE(power_states_are_taken_and_refused_the_same_way),
        CASE(the_next_owner_finds_the_same),
    };
    return cmocka_run_group_tests_name("path / two roads", tests, NULL, NULL);
}
