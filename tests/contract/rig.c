/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <stdlib.h>

#define FOUND_MAX 16

struct rig {
    struct nt_partition *partition;
    struct pci_profile *profile;
    PDRIVER_OBJECT driver;
    struct pf bad, good;
    struct vfp_finding found[FOUND_MAX];
    unsigned count;
};

static void found(const struct vfp_finding *finding, void *context)
{
    struct rig *rig = context;

    if (rig->count < FOUND_MAX)
        rig->found[rig->count++] = *finding;
}

static void completed(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct pf *pf = context;

    (void)request, (void)status;
    pf->completions++;
}

static const struct ndis_overlying overlying = {.name = "test", .complete = completed};

static bool start(struct rig *rig, struct pf *pf, uint16_t address)
{
    struct pci_device_options options = {.routing_id = address, .has_address = true};

    assert_int_equal(pci_device_create(rig->profile, &options, &pf->device), 0);
    assert_int_equal(pcibus_add_device(rig->partition, pf->device, &pf->pdo), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_add_device(rig->driver, pf->pdo), STATUS_SUCCESS);
    pf->driver = rig->driver;
    pf_next = pf;
    pf->adapter = ndis_adapter_of(pf->pdo);
    return NT_SUCCESS(nt_pnp_start(pf->pdo)) &&
           ndis_open(pf->adapter, &overlying, pf, &pf->binding) == NDIS_STATUS_SUCCESS;
}

static void stop(struct pf *pf)
{
    if (pf->binding)
        ndis_close(pf->binding);
    nt_pnp_simple(pf->pdo, IRP_MN_REMOVE_DEVICE);
    pcibus_remove_device(pf->pdo);
    pci_device_destroy(pf->device);
}

static void load(struct rig *rig)
{
    if (!NT_SUCCESS(nt_driver_start(rig->partition, "badnic", pf_entry, &rig->driver))) {
        pf_driver_bad = NULL;
        assert_int_equal(nt_driver_start(rig->partition, "goodnic", pf_entry, &rig->driver), STATUS_SUCCESS);
    }
}

/* The other adapter does its work whatever the bad one did. */
static void check_good(struct pf *good)
{
    ULONG command = 6;

    assert_int_equal(ndis_switch_create(good->adapter, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_allocate(good), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_space(good, true, 0, 4, &command, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_space(good, false, 0, 4, &command, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(command & 4, 4);
    assert_int_equal(pf_free(good, 0), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_switch_delete(good->adapter), NDIS_STATUS_SUCCESS);
    pf_run(good);
}

static bool is_right(const struct vfp_finding *found, const struct row *row)
{
    return row->rule && strcmp(found->rule->name, row->rule) == 0 && strcmp(found->driver, "badnic") == 0 &&
           *found->routine >= 'A' && *found->routine <= 'Z';
}

static bool check_found(const struct rig *rig, const struct row *row)
{
    const char *rule = row->rule ? row->rule : "nothing";
    unsigned right = 0;

    for (unsigned i = 0; i < rig->count; i++)
        if (is_right(&rig->found[i], row))
            right++;
        else
            print_error("%s: found %s of %s in %s: %s\n", rule, rig->found[i].rule->name, rig->found[i].driver,
                        rig->found[i].routine, rig->found[i].text);
    if (row->rule && !right)
        print_error("%s: not found\n", rule);
    return right == rig->count && !right == !row->rule;
}

static bool run_row(const struct row *row)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct pci_error error = {0};
    bool right;

    if (pci_profile_load(getenv("CONTRACT_PROFILE"), &rig->profile, &error))
        fail_msg("%s", error.text);
    rig->partition = nt_partition_create(&(struct nt_partition_options){.name = "host", .role = NT_PARENT});
    nt_on_finding(rig->partition, found, rig);
    nt_enter(rig->partition);
    rig->bad.bad = pf_driver_bad = &row->bad;
    load(rig);
    start(rig, &rig->good, 0x200);
    if (start(rig, &rig->bad, 0x100))
        (row->bad.run ? row->bad.run : pf_run)(&rig->bad);
    stop(&rig->bad);
    check_good(&rig->good);
    stop(&rig->good);
    nt_driver_unload(rig->driver);
    nt_enter(NULL);
    nt_partition_destroy(rig->partition);
    right = check_found(rig, row);
    pci_profile_unref(rig->profile);
    free(rig);
    return right;
}

static void a_good_driver_breaks_nothing(void **state)
{
    (void)state;
    assert_true(run_row(&(struct row){NULL, {0}}));
    assert_true(run_row(&(struct row){NULL, {.static_model = true}}));
}

static const struct row *all;
static size_t row_count;

static void each_bad_driver_breaks_its_rule_and_no_other(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < row_count; i++)
        wrong += !run_row(&all[i]);
    assert_int_equal(wrong, 0);
}

int rig_main(const struct row *rows, size_t count)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_driver_breaks_nothing),
        cmocka_unit_test(each_bad_driver_breaks_its_rule_and_no_other),
    };

    all = rows;
    row_count = count;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
