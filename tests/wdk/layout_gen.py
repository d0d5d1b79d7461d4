#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the layout test of include/wdk from the two tables of facts.

    layout_gen.py NDIS_CSV PCI_CSV HEADERS OUTDIR SUFFIX

Every row becomes an assertion in every NDIS version that has it, or belongs to a group that is out of scope for a reason
given here. A row that fits neither fails the generation. For a name that newer versions bring, older versions are checked
not to have it. Out: layout_<version>.SUFFIX, layout_wdm.SUFFIX, layout_table.SUFFIX (see layout_table.h).
"""
import csv
import os
import re
import sys

# NDIS version as NDIS_MINIPORT_MINOR_VERSION -> how a driver selects it.
VERSIONS = {0: '60', 1: '61', 20: '620', 30: '630', 40: '640', 50: '650', 51: '651', 60: '660', 70: '670', 80: '680',
            85: '685', 89: '689'}

# What is not asserted here, and why: (table, what of it is matched, pattern, reason). The first match counts.
OUT_OF_SCOPE = [
    ('ndis', 'kind', r'oid-request-type', 'how an OID is sent is behaviour: owned by src/ndis'),
    ('ndis', 'kind', r'inf-keyword', 'registry keywords have no C name: owned by src/ndis'),
    ('ndis', 'name', r'NDIS_MINIPORT_M(AJ|IN)OR_VERSION', 'chosen by the driver; the choice has its own test'),
    ('pci', 'kind', r'pci_regs', 'register numbers that Windows headers do not have: owned by src/pci'),
    ('pci', 'kind', r'model rule .*', 'register model: owned by src/pci'),
    ('pci', 'kind', r'wire .*', 'messages between the partitions: owned by src/vpci'),
    ('pci', 'kind', r'interface version|unconfirmed', 'no macro names it: owned by src/pcibus and src/vpci/vsc'),
    ('pci', 'name', r'VPCI_VMBUS_CHANNEL_TYPE_GUID', 'a channel, not an interface: owned by src/vmbus'),
]

# Rows whose name is no C name: what stands for it in the headers.
MEANT = {
    'PCIe extended configuration space size': 'PCI_EXTENDED_CONFIG_LENGTH',
    'HV_CONFIG_BLOCK_SIZE_MAX': 'VPCI_MAX_READ_WRITE_BLOCK_SIZE',
    'IOCTL_VPCI_FUNCTION_INVALIDATE': '((IOCTL_VPCI_INVALIDATE_BLOCK >> 2) & 0xFFF)',
    'IOCTL_VPCI_FUNCTION_READ': '((IOCTL_VPCI_READ_BLOCK >> 2) & 0xFFF)',
    'IOCTL_VPCI_FUNCTION_WRITE': '((IOCTL_VPCI_WRITE_BLOCK >> 2) & 0xFFF)',
    'IOCTL_SRIOV_FUNCTION_BASE': '(((IOCTL_SRIOV_NOTIFICATION >> 2) & 0xFFF) - 1)',
}

# The versions that have a row, by the row's name: first, last (None: the newest). The first match counts; else all.
CAPABILITIES_R1 = r'NDIS_NIC_SWITCH_CAPABILITIES\.(Header|Flags|NdisReserved[123]|Num\w+)'
SINCE = [
    (r'.*\bNDIS_NIC_SWITCH_CAPABILITIES_R3\b.*', 60, None),
    (r'sizeof\(NDIS_NIC_SWITCH_CAPABILITIES\)', 30, 51),
    (r'NDIS_(SIZEOF_)?NIC_SWITCH_CAPABILITIES_REVISION_3', 60, None),
    (r'NDIS_(SIZEOF_)?NIC_SWITCH_CAPABILITIES_REVISION_2', 30, None),
    (r'NDIS_(SIZEOF_)?NIC_SWITCH_CAPABILITIES_REVISION_1|' + CAPABILITIES_R1, 20, None),
    (r'.*\bNDIS_NIC_SWITCH_PARAMETERS_R2\b.*', 60, None),
    (r'sizeof\(NDIS_NIC_SWITCH_PARAMETERS\)', 30, 51),
    (r'NDIS_(SIZEOF_)?NIC_SWITCH_PARAMETERS_(REVISION_2|DEFAULT_NUMBER.*)', 60, None),
    (r'NDIS_NIC_SWITCH_CAPS_(RSS_\w+|NIC_SWITCH_WITHOUT_\w+)', 60, None),
    (r'NDIS_NIC_SWITCH_VPORT_(PARAMS|INFO)_(PACKET_DIRECT|ENFORCE|NDK|QOS|NUM_QUEUE|GFT)\w+', 50, None),
    (r'NDIS_(SIZEOF_)?NIC_SWITCH_VPORT_PARAMETERS_REVISION_2', 50, None),
    (r'NdisNicSwitch\w+', 30, None),
    (r'NDIS_(SIZEOF_)?OID_REQUEST_REVISION_2|NDIS_OID_REQUEST\.(SwitchId|VPortId|Flags)|sizeof\(NDIS_OID_REQUEST\)',
     50, None),
    (r'.*HARDWARE_ASSIST_ATTRIBUTES(_REVISION_4|\.\w+Gft\w+|\))', 50, None),
    (r'.*HARDWARE_ASSIST_ATTRIBUTES(_REVISION_3|\.\w+(Sriov|Qos)\w+)', 30, None),
    (r'.*HARDWARE_ASSIST_ATTRIBUTES(_REVISION_2|\.\w+(ReceiveFilter|NicSwitch)\w+)', 20, None),
    (r'NDIS_(SIZEOF_)?MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES\W?.*', 1, None),
    (r'.*DRIVER_CHARACTERISTICS(_REVISION_3|\.Synchronous\w+|\))', 80, None),
    (r'.*DRIVER_CHARACTERISTICS(_REVISION_2|\.\w*Direct\w+)', 1, None),
    (r'.*REGISTRATION_ATTRIBUTES_REVISION_2', 30, None),
    (r'.*GENERAL_ATTRIBUTES(_REVISION_2|\))', 20, None),
    (r'.*RECEIVE_FILTER_\w+_REVISION_2|.*RECEIVE_FILTER_MOVE.*|NDIS_RECEIVE_FILTER_PARAMETERS\.(MaxC\w+|VPortId)|'
     r'sizeof\(NDIS_RECEIVE_FILTER_(PARAMETERS|CAPABILITIES)\)', 30, None),
    (r'OID_\w+|NDIS_OBJECT_TYPE_\w+|NDIS_STATUS_\w+', 0, None),
    (r'NDIS_(DEFAULT|INVALID|PF)_\w+', 0, None),
    (r'.*RECEIVE_FILTER_.*|NdisReceiveFilter\w+|NdisFrameHeader\w+|NdisMacHeader\w+', 20, None),
    (r'.*HYPERVISOR_INFO.*|NdisHypervisor\w+', 20, None),
    (r'NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2', 30, None),
    (r'NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1', 20, None),
    (r'.*MSIX_CONFIG.*|NdisMSIX\w+', 1, None),
    (r'.*(SRIOV|NIC_SWITCH|BIND_PARAMETERS|FILTER_ATTACH_PARAMETERS).*', 30, None),
]
# Facts that stand in the text of ndis.md 3 and decisions.md, not in the tables: row, first and last version.
STATED = [
    (('sizeof(NDIS_OID_REQUEST)', '240', 'struct-size(x64)'), 0, 40),
    (('sizeof(NDIS_MINIPORT_DRIVER_CHARACTERISTICS)', '136', 'struct-size(x64)'), 0, 0),
    (('sizeof(NDIS_MINIPORT_DRIVER_CHARACTERISTICS)', '152', 'struct-size(x64)'), 1, 70),
    (('sizeof(NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES)', '16', 'struct-size(x64)'), 1, 1),
    (('sizeof(NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES)', '48', 'struct-size(x64)'), 20, 20),
    (('sizeof(NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES)', '80', 'struct-size(x64)'), 30, 40),
    (('sizeof(NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES)', '216', 'struct-size(x64)'), 0, 1),
    (('sizeof(NDIS_NIC_SWITCH_CAPABILITIES)', '32', 'struct-size(x64)'), 20, 20),
    (('sizeof(NDIS_RECEIVE_FILTER_PARAMETERS)', '36', 'struct-size(x64)'), 20, 20),
    (('sizeof(NDIS_RECEIVE_FILTER_CAPABILITIES)', '56', 'struct-size(x64)'), 20, 20),
    (('NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2', '28', 'ndis-sizeof(x64)'), 30, 99),
    (('NDIS_SIZEOF_LINK_STATE_REVISION_1', '40', 'ndis-sizeof(x64)'), 0, 99),
]
STATED += [((f'{struct}.{member}', str(offset), 'offset(x64)'), first, 99) for struct, first, members in [
    ('NDIS_LINK_STATE', 0, {'MediaConnectState': 4, 'MediaDuplexState': 8, 'XmitLinkSpeed': 16, 'RcvLinkSpeed': 24,
                            'PauseFunctions': 32, 'AutoNegotiationFlags': 36}),
    ('NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES', 0, {
        'Flags': 4, 'MediaType': 8, 'PhysicalMediumType': 12, 'MtuSize': 16, 'MaxXmitLinkSpeed': 24,
        'XmitLinkSpeed': 32, 'MaxRcvLinkSpeed': 40, 'RcvLinkSpeed': 48, 'MediaConnectState': 56,
        'MediaDuplexState': 60, 'LookaheadSize': 64, 'PowerManagementCapabilities': 72, 'MacOptions': 80,
        'SupportedPacketFilters': 84, 'MaxMulticastListSize': 88, 'MacAddressLength': 92, 'PermanentMacAddress': 94,
        'CurrentMacAddress': 126, 'RecvScaleCapabilities': 160, 'AccessType': 168, 'DirectionType': 172,
        'ConnectionType': 176, 'IfType': 180, 'IfConnectorPresent': 182, 'SupportedStatistics': 184,
        'SupportedPauseFunctions': 188, 'DataBackFillSize': 192, 'ContextBackFillSize': 196,
        'AutoNegotiationFlags': 212}),
    ('NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES', 0, {'MiniportAddDeviceContext': 8, 'Flags': 16}),
    ('NDIS_MINIPORT_PAUSE_PARAMETERS', 0, {'Flags': 4, 'PauseReason': 8}),
    ('NDIS_MINIPORT_RESTART_PARAMETERS', 0, {'RestartAttributes': 8, 'Flags': 16}),
    ('NDIS_MINIPORT_PNP_CHARACTERISTICS', 0, {
        'MiniportAddDeviceHandler': 8, 'MiniportRemoveDeviceHandler': 16,
        'MiniportFilterResourceRequirementsHandler': 24, 'MiniportStartDeviceHandler': 32, 'Flags': 40}),
    ('NET_DEVICE_PNP_EVENT', 0, {'PortNumber': 4, 'DevicePnPEvent': 8, 'InformationBuffer': 16,
                                 'InformationBufferLength': 24, 'NdisReserved': 28}),
    ('NDIS_RECEIVE_FILTER_FIELD_PARAMETERS', 20, {'Flags': 4, 'FrameHeader': 8, 'ReceiveFilterTest': 12,
                                                  'HeaderField': 16, 'FieldValue': 24, 'ResultValue': 40}),
    ('NDIS_RECEIVE_FILTER_CAPABILITIES', 20, {
        'Flags': 4, 'EnabledFilterTypes': 8, 'EnabledQueueTypes': 12, 'NumQueues': 16, 'SupportedQueueProperties': 20,
        'SupportedFilterTests': 24, 'SupportedHeaders': 28, 'SupportedMacHeaderFields': 32, 'MaxMacHeaderFilters': 36,
        'MaxQueueGroups': 40, 'MaxQueuesPerQueueGroup': 44, 'MinLookaheadSplitSize': 48, 'MaxLookaheadSplitSize': 52}),
] for member, offset in members.items()]
MACRO_KINDS = ('flag', 'revision', 'ndis-sizeof(x64)', 'id', 'limit')
VALUE_KINDS = MACRO_KINDS + ('oid', 'object-type', 'enum', 'ioctl', 'ioctl-field (name ours)', 'wildcard', 'device type',
                             'ioctl method', 'ioctl access', 'irql', 'pci', 'pci (wdm)', 'irp code', 'resource',
                             'enum SRIOV_PF_EVENT', 'pci_regs')
STATUS_KINDS = ('ndis-status', 'ndis-status-indication', 'ntstatus')


def fail(text):
    sys.exit(f'layout_gen.py: {text}')


def read(path):
    with open(path, encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    return [(row['name'], row['value'], row['kind']) for row in rows]


def defined_names(folder):
    """The macros that the headers define."""
    names = set()
    for where, _, files in os.walk(folder):
        for name in files:
            if name.endswith('.h'):
                with open(os.path.join(where, name), encoding='utf-8') as file:
                    names.update(re.findall(r'^#define (\w+)', file.read(), re.MULTILINE))
    return names


def reason(table, row, macros):
    """Why the row is out of scope, or None. A row of another room's kind is asserted if the headers have the name."""
    name, _, kind = row
    for where, what, pattern, why in OUT_OF_SCOPE:
        if where == table and re.fullmatch(pattern, name if what == 'name' else kind):
            return None if what == 'kind' and name in macros else why
    return None


