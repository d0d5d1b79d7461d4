/* SPDX-License-Identifier: MIT
 *
 * Many threads at one device (pci.md 5.12). Run under TSan too; nothing here depends on time, only on counts.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"

#define PF      PCI_FUNCTION_PF
#define ROUNDS  60000u
#define WRITERS 4

struct worker {
    struct pci_device *device;
    pthread_barrier_t *start;
    unsigned number;
    uint64_t count;
    bool wrong;
};

static atomic_bool stop;

static void run(void *(*work)(void *), struct worker workers[WRITERS], struct pci_device *device)
{
    pthread_t threads[WRITERS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, WRITERS);
    for (unsigned i = 0; i < WRITERS; i++) {
        workers[i] = (struct worker){.device = device, .start = &start, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_false(workers[i].wrong);
}

/* Each its own byte of one dword: the upper half of the PF's BAR 3 stands for a register with four writable bytes. */
static void *write_own_byte(void *argument)
{
    struct worker *worker = argument;
    uint8_t byte, seen;
    pthread_barrier_wait(worker->start);
    for (unsigned i = 0; i < ROUNDS; i++) {
        byte = i;
        worker->wrong |= pci_config_write(worker->device, PF, 0x20 + worker->number, &byte, 1) != 1;
        worker->wrong |= pci_config_read(worker->device, PF, 0x20 + worker->number, &seen, 1) != 1 || seen != byte;
    }
    return NULL;
}

static void writers_of_different_bytes_lose_nothing(void **state)
{
    (void)state;
    struct worker workers[WRITERS];
    struct pci_device *device = card_device(CARD_82576);
    run(write_own_byte, workers, device);
    assert_int_equal(get(device, PF, 0x20, 4), 0x01010101u * ((ROUNDS - 1) & 0xff));
    pci_device_destroy(device);
}

/* Command and Status share a dword: thread 0 toggles Bus Master, the others set and clear one status bit each. */
static void *command_against_status(void *argument)
{
    struct worker *worker = argument;
    static const uint16_t status[] = {0, 0x0100, 0x0800, 0x1000};
    uint16_t mine = status[worker->number], value, seen;
    pthread_barrier_wait(worker->start);
    for (unsigned i = 0; i < ROUNDS * 4; i++) {
        if (worker->number == 0) {
            value = i % 2 ? 4 : 0;
            worker->wrong |= pci_config_write(worker->device, 0, 0x04, &value, 2) != 2;
            worker->wrong |= pci_config_read(worker->device, 0, 0x04, &seen, 2) != 2 || seen != value;
            continue;
        }
        worker->wrong |= !pci_raise_status(worker->device, 0, 0x04, (uint32_t)mine << 16);
        worker->wrong |= pci_config_read(worker->device, 0, 0x06, &seen, 2) != 2 || !(seen & mine);
        worker->wrong |= pci_config_write(worker->device, 0, 0x06, &mine, 2) != 2;
        worker->wrong |= pci_config_read(worker->device, 0, 0x06, &seen, 2) != 2 || seen & mine;
    }
    return NULL;
}

static void clearing_one_status_bit_loses_no_other_write(void **state)
{
    (void)state;
    struct worker workers[WRITERS];
    struct pci_device *device = card_device(CARD_82576);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    run(command_against_status, workers, device);
    assert_int_equal(get(device, 0, 0x06, 2), 0x0010);
    pci_device_destroy(device);
}

/* Calls of several pieces: MSI-X control (72h) and Command (04h) are written together, to both or to none. */
static void *write_both_or_none(void *argument)
{
    struct worker *worker = argument;
    uint8_t bytes[0x70] = {0}, seen[0x70];
    pthread_barrier_wait(worker->start);
    for (unsigned i = 0; i < ROUNDS / 8; i++) {
        bool on = (i ^ worker->number) & 1;
        bytes[0] = on ? 4 : 0;
        bytes[0x73 - 0x04] = on ? 0x80 : 0;
        worker->wrong |= pci_config_write(worker->device, 0, 0x04, bytes, sizeof bytes) != sizeof bytes;
        worker->wrong |= pci_config_read(worker->device, 0, 0x04, seen, sizeof seen) != sizeof seen;
        worker->wrong |= (seen[0] == 4) != (seen[0x73 - 0x04] == 0x80);
        uint8_t flr = 0x80;
        if (worker->number == 0)
            worker->wrong |= pci_config_write(worker->device, 0, 0xa9, &flr, 1) != 1;
    }
    return NULL;
}

