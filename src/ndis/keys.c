/* SPDX-License-Identifier: MIT
 *
 * More of the configuration (ndis.md 5.14): keys by number, writing a value, the address a user set.
 */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "ndis/configuration.h"

/* Memory that lives until the configuration is closed. */
static void *keep(struct configuration *configuration, size_t size)
{
    struct reading *reading = calloc(1, sizeof *reading + size);

    if (!reading)
        return NULL;
    reading->next = configuration->readings;
    configuration->readings = reading;
    return reading->text;
}

/* The first key, in alphabetical order, below the prefix and behind `after`; false: none. */
static bool next_key(const struct configuration *configuration, const char *after, char key[NDIS_KEYWORD_MAX])
{
    size_t start = strlen(configuration->prefix);
    bool found = false;

    ndis_lock(&configuration->room->lock);
    for (struct ndis_keyword *at = configuration->room->keywords; at; at = at->next) {
        const char *name = at->name + start, *end;
        char here[NDIS_KEYWORD_MAX];

        if (strncasecmp(at->name, configuration->prefix, start) || !(end = strchr(name, '\\')) ||
            (size_t)(end - name) >= sizeof here)
            continue;
        memcpy(here, name, (size_t)(end - name));
        here[end - name] = 0;
        if (strcasecmp(here, after) > 0 && (!found || strcasecmp(here, key) < 0)) {
            strcpy(key, here);
            found = true;
        }
    }
    ndis_unlock(&configuration->room->lock);
    return found;
}

/* The key's handle, its name in memory of the configuration above it. */
static NDIS_STATUS open_key(struct configuration *configuration, const char *key, PNDIS_STRING name,
                            PNDIS_HANDLE handle)
{
    char prefix[NDIS_KEYWORD_MAX];
    WCHAR *text = keep(configuration, (strlen(key) + 1) * sizeof(WCHAR));

    if (!text || snprintf(prefix, sizeof prefix, "%s%s\\", configuration->prefix, key) >= (int)sizeof prefix)
        return NDIS_STATUS_RESOURCES;
    *handle = ndis_make_configuration(configuration->room, prefix);
    if (!*handle)
        return NDIS_STATUS_RESOURCES;
    name->Length = ndis_to_wide(key, text);
    name->MaximumLength = name->Length + sizeof(WCHAR);
    name->Buffer = text;
    return NDIS_STATUS_SUCCESS;
}

NDIS_EXPORT VOID NdisOpenConfigurationKeyByIndex(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle, ULONG Index,
                                                 PNDIS_STRING KeyName, PNDIS_HANDLE KeyHandle)
{
    static const char routine[] = "NdisOpenConfigurationKeyByIndex";
    struct configuration *configuration = ndis_configuration_checked(ConfigurationHandle, routine);
    char key[NDIS_KEYWORD_MAX] = "", before[NDIS_KEYWORD_MAX];

    *Status = NDIS_STATUS_FAILURE;
    if (!configuration || !nt_irql_at_most(PASSIVE_LEVEL, routine) || nt_fault(routine))
        return;
    for (ULONG i = 0; i <= Index; i++) {
        strcpy(before, key);
        if (!next_key(configuration, before, key))
            return;
    }
    *Status = open_key(configuration, key, KeyName, KeyHandle);
}

/* The text of a value; false: a kind that is not kept, or not ASCII. */
static bool to_text(const NDIS_CONFIGURATION_PARAMETER *value, char *text, size_t size)
{
    const NDIS_STRING *string = &value->ParameterData.StringData;

    switch (value->ParameterType) {
    case NdisParameterInteger:
        return snprintf(text, size, "%u", value->ParameterData.IntegerData) > 0;
    case NdisParameterHexInteger:
        return snprintf(text, size, "0x%x", value->ParameterData.IntegerData) > 0;
    case NdisParameterString:
        if (string->Length / sizeof(WCHAR) >= size)
            return false;
        for (size_t i = 0; i < string->Length / sizeof(WCHAR); i++)
            if (string->Buffer[i] >= 128)
                return false;
            else
                text[i] = (char)string->Buffer[i];
        text[string->Length / sizeof(WCHAR)] = 0;
        return true;
    default:
        return false;
    }
}

NDIS_EXPORT VOID NdisWriteConfiguration(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword,
                                        PNDIS_CONFIGURATION_PARAMETER ParameterValue)
{
    static const char routine[] = "NdisWriteConfiguration";
    struct configuration *configuration = ndis_configuration_checked(ConfigurationHandle, routine);
    char name[NDIS_KEYWORD_MAX], text[NDIS_KEYWORD_MAX];

    *Status = NDIS_STATUS_FAILURE;
    if (!configuration || !nt_irql_at_most(PASSIVE_LEVEL, routine) || !Keyword || !ParameterValue ||
        !ndis_to_name(configuration, Keyword, name))
        return;
    if (!to_text(ParameterValue, text, sizeof text)) {
        *Status = NDIS_STATUS_NOT_SUPPORTED;
        return;
    }
    TRACE_NOTE("ndis", "NdisWriteConfiguration: %s = %s", name, text);
    if (!nt_fault(routine) && ndis_set_keyword(configuration->room->nt, name, text))
        *Status = NDIS_STATUS_SUCCESS;
    else
        *Status = NDIS_STATUS_RESOURCES;
}

/* Twelve hexadecimal digits, with or without '-' or ':' between pairs. */
static bool parse_address(const char *text, UCHAR address[6])
{
    for (unsigned i = 0; i < 6; i++) {
        unsigned value;
        int used = 0;

        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
            sscanf(text, "%2x%n", &value, &used) != 1)
            return false;
        address[i] = (UCHAR)value;
        text += used;
        if (i < 5 && (*text == '-' || *text == ':'))
            text++;
    }
    return *text == 0;
}

NDIS_EXPORT VOID NdisReadNetworkAddress(PNDIS_STATUS Status, PVOID *NetworkAddress, PUINT NetworkAddressLength,
                                        NDIS_HANDLE ConfigurationHandle)
{
    static const char routine[] = "NdisReadNetworkAddress";
    struct configuration *configuration = ndis_configuration_checked(ConfigurationHandle, routine);
    UCHAR parsed[6];
    char *value;
    void *kept;

    *Status = NDIS_STATUS_FAILURE;
    *NetworkAddressLength = 0;
    if (!configuration || !nt_irql_at_most(PASSIVE_LEVEL, routine) || nt_fault(routine))
        return;
    value = ndis_keyword_value(configuration->room, "NetworkAddress");
    kept = value && parse_address(value, parsed) ? keep(configuration, sizeof parsed) : NULL;
    free(value);
    if (!kept)
        return;
    memcpy(kept, parsed, sizeof parsed);
    *NetworkAddress = kept;
    *NetworkAddressLength = sizeof parsed;
    *Status = NDIS_STATUS_SUCCESS;
}
