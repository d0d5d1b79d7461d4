/* SPDX-License-Identifier: MIT
 *
 * The virtualization stack as the client of a PF driver that answers for pages of its VFs (pci.md 3.4, 3.7, 5.9, 5.10):
 * when it asks, what it believes, what it hands over, and what of it the owner hears.
 */
#include "mitigable_pf.h"

#include <sched.h>

#define PAGE 4096u

struct owner {
    pthread_mutex_t lock;
    atomic_uint told;
    unsigned count[6]; /* the last that was heard; under lock, as the next */
    struct vstack_range ranges[6][PF_RANGES];
    bool mapped[6];
    unsigned told_when_mapped; /* of BAR 0 */
};

static struct mitigable_pf pf;
static struct vstack *stack;
static struct vstack_vf *vfs[PF_VFS];
static struct owner owners[PF_VFS];
static struct vstack_vf_options options = {.vm_name = "vm"};

/* ---- a partition ------------------------------------------------------------------------------------------------- */

static void on_ranges(void *context, unsigned index, const struct vstack_range *ranges, unsigned count)
{
    struct owner *owner = context;
    assert_true(index < 6 && count <= PF_RANGES);
    pthread_mutex_lock(&owner->lock);
    owner->count[index] = count;
    if (count)
        memcpy(owner->ranges[index], ranges, count * sizeof(*ranges));
    pthread_mutex_unlock(&owner->lock);
    atomic_fetch_add(&owner->told, 1);
}

static void on_bar(void *context, unsigned index, bool mapped, ULONG64 guest_address, ULONG64 system_address,
                   ULONG64 size)
{
    struct owner *owner = context;
    (void)guest_address, (void)system_address, (void)size;
    pthread_mutex_lock(&owner->lock);
    owner->mapped[index] = mapped;
    if (mapped)
        owner->told_when_mapped = owner->count[0];
    pthread_mutex_unlock(&owner->lock);
}

static void on_removed(void *context)
{
    (void)context;
}

static const struct vstack_partition partition = {
    .name = "guest", .removed = on_removed, .bar = on_bar, .ranges = on_ranges};

