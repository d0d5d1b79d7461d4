#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/tested.md names a test for each row of the error tables of docs/spec/pci.md and ndis.md, and the tests it names are
there.

    tested.py SOURCE_ROOT    (prints TAP)
"""
import functools
import os
import re
import sys

HEADING = re.compile(r'#{2,4} (\d+(?:\.\d+)*) ')
TEST = re.compile(r'`(tests/[\w/]+\.c):(\w+)`')
TWO_CELLS = ('#', 'IOCTL', 'Callback', 'Entry')  # first column of tables whose rows are told apart by two
ERROR_TABLES = ('5.', '8.')  # sections of pci.md, of ndis.md


def tables(text):
    """Section -> rows of its tables, each a list of cells; the first is the head."""
    section, found = '', {}
    for line in text.splitlines():
        if match := HEADING.match(line):
            section = match[1]
        elif line.startswith('#'):
            section = line.strip('# ')
        elif line.startswith('|') and not re.fullmatch(r'[-| ]+', line):
            found.setdefault(section, []).append([cell.strip() for cell in line.strip('|').split('|')])
    return found


def rows_without_a_test(spec, page):
    """The rows of the error tables that the page does not have, or has without a test."""
    tested = tables(page)
    for section, (head, *rows) in tables(spec).items():
        if not section.startswith(ERROR_TABLES):
            continue
        cells = 2 if head[0] in TWO_CELLS else 1
        here = [row for row in tested.get(section, [[]])[1:] if TEST.search(row[-1])]
        for row in rows:
            if row[:cells] not in [other[:cells] for other in here]:
                yield f'{section}: {" | ".join(row[:cells])}'


def numbers_without_a_test(spec, page):
    """The rules of 5.12 and the items of 5.13 are numbered in prose."""
    tested = tables(page)
    rules = spec[spec.index('### 5.12 '):spec.index('### 5.13 ')]
    items = spec[spec.index('### 5.13 '):spec.index('\n## 6')]
    numbers = {'5.12': re.findall(r'^(\d+)\. ', rules, re.M), '5.13': re.findall(r'(?:^|[ ;])\((\d+)\) ', items, re.M)}
    for section, wanted in numbers.items():
        here = {row[0] for row in tested.get(section, []) if TEST.search(row[-1])}
        yield from (f'{section}: {number}' for number in wanted if number not in here)


def tests_that_are_not_there(root, page):
    """A test is there when its name is defined and run: it stands in the file more than once."""
    @functools.cache
    def words(path):
        try:
            with open(os.path.join(root, path), encoding='utf-8') as file:
                return re.findall(r'\w+', file.read())
        except OSError:
            return []
    for path, name in dict.fromkeys(TEST.findall(page)):
        if words(path).count(name) < 2:
            yield f'{path}:{name}'


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def main(root):
    spec, page = read(root, 'docs/spec/pci.md'), read(root, 'docs/tested.md')
    ndis = read(root, 'docs/spec/ndis.md')
    ndis = ndis[ndis.index('\n## 8. '):ndis.index('\n## 9. ')]
    row = '| VirtualFunction == TotalVFs |'
    spoiled = page.replace(row, '| something else |').replace('data.c:row_8_', 'data.c:no_row_8_')
    spoiled = re.sub(r'^\| 17 \|.*\n', '', spoiled, flags=re.M)
    cases = {
        'every_row_of_the_tables_has_a_test': list(rows_without_a_test(spec, page)) + list(rows_without_a_test(ndis, page)),
        'every_rule_and_item_has_a_test': list(numbers_without_a_test(spec, page)),
        'every_test_that_is_named_is_there': list(tests_that_are_not_there(root, page)),
        'a_row_without_a_test_is_found':
            [] if list(rows_without_a_test(spec, spoiled)) == ['5.2: VirtualFunction == TotalVFs'] else ['not found'],
        'an_item_without_a_test_is_found':
            [] if list(numbers_without_a_test(spec, spoiled)) == ['5.13: 17'] else ['not found'],
        'a_test_that_is_not_there_is_found':
            [] if [name for name in tests_that_are_not_there(root, spoiled) if ':no_row_8_' in name] else ['not found'],
    }
    print(f'1..{len(cases)}')
    for number, (name, complaints) in enumerate(cases.items(), 1):
        print(f'{"not ok" if complaints else "ok"} {number} - {name}')
        for complaint in complaints:
            print(f'#   {complaint}')
    return any(cases.values())


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
