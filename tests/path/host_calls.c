/* SPDX-License-Identifier: MIT
 *
 * What a host program does through include/vfplane/: holding OIDs, hearing status indications, states and power of an
 * adapter, keywords, several adapters of one driver and several drivers, OIDs from many threads.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include <vfplane/host.h>

#define QUERY                0
#define OID_VENDOR_ID        0x0001010Cu
#define OID_CURRENT_SRIOV    0x00010250u
#define STATUS_LINK_STATE    0x40010017u
#define STATUS_NOT_SUPPORTED ((int)0xC00000BB)

struct machine {
    struct vfp_host *host;
    struct vfp_driver *driver;
    struct vfp_adapter *adapter;
};

static struct vfp_adapter *start(struct machine *machine, const char *address)
{
    struct vfp_pf *pf = vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), address);
    assert_non_null(pf);
    return vfp_adapter_start(machine->driver, pf);
}

static int set_up(void **state)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    machine->host = vfp_host_create(&(struct vfp_host_options){0});
    machine->driver = vfp_driver_load(machine->host, getenv("REFNIC_PF"));
    assert_non_null(machine->driver);
    machine->adapter = start(machine, NULL);
    assert_non_null(machine->adapter);
    *state = machine;
    return 0;
}

static int take_down(void **state)
{
    struct machine *machine = *state;
    assert_int_equal(vfp_violations(machine->host), 0);
    assert_int_equal(vfp_host_destroy(machine->host), 0);
    free(machine);
    return 0;
}

/* ---- holding ----------------------------------------------------------------------------------------------------- */

struct query {
    struct vfp_adapter *adapter;
    uint32_t value;
    struct vfp_oid_result result;
};

static void *ask(void *context)
{
    struct query *query = context;
    query->result = vfp_oid(query->adapter, QUERY, OID_VENDOR_ID, &query->value, sizeof(query->value), 0);
    return NULL;
}

static void a_held_oid_is_looked_at_changed_and_answered(void **state)
{
    struct machine *machine = *state;
    struct query query = {.adapter = machine->adapter};
    struct vfp_held_oid held;
    const uint32_t answer = 0x00123456;
    pthread_t thread;
    assert_int_equal(vfp_oid_hold(machine->adapter, OID_VENDOR_ID, true), 0);
    assert_int_equal(vfp_oid_fetch(machine->adapter, 0, &held), -EAGAIN);
    pthread_create(&thread, NULL, ask, &query);
    assert_int_equal(vfp_oid_fetch(machine->adapter, 10000, &held), 0);
    assert_int_equal(held.oid, OID_VENDOR_ID);
    assert_int_equal(held.type, QUERY);
    assert_int_equal(held.input_length, 4);
    memcpy(held.buffer, &answer, sizeof(answer));
    assert_int_equal(vfp_oid_complete(machine->adapter, &held, 0, sizeof(answer)), 0);
    assert_int_equal(vfp_oid_release(machine->adapter, &held), -ENOENT);
    pthread_join(thread, NULL);
    assert_int_equal(query.result.status, 0);
    assert_int_equal(query.result.bytes_written, 4);
    assert_int_equal(query.value, answer);
}

static void a_released_oid_reaches_the_miniport(void **state)
{
    struct machine *machine = *state;
    struct query plain = {.adapter = machine->adapter}, query = plain;
    struct vfp_held_oid held;
    pthread_t thread;
    ask(&plain);
    vfp_oid_hold(machine->adapter, OID_VENDOR_ID, true);
    pthread_create(&thread, NULL, ask, &query);
    assert_int_equal(vfp_oid_fetch(machine->adapter, 10000, &held), 0);
    assert_int_equal(vfp_oid_release(machine->adapter, &held), 0);
    pthread_join(thread, NULL);
    assert_int_equal(query.result.status, 0);
    assert_int_equal(query.value, plain.value);
    vfp_oid_hold(machine->adapter, OID_VENDOR_ID, false);
    ask(&query);
    assert_int_equal(query.result.status, 0);
}

static void a_raw_oid_passes_what_ndis_answers_itself(void **state)
{
    struct machine *machine = *state;
    uint8_t buffer[64] = {0};
    assert_int_equal(vfp_oid(machine->adapter, QUERY, OID_CURRENT_SRIOV, buffer, sizeof(buffer), 0).status, 0);
    assert_int_equal(vfp_oid_raw(machine->adapter, QUERY, OID_CURRENT_SRIOV, buffer, sizeof(buffer), 0).status,
                     STATUS_NOT_SUPPORTED); /* the miniport does not answer it */
}

/* ---- status, states, power --------------------------------------------------------------------------------------- */

struct heard {
    unsigned count, link;
    char name[32];
};

