#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/contracts.md from the rows of src/*/contract.def.

    contracts.py SOURCE_ROOT           writes the page on standard output
    contracts.py SOURCE_ROOT --test    TAP: the page in docs/ is up to date, every row has its own name and is used
"""
import collections
import glob
import os
import re
import sys

Row = collections.namedtuple('Row', 'room severity name source text')

ROOMS = {  # in the order of src/host/contract.c
    'nt': 'The executive: IRQL, locks, memory, IRPs, time',
    'pcibus': 'The interfaces of the PCI bus driver',
    'ndis': 'NDIS: life cycle, requests, SR-IOV',
}
ROW = re.compile(r'^ROW\((\w+), (\w+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', re.M)

INTRODUCTION = """# Contracts

Made by `tools/contracts.py`; a test keeps it up to date.

The rules that a driver must keep, as vfplane checks them. A *violation* breaks a documented rule; *suspicious* is what
is allowed or unsettled and most often a mistake; *portability* works here and not on every Windows. A finding names the
rule, the driver, the routine, the request in flight, the adapter's state, and the stack. `ndis.md`, `pci.md`,
`drivers.md` and `decisions.md` are the pages of `docs/spec/`; "WDK X" is Microsoft's page of the routine X.
"""


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as file:
        return file.read()


def unquote(literals):
    return ''.join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def rows_of(root):
    return [Row(room, severity.lower(), name, unquote(source), unquote(text)) for room in ROOMS
            for severity, name, source, text in ROW.findall(read(root, 'src', room, 'contract.def'))]


def page(rows):
    parts = [INTRODUCTION]
    for room, title in ROOMS.items():
        parts.append(f'\n## {title}\n\n| rule | severity | what it says | source |\n|---|---|---|---|\n')
        parts += [f'| `{row.name}` | {row.severity} | {row.text} | {row.source} |\n' for row in rows if row.room == room]
    return ''.join(parts)


def unused(root, rows):
    code = ''.join(read(path) for path in glob.glob(os.path.join(root, 'src', '**', '*.c'), recursive=True))
    return [row.name for row in rows if not re.search(rf'\b{row.room.upper()}_RULE\({row.name}\)|"{row.name}"', code)]


def unparsed(root, rows):
    counts = collections.Counter(row.room for row in rows)
    return [room for room in ROOMS if read(root, 'src', room, 'contract.def').count('\nROW(') != counts[room]]


UNTRIED = {  # rules that no test breaks, and why
    'THREAD_LEAK': 'the thread would go on in a partition that is gone',
}


def untried(root, rows):
    """Rules whose name no test says."""
    said = set()
    for folder, folders, names in os.walk(os.path.join(root, 'tests')):
        folders[:] = [name for name in folders if name != '__pycache__']
        for name in names:
            if name.endswith(('.c', '.py', '.csv')):
                said |= set(re.findall(r'\b[A-Z][A-Z0-9_]+\b', read(folder, name)))
    return [row.name for row in rows if (row.name in said) == (row.name in UNTRIED)]


def test(root):
    rows = rows_of(root)
    names = collections.Counter(row.name for row in rows)
    cases = [
        ('the_page_is_up_to_date', [] if read(root, 'docs', 'contracts.md') == page(rows) else
         ['tools/contracts.py . > docs/contracts.md makes it so']),
        ('every_row_is_understood', unparsed(root, rows)),
        ('every_row_has_its_own_name', [name for name, count in names.items() if count > 1]),
        ('every_row_is_used', unused(root, rows)),
        ('every_row_is_broken_by_a_test_or_it_is_said_why_not', untried(root, rows)),
        ('every_text_is_a_sentence', [row.name for row in rows if not row.text.endswith('.') or '|' in row.text]),
    ]
    print(f'1..{len(cases)}')
    for number, (name, complaints) in enumerate(cases, 1):
        print(f'{"not ok" if complaints else "ok"} {number} - {name}')
        print(''.join(f'#   {complaint}\n' for complaint in complaints), end='')
    return any(complaints for _, complaints in cases)


if __name__ == '__main__':
    if sys.argv[2:] == ['--test']:
        sys.exit(test(sys.argv[1]))
    print(page(rows_of(sys.argv[1])), end='')
