/* SPDX-License-Identifier: MIT
 *
 * Register names as setpci(8) has them, and the way from a name to an address.
 */
#include "test.h"

#include <errno.h>

#include "cli/register.h"

static const char *parse(const char *text, struct register_operation *operation)
{
    char *exact = strdup(text); /* a sanitizer sees the first byte read behind it */
    const char *wrong = register_parse(exact, operation);
    free(exact);
    return wrong;
}

static void what_setpci_takes_is_taken(void **state)
{
    static const struct {
        const char *text;
        enum register_space space;
        uint16_t capability;
        unsigned number;
        uint32_t offset;
        unsigned width, count;
    } rows[] = {
        {"COMMAND", REGISTER_ADDRESS, 0, 0, 0x04, 2, 0},
        {"command", REGISTER_ADDRESS, 0, 0, 0x04, 2, 0},
        {"COMMAND.B", REGISTER_ADDRESS, 0, 0, 0x04, 1, 0},
        {"COMMAND+1.b", REGISTER_ADDRESS, 0, 0, 0x05, 1, 0},
        {"3c.b", REGISTER_ADDRESS, 0, 0, 0x3c, 1, 0},
        {"0xfff.B", REGISTER_ADDRESS, 0, 0, 0xfff, 1, 0},
        {"ace.l", REGISTER_ADDRESS, 0, 0, 0xace, 4, 0}, /* all of it hexadecimal: an address, not a name */
        {"CAP_EXP+10.w", REGISTER_CAPABILITY, 0x10, 0, 0x10, 2, 0},
        {"cap_vndr+2.b@1", REGISTER_CAPABILITY, 0x09, 1, 2, 1, 0},
        {"CAP11.l", REGISTER_CAPABILITY, 0x11, 0, 0, 4, 0},
        {"ECAP_AER+8.L@a", REGISTER_EXTENDED, 0x01, 10, 8, 4, 0},
        {"ecap0010+8.w", REGISTER_EXTENDED, 0x10, 0, 8, 2, 0},
        {"COMMAND=4", REGISTER_ADDRESS, 0, 0, 0x04, 2, 1},
        {"CAP_MSIX+2.w=c000:c000,0,1:1", REGISTER_CAPABILITY, 0x11, 0, 2, 2, 3},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct register_operation operation;
        const char *wrong = parse(rows[i].text, &operation);
        if (wrong)
            fail_msg("%s: %s", rows[i].text, wrong);
        assert_int_equal(operation.space, rows[i].space);
        assert_int_equal(operation.capability, rows[i].capability);
        assert_int_equal(operation.number, rows[i].number);
        assert_int_equal(operation.offset, rows[i].offset);
        assert_int_equal(operation.width, rows[i].width);
        assert_int_equal(operation.count, rows[i].count);
    }
}

static void a_value_without_mask_is_the_whole_register(void **state)
{
    struct register_operation operation;
    (void)state;
    assert_null(parse("3c.b=1f:f0,ff", &operation));
    assert_int_equal(operation.values[0].value, 0x1f);
    assert_int_equal(operation.values[0].mask, 0xf0);
    assert_int_equal(operation.values[1].mask, 0xff);
    assert_null(parse("10.l=ffffffff", &operation));
    assert_int_equal(operation.values[0].value, 0xffffffff);
    assert_int_equal(operation.values[0].mask, 0xffffffff);
}

static void what_is_no_operation_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "=",
        "=1",
        "NONSENSE",
        "NONSENSE.b",
        ".b",
        "@1",
        "+4",
        "3c",
        "3c.",
        "3c.x",
        "3c.bb",
        "1000.b",
        "3c.b=",
        "3c.b=100",
        "3c.b=1:100",
        "3c.b=1,,2",
        "3c.b=1:",
        "COMMAND=10000",
        "10.l=100000000",
        "10.l=ffffffffffffffffffffffff",
        "COMMAND@0",
        "COMMAND=-1",
        "COMMAND= 4",
        " COMMAND",
        "COMMAND+-1",
        "COMMAND+1000",
        "CAP",
        "CAP_",
        "CAP100.b",
        "CAP_EXP",
        "CAP_EXP.w@",
        "CAP_EXP.w@x",
        "CAP_EXP+.w",
        "CAP_EXP+10.w@1001",
        "ECAP10000.b",
        "0x",
        "0x.b",
        "PRIMARY_BUS",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct register_operation operation;
        if (!parse(texts[i], &operation))
            fail_msg("\"%s\" was taken", texts[i]);
    }
}

static void too_many_values_and_too_long_a_text_are_refused(void **state)
{
    char text[8 + 2 * REGISTER_VALUES_MAX + 2] = "3c.b=0", long_text[1024];
    struct register_operation operation;
    (void)state;
    for (unsigned i = 1; i < REGISTER_VALUES_MAX; i++)
        strcat(text, ",0");
    assert_null(parse(text, &operation));
    assert_int_equal(operation.count, REGISTER_VALUES_MAX);
    strcat(text, ",0");
    assert_string_equal(parse(text, &operation), "too many values");
    memset(long_text, '0', sizeof long_text);
    long_text[sizeof long_text - 1] = 0;
    assert_string_equal(parse(long_text, &operation), "too long");
}