def number(row):
    try:
        return int(row[1], 0)
    except ValueError:
        return fail(f'{row[0]}: {row[1]!r} is not a number, and no row of OUT_OF_SCOPE fits')


def condition(row):
    """What must hold for this row, as C; None for a GUID, which the table compares at run time."""
    name, _, kind = row
    if kind == 'guid':
        return None
    expression = MEANT.get(name, name)
    if kind in STATUS_KINDS:
        return f'(ULONG)({expression}) == 0x{number(row):08X}u'
    if kind in VALUE_KINDS:
        expression = re.sub(r'^DEVICE_POWER_STATE\.', '', expression)
        return f'(ULONG64)({expression}) == 0x{number(row):X}ULL'
    expression = re.sub(r'(NDIS_NIC_SWITCH_\w+?)_R\d\b', r'\1', expression)
    if match := re.fullmatch(r'sizeof\((\w+)\)', expression):
        return f'sizeof({match[1]}) == {number(row)}'
    if match := re.fullmatch(r'offsetof\((\w+):([\w.]+)\)', expression):
        return f'offsetof({match[1]}, {match[2]}) == {number(row)}'
    if kind == 'offset(x64)':
        struct, member = expression.split('.', 1)
        return f'offsetof({struct}, {member}) == {number(row)}'
    return fail(f'{name}: kind {kind!r} is not known')