static void own(unsigned index)
{
    owners[index] = (struct owner){.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(vstack_vf_attach(vfs[index], &partition, &owners[index]), STATUS_SUCCESS);
}

static void give(unsigned index)
{
    assert_int_equal(vstack_vf_allocate(stack, &options, &vfs[index]), NDIS_STATUS_SUCCESS);
    own(index);
}

static unsigned count_of(unsigned index, unsigned bar)
{
    pthread_mutex_lock(&owners[index].lock);
    unsigned count = owners[index].count[bar];
    pthread_mutex_unlock(&owners[index].lock);
    return count;
}

struct asked {
    struct vstack_request request;
    atomic_uint done;
};

static void on_done(struct vstack_request *request)
{
    atomic_fetch_add(&((struct asked *)request->context)->done, 1);
}

static struct vstack_request *ready(struct asked *asked)
{
    memset(asked, 0, sizeof(*asked));
    asked->request.done = on_done;
    asked->request.context = asked;
    return &asked->request;
}

static ULONG64 value_of(const struct asked *asked)
{
    ULONG64 value;
    memcpy(&value, asked->request.data, sizeof(value));
    return value;
}

static NTSTATUS read_register(unsigned index, ULONG bar, ULONG64 offset, ULONG length, ULONG64 *value)
{
    struct asked asked;
    vstack_register_read(vfs[index], ready(&asked), bar, offset, length);
    generic_pf_wait(&asked.done, 1);
    *value = value_of(&asked);
    return asked.request.status;
}

static NTSTATUS write_register(unsigned index, ULONG bar, ULONG64 offset, ULONG length, ULONG64 value)
{
    struct asked asked;
    vstack_register_write(vfs[index], ready(&asked), bar, offset, length, value);
    generic_pf_wait(&asked.done, 1);
    return asked.request.status;
}

/* A request that changes the VF's state completes when what was announced before it is known. */
static void settle(unsigned index)
{
    struct asked asked;
    vstack_set_power(vfs[index], ready(&asked), NdisDeviceStateD0);
    generic_pf_wait(&asked.done, 1);
    assert_int_equal(asked.request.status, STATUS_SUCCESS);
}

static void announce(unsigned index)
{
    mitigable_pf_update(&pf, (USHORT)index, (USHORT)index, STATUS_SUCCESS, 2);
    settle(index);
}

static void configure(unsigned index, ULONG offset, ULONG size, ULONG value)
{
    struct asked asked;
    vstack_config_write(vfs[index], ready(&asked), offset, size, value);
    generic_pf_wait(&asked.done, 1);
}

/* ---- the rig ----------------------------------------------------------------------------------------------------- */

static void open_stack(void)
{
    assert_int_equal(vstack_create_generic(pf.pf.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, PF_VFS), NDIS_STATUS_SUCCESS);
}

static int bare(void **state)
{
    (void)state;
    stack = NULL;
    memset(vfs, 0, sizeof(vfs));
    mitigable_pf_create(&pf, sizeof(MITIGABLE_DEVICE_INTERFACE));
    return 0;
}

static int set_up(void **state)
{
    bare(state);
    open_stack();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vstack_destroy(stack);
    mitigable_pf_destroy(&pf);
    return 0;
}

/* ---- when it asks ------------------------------------------------------------------------------------------------ */

static void a_vf_given_out_is_asked_about_and_one_update_is_pending_for_it(void **state)
{
    (void)state;
    give(0);
    give(1);
    assert_int_equal(pf.updates, 2);
    assert_int_equal(pf.count_asks, 2);
    assert_int_equal(pf.ranges_asks, 0); /* there are none */
    assert_non_null(pf.pf.waiting[2]);
    assert_non_null(pf.pf.waiting[3]);
    vstack_vf_free(vfs[1]);
    assert_null(pf.pf.waiting[3]);
    assert_non_null(pf.pf.waiting[2]);
    assert_int_equal(owners[0].told, 0);
}

static void an_update_is_asked_after_told_and_waited_for_again(void **state)
{
    (void)state;
    give(0);
    give(1);
    mitigable_pf_range(&pf, 2, 3, true, false);
    announce(1);
    assert_int_equal(owners[1].told, 1);
    assert_int_equal(count_of(1, 0), 1);
    assert_true(owners[1].ranges[0][0].offset == 2 * PAGE && owners[1].ranges[0][0].length == 3 * PAGE);
    assert_true(owners[1].ranges[0][0].reads && !owners[1].ranges[0][0].writes);
    assert_int_equal(owners[0].told, 0);
    announce(1); /* nothing new: nothing is told */
    assert_int_equal(owners[1].told, 1);
    mitigable_pf_range(&pf, 0, 0, false, false);
    announce(1);
    assert_int_equal(owners[1].told, 2);
    assert_int_equal(count_of(1, 0), 0);
}

static void a_device_without_the_interface_is_never_asked(void **state)
{
    static const USHORT sizes[] = {0, 32, 39, 41, 48};
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    for (size_t i = 0; i <= sizeof(sizes) / sizeof(sizes[0]); i++) {
        bool missing = i == sizeof(sizes) / sizeof(sizes[0]);
        pf.pf.mitigable.Size = missing ? sizeof(MITIGABLE_DEVICE_INTERFACE) : sizes[i];
        if (missing)
            pf.pf.mitigable.ReadWriteMitigatedRegister = NULL;
        open_stack();
        assert_int_equal(pf.pf.references, 1); /* what was no use was given back */
        give(0);
        ULONG64 value = 0;
        assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_NOT_FOUND);
        assert_true(value == UINT64_MAX);
        vstack_destroy(stack);
        stack = NULL;
    }
    assert_int_equal(pf.count_asks, 0);
    assert_int_equal(pf.updates, 0);
}

static void a_device_that_fails_the_ioctls_has_no_ranges(void **state)
{
    static const NTSTATUS statuses[] = {STATUS_NOT_SUPPORTED, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
                                        STATUS_BUFFER_TOO_SMALL, STATUS_UNSUCCESSFUL};
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        pf.count_status = statuses[i];
        pf.update = statuses[i];
        atomic_store(&pf.updates, 0);
        open_stack();
        give(0);
        settle(0);
        assert_int_equal(owners[0].told, 0);
        vstack_destroy(stack);
        stack = NULL;
        assert_int_equal(pf.updates, 1); /* it would fail again */
    }
}

