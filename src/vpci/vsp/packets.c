/* SPDX-License-Identifier: MIT
 *
 * Packets as a person reads them: what lies in the ring, sixteen bytes a line, and beside each line the fields that
 * begin in it (vpci-wire.md 1.5, 1.6, 3.6).
 */
#include "vpci/vsp/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTOR  16u
#define LINE        16u
#define BYTES       0u  /* size of a field that is the rest of the packet */
#define REMEMBERED  64u /* requests whose completion is outstanding; Linux has as many */
#define HEX_COLUMNS (3 * LINE)

struct field {
    const char *name;
    uint16_t offset, size;
};

#define FIELD(structure, member)                                                                                       \
    {                                                                                                                  \
#member, offsetof(struct structure, member), sizeof(((struct structure *)NULL)->member)                        \
    }
#define WITHIN(structure, outer, inner, member)                                                                        \
    {                                                                                                                  \
#member, offsetof(struct structure, outer) + offsetof(struct inner, member),                                   \
            sizeof(((struct inner *)NULL)->member)                                                                     \
    }

#define TYPE FIELD(vpci_header, type)

static const struct field bare[] = {TYPE, {0}};
static const struct field version[] = {TYPE, FIELD(vpci_query_version, version), {0}};
static const struct field slot[] = {TYPE, FIELD(vpci_slot_message, slot), {0}};
static const struct field d0_entry[] = {TYPE, FIELD(vpci_d0_entry, mmio_base), {0}};
static const struct field assigned[] = {TYPE,
                                        FIELD(vpci_resources_assigned, slot),
                                        {"descriptors", offsetof(struct vpci_resources_assigned, bar), BYTES},
                                        FIELD(vpci_resources_assigned, msi_count),
                                        {0}};
static const struct field read_block[] = {
    TYPE, FIELD(vpci_read_block, block_id), FIELD(vpci_read_block, slot), FIELD(vpci_read_block, bytes_requested), {0}};
static const struct field write_block[] = {TYPE,
                                           FIELD(vpci_write_block, block_id),
                                           FIELD(vpci_write_block, slot),
                                           FIELD(vpci_write_block, byte_count),
                                           {"data", sizeof(struct vpci_write_block), BYTES},
                                           {0}};
static const struct field invalidate[] = {
    TYPE, FIELD(vpci_invalidate_block, slot), FIELD(vpci_invalidate_block, block_mask), {0}};
static const struct field ejected[] = {
    TYPE, FIELD(vpci_ejection_complete, slot), FIELD(vpci_ejection_complete, status), {0}};
static const struct field power[] = {
    TYPE, FIELD(vpci_power_state_change, slot), FIELD(vpci_power_state_change, target), {0}};

#define FUNCTION(member)                                                                                               \
    {                                                                                                                  \
#member, sizeof(struct vpci_relations) + offsetof(struct vpci_function, member),                               \
            sizeof(((struct vpci_function *)NULL)->member)                                                             \
    }
#define FUNCTION2(member)                                                                                              \
    {                                                                                                                  \
#member, sizeof(struct vpci_relations) + offsetof(struct vpci_function2, member),                              \
            sizeof(((struct vpci_function2 *)NULL)->member)                                                            \
    }
#define FUNCTION_FIELDS                                                                                                \
    FIELD(vpci_relations, count), FUNCTION(vendor_id), FUNCTION(device_id), FUNCTION(revision), FUNCTION(prog_if),     \
        FUNCTION(sub_class), FUNCTION(base_class), FUNCTION(subsystem_vendor_id), FUNCTION(subsystem_id),              \
        FUNCTION(slot), FUNCTION(serial)
static const struct field relations[] = {TYPE, FUNCTION_FIELDS, {0}};
static const struct field relations2[] = {TYPE, FUNCTION_FIELDS, FUNCTION2(flags), FUNCTION2(numa_node), {0}};

#define CREATED(structure, inner, member) WITHIN(structure, interrupt, inner, member)
static const struct field create1[] = {TYPE,
                                       FIELD(vpci_create_interrupt, slot),
                                       CREATED(vpci_create_interrupt, vpci_interrupt, vector),
                                       CREATED(vpci_create_interrupt, vpci_interrupt, delivery),
                                       CREATED(vpci_create_interrupt, vpci_interrupt, vector_count),
                                       CREATED(vpci_create_interrupt, vpci_interrupt, cpu_mask),
                                       {0}};
static const struct field create2[] = {TYPE,
                                       FIELD(vpci_create_interrupt2, slot),
                                       CREATED(vpci_create_interrupt2, vpci_interrupt2, vector),
                                       CREATED(vpci_create_interrupt2, vpci_interrupt2, delivery),
                                       CREATED(vpci_create_interrupt2, vpci_interrupt2, vector_count),
                                       CREATED(vpci_create_interrupt2, vpci_interrupt2, processor_count),
                                       {"processors", 14, BYTES},
                                       {0}};
