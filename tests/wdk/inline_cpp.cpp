/* SPDX-License-Identifier: MIT
 *
 * What the headers do themselves, in C++: overloads inside extern "C", arrays that know their size, the header as a
 * base.
 */
extern "C" {
#include <Ndis.h>
#include <ntstrsafe.h>
#include <wdmguid.h>
int printf(const char *format, ...);
}

static int cases, failed;

static void check(bool holds, const char *name)
{
    cases++;
    failed += !holds;
    printf("%sok %d - %s\n", holds ? "" : "not ", cases, name);
}

static bool a_drivers_long_stays_a_32_bit_number()
{
    volatile long value = 0;
    volatile unsigned long bits = 0;
    ULONG counter = 0;

    return InterlockedDecrement(&value) == -1 && value == -1L && InterlockedExchange(&value, 3) == -1 &&
           InterlockedExchangeAdd(&value, 2) == 3 && value == 5 && InterlockedOr(&bits, -1) == 0 &&
           bits == 0xffffffffUL && InterlockedIncrement(&counter) == 1;
}

static bool an_array_knows_its_size()
{
    wchar_t wide[4];
    char narrow[3];

    return wcscpy_s(wide, L"abc") == 0 && wcscat_s(wide, L"d") == VFPLANE_ERANGE && wide[0] == 0 &&
           strcpy_s(narrow, "abc") == VFPLANE_ERANGE;
}

static bool the_header_is_a_base_of_the_configuration()
{
    PCI_COMMON_CONFIG config = {};
    PCI_COMMON_HEADER *header = &config;

    config.VendorID = 0x8086;
    config.u.type0.InterruptPin = 1;
    return header->VendorID == 0x8086 && sizeof(config) == 256 && header->u.type0.InterruptPin == 1;
}

static bool guids_compare()
{
    const GUID a = {1, 2, 3, {4}}, b = {1, 2, 3, {5}};

    return IsEqualGUID(a, a) && a != b && !(a == b) && InlineIsEqualGUID(b, b);
}

static bool guarded_blocks_run()
{
    int steps = 0;

    __try {
        steps++;
    } __finally {
        steps += 10;
    }
    return steps == 11;
}

int main()
{
    check(a_drivers_long_stays_a_32_bit_number(), "a_drivers_long_stays_a_32_bit_number");
    check(an_array_knows_its_size(), "an_array_knows_its_size");
    check(the_header_is_a_base_of_the_configuration(), "the_header_is_a_base_of_the_configuration");
    check(guids_compare(), "guids_compare");
    check(guarded_blocks_run(), "guarded_blocks_run");
    printf("1..%d\n", cases);
    return failed != 0;
}
