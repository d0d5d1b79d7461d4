/* SPDX-License-Identifier: MIT
 *
 * The message catalogue (vpci-wire.md 1.4, 1.10): what a guest may send, how long it must be, since which version, in
 * which states, and who handles it. Everything else costs its sender an answer, never more.
 */
#include "vpci/vsp/internal.h"

#include <string.h>

#define IN_OPEN  (1u << VSP_OPEN)
#define IN_READY (1u << VSP_READY)
#define IN_D0    (1u << VSP_D0)

enum out_of_order {
    REFUSE,  /* INVALID_DEVICE_STATE */
    IGNORED, /* success when an answer is wanted */
};

/* Where the slot stands, 0: the message names none. */
#define NO_SLOT 0
#define SLOT_4  4
#define SLOT_8  8

static const struct message_rule {
    uint32_t type;
    const char *name;
    uint32_t minimum; /* exact payload bytes */
    uint32_t since;
    uint8_t slot;
    uint8_t states;
    uint8_t otherwise;   /* enum out_of_order */
    vsp_handler *handle; /* NULL: known, not implemented */
} rules[] = {
    {VPCI_POWER_STATE_CHANGE, "POWER_STATE_CHANGE", sizeof(struct vpci_power_state_change), VPCI_VERSION_1_1, SLOT_4,
     IN_D0, REFUSE, vsp_power_state},
    {VPCI_QUERY_BUS_RELATIONS, "QUERY_BUS_RELATIONS", sizeof(struct vpci_header), VPCI_VERSION_1_1, NO_SLOT,
     IN_READY | IN_D0, REFUSE, vsp_query_relations},
    {VPCI_QUERY_RESOURCE_REQUIREMENTS, "QUERY_RESOURCE_REQUIREMENTS", sizeof(struct vpci_slot_message),
     VPCI_VERSION_1_1, SLOT_4, IN_READY | IN_D0, REFUSE, vsp_query_requirements},
    {VPCI_GET_RESOURCES, "GET_RESOURCES", sizeof(struct vpci_get_resources), VPCI_VERSION_1_1, SLOT_4, IN_READY | IN_D0,
     REFUSE, vsp_get_resources},
    {VPCI_BUS_D0ENTRY, "BUS_D0ENTRY", sizeof(struct vpci_d0_entry), VPCI_VERSION_1_1, NO_SLOT, IN_READY | IN_D0, REFUSE,
     vsp_d0_entry},
    {VPCI_BUS_D0EXIT, "BUS_D0EXIT", sizeof(struct vpci_header), VPCI_VERSION_1_1, NO_SLOT, IN_READY | IN_D0, REFUSE,
     vsp_d0_exit},
    {VPCI_READ_BLOCK_MESSAGE, "READ_BLOCK", sizeof(struct vpci_read_block), VPCI_VERSION_1_1, SLOT_8, IN_D0, REFUSE,
     vsp_read_block},
    {VPCI_WRITE_BLOCK_MESSAGE, "WRITE_BLOCK", sizeof(struct vpci_write_block), VPCI_VERSION_1_1, SLOT_8, IN_D0, REFUSE,
     vsp_write_block},
    {VPCI_QUERY_STOP, "QUERY_STOP", sizeof(struct vpci_header), VPCI_VERSION_1_1, NO_SLOT, IN_READY | IN_D0, REFUSE,
     NULL},
    {VPCI_REENABLE, "REENABLE", sizeof(struct vpci_header), VPCI_VERSION_1_1, NO_SLOT, IN_READY | IN_D0, REFUSE, NULL},
    {VPCI_QUERY_STOP_FAILED, "QUERY_STOP_FAILED", sizeof(struct vpci_header), VPCI_VERSION_1_1, NO_SLOT,
     IN_READY | IN_D0, REFUSE, NULL},
    {VPCI_EJECTION_COMPLETE, "EJECTION_COMPLETE", VPCI_EJECTION_COMPLETE_MIN, VPCI_VERSION_1_1, SLOT_4,
     IN_READY | IN_D0, REFUSE, vsp_ejection_complete},
    {VPCI_RESOURCES_ASSIGNED, "RESOURCES_ASSIGNED", sizeof(struct vpci_resources_assigned), VPCI_VERSION_1_1, SLOT_4,
     IN_D0, REFUSE, vsp_resources_assigned},
    {VPCI_RESOURCES_RELEASED, "RESOURCES_RELEASED", sizeof(struct vpci_slot_message), VPCI_VERSION_1_1, SLOT_4, IN_D0,
     IGNORED, vsp_resources_released},
    {VPCI_QUERY_PROTOCOL_VERSION, "QUERY_PROTOCOL_VERSION", sizeof(struct vpci_query_version), 0, NO_SLOT, IN_OPEN,
     REFUSE, vsp_query_version},
    {VPCI_CREATE_INTERRUPT, "CREATE_INTERRUPT", sizeof(struct vpci_create_interrupt), VPCI_VERSION_1_1, SLOT_4, IN_D0,
     REFUSE, vsp_create_interrupt},
    {VPCI_DELETE_INTERRUPT, "DELETE_INTERRUPT", sizeof(struct vpci_delete_interrupt), VPCI_VERSION_1_1, SLOT_4, IN_D0,
     IGNORED, vsp_delete_interrupt},
    {VPCI_RESOURCES_ASSIGNED2, "RESOURCES_ASSIGNED2", sizeof(struct vpci_resources_assigned), VPCI_VERSION_1_2, SLOT_4,
     IN_D0, REFUSE, vsp_resources_assigned},
    {VPCI_CREATE_INTERRUPT2, "CREATE_INTERRUPT2", sizeof(struct vpci_create_interrupt2), VPCI_VERSION_1_2, SLOT_4,
     IN_D0, REFUSE, vsp_create_interrupt},
    {VPCI_DELETE_INTERRUPT2, "DELETE_INTERRUPT2", sizeof(struct vpci_delete_interrupt), VPCI_VERSION_1_2, SLOT_4, IN_D0,
     IGNORED, vsp_delete_interrupt},
    {VPCI_RESOURCES_ASSIGNED3, "RESOURCES_ASSIGNED3", sizeof(struct vpci_resources_assigned), VPCI_VERSION_1_4, SLOT_4,
     IN_D0, REFUSE, vsp_resources_assigned},
    {VPCI_CREATE_INTERRUPT3, "CREATE_INTERRUPT3", sizeof(struct vpci_create_interrupt3), VPCI_VERSION_1_4, SLOT_4,
     IN_D0, REFUSE, vsp_create_interrupt},
    {VPCI_RESET_DEVICE, "RESET_DEVICE", sizeof(struct vpci_header), VPCI_VERSION_1_1, NO_SLOT, IN_READY | IN_D0, REFUSE,
     NULL},
    {VPCI_TDISP_COMMAND, "TDISP_COMMAND", sizeof(struct vpci_header), VPCI_VERSION_1_1, NO_SLOT, IN_READY | IN_D0,
     REFUSE, NULL},
};