static const struct field create3[] = {TYPE,
                                       FIELD(vpci_create_interrupt3, slot),
                                       CREATED(vpci_create_interrupt3, vpci_interrupt3, vector),
                                       CREATED(vpci_create_interrupt3, vpci_interrupt3, delivery),
                                       CREATED(vpci_create_interrupt3, vpci_interrupt3, vector_count),
                                       CREATED(vpci_create_interrupt3, vpci_interrupt3, processor_count),
                                       {"processors", 18, BYTES},
                                       {0}};
static const struct field delete[] = {TYPE,
                                      FIELD(vpci_delete_interrupt, slot),
                                      CREATED(vpci_delete_interrupt, vpci_translated_interrupt, vector_count),
                                      CREATED(vpci_delete_interrupt, vpci_translated_interrupt, data),
                                      CREATED(vpci_delete_interrupt, vpci_translated_interrupt, address),
                                      {0}};

/* Completions; all but one begin with a status. */
static const struct field only_status[] = {FIELD(vpci_status, status), {0}};
static const struct field versioned[] = {
    FIELD(vpci_version_completion, status), FIELD(vpci_version_completion, version), {0}};
static const struct field requirements[] = {FIELD(vpci_requirements_completion, status),
                                            {"bar0", 4, 4},
                                            {"bar1", 8, 4},
                                            {"bar2", 12, 4},
                                            {"bar3", 16, 4},
                                            {"bar4", 20, 4},
                                            {"bar5", 24, 4},
                                            {0}};
static const struct field got_block[] = {
    FIELD(vpci_read_block_completion, status), {"data", offsetof(struct vpci_read_block_completion, data), BYTES}, {0}};
static const struct field created[] = {
    FIELD(vpci_create_interrupt_completion, status),
    CREATED(vpci_create_interrupt_completion, vpci_translated_interrupt, vector_count),
    CREATED(vpci_create_interrupt_completion, vpci_translated_interrupt, data),
    CREATED(vpci_create_interrupt_completion, vpci_translated_interrupt, address),
    {0}};
static const struct field got_resources[] = {
    FIELD(vpci_get_resources_completion, version),
    FIELD(vpci_get_resources_completion, revision),
    FIELD(vpci_get_resources_completion, count),
    {"descriptors", offsetof(struct vpci_get_resources_completion, bar), BYTES},
    {0}};

static const struct layout {
    uint32_t type;
    const struct field *message, *completion;
    const char *name; /* of what only a host sends */
} layouts[] = {
    {VPCI_BUS_RELATIONS, relations, NULL, "BUS_RELATIONS"},
    {VPCI_BUS_RELATIONS2, relations2, NULL, "BUS_RELATIONS2"},
    {VPCI_EJECT, slot, NULL, "EJECT"},
    {VPCI_INVALIDATE_BLOCK, invalidate, NULL, "INVALIDATE_BLOCK"},
    {VPCI_POWER_STATE_CHANGE, power, only_status, NULL},
    {VPCI_QUERY_RESOURCE_REQUIREMENTS, slot, requirements, NULL},
    {VPCI_GET_RESOURCES, slot, got_resources, NULL},
    {VPCI_BUS_D0ENTRY, d0_entry, only_status, NULL},
    {VPCI_READ_BLOCK_MESSAGE, read_block, got_block, NULL},
    {VPCI_WRITE_BLOCK_MESSAGE, write_block, only_status, NULL},
    {VPCI_EJECTION_COMPLETE, ejected, only_status, NULL},
    {VPCI_RESOURCES_ASSIGNED, assigned, only_status, NULL},
    {VPCI_RESOURCES_ASSIGNED2, assigned, only_status, NULL},
    {VPCI_RESOURCES_ASSIGNED3, assigned, only_status, NULL},
    {VPCI_RESOURCES_RELEASED, slot, only_status, NULL},
    {VPCI_QUERY_PROTOCOL_VERSION, version, versioned, NULL},
    {VPCI_CREATE_INTERRUPT, create1, created, NULL},
    {VPCI_CREATE_INTERRUPT2, create2, created, NULL},
    {VPCI_CREATE_INTERRUPT3, create3, created, NULL},
    {VPCI_DELETE_INTERRUPT, delete, only_status, NULL},
    {VPCI_DELETE_INTERRUPT2, delete, only_status, NULL},
};

struct vsp_packets {
    FILE *stream;
    unsigned next;
    struct {
        uint64_t id;
        uint32_t type;
    } requests[REMEMBERED]; /* the latest ones */
};

struct vsp_packets *vsp_packets_create(FILE *stream)
{
    struct vsp_packets *packets = calloc(1, sizeof(*packets));
    if (packets)
        packets->stream = stream;
    return packets;
}

static const struct layout *layout_of(uint32_t type)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        if (layouts[i].type == type)
            return &layouts[i];
    }
    return NULL;
}

/* The type of the request that a completion answers, 0: not known any more. */
static uint32_t type_of(const struct vsp_packets *packets, uint64_t id)
{
    for (unsigned back = 1; back <= REMEMBERED; back++) {
        unsigned at = (packets->next + REMEMBERED - back) % REMEMBERED;
        if (packets->requests[at].type && packets->requests[at].id == id)
            return packets->requests[at].type;
    }
    return 0;
}