/* ---- what it believes -------------------------------------------------------------------------------------------- */

static const struct nonsense {
    const char *name;
    NTSTATUS count_status, ranges_status;
    ULONG_PTR count_information, ranges_information;
    ULONG counts[6];
    SRIOV_MITIGATED_RANGES_OUTPUT ranges[2];
    unsigned asks; /* of counts; 0: one */
} nonsenses[] = {
#define GOOD                                                                                                           \
    {                                                                                                                  \
        {1, 1, 1, 0},                                                                                                  \
        {                                                                                                              \
            4, 1, 1, 1                                                                                                 \
        }                                                                                                              \
    }
    {.name = "counts fail", .count_status = STATUS_UNSUCCESSFUL},
    {.name = "counts are no success", .count_status = STATUS_OBJECT_NAME_EXISTS, .counts = {1}, .ranges = GOOD},
    {.name = "23 bytes of counts", .count_information = 23, .counts = {1}, .ranges = GOOD},
    {.name = "25 bytes of counts", .count_information = 25, .counts = {1}, .ranges = GOOD},
    {.name = "no bytes of counts", .count_information = UINTPTR_MAX, .counts = {1}, .ranges = GOOD},
    {.name = "one range more than is believed", .counts = {VSTACK_RANGES_MAX + 1}, .ranges = GOOD},
    {.name = "four billion ranges", .counts = {UINT32_MAX}, .ranges = GOOD},
    {.name = "four billion of the last BAR", .counts = {1, 0, 0, 0, 0, UINT32_MAX}, .ranges = GOOD},
    {.name = "ranges fail", .ranges_status = STATUS_INVALID_PARAMETER, .counts = {1}, .ranges = GOOD},
    {.name = "ranges are no success", .ranges_status = STATUS_OBJECT_NAME_EXISTS, .counts = {1}, .ranges = GOOD},
    {.name = "15 bytes of ranges", .ranges_information = 15, .counts = {1}, .ranges = GOOD},
    {.name = "17 bytes of ranges", .ranges_information = 17, .counts = {1}, .ranges = GOOD},
    {.name = "more ranges than asked for", .ranges_information = 48, .counts = {2}, .ranges = GOOD},
    {.name = "a range without pages", .counts = {1}, .ranges = {{1, 0, 1, 1}}},
    {.name = "behind the BAR", .counts = {1}, .ranges = {{PF_PAGES, 1, 1, 1}}},
    {.name = "beyond the BAR", .counts = {1}, .ranges = {{PF_PAGES - 1, 2, 1, 1}}},
    {.name = "a page number that wraps", .counts = {1}, .ranges = {{UINT64_MAX, 2, 1, 1}}},
    {.name = "a byte number that wraps", .counts = {1}, .ranges = {{1ull << 52, 1, 1, 1}}},
    {.name = "four billion pages", .counts = {1}, .ranges = {{0, UINT32_MAX, 1, 1}}},
    {.name = "it intercepts nothing", .counts = {1}, .ranges = {{1, 1, 0, 0}}},
    {.name = "the same range twice", .counts = {2}, .ranges = {{1, 1, 1, 1}, {1, 1, 1, 1}}},
    {.name = "ranges overlap", .counts = {2}, .ranges = {{1, 2, 1, 0}, {2, 1, 0, 1}}},
    {.name = "ranges overlap, the higher first", .counts = {2}, .ranges = {{3, 1, 1, 1}, {0, 4, 1, 1}}},
    {.name = "of a BAR that is not there", .counts = {0, 1}, .ranges = GOOD},
    {.name = "fewer ranges than counted, always", .ranges_information = 16, .counts = {2}, .ranges = GOOD, .asks = 4},
    {.name = "too small, always", .ranges_status = STATUS_BUFFER_TOO_SMALL, .counts = {1}, .ranges = GOOD, .asks = 4},
};