static const struct message_rule *find(uint32_t type)
{
    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].type == type)
            return &rules[i];
    }
    return NULL;
}

const char *vsp_message_name(uint32_t type)
{
    const struct message_rule *rule = find(type);
    return rule ? rule->name : "unknown message";
}

static uint32_t dword(const struct vsp_message *message, unsigned offset)
{
    uint32_t value;
    memcpy(&value, message->bytes + offset, sizeof(value));
    return value;
}

static enum vsp_verdict out_of_order(struct vsp_channel *channel, const struct vsp_message *message,
                                     const struct message_rule *rule)
{
    TRACE_REFUSE("vsp", "OUT_OF_ORDER vpci-wire.md 1.10", "%s: %s", channel->name, rule->name);
    if (rule->otherwise == IGNORED) {
        vsp_complete_status(channel, message, VPCI_STATUS_SUCCESS);
        return VSP_HANDLED;
    }
    vsp_count(&channel->counters.bad_data);
    vsp_complete_status(channel, message, VPCI_STATUS_INVALID_DEVICE_STATE);
    return VSP_HANDLED;
}

/* What every message must satisfy before anything of it is used. NULL: it does. */
static const char *flaw(const struct vsp_channel *channel, const struct vsp_message *message,
                        const struct message_rule *rule)
{
    if (message->length < rule->minimum)
        return "shorter than the message is";
    if (rule->since > channel->version)
        return "not in the version that was agreed";
    if (rule->slot && dword(message, rule->slot) != 0)
        return "no device in that slot";
    return NULL;
}

static enum vsp_verdict judge(struct vsp_channel *channel, const struct vsp_message *message,
                              const struct message_rule *rule)
{
    const char *bad = rule ? NULL : "unknown, or only for guests";

    if (rule)
        bad = flaw(channel, message, rule);
    if (bad) {
        vsp_bad_data(channel, message, "BAD_MESSAGE vpci-wire.md 6.4", bad);
        return VSP_HANDLED;
    }
    if (!(rule->states & 1u << channel->state))
        return out_of_order(channel, message, rule);
    if (rule->handle)
        return rule->handle(channel, message);
    TRACE_REFUSE("vsp", "NOT_IMPLEMENTED vpci-wire.md 1.4", "%s", rule->name);
    vsp_complete_status(channel, message, VPCI_STATUS_NOT_SUPPORTED);
    return VSP_HANDLED;
}

enum vsp_verdict vsp_dispatch(struct vsp_channel *channel, const struct vsp_message *raw)
{
    struct vsp_message message = *raw;
    const struct message_rule *rule = NULL;
    enum vsp_verdict verdict = VSP_HANDLED;

    if (message.length >= sizeof(struct vpci_header)) {
        message.type = dword(&message, 0);
        rule = find(message.type);
    }
    TRACE_DOOR(span, "vsp", rule ? rule->name : "unknown message", "%s: %u bytes", channel->name, message.length);
    TRACE_LINK_IN(span, vpci_link_key(channel->options.relid, VPCI_LINK_MESSAGE, message.transaction_id));
    /* Nothing but a well-formed version query may come first (1.6.1). */
    if (channel->state == VSP_OPEN && (!rule || rule->handle != vsp_query_version || message.length < rule->minimum))
        vsp_broken(channel, "VERSION_FIRST vpci-wire.md 1.10", "the first message was no version query");
    else
        verdict = judge(channel, &message, rule);
    TRACE_DONE(span, verdict == VSP_NO_ROOM ? "waits for room" : "handled");
    return verdict;
}
