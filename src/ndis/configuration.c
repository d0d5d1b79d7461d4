/* SPDX-License-Identifier: MIT
 *
 * Configuration keywords (ndis.md 5.14, 7.1): what an INF would have put in the registry, set by the host program.
 * A key below the driver's ("NicSwitches\0") is a prefix of the keyword.
 */
#include <strings.h>

#include "ndis/configuration.h"

/* ---- the host's side -------------------------------------------------------------------------------------- */

static struct ndis_keyword *take_out(struct ndis_partition *room, const char *name)
{
    struct ndis_keyword **link = &room->keywords, *found;

    ndis_lock(&room->lock);
    while (*link && strcasecmp((*link)->name, name))
        link = &(*link)->next;
    found = *link;
    if (found)
        *link = found->next;
    ndis_unlock(&room->lock);
    return found;
}

static struct ndis_keyword *make_keyword(const char *name, const char *value)
{
    size_t length = strlen(name) + 1;
    struct ndis_keyword *keyword = malloc(sizeof *keyword + length);

    if (!keyword)
        return NULL;
    memcpy(keyword->name, name, length);
    keyword->value = strdup(value);
    if (!keyword->value) {
        free(keyword);
        return NULL;
    }
    return keyword;
}

static void drop_keyword(struct ndis_partition *room, struct ndis_keyword *keyword)
{
    if (!keyword)
        return;
    free(keyword->value);
    free(keyword);
    ndis_partition_drop(room);
}

bool ndis_set_keyword(struct nt_partition *partition, const char *keyword, const char *value)
{
    struct ndis_keyword *made = value ? make_keyword(keyword, value) : NULL;
    struct ndis_partition *room = ndis_partition_hold(partition);

    if (!room || (value && !made)) {
        if (made) {
            free(made->value);
            free(made);
        }
        if (room)
            ndis_partition_drop(room);
        return false;
    }
    drop_keyword(room, take_out(room, keyword));
    if (!made) {
        ndis_partition_drop(room);
        return true;
    }
    ndis_lock(&room->lock);
    made->next = room->keywords;
    room->keywords = made; /* the reference taken above is the keyword's */
    ndis_unlock(&room->lock);
    return true;
}

void ndis_clear_keywords(struct nt_partition *partition)
{
    struct ndis_partition *room = ndis_partition_of(partition) ? ndis_partition_hold(partition) : NULL;
    struct ndis_keyword *all, *next;

    if (!room)
        return;
    ndis_lock(&room->lock);
    all = room->keywords;
    room->keywords = NULL;
    ndis_unlock(&room->lock);
    for (; all; all = next) {
        next = all->next;
        drop_keyword(room, all);
    }
    ndis_partition_drop(room);
}

/* The value of a keyword, copied; NULL when it is not set (or no memory). */
char *ndis_keyword_value(struct ndis_partition *room, const char *name)
{
    struct ndis_keyword *found;
    char *value = NULL;

    ndis_lock(&room->lock);
    for (found = room->keywords; found && strcasecmp(found->name, name); found = found->next)
        ;
    if (found)
        value = strdup(found->value);
    ndis_unlock(&room->lock);
    return value;
}

char *ndis_keyword(struct nt_partition *partition, const char *keyword)
{
    struct ndis_partition *room = ndis_partition_of(partition);

    return room ? ndis_keyword_value(room, keyword) : NULL;
}

/* ---- the driver's side ------------------------------------------------------------------------------------ */

struct configuration *ndis_configuration_checked(NDIS_HANDLE handle, const char *routine)
{
    struct ndis_partition *room = ndis_partition_of(nt_current());
    struct configuration *configuration = NULL;

    if (room) {
        ndis_lock(&room->lock);
        configuration = room->configurations;
        while (configuration && configuration != handle)
            configuration = configuration->next;
        ndis_unlock(&room->lock);
    }
    if (configuration)
        return configuration;
    nt_violation_in(NDIS_RULE(BAD_CONFIGURATION_HANDLE), routine, "%s: %p is no configuration handle", routine, handle);
    return NULL;
}