def versions_of(name):
    for pattern, first, last in SINCE:
        if re.fullmatch(pattern, name):
            return first, 99 if last is None else last
    return 0, 99


def assertion(row):
    text = condition(row)
    return f'CHECK({text}, "{row[0]} is {row[1]}");\n' if text else ''


HEAD = '''/* SPDX-License-Identifier: MIT
 * Generated by layout_gen.py. */
{select}{includes}
#if defined(__cplusplus)
#define CHECK(condition, text) static_assert(condition, text)
#else
#define CHECK(condition, text) _Static_assert(condition, text)
#endif

'''


def version_file(minor, rows):
    name = VERSIONS[minor]
    text = HEAD.format(select=f'#define NDIS{name}_MINIPORT 1\n', includes='#include <ndis.h>\n#include <pcivirt.h>\n')
    text += f'CHECK(NDIS_MINIPORT_MAJOR_VERSION == 6 && NDIS_MINIPORT_MINOR_VERSION == {minor}, "selected");\n'
    for other, label in VERSIONS.items():
        label = '6' if other == 0 else label
        text += f'CHECK(NDIS_SUPPORT_NDIS{label} == {int(other <= minor)}, "NDIS_SUPPORT_NDIS{label}");\n'
    for row in rows:
        first, last = versions_of(row[0])
        if first <= minor <= last:
            text += assertion(row)
        elif minor < first and row[2] in MACRO_KINDS:
            text += f'#ifdef {row[0]}\n#error "{row[0]} is newer than NDIS 6.{minor}"\n#endif\n'
    return text + ''.join(assertion(row) for row, first, last in STATED if first <= minor <= last)