static void say(const struct nonsense *row)
{
    pthread_mutex_lock(&pf.lock);
    pf.count_status = row->count_status;
    pf.ranges_status = row->ranges_status;
    pf.count_information = row->count_information == UINTPTR_MAX ? 0
                           : row->count_information              ? row->count_information
                                                                 : 24;
    pf.ranges_information = row->ranges_information;
    memcpy(pf.counts, row->counts, sizeof(pf.counts));
    memcpy(pf.ranges, row->ranges, sizeof(row->ranges));
    pthread_mutex_unlock(&pf.lock);
}

/* The list stays empty, or what it was. */
static void nonsense_is_refused_and_leaves_what_was_in_force(void **state)
{
    static const struct nonsense good = {.counts = {2}, .ranges = {{6, 1, 1, 1}, {2, 2, 1, 0}}};
    ULONG64 value;
    (void)state;
    for (size_t i = 0; i < sizeof(nonsenses) / sizeof(nonsenses[0]); i++) {
        say(&nonsenses[i]);
        atomic_store(&pf.count_asks, 0);
        give(0);
        if (owners[0].told || pf.count_asks != (nonsenses[i].asks ? nonsenses[i].asks : 1))
            fail_msg("%s: %u asked, %u told", nonsenses[i].name, pf.count_asks, owners[0].told);
        say(&good);
        announce(0);
        assert_int_equal(owners[0].told, 1);
        say(&nonsenses[i]);
        announce(0);
        if (owners[0].told != 1 || count_of(0, 0) != 2)
            fail_msg("%s: told %u times, %u ranges", nonsenses[i].name, owners[0].told, count_of(0, 0));
        assert_int_equal(read_register(0, 0, 2 * PAGE, 8, &value), STATUS_SUCCESS);
        assert_int_equal(read_register(0, 0, 1 * PAGE, 8, &value), STATUS_NOT_FOUND);
        say(&good);
        announce(0); /* and it is asked the next time */
        assert_int_equal(owners[0].told, 1);
        vstack_vf_free(vfs[0]);
    }
}

static void ranges_are_told_in_order_whatever_order_they_came_in(void **state)
{
    static const struct nonsense mixed = {.counts = {2}, .ranges = {{6, 2, 0x80, 2}, {0, 2, 1, 0}}};
    const struct vstack_range *told = owners[0].ranges[0];
    (void)state;
    give(0);
    say(&mixed);
    announce(0);
    assert_int_equal(count_of(0, 0), 2);
    assert_true(told[0].offset == 0 && told[0].length == 2 * PAGE && told[0].reads && !told[0].writes);
    assert_true(told[1].offset == 6 * PAGE && told[1].length == 2 * PAGE && told[1].reads && told[1].writes);
}

static void counts_that_change_are_asked_for_again(void **state)
{
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    pf.too_small = 3;
    give(0);
    assert_int_equal(pf.count_asks, 4);
    assert_int_equal(pf.ranges_asks, 4);
    announce(0);
    pf.too_small = 4;
    mitigable_pf_range(&pf, 0, 2, true, true);
    announce(0);
    assert_int_equal(owners[0].told, 0); /* given up: the first list stays, which nobody had to be told of */
    announce(0);
    assert_int_equal(owners[0].told, 1);
    assert_true(owners[0].ranges[0][0].length == 2 * PAGE);
}

static void an_update_for_another_vf_is_refused_and_not_waited_for_again(void **state)
{
    static const struct {
        USHORT named;
        ULONG_PTR information;
    } rows[] = {{1, 2}, {0xFFFF, 2}, {0, 0}, {0, 1}, {0, 3}, {0, 16}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mitigable_pf_range(&pf, 0, 1, true, true);
        give(0);
        unsigned updates = pf.updates, asks = pf.count_asks;
        mitigable_pf_range(&pf, 4, 1, true, true);
        mitigable_pf_update(&pf, 0, rows[i].named, STATUS_SUCCESS, rows[i].information);
        nt_drain_work(pf.pf.partition);
        settle(0);
        assert_int_equal(pf.updates, updates);
        assert_int_equal(pf.count_asks, asks);
        assert_int_equal(owners[0].told, 0);
        vstack_vf_free(vfs[0]);
    }
}

