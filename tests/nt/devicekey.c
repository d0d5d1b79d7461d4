/* SPDX-License-Identifier: MIT
 *
 * The software key of a device: values come from above the room, numbers as REG_DWORD, text as REG_SZ.
 */
#include "nt_test.h"

static struct nt_fixture *fixture;
static PDRIVER_OBJECT driver;
static PDEVICE_OBJECT device;
static HANDLE key;

static char *value(struct nt_partition *partition, const char *name)
{
    static const char *const values[][2] = {{"*NumVFs", "4"}, {"Mask", "0xff00"}, {"Big", "4294967296"},
                                            {"Name", "abc"},  {"Empty", ""},      {"Octal", "010"}};
    assert_ptr_equal(partition, fixture->partition);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (strcmp(values[i][0], name) == 0)
            return strdup(values[i][1]);
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    fixture = nt_test_begin(false);
    assert_int_equal(nt_builtin_driver(fixture->partition, "bus", &driver), STATUS_SUCCESS);
    assert_int_equal(IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device), STATUS_SUCCESS);
    assert_int_equal(IoOpenDeviceRegistryKey(device, PLUGPLAY_REGKEY_DRIVER, KEY_READ, &key), STATUS_SUCCESS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(ZwClose(key), STATUS_SUCCESS);
    IoDeleteDevice(device);
    nt_driver_unload(driver);
    assert_int_equal(nt_test_end(fixture), 0);
    nt_test_free(fixture);
    return 0;
}

static union {
    KEY_VALUE_PARTIAL_INFORMATION information;
    UCHAR bytes[64];
} out;

static NTSTATUS query(const WCHAR *name, ULONG room, ULONG *needed)
{
    UNICODE_STRING wide;
    RtlInitUnicodeString(&wide, name);
    memset(&out, 0xAA, sizeof(out));
    return ZwQueryValueKey(key, &wide, KeyValuePartialInformation, &out, room, needed);
}

static void numbers_read_as_dwords(void **state)
{
    static const struct {
        const WCHAR *name;
        ULONG number;
    } rows[] = {{L"*NumVFs", 4}, {L"Mask", 0xff00}, {L"Octal", 10}};
    ULONG needed, number;
    (void)state;
    nt_device_values(fixture->partition, value);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(query(rows[i].name, sizeof(out), &needed), STATUS_SUCCESS);
        assert_int_equal(needed, 16);
        assert_int_equal(out.information.Type, REG_DWORD);
        assert_int_equal(out.information.DataLength, 4);
        memcpy(&number, out.information.Data, 4);
        assert_int_equal(number, rows[i].number);
        assert_int_equal(out.bytes[16], 0xAA);
    }
}

static void other_text_reads_as_a_terminated_string(void **state)
{
    ULONG needed;
    (void)state;
    nt_device_values(fixture->partition, value);
    assert_int_equal(query(L"Name", sizeof(out), &needed), STATUS_SUCCESS);
    assert_int_equal(out.information.Type, REG_SZ);
    assert_int_equal(out.information.DataLength, 8);
    assert_memory_equal(out.information.Data, L"abc", 8);
    assert_int_equal(query(L"Big", sizeof(out), &needed), STATUS_SUCCESS);
    assert_int_equal(out.information.Type, REG_SZ);
    assert_int_equal(query(L"Empty", sizeof(out), &needed), STATUS_SUCCESS);
    assert_int_equal(out.information.DataLength, 2);
}

static void a_short_buffer_says_what_is_needed(void **state)
{
    ULONG needed;
    (void)state;
    nt_device_values(fixture->partition, value);
    assert_int_equal(query(L"*NumVFs", 11, &needed), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(needed, 16);
    assert_int_equal(out.bytes[0], 0xAA);
    assert_int_equal(query(L"*NumVFs", 15, &needed), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(needed, 16);
    assert_int_equal(out.information.Type, REG_DWORD);
    assert_int_equal(out.bytes[12], 0xAA);
}

static void a_value_that_is_not_set_is_not_found(void **state)
{
    ULONG needed;
    (void)state;
    assert_int_equal(query(L"*NumVFs", sizeof(out), &needed), STATUS_OBJECT_NAME_NOT_FOUND); /* nobody gives values */
    nt_device_values(fixture->partition, value);
    assert_int_equal(query(L"Missing", sizeof(out), &needed), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(query(L"*NumVF\x0173", sizeof(out), &needed), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(needed, 0);
}

static void what_is_no_key_is_refused(void **state)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"*NumVFs");
    ULONG needed;
    HANDLE other;
    (void)state;
    nt_device_values(fixture->partition, value);
    assert_int_equal(IoOpenDeviceRegistryKey(device, PLUGPLAY_REGKEY_DEVICE, KEY_READ, &other),
                     STATUS_INVALID_PARAMETER);
    assert_null(other);
    assert_int_equal(ZwQueryValueKey(NULL, &name, KeyValuePartialInformation, &out, sizeof(out), &needed),
                     STATUS_INVALID_HANDLE);
    assert_int_equal(ZwQueryValueKey(key, &name, KeyValueFullInformation, &out, sizeof(out), &needed),
                     STATUS_INVALID_PARAMETER);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(numbers_read_as_dwords),
        CASE(other_text_reads_as_a_terminated_string),
        CASE(a_short_buffer_says_what_is_needed),
        CASE(a_value_that_is_not_set_is_not_found),
        CASE(what_is_no_key_is_refused),
    };
    return cmocka_run_group_tests_name("nt / device key", tests, NULL, NULL);
}