/* ---- from a name to an address ------------------------------------------------------------------------------------
 */

struct space {
    uint8_t bytes[4096];
    uint32_t fails_at; /* 0: nowhere */
};

static int read_space(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    struct space *space = context;
    assert_true(offset + length <= sizeof space->bytes);
    if (space->fails_at && offset == space->fails_at)
        return -EIO;
    memcpy(buffer, space->bytes + offset, length);
    return 0;
}

static void put32(struct space *space, uint32_t offset, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        space->bytes[offset + i] = (uint8_t)(value >> 8 * i);
}

/* 40: PM, 50: vendor, 60: vendor; 100: AER, 150: vendor, 160: vendor. */
static int open_space(void **state)
{
    struct space *space = calloc(1, sizeof *space);
    space->bytes[0x34] = 0x40;
    put32(space, 0x40, 0x5001);
    put32(space, 0x50, 0x6209); /* the two low bits of a pointer are reserved */
    put32(space, 0x60, 0x0009);
    put32(space, 0x100, 0x15010001);
    put32(space, 0x150, 0x1610000b);
    put32(space, 0x160, 0x0001000b);
    *state = space;
    return 0;
}

static int close_space(void **state)
{
    free(*state);
    return 0;
}

static int find(struct space *space, const char *text, uint32_t *address)
{
    struct register_operation operation;
    assert_null(parse(text, &operation));
    return register_find(&operation, read_space, space, address);
}

static void a_capability_is_found_by_id_and_number(void **state)
{
    static const struct {
        const char *text;
        int result;
        uint32_t address;
    } rows[] = {
        {"COMMAND", 0, 0x04},
        {"CAP_PM+4.w", 0, 0x44},
        {"CAP_VNDR.b", 0, 0x50},
        {"CAP_VNDR.b@1", 0, 0x60},
        {"CAP_VNDR.b@2", -ENOENT, 0},
        {"CAP_EXP.w", -ENOENT, 0},
        {"ECAP_AER+8.l", 0, 0x108},
        {"ECAP_VNDR+8.l@1", 0, 0x168},
        {"ECAP_VNDR.l@2", -ENOENT, 0},
        {"ECAP_SRIOV.w", -ENOENT, 0},
        {"CAP0.b", -ENOENT, 0},
        {"ECAP0.b", -ENOENT, 0},
        {"fff.b", 0, 0xfff},
        {"fff.w", -ERANGE, 0},
        {"ffd.l", -ERANGE, 0},
        {"fff.b=0,0", -ERANGE, 0},
        {"ECAP_VNDR+ea0.b@1", -ERANGE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t address;
        int result = find(*state, rows[i].text, &address);
        if (result != rows[i].result || (!result && address != rows[i].address))
            fail_msg("%s: %d, %x", rows[i].text, result, result ? 0 : address);
    }
}

static void a_list_that_runs_in_a_circle_ends(void **state)
{
    struct space *space = *state;
    uint32_t address;
    put32(space, 0x60, 0x4009);
    put32(space, 0x160, 0x1000000b);
    assert_int_equal(find(space, "CAP_EXP.w", &address), -ELOOP);
    assert_int_equal(find(space, "ECAP_SRIOV.w", &address), -ELOOP);
    assert_int_equal(find(space, "ECAP_VNDR.w@1", &address), 0);
}

static void a_function_without_lists_has_no_capability(void **state)
{
    struct space *space = *state;
    uint32_t address;
    space->bytes[0x34] = 0;
    put32(space, 0x100, 0);
    assert_int_equal(find(space, "CAP_PM.w", &address), -ENOENT);
    assert_int_equal(find(space, "ECAP_AER.w", &address), -ENOENT);
    space->bytes[0x34] = 0x3c; /* within the header */
    assert_int_equal(find(space, "CAP00.b", &address), -ENOENT);
}

static void a_read_that_fails_ends_the_search(void **state)
{
    static const uint32_t places[] = {0x34, 0x40, 0x50};
    struct space *space = *state;
    uint32_t address;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        space->fails_at = places[i];
        assert_int_equal(find(space, "CAP_VNDR.b@1", &address), -EIO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_setpci_takes_is_taken),
        cmocka_unit_test(a_value_without_mask_is_the_whole_register),
        cmocka_unit_test(what_is_no_operation_is_refused),
        cmocka_unit_test(too_many_values_and_too_long_a_text_are_refused),
        cmocka_unit_test_setup_teardown(a_capability_is_found_by_id_and_number, open_space, close_space),
        cmocka_unit_test_setup_teardown(a_list_that_runs_in_a_circle_ends, open_space, close_space),
        cmocka_unit_test_setup_teardown(a_function_without_lists_has_no_capability, open_space, close_space),
        cmocka_unit_test_setup_teardown(a_read_that_fails_ends_the_search, open_space, close_space),
    };
    return cmocka_run_group_tests_name("cli register", tests, NULL, NULL);
}