static void a_count_that_waits_is_cancelled_when_the_vf_is_freed(void **state)
{
    (void)state;
    give(0);
    pthread_mutex_lock(&pf.lock);
    pf.count_status = STATUS_PENDING;
    pthread_mutex_unlock(&pf.lock);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    generic_pf_wait(&pf.count_asks, 2);
    vstack_vf_free(vfs[0]);
    assert_null(pf.pf.waiting[2]);
    pthread_mutex_lock(&pf.lock);
    pf.count_status = STATUS_SUCCESS;
    pthread_mutex_unlock(&pf.lock);
    give(0);
}

/* It is cancelled when the patience ends, and what was in force stays. */
static void a_count_that_is_never_answered_is_given_up(void **state)
{
    (void)state;
    mitigable_pf_range(&pf, 2, 1, true, true);
    give(0);
    pthread_mutex_lock(&pf.lock);
    pf.count_status = STATUS_PENDING;
    pthread_mutex_unlock(&pf.lock);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    generic_pf_wait(&pf.count_asks, 2);
    nt_drain_work(pf.pf.partition);
    pthread_mutex_lock(&pf.lock);
    pf.count_status = STATUS_SUCCESS;
    pthread_mutex_unlock(&pf.lock);
    ULONG64 value;
    assert_int_equal(read_register(0, 0, 2 * PAGE, 4, &value), STATUS_SUCCESS);
    mitigable_pf_range(&pf, 3, 1, true, true);
    announce(0);
    assert_int_equal(read_register(0, 0, 3 * PAGE, 4, &value), STATUS_SUCCESS);
}

/* ---- who is told, and when --------------------------------------------------------------------------------------- */

static void the_next_owner_is_told_before_a_bar_is_mapped_and_the_last_one_that_it_is_over(void **state)
{
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    assert_int_equal(owners[0].told, 0);
    configure(0, 0x10, 4, 0xE0000000);
    configure(0, 0x04, 2, 2);
    assert_true(owners[0].mapped[0]);
    assert_int_equal(owners[0].told_when_mapped, 1);
    assert_int_equal(owners[0].told, 1);
    vstack_vf_detach(vfs[0]);
    assert_false(owners[0].mapped[0]);
    assert_int_equal(owners[0].told, 2);
    assert_int_equal(count_of(0, 0), 0);
    mitigable_pf_range(&pf, 1, 1, true, false);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    nt_drain_work(pf.pf.partition);
    assert_int_equal(owners[0].told, 2); /* he is gone */
    own(0);
    configure(0, 0x10, 4, 0xE0000000);
    configure(0, 0x04, 2, 2);
    assert_int_equal(owners[0].told_when_mapped, 1);
    assert_true(owners[0].ranges[0][0].offset == PAGE);
    vstack_vf_free(vfs[0]);
    assert_int_equal(count_of(0, 0), 0);
}

static void a_bar_without_ranges_is_mapped_without_a_word(void **state)
{
    (void)state;
    give(0);
    configure(0, 0x10, 4, 0xE0000000);
    configure(0, 0x04, 2, 2);
    assert_true(owners[0].mapped[0]);
    assert_int_equal(owners[0].told, 0);
}

static void what_a_request_changes_is_told_before_it_completes(void **state)
{
    struct asked asked;
    (void)state;
    give(0);
    pf.late = true;
    for (unsigned i = 0; i < 50; i++) {
        bool sleeps = i % 2 == 0;
        vstack_set_power(vfs[0], ready(&asked), sleeps ? NdisDeviceStateD3 : NdisDeviceStateD0);
        generic_pf_wait(&asked.done, 1);
        assert_int_equal(count_of(0, 0), sleeps);
        assert_int_equal(owners[0].told, i + 1);
    }
}

