#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the tests reach of src/: coverage.py BUILD_DIRECTORY [--write]

Prints lines and branches of each room and of all. Every file below the aims must have a row with a reason in the table of
docs/testing.md. --write puts the table there, keeping the reasons; threads take another way each time, so that a file with
a reason keeps its row within MARGIN of an aim. Rows that are no longer needed are named.
The exit status is 0 when all of src/ is at the aims and every file below them is explained.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, 'docs', 'testing.md')
LINES, BRANCHES = 90.0, 80.0
MARGIN = 3.0
BEGIN, END = '<!-- begin: make coverage -->\n', '<!-- end: make coverage -->'
HEAD = '| file | lines | branches | what is not reached, and why |\n|---|---|---|---|\n'
WORDLESS = '(to be explained)'


def measure(build):
    """[(file, lines covered, lines, branches covered, branches)]"""
    with tempfile.NamedTemporaryFile(suffix='.json') as file:
        subprocess.run(['gcovr', '-r', ROOT, '--filter', os.path.join(ROOT, 'src') + '/', '--exclude-unreachable-branches',
                        '--gcov-ignore-parse-errors', '--json-summary', file.name, build],
                       cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
        with open(file.name, encoding='utf-8') as written:  # gcovr may have put another file there
            files = json.load(written)['files']
    return [(entry['filename'], entry['line_covered'], entry['line_total'], entry['branch_covered'],
             entry['branch_total']) for entry in files]


def percent(covered, total):
    return 100.0 * covered / total if total else 100.0


def rates(rows):
    sums = [sum(row[column] for row in rows) for column in range(1, 5)]
    return percent(*sums[:2]), percent(*sums[2:])


def below(lines, branches, margin=0.0):
    return lines < LINES + margin or branches < BRANCHES + margin


def reasons(page):
    table = page[page.index(BEGIN):page.index(END)]
    return dict(re.findall(r'^\| `([^`]+)` \|[^|]*\|[^|]*\| (.+) \|$', table, re.M))


def table_of(low, known):
    rows = ''.join(f'| `{row[0]}` | {rates([row])[0]:.0f} % | {rates([row])[1]:.0f} % | {known.get(row[0], WORDLESS)} |\n'
                   for row in low)
    return BEGIN + HEAD + rows


def unexplained(rows, known):
    return sorted(row[0] for row in rows if below(*rates([row])) and known.get(row[0], WORDLESS) == WORDLESS)


def not_needed(rows, known):
    return sorted(set(known) - {row[0] for row in rows if below(*rates([row]), MARGIN)})


def main(build, *options):
    rows = measure(build)
    rooms = sorted({'/'.join(row[0].split('/')[:2]) for row in rows})
    for room in rooms:
        lines, branches = rates([row for row in rows if row[0].startswith(room + '/')])
        print(f'  {room:<14} {lines:5.1f} % of lines, {branches:5.1f} % of branches')
    lines, branches = rates(rows)
    print(f'  {"src":<14} {lines:5.1f} % of lines, {branches:5.1f} % of branches; aims {LINES:.0f} and {BRANCHES:.0f}')
    with open(PAGE, encoding='utf-8') as file:
        page = file.read()
    known = reasons(page)
    if '--write' in options:
        low = [row for row in rows if below(*rates([row])) or (row[0] in known and below(*rates([row]), MARGIN))]
        page = page[:page.index(BEGIN)] + table_of(low, known) + page[page.index(END):]
        with open(PAGE, 'w', encoding='utf-8') as file:
            file.write(page)
        known = reasons(page)
    wrong = unexplained(rows, known)
    for name in wrong:
        print(f'docs/testing.md: {name} is below the aims and not explained')
    for name in not_needed(rows, known):
        print(f'docs/testing.md: {name} is explained and no longer below the aims (ARGS=--write takes it out)')
    return 1 if wrong or below(lines, branches) else 0


sys.exit(main(*sys.argv[1:]))
