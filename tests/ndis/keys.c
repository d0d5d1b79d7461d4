/* SPDX-License-Identifier: MIT
 *
 * Configuration beyond reading a keyword: keys by number, writing, the address; string conversions.
 */
#include "nic.h"

static NDIS_HANDLE open_configuration(struct nic *nic)
{
    NDIS_CONFIGURATION_OBJECT object = {
        .Header = {NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT, 1, NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1},
        .NdisHandle = nic->handle};
    NDIS_HANDLE handle;

    assert_int_equal(NdisOpenConfigurationEx(&object, &handle), NDIS_STATUS_SUCCESS);
    return handle;
}

static ULONG read_integer(NDIS_HANDLE configuration, const WCHAR *name)
{
    PNDIS_CONFIGURATION_PARAMETER value;
    NDIS_STRING keyword;
    NDIS_STATUS status;

    RtlInitUnicodeString(&keyword, name);
    NdisReadConfiguration(&status, &value, configuration, &keyword, NdisParameterInteger);
    return status == NDIS_STATUS_SUCCESS ? value->ParameterData.IntegerData : UINT32_MAX;
}

static void keys_by_number_are_the_distinct_ones_in_alphabetical_order(void **state)
{
    static const char *const names[] = {"NicSwitches\\1\\*NumVFs", "NicSwitches\\0\\*NumVFs", "NicSwitches\\0\\*Flags",
                                        "NicSwitches\\deep\\er\\X", "NicSwitches\\plain"};
    static const WCHAR *const keys[] = {L"0", L"1", L"deep"};
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_HANDLE root, switches, key;
    NDIS_STRING name;
    NDIS_STATUS status;

    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        ndis_set_keyword(nic->partition, names[i], "4");
    root = open_configuration(nic);
    NdisOpenConfigurationKeyByIndex(&status, root, 0, &name, &switches);
    assert_int_equal(status, NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        NDIS_STRING expected;

        NdisOpenConfigurationKeyByIndex(&status, switches, i, &name, &key);
        assert_int_equal(status, NDIS_STATUS_SUCCESS);
        RtlInitUnicodeString(&expected, keys[i]);
        assert_true(RtlEqualUnicodeString(&name, &expected, FALSE));
        assert_int_equal(read_integer(key, L"*NumVFs"), i < 2 ? 4 : UINT32_MAX);
        NdisCloseConfiguration(key);
    }
    NdisOpenConfigurationKeyByIndex(&status, switches, 3, &name, &key);
    assert_int_equal(status, NDIS_STATUS_FAILURE);
    NdisOpenConfigurationKeyByIndex(&status, root, 1, &name, &key);
    assert_int_equal(status, NDIS_STATUS_FAILURE);
    NdisCloseConfiguration(switches);
    NdisCloseConfiguration(root);
    nic_destroy(nic);
}

static void written_values_are_read_back(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_HANDLE configuration = open_configuration(nic);
    NDIS_CONFIGURATION_PARAMETER value = {.ParameterType = NdisParameterInteger,
                                          .ParameterData.IntegerData = 4000000000u};
    NDIS_STRING name = NDIS_STRING_CONST("Written"), text = NDIS_STRING_CONST("0x20"), latin = {2, 2, (PWSTR)L"\u00e9"};
    NDIS_STATUS status;

    (void)state;
    NdisWriteConfiguration(&status, configuration, &name, &value);
    assert_int_equal(status, NDIS_STATUS_SUCCESS);
    assert_int_equal(read_integer(configuration, L"Written"), 4000000000u);
    value.ParameterType = NdisParameterString;
    value.ParameterData.StringData = text;
    NdisWriteConfiguration(&status, configuration, &name, &value);
    assert_int_equal(status, NDIS_STATUS_SUCCESS);
    assert_int_equal(read_integer(configuration, L"Written"), 0x20);
    value.ParameterData.StringData = latin;
    NdisWriteConfiguration(&status, configuration, &name, &value);
    assert_int_equal(status, NDIS_STATUS_NOT_SUPPORTED);
    value.ParameterType = NdisParameterBinary;
    NdisWriteConfiguration(&status, configuration, &name, &value);
    assert_int_equal(status, NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(read_integer(configuration, L"Written"), 0x20);
    NdisCloseConfiguration(configuration);
    nic_destroy(nic);
}

static void network_address_is_six_bytes_or_nothing(void **state)
{
    static const struct {
        const char *value;
        NDIS_STATUS status;
    } rows[] = {
        {NULL, NDIS_STATUS_FAILURE},
        {"02155D0A0B0C", NDIS_STATUS_SUCCESS},
        {"02-15-5d-0a-0b-0c", NDIS_STATUS_SUCCESS},
        {"02:15:5d:0a:0b:0c", NDIS_STATUS_SUCCESS},
        {"02155D0A0B", NDIS_STATUS_FAILURE},
        {"02155D0A0B0C0D", NDIS_STATUS_FAILURE},
        {"zz155D0A0B0C", NDIS_STATUS_FAILURE},
        {"+2155D0A0B0C", NDIS_STATUS_FAILURE},
        {"02155D0A0B0x", NDIS_STATUS_FAILURE},
        {"02155D0A0B-C", NDIS_STATUS_FAILURE},
        {"02155D0A0B C", NDIS_STATUS_FAILURE},
        {"", NDIS_STATUS_FAILURE},
    };
    static const UCHAR address[6] = {0x02, 0x15, 0x5d, 0x0a, 0x0b, 0x0c};
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        NDIS_HANDLE configuration = open_configuration(nic);
        NDIS_STATUS status;
        PVOID found = NULL;
        UINT length;

        ndis_set_keyword(nic->partition, "NetworkAddress", rows[i].value);
        NdisReadNetworkAddress(&status, &found, &length, configuration);
        assert_int_equal(status, rows[i].status);
        assert_int_equal(length, status == NDIS_STATUS_SUCCESS ? 6 : 0);
        if (found)
            assert_memory_equal(found, address, 6);
        NdisCloseConfiguration(configuration);
    }
    nic_destroy(nic);
}

static void strings_are_converted_both_ways(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    WCHAR wide[8];
    char narrow[8];
    NDIS_STRING made, to = {0, sizeof wide, wide};
    ANSI_STRING back = {0, sizeof narrow, narrow}, from;

    (void)state;
    NdisInitializeString(&made, (PUCHAR) "abc");
    assert_int_equal(made.Length, 6);
    assert_int_equal(made.Buffer[2], 'c');
    assert_int_equal(NdisUnicodeStringToAnsiString(&back, &made), NDIS_STATUS_SUCCESS);
    assert_int_equal(back.Length, 3);
    NdisFreeString(made);
    RtlInitAnsiString(&from, "seven c");
    assert_int_equal(NdisAnsiStringToUnicodeString(&to, &from), NDIS_STATUS_SUCCESS);
    assert_int_equal(to.Length, 14);
    RtlInitAnsiString(&from, "longer than that");
    assert_int_equal(NdisAnsiStringToUnicodeString(&to, &from), NDIS_STATUS_FAILURE);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_by_number_are_the_distinct_ones_in_alphabetical_order),
        cmocka_unit_test(written_values_are_read_back),
        cmocka_unit_test(network_address_is_six_bytes_or_nothing),
        cmocka_unit_test(strings_are_converted_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