static void after_a_rebalance_a_vf_is_asked_about_anew(void **state)
{
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    vstack_vf_free(vfs[0]);
    generic_pf_event(&pf.pf, SriovEventPfQueryStopDevice);
    generic_pf_wait(&pf.pf.event_completes, 1);
    mitigable_pf_range(&pf, 5, 1, true, true);
    generic_pf_event(&pf.pf, SriovEventPfRestart);
    generic_pf_wait(&pf.pf.event_completes, 2);
    give(0);
    ULONG64 value;
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_NOT_FOUND);
    assert_int_equal(read_register(0, 0, 5 * PAGE, 4, &value), STATUS_SUCCESS);
}

/* ---- accesses ---------------------------------------------------------------------------------------------------- */

static void an_access_arrives_as_it_was_and_its_answer_too(void **state)
{
    ULONG64 value;
    (void)state;
    mitigable_pf_range(&pf, 2, 2, true, true);
    give(0);
    for (ULONG length = 1; length <= 8; length++) {
        ULONG64 offset = 3 * PAGE - length / 2; /* over the edge of the two pages */
        assert_int_equal(read_register(0, 0, offset, length, &value), STATUS_SUCCESS);
        assert_true(value == 0xA5A5A5A5A5A5A5A5ull >> (64 - 8 * length));
        assert_true(pf.access.read && pf.access.vf == 0 && pf.access.bar == 0);
        assert_true(pf.access.offset == offset && pf.access.length == length);
        assert_int_equal(write_register(0, 0, offset, length, 0x1122334455667788), STATUS_SUCCESS);
        value = 0x1122334455667788;
        assert_false(pf.access.read);
        assert_memory_equal(pf.access.data, &value, length);
    }
    assert_int_equal(pf.accesses, 16);
}

static void what_is_not_in_such_pages_never_reaches_the_pf(void **state)
{
    static const struct nonsense ranges = {.counts = {2}, .ranges = {{1, 1, 1, 1}, {3, 2, 1, 0}}};
    static const struct {
        ULONG bar;
        ULONG64 offset;
        ULONG length;
        NTSTATUS read, write;
    } rows[] = {
        {6, PAGE, 4, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {UINT32_MAX, PAGE, 4, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {1, PAGE, 4, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER}, /* no such BAR */
        {0, PAGE, 0, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, PAGE, 9, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, PAGE, UINT32_MAX, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, PF_PAGES * PAGE, 1, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, PF_PAGES * PAGE - 4, 8, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, UINT64_MAX - 3, 8, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, UINT64_MAX, 1, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, 0, 4, STATUS_NOT_FOUND, STATUS_NOT_FOUND},
        {0, PAGE - 1, 2, STATUS_NOT_FOUND, STATUS_NOT_FOUND},     /* begins before */
        {0, 2 * PAGE - 1, 2, STATUS_NOT_FOUND, STATUS_NOT_FOUND}, /* ends behind */
        {0, 3 * PAGE, 4, STATUS_SUCCESS, STATUS_NOT_FOUND},       /* reads only */
        {0, 4 * PAGE - 4, 8, STATUS_SUCCESS, STATUS_NOT_FOUND},
        {0, 5 * PAGE, 1, STATUS_NOT_FOUND, STATUS_NOT_FOUND},
    };
    (void)state;
    say(&ranges);
    give(0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned before = pf.accesses;
        ULONG64 value;
        NTSTATUS status = read_register(0, rows[i].bar, rows[i].offset, rows[i].length, &value);
        if (status != rows[i].read || (status < 0 && value != UINT64_MAX))
            fail_msg("read %zu: %08x, %llx", i, (unsigned)status, (unsigned long long)value);
        status = write_register(0, rows[i].bar, rows[i].offset, rows[i].length, 0);
        if (status != rows[i].write)
            fail_msg("write %zu: %08x", i, (unsigned)status);
        assert_int_equal(pf.accesses, before + (rows[i].read == STATUS_SUCCESS));
    }
}

static void a_pf_that_fails_or_says_pending_is_read_as_all_ones(void **state)
{
    static const struct {
        NTSTATUS answer, status;
    } rows[] = {
        {STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {STATUS_PENDING, NDIS_STATUS_FAILURE},
        {STATUS_NO_SUCH_DEVICE, STATUS_NO_SUCH_DEVICE},
        {STATUS_OBJECT_NAME_EXISTS, STATUS_SUCCESS},
    };
    ULONG64 value;
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pf.pf.answer = rows[i].answer;
        assert_int_equal(read_register(0, 0, 8, 4, &value), rows[i].status);
        assert_true(value == (rows[i].status < 0 ? UINT64_MAX : 0xA5A5A5A5));
        assert_int_equal(write_register(0, 0, 8, 4, 1), rows[i].status);
        pf.pf.answer = STATUS_SUCCESS;
    }
}

static void a_caller_above_passive_and_a_busy_pf_wait_their_turn(void **state)
{
    struct asked asked[3];
    KIRQL irql;
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    give(1);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    vstack_register_read(vfs[0], ready(&asked[0]), 0, 0, 4);
    KeLowerIrql(irql);
    generic_pf_wait(&asked[0].done, 1);
    assert_int_equal(asked[0].request.status, STATUS_SUCCESS);
    atomic_store(&pf.pf.hold, true);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    vstack_register_read(vfs[0], ready(&asked[1]), 0, 0, 4);
    KeLowerIrql(irql);
    generic_pf_wait(&pf.pf.held, 1);
    vstack_register_write(vfs[1], ready(&asked[2]), 0, 0, 4, 7);
    assert_int_equal(asked[2].done, 0);
    atomic_store(&pf.pf.hold, false);
    generic_pf_wait(&asked[1].done, 1);
    generic_pf_wait(&asked[2].done, 1);
    assert_int_equal(asked[2].request.status, STATUS_SUCCESS);
}

static void nobodys_vf_has_no_accesses_and_a_pulled_card_none(void **state)
{
    ULONG64 value;
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    vstack_vf_detach(vfs[0]);
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_DEVICE_NOT_CONNECTED);
    assert_true(value == UINT64_MAX);
    own(0);
    mitigable_pf_update(&pf, 0, 0, STATUS_NO_SUCH_DEVICE, 0);
    nt_drain_work(pf.pf.partition);
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_DEVICE_REMOVED);
    assert_int_equal(write_register(0, 0, 0, 4, 0), STATUS_DEVICE_REMOVED);
    assert_int_equal(pf.accesses, 0);
}