static void calls_of_several_pieces_and_flr_never_mix(void **state)
{
    (void)state;
    struct worker workers[WRITERS];
    struct pci_counters counters;
    struct pci_device *device = card_device(CARD_82576);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    run(write_both_or_none, workers, device);
    pci_counters(device, &counters);
    assert_int_equal(counters.vf_resets, ROUNDS / 8);
    pci_device_destroy(device);
}

static void *enable_and_disable(void *argument)
{
    struct worker *worker = argument;
    pthread_barrier_wait(worker->start);
    for (unsigned i = 0; i < 500; i++) {
        enum pci_result on = pci_sriov_enable(worker->device, 8);
        worker->count += on == PCI_OK;
        worker->wrong |= on != PCI_OK && on != PCI_BAD_STATE;
        enum pci_result off = pci_sriov_disable(worker->device);
        worker->wrong |= off != PCI_OK && off != PCI_BAD_STATE;
    }
    return NULL;
}

static void concurrent_enables_are_serialised(void **state)
{
    (void)state;
    struct worker workers[WRITERS];
    struct pci_counters counters;
    struct pci_device *device = card_device(CARD_82576);
    uint64_t succeeded = 0;
    run(enable_and_disable, workers, device);
    for (unsigned i = 0; i < WRITERS; i++)
        succeeded += workers[i].count;
    pci_counters(device, &counters);
    assert_int_equal(counters.enables, succeeded);
    assert_in_range(counters.enables - counters.disables, 0, 1);
    pci_device_destroy(device);
}

/* One thread takes the VFs away and brings them back, the others access them: each answer is Length or 0, and a VF that
 * has just been made is in reset state to who made it. */
static void *access_all(void *argument)
{
    struct worker *worker = argument;
    uint8_t bytes[64] = {0};
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        uint32_t length = i % 3 ? 2 : 64, offset = i % 3 ? 0x04 : 0x60;
        uint32_t got = i % 2 ? pci_config_write(worker->device, i % 8, offset, bytes, length)
                             : pci_config_read(worker->device, i % 8, offset, bytes, length);
        worker->wrong |= got != 0 && got != length;
        worker->count += got != 0;
        if (i % 64 == 0)
            pci_vf_reset(worker->device, i % 8);
    }
    return NULL;
}

static void accesses_racing_with_disable_answer_length_or_zero(void **state)
{
    (void)state;
    struct worker workers[WRITERS];
    pthread_t threads[WRITERS];
    struct pci_device *device = card_device(CARD_82576);
    atomic_store(&stop, false);
    for (unsigned i = 0; i < WRITERS - 1; i++) {
        workers[i] = (struct worker){.device = device, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, access_all, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 400; i++) {
        assert_int_equal(pci_sriov_enable(device, 8), PCI_OK);
        if (i % 4 == 0)
            pci_pf_reset(device);
        else
            assert_int_equal(pci_sriov_disable(device), PCI_OK);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < WRITERS - 1; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].wrong);
    }
    uint8_t fresh[PCI_CONFIG_SIZE], now[PCI_CONFIG_SIZE];
    struct pci_device *other = card_device(CARD_82576);
    assert_int_equal(pci_sriov_enable(device, 8), PCI_OK);
    assert_int_equal(pci_sriov_enable(other, 8), PCI_OK);
    for (int vf = 0; vf < 8; vf++) {
        pci_config_read(device, vf, 0, now, sizeof now);
        pci_config_read(other, vf, 0, fresh, sizeof fresh);
        assert_memory_equal(now, fresh, sizeof now);
    }
    pci_device_destroy(device);
    pci_device_destroy(other);
}

