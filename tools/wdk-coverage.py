#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What of the WDK exists here: functions, OIDs, structures.

    wdk-coverage.py SOURCE_ROOT                     writes the page (docs/wdk-coverage.md) on standard output
    wdk-coverage.py SOURCE_ROOT --test LIBRARY      TAP: the page in docs/ is up to date; every function that the
                                                    headers declare is exported by the library, or excused below

Functions are the declarations in include/wdk; OIDs and structures are the rows of tests/data/*.csv and the headers.
"""
import csv
import os
import re
import subprocess
import sys

# Declared, and not in the library.
EXCUSED = {
    'NdisFOidRequest': 'filter drivers cannot be loaded: nothing stands between an overlying driver and a miniport',
    'NdisFCancelOidRequest': 'as NdisFOidRequest',
    'NdisFOidRequestComplete': 'as NdisFOidRequest',
}

# What miniports of network cards call and no header here declares. It all carries traffic, or is of devices that
# vfplane does not have.
NOT_THERE = {
    'sending and receiving': [
        'NdisAllocateNetBufferListPool', 'NdisFreeNetBufferListPool', 'NdisAllocateNetBufferList',
        'NdisAllocateNetBufferAndNetBufferList', 'NdisFreeNetBufferList', 'NdisAllocateNetBufferPool',
        'NdisAllocateNetBuffer', 'NdisFreeNetBuffer', 'NdisGetDataBuffer', 'NdisAdvanceNetBufferDataStart',
        'NdisRetreatNetBufferDataStart', 'NdisMAllocateNetBufferSGList', 'NdisMFreeNetBufferSGList'],
    'ports': ['NdisMAllocatePort', 'NdisMFreePort', 'NdisMNetPnPEvent'],
    'shared memory without waiting': ['NdisMAllocateSharedMemoryAsyncEx'],
    'packet direct': ['NdisMRegisterPacketDirectProvider'],
}

HEADERS = 'include/wdk'
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)
DIRECTIVE = re.compile(r'^[ \t]*#(?:\\\n|[^\n])*', re.M)
DECLARATION = re.compile(r'[\w\s*]*?\b(\w+)\s*\(.*\)$', re.S)


def read(root, *parts):
    with open(os.path.join(root, *parts), encoding='utf-8') as file:
        return file.read()


def headers(root):
    for where, folders, files in os.walk(os.path.join(root, HEADERS)):
        folders.sort()
        for name in sorted(files):
            if name.endswith('.h'):
                yield os.path.relpath(os.path.join(where, name), root)


def statements(text):
    """What ends with ';' outside of braces; a function with a body is none."""
    text = DIRECTIVE.sub('', COMMENT.sub(' ', text))
    text = re.sub(r'VFPLANE_(BEGIN|END)_C\b', '', text)
    depth, current = 0, ''
    for char in text:
        if char == '{':
            depth += 1
            current += char
        elif char == '}':
            depth -= 1
            if depth == 0 and re.search(r'\)\s*\{', current):
                current = ''
        elif depth == 0 and char == ';':
            yield current.strip()
            current = ''
        elif depth == 0:
            current += char


def declared(root):
    """{header: [function]}"""
    found = {}
    for header in headers(root):
        for statement in statements(read(root, header)):
            if '{' in statement or '=' in statement or statement.startswith(('typedef', 'struct', 'enum', 'union')):
                continue
            match = DECLARATION.match(statement)
            if match and not re.search(r'ASSERT|assert|DEFINE_GUID|^vfplane', match.group(1)):
                found.setdefault(header[len(HEADERS) + 1:], []).append(match.group(1))
    return found


def rows(root, kinds):
    for table in ('ndis_constants.csv', 'pci_constants.csv'):
        with open(os.path.join(root, 'tests', 'data', table), encoding='utf-8', newline='') as file:
            for row in csv.DictReader(file):
                if row['kind'] in kinds:
                    yield row['name']


def treatments(root):
    """{OID: how NDIS treats it}"""
    result = {}
    table = read(root, 'src', 'ndis', 'oid_table.c')
    table = table[table.index('rows[] = {'):]
    for row in re.findall(r'\{(OID_\w+), "OID_\w+",\s*([^,]+),\s*([^,]+),\s*([^,]+),', table):
        words = []
        if row[1].strip() != '0':
            words.append(f'to the miniport ({letters(row[1])})')
        if row[2].strip() != '0':
            words.append(f'answered by NDIS ({letters(row[2])})')
        if 'OID_NDIS_ONLY' in row[3]:
            words.append('sent by NDIS only')
        result[row[0]] = ', '.join(words) or 'refused: use and structure are not public'
    for name in re.findall(r'CARRIED\((OID_\w+)\),', read(root, 'src', 'ndis', 'oid_names.c')):
        result[name] = 'to the miniport, as the overlying driver sends it'
    return result


def letters(types):
    return ', '.join(word for bit, word in (('OID_Q', 'query'), ('OID_S', 'set'), ('OID_M', 'method')) if bit in types)


def function_section(root):
    yield '## Functions\n'
    found = declared(root)
    total = sum(len(names) for names in found.values())
    yield (f'{total} functions are declared; each is a function of the library, but for those at the end. What the\n'
           'WDK has as a macro or inline function is one here too and not in this list.\n')
    yield '| header | functions |\n|---|---|'
    for header, names in found.items():
        yield f'| `{header}` | {" ".join(f"`{name}`" for name in sorted(set(names)) if name not in EXCUSED)} |'
    yield '\nDeclared and not there yet:\n'
    for name, reason in EXCUSED.items():
        yield f'* `{name}`: {reason}'
    yield '\nNot declared:\n'
    for subject, names in NOT_THERE.items():
        yield f'* {subject}: {", ".join(f"`{name}`" for name in names)}'


def oid_section(root):
    text = read(root, HEADERS, 'ndis6', 'oid.h')
    known = dict.fromkeys(re.findall(r'#define\s+(OID_\w+)\s+0x', text))
    treated = treatments(root)
    missing = sorted(set(rows(root, {'oid'})) - set(known))
    yield '\n## OIDs\n'
    yield '| OID | what NDIS does with it |\n|---|---|'
    for name in known:
        yield f'| `{name}` | {treated.get(name, "another name of one above")} |'
    yield f'\nOf the specification\'s list and not there yet: {", ".join(f"`{n}`" for n in missing) or "none"}.'


def structure_section(root):
    text = '\n'.join(read(root, header) for header in headers(root))
    names = sorted({re.sub(r'^sizeof\(|\)$', '', name) for name in rows(root, {'struct-size(x64)'})})
    names = [name for name in names if re.fullmatch(r'[A-Z]\w+', name) and not re.search(r'_R[23]$', name)]
    there = [name for name in names if re.search(rf'\b{name}\b', text)]
    missing = sorted(set(names) - set(there))
    yield '\n## Structures\n'
    yield 'Size and offsets of each are checked by the layout tests.\n'
    yield ' '.join(f'`{name}`' for name in there)
    yield f'\nNot there yet: {", ".join(f"`{n}`" for n in missing) or "none"}.'


def page(root):
    lines = ['# What of the WDK exists here\n',
             'Made by `tools/wdk-coverage.py`; a test keeps it up to date.\n']
    for section in (function_section, oid_section, structure_section):
        lines += section(root)
    return '\n'.join(lines) + '\n'


def exported(library):
    text = subprocess.run(['nm', '-D', '--defined-only', library], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {line.split()[-1].split('@')[0] for line in text.splitlines()}


def test(root, library):
    there = exported(library)
    names = {name for found in declared(root).values() for name in found}
    try:
        kept = read(root, 'docs', 'wdk-coverage.md')
    except FileNotFoundError:
        kept = ''
    header = dict.fromkeys(re.findall(r'#define\s+(OID_\w+)\s+0x', read(root, HEADERS, 'ndis6', 'oid.h')))
    treated = treatments(root)
    nameless = sorted(set(header) - set(treated))
    checks = {
        'the_headers_are_read': (len(names) > 300, [str(len(names))]),
        'every_function_declared_is_exported': (names - there <= set(EXCUSED), sorted(names - there - set(EXCUSED))),
        'no_excuse_is_for_a_function_that_is_there': (not set(EXCUSED) & there and set(EXCUSED) <= names,
                                                      sorted(set(EXCUSED) & there | set(EXCUSED) - names)),
        'every_oid_of_the_headers_has_a_name_in_traces': (not nameless, nameless),
        'docs_wdk_coverage_is_up_to_date': (kept == page(root),
                                            ['tools/wdk-coverage.py . > docs/wdk-coverage.md makes it so']),
    }
    print(f'1..{len(checks)}')
    for number, (name, (good, why)) in enumerate(checks.items(), 1):
        print(f'{"ok" if good else "not ok"} {number} - {name}')
        if not good:
            print('# ' + ' '.join(why))
    return not all(good for good, _ in checks.values())


if __name__ == '__main__':
    if len(sys.argv) == 4 and sys.argv[2] == '--test':
        sys.exit(test(sys.argv[1], sys.argv[3]))
    sys.stdout.write(page(sys.argv[1]))
