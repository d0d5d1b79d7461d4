#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/hostile-peers.md against the specification and the tests: every row is there, and every test it names exists.

    rows.py SOURCE_ROOT    (prints TAP)
"""
import os
import re
import sys

ROOT = sys.argv[1]
SECTIONS = {'6.1': '### 6.2', '6.2': '### 6.3', '6.3': '### 6.4', '6.4': '### 6.5', '6.5': '### 6.6', '5.3': '## 6.'}


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def first_column(text):
    """First cells of a table's rows, without its head."""
    return [row for row in re.findall(r'^\| (.*?) \| ', text, re.M)][1:]


def test_sources():
    for directory in ('tests/vmbus', 'tests/vpci', 'tests/path', 'tests/vmm'):
        for name in sorted(os.listdir(os.path.join(ROOT, directory))):
            if name.endswith('.c'):
                yield read(f'{directory}/{name}')


def missing_rows():
    spec, page = read('docs/spec/vpci-wire.md'), read('docs/hostile-peers.md')
    for section, end in SECTIONS.items():
        start = spec.index(f'### {section} ')
        there = re.search(rf'^## {re.escape(section)}.*?(?=^## |\Z)', page, re.M | re.S)
        rows = first_column(there[0]) if there else []
        for row in first_column(spec[start:spec.index(end, start)]):
            if row not in rows:
                yield f'{section}: {row}'


def missing_tests():
    """Named in the page, and in no table of a test program."""
    cases = set()
    for source in test_sources():
        cases |= set(re.findall(r'(?:CASE|SLOW|cmocka_unit_test\w*)\(\s*(\w+)', source))
        cases |= set(re.findall(r'(?:ROW\(|\{)"(\w+)",', source))
    for name in re.findall(r'`([a-z0-9]\w*_\w+)`', read('docs/hostile-peers.md')):
        if name not in cases:
            yield name


def rows_nobody_names():
    """A test that is a row must be in the page."""
    page = read('docs/hostile-peers.md')
    for source in test_sources():
        for name in re.findall(r'(?:ROW\(|\{)"([56]_\d_\w+)",', source):
            if f'`{name}`' not in page:
                yield name


CASES = [('every_row_of_the_threat_model_is_in_the_page', missing_rows),
         ('every_test_the_page_names_exists', missing_tests),
         ('every_test_named_after_a_row_is_in_the_page', rows_nobody_names)]
print(f'1..{len(CASES)}')
for number, (name, check) in enumerate(CASES, 1):
    wrong = list(check())
    for line in wrong:
        print(f'# {line}')
    print(f'{"not ok" if wrong else "ok"} {number} {name}')