static void *write_both_until_told(void *argument)
{
    struct worker *worker = argument;
    uint8_t bytes[0x70] = {0};
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        bytes[0] = i % 2 ? 4 : 0;
        bytes[0x73 - 0x04] = i % 2 ? 0x80 : 0;
        worker->wrong |= pci_config_write(worker->device, 0, 0x04, bytes, sizeof bytes) != sizeof bytes;
    }
    return NULL;
}

static void a_save_has_each_call_as_a_whole(void **state)
{
    (void)state;
    struct worker workers[2];
    pthread_t threads[2];
    struct pci_device *device = card_device(CARD_82576), *copy = card_device(CARD_82576);
    uint8_t saved[1024];
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    atomic_store(&stop, false);
    for (unsigned i = 0; i < 2; i++) {
        workers[i] = (struct worker){.device = device, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_both_until_told, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 2000; i++) {
        size_t size = pci_device_save(device, saved, sizeof saved);
        assert_int_equal(pci_device_restore(copy, saved, size), 0);
        assert_int_equal(get(copy, 0, 0x04, 2) == 4, get(copy, 0, 0x73, 1) == 0x80);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].wrong);
    }
    pci_device_destroy(device);
    pci_device_destroy(copy);
}

/* One read takes both ends of the call. */
static void *read_both_until_told(void *argument)
{
    struct worker *worker = argument;
    uint8_t seen[0x70];
    while (!atomic_load(&stop)) {
        uint32_t got = pci_config_read(worker->device, 0, 0x04, seen, sizeof seen);
        worker->wrong |= got != 0 && got != sizeof seen;
        worker->wrong |= got && (seen[0] == 4) != (seen[0x73 - 0x04] == 0x80);
        worker->count += got != 0;
    }
    return NULL;
}

static void *write_both_or_nothing_until_told(void *argument)
{
    struct worker *worker = argument;
    uint8_t bytes[0x70] = {0};
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        bytes[0] = i % 2 ? 4 : 0;
        bytes[0x73 - 0x04] = i % 2 ? 0x80 : 0;
        uint32_t got = pci_config_write(worker->device, 0, 0x04, bytes, sizeof bytes);
        worker->wrong |= got != 0 && got != sizeof bytes; /* 0: the VF is being replaced */
    }
    return NULL;
}

static void a_restore_among_reads_and_writes_is_seen_whole(void **state)
{
    (void)state;
    struct worker workers[2];
    pthread_t threads[2];
    struct pci_device *device = card_device(CARD_82576), *quiet = card_device(CARD_82576);
    uint8_t saved[2][1024], now[1024];
    size_t size = 0;
    for (unsigned on = 0; on < 2; on++) {
        if (!on)
            assert_int_equal(pci_sriov_enable(quiet, 1), PCI_OK);
        set(quiet, 0, 0x04, 2, on ? 4 : 0);
        set(quiet, 0, 0x72, 2, on ? 0x8000 : 0);
        size = pci_device_save(quiet, saved[on], sizeof saved[on]);
    }
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    atomic_store(&stop, false);
    for (unsigned i = 0; i < 2; i++) {
        workers[i] = (struct worker){.device = device, .number = i};
        void *(*work)(void *) = i ? read_both_until_told : write_both_or_nothing_until_told;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(pci_device_restore(device, saved[i % 2], size), 0);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].wrong);
    }
    assert_int_equal(pci_device_restore(device, saved[1], size), 0);
    assert_int_equal(pci_device_save(device, now, sizeof now), size);
    assert_memory_equal(now, saved[1], size);
    pci_device_destroy(device);
    pci_device_destroy(quiet);
}