static uint32_t remember(struct vsp_packets *packets, const struct vmbus_packet *packet, const uint8_t *payload)
{
    uint32_t type = 0;

    if (packet->length < sizeof(type))
        return 0;
    memcpy(&type, payload, sizeof(type));
    if (packet->flags & VMBUS_COMPLETION_REQUESTED) {
        packets->requests[packets->next].id = packet->transaction_id;
        packets->requests[packets->next].type = type;
        packets->next = (packets->next + 1) % REMEMBERED;
    }
    return type;
}

static void print_field(FILE *stream, const struct field *field, const uint8_t *bytes, const char *comma)
{
    uint64_t value = 0;

    if (field->size == BYTES) {
        fprintf(stream, "%s %s ...", comma, field->name);
        return;
    }
    memcpy(&value, bytes + field->offset, field->size);
    fprintf(stream, "%s %s %0*" PRIx64, comma, field->name, field->size * 2, value);
}

static void print_line(FILE *stream, const uint8_t *bytes, uint32_t at, uint32_t length, const struct field *fields)
{
    const char *comma = "";
    int column = 0;

    fputs("    ", stream);
    for (uint32_t i = at; i < at + LINE && i < length; i++)
        column += fprintf(stream, "%s%02x", i > at ? " " : "", bytes[i]);
    if (fields)
        fprintf(stream, "%*s|", (int)HEX_COLUMNS - column, "");
    for (; fields && fields->name; fields++) {
        if (fields->offset < at || fields->offset >= at + LINE || fields->offset + fields->size > length)
            continue;
        print_field(stream, fields, bytes, comma);
        comma = ",";
    }
    fputc('\n', stream);
}

/* Does a field begin in this line? */
static const struct field *in_line(const struct field *fields, uint32_t at)
{
    for (const struct field *field = fields; field && field->name; field++) {
        if (field->offset >= at && field->offset < at + LINE)
            return fields;
    }
    return NULL;
}

static void print_descriptor(FILE *stream, const struct vmbus_packet *packet, uint32_t padded)
{
    uint16_t words[4] = {packet->type, DESCRIPTOR / 8, (uint16_t)((DESCRIPTOR + padded) / 8), packet->flags};
    uint8_t bytes[DESCRIPTOR];

    memcpy(bytes, words, sizeof(words));
    memcpy(bytes + sizeof(words), &packet->transaction_id, sizeof(packet->transaction_id));
    fputs("    ", stream);
    for (unsigned i = 0; i < DESCRIPTOR; i++)
        fprintf(stream, "%02x ", bytes[i]);
    fprintf(stream, "| type %x, offset8 %x, len8 %x, flags %x, transaction id %" PRIx64 "\n", words[0], words[1],
            words[2], words[3], packet->transaction_id);
}

/* Lines in which no field begins and all is zero are left out, as hexdump does. */
static void print_payload(FILE *stream, const uint8_t *payload, uint32_t length, const struct field *fields)
{
    static const uint8_t zero[LINE];
    bool skipped = false;

    for (uint32_t at = 0; at < length; at += LINE) {
        uint32_t here = length - at < LINE ? length - at : LINE;
        const struct field *shown = in_line(fields, at);
        bool skip = at && !shown && memcmp(payload + at, zero, here) == 0;
        if (skip && !skipped)
            fputs("    *\n", stream);
        else if (!skip)
            print_line(stream, payload, at, length, shown);
        skipped = skip;
    }
}

void vsp_packets_lock(struct vsp_packets *packets)
{
    flockfile(packets->stream);
}

void vsp_packets_unlock(struct vsp_packets *packets)
{
    funlockfile(packets->stream);
}

void vsp_packets_print(struct vsp_packets *packets, const char *name, bool to_guest, const struct vmbus_packet *packet,
                       const void *payload)
{
    const bool completion = packet->type == VMBUS_PACKET_COMPLETION;
    uint32_t type = completion ? type_of(packets, packet->transaction_id) : remember(packets, packet, payload);
    const struct layout *layout = layout_of(type);
    const struct field *fields = layout ? completion ? layout->completion : layout->message : NULL;
    uint32_t padded = (packet->length + 7) & ~7u;
    uint8_t *bytes = calloc(1, padded + 1);

    if (!bytes)
        return;
    memcpy(bytes, payload, packet->length);
    vsp_packets_lock(packets);
    fprintf(packets->stream, "%s %s: %s%s, %u bytes\n", to_guest ? "to" : "from", name,
            completion ? "completion of " : "", layout && layout->name ? layout->name : vsp_message_name(type),
            DESCRIPTOR + padded);
    print_descriptor(packets->stream, packet, padded);
    print_payload(packets->stream, bytes, padded, fields ? fields : completion ? only_status : bare);
    fputc('\n', packets->stream);
    vsp_packets_unlock(packets);
    free(bytes);
}