struct configuration *ndis_make_configuration(struct ndis_partition *room, const char *prefix)
{
    struct configuration *made = calloc(1, sizeof *made);

    if (!made)
        return NULL;
    made->driver = nt_callback_current ? nt_callback_current->driver : NULL;
    made->room = ndis_partition_hold(room->nt);
    memcpy(made->prefix, prefix, strlen(prefix) + 1);
    ndis_lock(&room->lock);
    made->next = room->configurations;
    room->configurations = made;
    ndis_unlock(&room->lock);
    return made;
}

/* It is in no list any more. */
static void free_configuration(struct configuration *configuration)
{
    struct reading *next;

    for (struct reading *reading = configuration->readings; reading; reading = next) {
        next = reading->next;
        free(reading);
    }
    ndis_partition_drop(configuration->room);
    free(configuration);
}

/* Takes the first one of the driver out of the list; NULL: it has none. */
static struct configuration *take_open(struct ndis_partition *room, const char *driver)
{
    struct configuration **link = &room->configurations, *found;

    ndis_lock(&room->lock);
    while (*link && (*link)->driver != driver)
        link = &(*link)->next;
    found = *link;
    if (found)
        *link = found->next;
    ndis_unlock(&room->lock);
    return found;
}

void ndis_configurations_end(struct ndis_partition *room, const char *driver)
{
    struct configuration *left;
    unsigned count = 0;

    while ((left = take_open(room, driver))) {
        free_configuration(left);
        count++;
    }
    if (count)
        nt_violation_in(NDIS_RULE(CONFIGURATION_LEAK), "MiniportUnload", "%u configuration handles are open", count);
}

NDIS_EXPORT NDIS_STATUS NdisOpenConfigurationEx(PNDIS_CONFIGURATION_OBJECT ConfigObject,
                                                PNDIS_HANDLE ConfigurationHandle)
{
    struct ndis_partition *room = ndis_partition_of(nt_current());

    if (!nt_irql_at_most(PASSIVE_LEVEL, "NdisOpenConfigurationEx") || !ConfigObject || !ConfigurationHandle || !room)
        return NDIS_STATUS_FAILURE;
    if (!ndis_header_ok(ConfigObject, NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
                        NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1))
        return NDIS_STATUS_FAILURE;
    if (nt_fault("NdisOpenConfigurationEx"))
        return NDIS_STATUS_RESOURCES;
    *ConfigurationHandle = ndis_make_configuration(room, "");
    return *ConfigurationHandle ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}

NDIS_EXPORT VOID NdisCloseConfiguration(NDIS_HANDLE ConfigurationHandle)
{
    struct configuration *configuration = ndis_configuration_checked(ConfigurationHandle, "NdisCloseConfiguration");
    struct configuration **link;

    if (!configuration || !nt_irql_at_most(PASSIVE_LEVEL, "NdisCloseConfiguration"))
        return;
    link = &configuration->room->configurations;
    ndis_lock(&configuration->room->lock);
    while (*link != configuration)
        link = &(*link)->next;
    *link = configuration->next;
    ndis_unlock(&configuration->room->lock);
    free_configuration(configuration);
}

/* Keywords are ASCII; anything else has no match. False: too long. */
bool ndis_to_name(const struct configuration *configuration, PNDIS_STRING given, char name[NDIS_KEYWORD_MAX])
{
    size_t start = strlen(configuration->prefix), length = given->Length / sizeof(WCHAR);

    if (start + length >= NDIS_KEYWORD_MAX)
        return false;
    memcpy(name, configuration->prefix, start);
    for (size_t i = 0; i < length; i++)
        name[start + i] = given->Buffer[i] < 128 ? (char)given->Buffer[i] : '?';
    name[start + length] = 0;
    return true;
}