def guid_bytes(text):
    a, b, c, d, e = text.strip('{}').split('-')
    octets = bytes.fromhex(a)[::-1] + bytes.fromhex(b)[::-1] + bytes.fromhex(c)[::-1] + bytes.fromhex(d) + bytes.fromhex(e)
    return ', '.join(f'0x{octet:02x}' for octet in octets)


def table_file(guids, asserted, groups):
    text = HEAD.format(select='', includes='#include <initguid.h>\n#include <wdmguid.h>\n#include <pcivirt.h>\n'
                                           '#include <vpci.h>\n#include "layout_table.h"\n')
    text += 'const struct layout_guid layout_guids[] = {\n'
    text += ''.join(f'    {{"{name}", &{name}, {{{guid_bytes(value)}}}}},\n' for name, value, _ in guids)
    text += f'}};\nconst unsigned layout_guid_count = {len(guids)};\n\n'
    text += 'const struct layout_group layout_out_of_scope[] = {\n'
    text += ''.join(f'    {{"{why}", {count}}},\n' for why, count in groups.items())
    text += f'}};\nconst unsigned layout_group_count = {len(groups)};\n'
    text += f'const unsigned layout_rows_asserted = {asserted};\n'
    return text


def main(ndis_path, pci_path, headers, outdir, suffix):
    macros = defined_names(headers)
    tables = {'ndis': read(ndis_path), 'pci': read(pci_path)}
    kept, groups = {'ndis': [], 'pci': []}, {}
    for table, rows in tables.items():
        for row in rows:
            why = reason(table, row, macros)
            if why:
                groups[why] = groups.get(why, 0) + 1
                continue
            condition(row)  # fails on a row that is not known
            first, last = versions_of(row[0]) if table == 'ndis' else (0, 99)
            if not any(first <= minor <= last for minor in VERSIONS):
                fail(f'{row[0]}: no tested version has it')
            kept[table].append(row)
    files = {f'layout_{name}': version_file(minor, kept['ndis']) for minor, name in VERSIONS.items()}
    files['layout_wdm'] = HEAD.format(select='', includes='#include <wdm.h>\n#include <wdmguid.h>\n#include <pcivirt.h>\n'
                                      '#include <vpci.h>\n') + ''.join(map(assertion, kept['pci']))
    guids = [row for row in kept['pci'] if row[2] == 'guid']
    files['layout_table'] = table_file(guids, len(kept['ndis']) + len(kept['pci']), groups)
    for name, text in files.items():
        with open(os.path.join(outdir, f'{name}.{suffix}'), 'w', encoding='utf-8') as file:
            file.write(text)


if __name__ == '__main__':
    if len(sys.argv) != 6:
        fail('usage: layout_gen.py NDIS_CSV PCI_CSV HEADERS OUTDIR SUFFIX')
    main(*sys.argv[1:])
