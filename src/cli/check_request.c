/* SPDX-License-Identifier: MIT
 *
 * Requests from the rows of check_oids.c, and what must come of one in a state.
 */
#include "cli/check.h"

#include <string.h>

#define HEADER_TYPE   0x80 /* NDIS_OBJECT_TYPE_DEFAULT */
#define UNKNOWN_VPORT 3u   /* of a switch with one VPort besides the default one */
#define NEW_FILTER    2u   /* of a switch with at most one, which NDIS has numbered 1 */

enum { STATUS_SUCCESS = 0 };
#define STATUS_NOT_SUPPORTED ((int)0xC00000BB)
#define STATUS_INVALID_OID   ((int)0xC0010017)

static uint64_t value_of(const struct check_bench *bench, const struct check_field *field)
{
    switch (field->from) {
    case FROM_VF:
        return bench->vf;
    case FROM_BARE_VF:
        return bench->bare_vf;
    case FROM_FREED_VF:
        return bench->freed_vf;
    case FROM_NEVER_VF:
        return bench->never_vf;
    case FROM_NUM_VFS:
        return bench->num_vfs;
    case FROM_TOO_MANY_VFS:
        return vfp_pf_total_vfs(bench->pf) + 1u;
    case FROM_VPORT:
        return bench->vport;
    case FROM_NEW_VPORT:
        return bench->vport == UNKNOWN_VPORT ? UNKNOWN_VPORT - 1 : UNKNOWN_VPORT;
    case FROM_FILTER:
        return bench->filter;
    case FROM_NEW_FILTER:
        return NEW_FILTER;
    default:
        return field->value;
    }
}

static void put(const struct check_bench *bench, uint8_t *buffer, const struct check_field *fields, size_t count)
{
    for (size_t i = 0; i < count && fields[i].size; i++) {
        uint64_t value = value_of(bench, &fields[i]);
        memcpy(buffer + fields[i].offset, &value, fields[i].size);
    }
}

static void fill_good(const struct check_bench *bench, const struct check_oid *oid, uint8_t *buffer)
{
    memset(buffer, 0, CHECK_BUFFER);
    if (oid->fixed) {
        buffer[0] = HEADER_TYPE;
        buffer[1] = 1;
        memcpy(buffer + 2, &oid->fixed, sizeof(oid->fixed));
    }
    put(bench, buffer, oid->good, SIZE_MAX);
}

static int send(struct check_bench *bench, const struct check_oid *oid, const struct check_change *change, bool raw,
                uint8_t *buffer)
{
    uint32_t input = change->length == CHECK_KEEP ? oid->size : change->length;
    uint32_t output = change->output == CHECK_KEEP ? input : change->output;
    int type = change->retype ? change->type : oid->type;
    check_bench_patience(bench);
    return (raw ? vfp_oid_raw : vfp_oid)(bench->adapter, type, oid->oid, buffer, input, output).status;
}

int check_send_plain(struct check_bench *bench, uint32_t number, const struct check_field *fields,
                     uint8_t buffer[CHECK_BUFFER])
{
    static const struct check_change none = {.length = CHECK_KEEP, .output = CHECK_KEEP};
    size_t i = 0;
    while (i < check_oid_count && check_oids[i].oid != number)
        i++;
    if (i == check_oid_count)
        return STATUS_INVALID_OID;
    fill_good(bench, &check_oids[i], buffer);
    put(bench, buffer, fields, SIZE_MAX);
    return send(bench, &check_oids[i], &none, false, buffer);
}

/* ---- what must come of it -----------------------------------------------------------------------------------------
 */

static const bool state_has_vf[CHECK_STATES] = {[STATE_VF] = true, [STATE_RESTARTED] = true};
static const bool state_has_switch[CHECK_STATES] = {
    [STATE_SWITCH] = true, [STATE_VF] = true, [STATE_FREED] = true, [STATE_RESTARTED] = true};

static bool is_there(enum check_need need, enum check_state state)
{
    switch (need) {
    case NEED_NO_SWITCH:
        return !state_has_switch[state];
    case NEED_EMPTY_SWITCH:
        return state_has_switch[state] && !state_has_vf[state];
    case NEED_SWITCH:
        return state_has_switch[state];
    case NEED_VF:
    case NEED_VPORT:
    case NEED_FILTER:
        return state_has_vf[state];
    default:
        return true;
    }
}

/* What success without it breaks. */
static const char *const without[] = {
    [NEED_NO_SWITCH] = "SWITCH_CREATED_TWICE", [NEED_EMPTY_SWITCH] = "OID_ORDER_UNCHECKED",
    [NEED_SWITCH] = "OID_ORDER_UNCHECKED",     [NEED_VF] = "SRIOV_VF_NOT_ALLOCATED",
    [NEED_VPORT] = "OID_ORDER_UNCHECKED",
};

/* After a surprise removal NDIS lets nothing through, and what it answers itself is not the driver's. */
static enum check_want wanted(enum check_state state, const struct check_oid *oid, const struct check_change *change)
{
    if (state == STATE_REMOVED || oid->answered)
        return WANT_ANY;
    if (is_there(oid->need, state))
        return change->want;
    return oid->need == NEED_FILTER ? WANT_ANY : WANT_FAILURE; /* NDIS, not the driver, knows the filters */
}

const char *check_request_rule(enum check_state state, const struct check_oid *oid, const struct check_change *change)
{
    enum check_want want = wanted(state, oid, change);
    if (want == WANT_SUCCESS)
        return "OID_REFUSED";
    if (want == WANT_ANY)
        return NULL;
    return is_there(oid->need, state) ? change->rule : without[oid->need];
}

static void judge(const struct check_bench *bench, enum check_state state, const struct check_oid *oid,
                  const struct check_change *change, int status)
{
    enum check_want want = wanted(state, oid, change);
    if (status == STATUS_SUCCESS && want == WANT_FAILURE)
        check_verdict(check_request_rule(state, oid, change), "%s (%s) succeeds in state %s", oid->name, change->name,
                      check_state_names[state]);
    if (status == STATUS_SUCCESS || want != WANT_SUCCESS || (oid->need == NEED_FILTER && !bench->filter))
        return;
    if (!oid->optional || (status != STATUS_NOT_SUPPORTED && status != STATUS_INVALID_OID))
        check_verdict("OID_REFUSED", "%s (%s) fails in state %s with %08x", oid->name, change->name,
                      check_state_names[state], (unsigned)status);
}

void check_request(struct check_bench *bench, enum check_state state, const struct check_oid *oid,
                   const struct check_change *change)
{
    uint8_t buffer[CHECK_BUFFER];
    bool bad = wanted(state, oid, change) == WANT_FAILURE;
    unsigned found = check_found_count();
    fill_good(bench, oid, buffer);
    put(bench, buffer, change->fields, CHECK_CHANGED);
    if (bad)
        check_expect(check_request_rule(state, oid, change));
    int status = send(bench, oid, change, !oid->answered, buffer);
    /* Of a request that was refused wrong counts stand for themselves, but for one of another type: it has other
     * counts. To reach for the registers of a VF that is not there is one way to find that out. */
    if (bad)
        check_expected(status == STATUS_SUCCESS || change->retype || !is_there(oid->need, state));
    if (check_found_count() == found) /* else the contracts said it, and more exactly */
        judge(bench, state, oid, change, status);
    if (check_found_count() != found)
        check_mute();
}