NDIS_EXPORT VOID NdisOpenConfigurationKeyByName(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle,
                                                PNDIS_STRING SubKeyName, PNDIS_HANDLE SubKeyHandle)
{
    struct configuration *configuration =
        ndis_configuration_checked(ConfigurationHandle, "NdisOpenConfigurationKeyByName");
    char prefix[NDIS_KEYWORD_MAX];

    *Status = NDIS_STATUS_FAILURE;
    if (!configuration || !nt_irql_at_most(PASSIVE_LEVEL, "NdisOpenConfigurationKeyByName") ||
        !ndis_to_name(configuration, SubKeyName, prefix) || strlen(prefix) + 2 > NDIS_KEYWORD_MAX ||
        nt_fault("NdisOpenConfigurationKeyByName"))
        return;
    strcat(prefix, "\\");
    *SubKeyHandle = ndis_make_configuration(configuration->room, prefix);
    *Status = *SubKeyHandle ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}

static bool to_integer(const char *value, int base, ULONG *integer)
{
    char *end;
    unsigned long number = strtoul(value, &end, strncasecmp(value, "0x", 2) ? base : 16);

    *integer = (ULONG)number;
    return end != value && *end == 0 && number <= UINT32_MAX;
}

/* UTF-8 to UTF-16 units in `to` (room for strlen(value) + 1); bytes written without the terminator. */
USHORT ndis_to_wide(const char *value, WCHAR *to)
{
    size_t count = 0;

    while (*value) {
        unsigned char lead = (unsigned char)*value++;
        unsigned extra = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
        uint32_t point = extra ? lead & (0x3fu >> extra) : lead;

        while (extra-- && (*value & 0xc0) == 0x80)
            point = point << 6 | ((unsigned char)*value++ & 0x3f);
        if (point >= 0x10000) {
            to[count++] = (WCHAR)(0xd7c0 + (point >> 10));
            point = 0xdc00 | (point & 0x3ff);
        }
        to[count++] = (WCHAR)point;
    }
    to[count] = 0;
    return (USHORT)(count * sizeof(WCHAR));
}

static struct reading *read_value(const char *value, NDIS_PARAMETER_TYPE type)
{
    size_t length = strlen(value);
    struct reading *reading = NULL;

    if (length < UINT16_MAX / 2 - 1)
        reading = calloc(1, sizeof *reading + (length + 1) * sizeof(WCHAR));
    if (!reading)
        return NULL;
    reading->parameter.ParameterType = type;
    if (type == NdisParameterInteger || type == NdisParameterHexInteger) {
        if (to_integer(value, type == NdisParameterHexInteger ? 16 : 10, &reading->parameter.ParameterData.IntegerData))
            return reading;
        free(reading);
        return NULL;
    }
    reading->parameter.ParameterData.StringData.Buffer = reading->text;
    reading->parameter.ParameterData.StringData.Length = ndis_to_wide(value, reading->text);
    reading->parameter.ParameterData.StringData.MaximumLength =
        reading->parameter.ParameterData.StringData.Length + sizeof(WCHAR);
    return reading;
}

NDIS_EXPORT VOID NdisReadConfiguration(PNDIS_STATUS Status, PNDIS_CONFIGURATION_PARAMETER *ParameterValue,
                                       NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword,
                                       NDIS_PARAMETER_TYPE ParameterType)
{
    struct configuration *configuration = ndis_configuration_checked(ConfigurationHandle, "NdisReadConfiguration");
    struct reading *reading = NULL;
    char name[NDIS_KEYWORD_MAX];
    char *value;

    *Status = NDIS_STATUS_FAILURE;
    *ParameterValue = NULL;
    if (!configuration || !nt_irql_at_most(PASSIVE_LEVEL, "NdisReadConfiguration") || !Keyword ||
        ParameterType == NdisParameterBinary || !ndis_to_name(configuration, Keyword, name) ||
        nt_fault("NdisReadConfiguration"))
        return;
    value = ndis_keyword_value(configuration->room, name);
    if (value)
        reading = read_value(value, ParameterType);
    TRACE_NOTE("ndis", "NdisReadConfiguration: %s %s %s", name, value ? "=" : "is not set", value ? value : "");
    free(value);
    if (!reading)
        return;
    reading->next = configuration->readings;
    configuration->readings = reading;
    *ParameterValue = &reading->parameter;
    *Status = NDIS_STATUS_SUCCESS;
}