/* ---- races ------------------------------------------------------------------------------------------------------- */

struct storm {
    pthread_t thread;
    unsigned vf;
    atomic_bool stop;
    atomic_uint rounds;
};

/* Takes every update as soon as it is pending. */
static void *update_main(void *context)
{
    struct storm *storm = context;
    nt_enter(pf.pf.partition);
    while (!atomic_load(&storm->stop)) {
        PIRP irp = NULL;
        pthread_mutex_lock(&pf.pf.lock);
        if (pf.pf.waiting[2 + storm->vf] && IoSetCancelRoutine(pf.pf.waiting[2 + storm->vf], NULL)) {
            irp = pf.pf.waiting[2 + storm->vf];
            pf.pf.waiting[2 + storm->vf] = NULL;
        }
        pthread_mutex_unlock(&pf.pf.lock);
        if (irp) {
            mitigable_pf_range(&pf, atomic_fetch_add(&storm->rounds, 1) % PF_PAGES, 1, true, true);
            generic_pf_complete(irp, STATUS_SUCCESS, 2);
        }
        sched_yield();
    }
    nt_enter(NULL);
    return NULL;
}

static void start(struct storm *storm, unsigned vf)
{
    *storm = (struct storm){.vf = vf};
    assert_int_equal(pthread_create(&storm->thread, NULL, update_main, storm), 0);
}

static void end(struct storm *storm)
{
    atomic_store(&storm->stop, true);
    pthread_join(storm->thread, NULL);
}

static void vfs_are_freed_while_their_updates_complete(void **state)
{
    struct storm storm;
    (void)state;
    start(&storm, 0);
    for (unsigned i = 0; i < 100; i++) {
        give(0);
        if (i % 2)
            generic_pf_wait(&storm.rounds, atomic_load(&storm.rounds) + 1);
        vstack_vf_free(vfs[0]);
        assert_int_equal(count_of(0, 0), 0);
    }
    end(&storm);
}

