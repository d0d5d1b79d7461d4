/* SPDX-License-Identifier: MIT
 *
 * Packets as text: what is printed is what lay in the ring, whatever a guest sent.
 */
#include "raw_guest.h"

struct fixture {
    struct raw_host *host;
    struct raw_guest *guest;
    char *text;
    size_t length;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->host = raw_host_create(&fake_82576);
    f->host->packets = open_memstream(&f->text, &f->length);
    assert_non_null(f->host->packets);
    f->guest = raw_guest_open(f->host, 1);
    *state = f;
    return 0;
}

/* What was printed since the last time: whoever has a packet finds it printed once he has the stream's lock. */
static const char *printed(struct fixture *f)
{
    fflush(f->host->packets);
    return f->text;
}

static void forget(struct fixture *f)
{
    fflush(f->host->packets);
    rewind(f->host->packets);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    FILE *packets = f->host->packets;
    raw_guest_destroy(f->guest);
    raw_host_destroy(f->host);
    fclose(packets);
    free(f->text);
    free(f);
    return 0;
}

static void version_query_and_completion(void **state)
{
    struct fixture *f = *state;
    raw_version(f->guest, VPCI_VERSION_1_4);
    assert_string_equal(
        printed(f),
        "from guest: QUERY_PROTOCOL_VERSION, 24 bytes\n"
        "    06 00 02 00 03 00 01 00 01 00 00 00 00 00 00 00 | type 6, offset8 2, len8 3, flags 1, transaction id 1\n"
        "    13 00 49 42 04 00 01 00                         | type 42490013, version 00010004\n"
        "\n"
        "to guest: completion of QUERY_PROTOCOL_VERSION, 24 bytes\n"
        "    0b 00 02 00 03 00 00 00 01 00 00 00 00 00 00 00 | type b, offset8 2, len8 3, flags 0, transaction id 1\n"
        "    00 00 00 00 04 00 01 00                         | status 00000000, version 00010004\n"
        "\n");
}

static void an_interrupt_has_its_fields_in_each_version_of_the_descriptor(void **state)
{
    struct fixture *f = *state;
    struct vpci_create_interrupt one = {.type = VPCI_CREATE_INTERRUPT,
                                        .interrupt = {.vector = 0xEF, .vector_count = 1, .cpu_mask = 1}};
    struct vpci_create_interrupt2 two = {.type = VPCI_CREATE_INTERRUPT2,
                                         .interrupt = {.vector = 0x31, .vector_count = 2, .processor_count = 1}};
    struct vpci_create_interrupt3 three = {.type = VPCI_CREATE_INTERRUPT3,
                                           .interrupt = {.vector = 0x132, .vector_count = 1, .processor_count = 2}};
    raw_up(f->guest);
    raw_request(f->guest, &one, sizeof one, NULL);
    raw_request(f->guest, &two, sizeof two, NULL);
    raw_request(f->guest, &three, sizeof three, NULL);
    assert_non_null(strstr(printed(f), "| type 42490014, slot 00000000, vector ef, delivery 00, vector_count 0001\n"));
    assert_non_null(strstr(printed(f), "| cpu_mask 0000000000000001\n"));
    assert_non_null(strstr(printed(f), "| type 42490017, slot 00000000, vector 31, delivery 00, vector_count 0002, "
                                       "processor_count 0001, processors ...\n"));
    assert_non_null(strstr(printed(f), "vector 00000132, delivery 00, vector_count 0001\n"));
    assert_non_null(strstr(printed(f), "to guest: completion of CREATE_INTERRUPT3, 40 bytes\n"));
}

static void what_the_host_sends_unasked_is_named(void **state)
{
    struct fixture *f = *state;
    struct reply reply;
    raw_up(f->guest);
    fake_pf_invalidate(f->host->pf, vstack_vf_id(f->guest->vf), 0x21);
    raw_in_band(f->guest, VPCI_INVALIDATE_BLOCK, &reply);
    assert_non_null(strstr(printed(f), "to guest: BUS_RELATIONS2, 56 bytes\n"));
    assert_non_null(strstr(printed(f), "| type 42490012, slot 00000000, block_mask 0000000000000021\n"));
}

/* Lines of zeros are one star; a field that is cut short is not shown, and nothing beyond the packet is looked at. */
static void packets_of_every_type_and_length_are_printed_whole(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[256] = {0};
    raw_up(f->guest);
    for (uint32_t type = 0x42490000; type < 0x42490021; type++) {
        memcpy(bytes, &type, sizeof type);
        for (uint32_t length = 0; length < sizeof bytes; length += 4) {
            char head[64];
            raw_nothing(f->guest, VPCI_BUS_RELATIONS2); /* what the last one made the host send has come */
            forget(f);
            raw_request(f->guest, bytes, length, NULL);
            f->guest->queued = 0;
            snprintf(head, sizeof head, ", %u bytes\n", 16 + (length + 7) / 8 * 8);
            assert_ptr_equal(strstr(printed(f), "from guest: "), printed(f));
            assert_non_null(strstr(printed(f), head));
        }
    }
    assert_int_equal(raw_d0(f->guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_assign(f->guest), VPCI_STATUS_SUCCESS);
    assert_true(raw_alive(f->guest));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(version_query_and_completion),
        CASE(an_interrupt_has_its_fields_in_each_version_of_the_descriptor),
        CASE(what_the_host_sends_unasked_is_named),
        CASE(packets_of_every_type_and_length_are_printed_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