static void a_card_pulled_among_accesses_answers_length_or_zero_and_then_never(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        struct worker workers[WRITERS];
        pthread_t threads[WRITERS];
        struct pci_device *device = card_device(CARD_82576);
        assert_int_equal(pci_sriov_enable(device, 8), PCI_OK);
        atomic_store(&stop, false);
        for (unsigned i = 0; i < WRITERS - 1; i++) {
            workers[i] = (struct worker){.device = device, .number = i};
            assert_int_equal(pthread_create(&threads[i], NULL, access_all, &workers[i]), 0);
        }
        pci_device_surprise_remove(device);
        uint8_t seen[4] = {0}, ones[4] = {0xff, 0xff, 0xff, 0xff};
        assert_int_equal(pci_config_write(device, 0, 0x04, seen, 2), 0);
        assert_int_equal(pci_config_read(device, 0, 0x04, seen, 4), 0);
        assert_memory_equal(seen, ones, 4);
        atomic_store(&stop, true);
        for (unsigned i = 0; i < WRITERS - 1; i++) {
            pthread_join(threads[i], NULL);
            assert_false(workers[i].wrong);
        }
        pci_device_destroy(device);
    }
}

/* ---- strict timing: a write that meets the start of a reset is wiped with it or refused (pci.md 5.12 rule 7) -------
 */

#define FLR_ROUNDS 400u

struct resetting {
    struct pci_device *device;
    _Atomic uint64_t now_ns;
    _Atomic unsigned round, done; /* the one that the writer may begin, the one whose write was refused */
};

static uint64_t resetting_now(void *context)
{
    return atomic_load(&((struct resetting *)context)->now_ns);
}

static void *write_until_refused(void *argument)
{
    struct resetting *resetting = argument;
    uint32_t value = 0x12345670;
    for (unsigned round = 1; round <= FLR_ROUNDS; round++) {
        while (atomic_load(&resetting->round) < round)
            ;
        while (pci_config_write(resetting->device, 0, 0x54, &value, 4) == 4)
            ;
        atomic_store(&resetting->done, round);
    }
    return NULL;
}

static void a_write_that_meets_a_reset_under_strict_timing_does_not_outlive_it(void **state)
{
    (void)state;
    struct resetting resetting = {.device = NULL};
    struct pci_device_options options = {
        .now_ns = resetting_now, .context = &resetting, .ready_delay_ns = 100, .strict_timing = true};
    struct capture_page page;
    pthread_t writer;
    uint16_t flr = 0x8000;
    page_load(&page, CARD_SYNTHETIC);
    resetting.device = page_device(&page, &options);
    assert_int_equal(pci_sriov_enable(resetting.device, 1), PCI_OK);
    atomic_fetch_add(&resetting.now_ns, 100);
    assert_int_equal(pthread_create(&writer, NULL, write_until_refused, &resetting), 0);
    for (unsigned round = 1; round <= FLR_ROUNDS; round++) {
        atomic_store(&resetting.round, round);
        while (get(resetting.device, 0, 0x54, 4) == 0)
            ; /* it writes */
        assert_int_equal(pci_config_write(resetting.device, 0, 0x98, &flr, 2), 2);
        while (atomic_load(&resetting.done) < round)
            ;
        atomic_fetch_add(&resetting.now_ns, 100);
        assert_int_equal(get(resetting.device, 0, 0x54, 4), 0);
    }
    pthread_join(writer, NULL);
    pci_device_destroy(resetting.device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_of_different_bytes_lose_nothing),
        cmocka_unit_test(clearing_one_status_bit_loses_no_other_write),
        cmocka_unit_test(calls_of_several_pieces_and_flr_never_mix),
        cmocka_unit_test(concurrent_enables_are_serialised),
        cmocka_unit_test(accesses_racing_with_disable_answer_length_or_zero),
        cmocka_unit_test(a_save_has_each_call_as_a_whole),
        cmocka_unit_test(a_restore_among_reads_and_writes_is_seen_whole),
        cmocka_unit_test(a_write_that_meets_a_reset_under_strict_timing_does_not_outlive_it),
        cmocka_unit_test(a_card_pulled_among_accesses_answers_length_or_zero_and_then_never),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