static void owners_come_and_go_while_updates_complete(void **state)
{
    struct storm storm;
    (void)state;
    give(0);
    start(&storm, 0);
    for (unsigned i = 0; i < 100; i++) {
        configure(0, 0x10, 4, 0xE0000000);
        configure(0, 0x04, 2, 2);
        vstack_vf_detach(vfs[0]);
        assert_int_equal(count_of(0, 0), 0); /* nothing comes after the return */
        assert_false(owners[0].mapped[0]);
        own(0);
    }
    end(&storm);
}

static void many_updates_hold_up_nobody_and_the_last_is_in_force(void **state)
{
    struct storm storm;
    ULONG64 value;
    (void)state;
    give(0);
    give(1);
    start(&storm, 0);
    while (storm.rounds < 300)
        settle(1);
    settle(0);
    end(&storm);
    mitigable_pf_range(&pf, 3, 1, true, true);
    announce(0);
    assert_int_equal(read_register(0, 0, 3 * PAGE, 4, &value), STATUS_SUCCESS);
    assert_true(owners[0].ranges[0][0].offset == 3 * PAGE);
}

static void a_card_is_pulled_and_an_owner_leaves_while_an_access_is_under_way(void **state)
{
    struct asked asked[2];
    KIRQL irql;
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    give(1);
    atomic_store(&pf.pf.hold, true);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    for (unsigned i = 0; i < 2; i++)
        vstack_register_read(vfs[i], ready(&asked[i]), 0, 0, 4);
    KeLowerIrql(irql);
    generic_pf_wait(&pf.pf.held, 1);
    vstack_vf_detach(vfs[1]); /* its access waits for the first one's */
    assert_int_equal(asked[1].done, 1);
    assert_int_equal(asked[1].request.status, STATUS_CANCELLED);
    assert_true(value_of(&asked[1]) == UINT64_MAX);
    vstack_pf_removed(stack);
    atomic_store(&pf.pf.hold, false);
    generic_pf_wait(&asked[0].done, 1);
    vstack_vf_free(vfs[0]);
    vstack_vf_free(vfs[1]);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define BARE(test) cmocka_unit_test_setup_teardown(test, bare, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_vf_given_out_is_asked_about_and_one_update_is_pending_for_it),
        CASE(an_update_is_asked_after_told_and_waited_for_again),
        BARE(a_device_without_the_interface_is_never_asked),
        BARE(a_device_that_fails_the_ioctls_has_no_ranges),
        CASE(nonsense_is_refused_and_leaves_what_was_in_force),
        CASE(ranges_are_told_in_order_whatever_order_they_came_in),
        CASE(counts_that_change_are_asked_for_again),
        CASE(an_update_for_another_vf_is_refused_and_not_waited_for_again),
        CASE(a_count_that_waits_is_cancelled_when_the_vf_is_freed),
        CASE(a_count_that_is_never_answered_is_given_up),
        CASE(the_next_owner_is_told_before_a_bar_is_mapped_and_the_last_one_that_it_is_over),
        CASE(a_bar_without_ranges_is_mapped_without_a_word),
        CASE(what_a_request_changes_is_told_before_it_completes),
        CASE(after_a_rebalance_a_vf_is_asked_about_anew),
        CASE(an_access_arrives_as_it_was_and_its_answer_too),
        CASE(what_is_not_in_such_pages_never_reaches_the_pf),
        CASE(a_pf_that_fails_or_says_pending_is_read_as_all_ones),
        CASE(a_caller_above_passive_and_a_busy_pf_wait_their_turn),
        CASE(nobodys_vf_has_no_accesses_and_a_pulled_card_none),
        CASE(vfs_are_freed_while_their_updates_complete),
        CASE(owners_come_and_go_while_updates_complete),
        CASE(many_updates_hold_up_nobody_and_the_last_is_in_force),
        CASE(a_card_is_pulled_and_an_owner_leaves_while_an_access_is_under_way),
    };
    return cmocka_run_group_tests_name("path / generic mitigation", tests, NULL, NULL);
}
