/* SPDX-License-Identifier: MIT
 *
 * The virtualization stack over refgen on a card: which pages of a VF are mitigated in which state, and what is read
 * there (pci.md 3.7; drivers/refgen/gen_mitigation.c).
 */
#include "refgen_rig.h"

#include "vstack/vstack.h"

#define PAGE           4096u
#define DEVICE_CONTROL 0xA8

static struct rig rig;
static struct vstack *stack;
static struct vstack_vf *vfs[2];
static struct vstack_vf_options options = {.vm_name = "vm"};

struct owner {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned told, count; /* of BAR 0 */
    struct vstack_range ranges[2];
    bool removed;
};
static struct owner owners[2];

static void on_ranges(void *context, unsigned index, const struct vstack_range *ranges, unsigned count)
{
    struct owner *owner = context;
    assert_int_equal(index, 0);
    assert_true(count <= 2);
    pthread_mutex_lock(&owner->lock);
    owner->told++;
    owner->count = count;
    if (count)
        memcpy(owner->ranges, ranges, count * sizeof(*ranges));
    pthread_mutex_unlock(&owner->lock);
}

static void on_removed(void *context)
{
    struct owner *owner = context;
    pthread_mutex_lock(&owner->lock);
    owner->removed = true;
    pthread_cond_broadcast(&owner->changed);
    pthread_mutex_unlock(&owner->lock);
}

static const struct vstack_partition guest = {.name = "guest", .removed = on_removed, .ranges = on_ranges};

static void own(unsigned index)
{
    owners[index] = (struct owner){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    assert_int_equal(vstack_vf_attach(vfs[index], &guest, &owners[index]), STATUS_SUCCESS);
}

static int set_up(void **state)
{
    (void)state;
    rig_create(&rig);
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    assert_int_equal(vstack_create_generic(rig.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, 2), NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vstack_vf_allocate(stack, &options, &vfs[i]), NDIS_STATUS_SUCCESS);
        own(i);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vstack_destroy(stack);
    rig_destroy(&rig);
    return 0;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

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

static struct vstack_request *ready(struct asked *asked)
{
    *asked = (struct asked){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    asked->request.done = on_done;
    asked->request.context = asked;
    return &asked->request;
}

static NTSTATUS answer(struct asked *asked)
{
    pthread_mutex_lock(&asked->lock);
    while (!asked->done)
        pthread_cond_wait(&asked->changed, &asked->lock);
    pthread_mutex_unlock(&asked->lock);
    return asked->request.status;
}

static void power(unsigned index, NDIS_DEVICE_POWER_STATE state)
{
    struct asked asked;
    vstack_set_power(vfs[index], ready(&asked), state);
    assert_int_equal(answer(&asked), STATUS_SUCCESS);
}

static NTSTATUS read_register(unsigned index, ULONG64 offset, ULONG length, ULONG64 *value)
{
    struct asked asked;
    vstack_register_read(vfs[index], ready(&asked), 0, offset, length);
    NTSTATUS status = answer(&asked);
    memcpy(value, asked.request.data, sizeof(*value));
    return status;
}

static NTSTATUS write_register(unsigned index, ULONG64 offset)
{
    struct asked asked;
    vstack_register_write(vfs[index], ready(&asked), 0, offset, 4, 0x1234);
    return answer(&asked);
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static void two_pages_are_mitigated_in_every_state_but_d0(void **state)
{
    static const NDIS_DEVICE_POWER_STATE asleep[] = {NdisDeviceStateD1, NdisDeviceStateD2, NdisDeviceStateD3};
    ULONG64 value;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(read_register(0, 0, 4, &value), STATUS_NOT_FOUND);
        power(0, asleep[i]);
        assert_int_equal(owners[0].count, 2);
        assert_true(owners[0].ranges[0].reads && owners[0].ranges[0].writes);
        assert_true(owners[0].ranges[1].reads && !owners[0].ranges[1].writes);
        assert_int_equal(read_register(0, PAGE - 4, 8, &value), STATUS_SUCCESS);
        assert_true(value == UINT64_MAX);
        assert_int_equal(read_register(0, 2 * PAGE - 1, 1, &value), STATUS_SUCCESS);
        assert_true(value == 0xFF);
        assert_int_equal(read_register(0, 2 * PAGE, 1, &value), STATUS_NOT_FOUND);
        assert_int_equal(write_register(0, 0), STATUS_SUCCESS);
        assert_int_equal(write_register(0, PAGE), STATUS_NOT_FOUND);
        power(0, NdisDeviceStateD0);
        assert_int_equal(owners[0].count, 0);
        assert_int_equal(owners[0].told, 2 * (i + 1));
    }
    assert_int_equal(owners[1].told, 0); /* the other VF is another's */
}

static void from_one_sleep_to_another_nothing_is_new(void **state)
{
    (void)state;
    power(0, NdisDeviceStateD1);
    power(0, NdisDeviceStateD3);
    power(0, NdisDeviceStateD3);
    assert_int_equal(owners[0].told, 1);
}

/* By request, and by the guest's own Initiate FLR. */
static void a_reset_wakes_and_is_told_before_it_is_answered(void **state)
{
    struct asked asked;
    (void)state;
    power(0, NdisDeviceStateD3);
    vstack_reset(vfs[0], ready(&asked));
    assert_int_equal(answer(&asked), STATUS_SUCCESS);
    assert_int_equal(owners[0].count, 0);
    power(0, NdisDeviceStateD3);
    assert_int_equal(owners[0].count, 2);
    vstack_config_write(vfs[0], ready(&asked), DEVICE_CONTROL, 2, 0x8000);
    assert_int_equal(answer(&asked), STATUS_SUCCESS);
    assert_int_equal(owners[0].count, 0);
}

static void the_next_owner_finds_it_awake(void **state)
{
    ULONG64 value;
    (void)state;
    power(0, NdisDeviceStateD3);
    vstack_vf_detach(vfs[0]);
    assert_int_equal(owners[0].count, 0);
    own(0);
    assert_int_equal(read_register(0, 0, 4, &value), STATUS_NOT_FOUND);
    assert_int_equal(owners[0].told, 0);
}

static void many_changes_are_each_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++)
        power(i % 2, i / 2 % 2 ? NdisDeviceStateD0 : NdisDeviceStateD3);
    assert_int_equal(owners[0].told, 100);
    assert_int_equal(owners[1].told, 100);
}

static void a_pulled_card_answers_nothing_more(void **state)
{
    ULONG64 value;
    (void)state;
    power(0, NdisDeviceStateD3);
    nt_pnp_simple(rig.pdo, IRP_MN_SURPRISE_REMOVAL);
    pthread_mutex_lock(&owners[0].lock);
    while (!owners[0].removed)
        pthread_cond_wait(&owners[0].changed, &owners[0].lock);
    pthread_mutex_unlock(&owners[0].lock);
    assert_int_equal(read_register(0, 0, 4, &value), STATUS_DEVICE_REMOVED);
    assert_true(value == UINT64_MAX);
    assert_int_equal(write_register(0, 0), STATUS_DEVICE_REMOVED);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(two_pages_are_mitigated_in_every_state_but_d0),
        CASE(from_one_sleep_to_another_nothing_is_new),
        CASE(a_reset_wakes_and_is_told_before_it_is_answered),
        CASE(the_next_owner_finds_it_awake),
        CASE(many_changes_are_each_told),
        CASE(a_pulled_card_answers_nothing_more),
    };
    return cmocka_run_group_tests_name("path / refgen mitigation", tests, NULL, NULL);
}