static void hear(void *context, const struct vfp_status *status)
{
    struct heard *heard = context;
    heard->count++;
    heard->link += status->code == STATUS_LINK_STATE;
    strncpy(heard->name, status->name, sizeof(heard->name) - 1);
}

static void status_indications_are_heard_until_nobody_listens(void **state)
{
    struct machine *machine = *state;
    struct heard heard = {0};
    vfp_status_listen(machine->adapter, hear, &heard);
    assert_int_equal(vfp_link_set(machine->adapter, false, 0), 0);
    assert_int_equal(heard.link, 1);
    assert_string_equal(heard.name, "LINK_STATE");
    vfp_status_listen(machine->adapter, NULL, NULL);
    assert_int_equal(vfp_link_set(machine->adapter, true, 1000000000), 0);
    assert_int_equal(heard.link, 1);
}

static void an_adapter_is_paused_restarted_and_put_to_sleep(void **state)
{
    struct machine *machine = *state;
    assert_string_equal(vfp_adapter_state(machine->adapter), "Running");
    assert_int_equal(vfp_adapter_pause(machine->adapter), 0);
    assert_string_equal(vfp_adapter_state(machine->adapter), "Paused");
    assert_int_equal(vfp_adapter_restart(machine->adapter), 0);
    assert_int_equal(vfp_adapter_power(machine->adapter, 3), 0);
    assert_string_equal(vfp_adapter_state(machine->adapter), "Paused");
    assert_int_equal(vfp_adapter_power(machine->adapter, 0), 0);
    assert_string_equal(vfp_adapter_state(machine->adapter), "Running");
    assert_int_equal(vfp_adapter_power(machine->adapter, 4), -EINVAL);
    assert_int_equal(vfp_interrupt(machine->adapter, 4000), -EINVAL);
}

/* ---- several ----------------------------------------------------------------------------------------------------- */

static void adapters_and_drivers_of_one_host_are_independent(void **state)
{
    struct machine *machine = *state;
    struct machine second = {.host = machine->host, .driver = vfp_driver_load(machine->host, getenv("REFNIC_PF"))};
    assert_non_null(second.driver);
    assert_int_equal(vfp_keyword_set(machine->host, "*NumVFs", "2"), 0);
    struct vfp_adapter *same_driver = start(machine, "05:00.0"), *other_driver = start(&second, "07:00.0");
    assert_non_null(same_driver);
    assert_non_null(other_driver);
    assert_int_equal(vfp_switch_create(same_driver, 3), -EINVAL); /* the keyword */
    assert_int_equal(vfp_switch_create(same_driver, 2), 0);
    assert_int_equal(vfp_switch_create(other_driver, 2), 0);
    assert_int_equal(vfp_switch_create(machine->adapter, 7), 0); /* started before the keyword was set */
    vfp_adapter_stop(same_driver);
    struct vfp_vf *vf;
    assert_int_equal(vfp_vf_allocate(other_driver, &vf), 0);
    assert_int_equal(vfp_vf_allocate(machine->adapter, &vf), 0);
}

#define THREADS  8
#define REQUESTS 2000

static void *ask_often(void *context)
{
    struct query *query = context;
    for (unsigned i = 0; i < REQUESTS && !query->result.status; i++)
        ask(query);
    return NULL;
}

static void ask_from_threads(struct vfp_adapter *const adapters[THREADS])
{
    struct query queries[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        queries[i] = (struct query){.adapter = adapters[i]};
        pthread_create(&threads[i], NULL, ask_often, &queries[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(queries[i].result.status, 0);
        assert_int_equal(queries[i].result.bytes_written, 4);
    }
}

static void eight_threads_may_send_oids_to_one_adapter_or_eight(void **state)
{
    struct machine *machine = *state;
    struct vfp_adapter *adapters[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        adapters[i] = machine->adapter;
    ask_from_threads(adapters);
    for (unsigned i = 1; i < THREADS; i++) {
        char address[16];
        snprintf(address, sizeof(address), "%02x:00.0", 0x10 + 2 * i);
        adapters[i] = start(machine, address);
        assert_non_null(adapters[i]);
    }
    ask_from_threads(adapters);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, take_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_held_oid_is_looked_at_changed_and_answered),
        CASE(a_released_oid_reaches_the_miniport),
        CASE(a_raw_oid_passes_what_ndis_answers_itself),
        CASE(status_indications_are_heard_until_nobody_listens),
        CASE(an_adapter_is_paused_restarted_and_put_to_sleep),
        CASE(adapters_and_drivers_of_one_host_are_independent),
        CASE(eight_threads_may_send_oids_to_one_adapter_or_eight),
    };
    return cmocka_run_group_tests_name("path / host calls", tests, NULL, NULL);
}
