#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures everything again and writes it into docs/performance.md, between its markers, and draws docs/scale.svg.

    document.py SOURCE_ROOT BUILD [PART...]     parts: bench where oids scale; all without
    document.py SOURCE_ROOT --test              checks the markers of the document (prints TAP)
"""
import os
import platform
import re
import subprocess
import sys

import where

PARTS = ['bench', 'where', 'oids', 'scale']
NOT_MET = '## Aims that are not met'
MARK = '<!-- {}: {} -->'


def document_of(root):
    return os.path.join(root, 'docs', 'performance.md')


def between(text, part, lines):
    """The text with these lines between the two markers of a part."""
    begin, end = MARK.format('begin', part), MARK.format('end', part)
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f'{begin} and {end} do not stand there once, in this order')
    return text[:text.index(begin) + len(begin)] + '\n' + '\n'.join(lines).strip('\n') + '\n' + text[text.index(end):]


def machine():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        models = re.findall(r'model name\s*: (.*)', file.read())
    return f'Measured on {len(models)} processors, {models[0] if models else platform.machine()}, ' \
           f'Linux {platform.release().split("-")[0]}, {platform.libc_ver()[0]} {platform.libc_ver()[1]}.'


def output(*command):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f'{" ".join(command)}: exit status {result.returncode}\n{result.stderr}')
    return result.stdout.splitlines()


def lines_of(part, root, build):
    bench, vfplane = os.path.join(build, 'bench/bench'), os.path.join(build, 'src/cli/vfplane')
    if part == 'bench':
        return [machine()] + output(bench, '--markdown')
    if part == 'where':
        return where.cross_process(bench)
    if part == 'oids':
        return where.oid_path(bench)
    return output(vfplane, 'bench', 'scale', '--markdown', '--plot', os.path.join(root, 'docs', 'scale.svg'))


def write(root, build, parts):
    for part in parts:
        print(f'measuring: {part}', flush=True)
        lines = lines_of(part, root, build)
        with open(document_of(root), encoding='utf-8') as file:
            text = between(file.read(), part, lines)
        with open(document_of(root), 'w', encoding='utf-8') as file:
            file.write(text)


def test(root):
    """The document is one that write() can renew; every row that has an aim is explained in it, and every aim that its
    table calls not met has its reason under NOT_MET."""
    with open(document_of(root), encoding='utf-8') as file:
        text = file.read()
    with open(os.path.join(root, 'bench', 'rows.def'), encoding='utf-8') as file:
        rows = re.findall(r'^ROW\((\w+), \w+, "(.*?)", \w+, \w+, (\w+),', file.read(), re.M)
    explained = re.sub(r'<!-- begin: \w+ -->.*?<!-- end: \w+ -->', '', text, flags=re.S)
    complaints = []
    for part in PARTS:
        try:
            between(text, part, [])
        except ValueError as error:
            complaints.append(str(error))
    missing = [name for row, name, limit in rows if limit != 'NO_AIM' and f'`{row}`' not in explained]
    reasons = explained.partition(NOT_MET)[2].partition('\n## ')[0]
    bare = [row for row in re.findall(r'^\| `(\w+)` .*\| NOT MET \|$', text, re.M) if f'`{row}`' not in reasons]
    print('1..3')
    print('not ok' if complaints else 'ok', '1 - every_part_has_its_place', *[f'\n# {line}' for line in complaints])
    print('not ok' if missing or not rows else 'ok', '2 - every_row_with_an_aim_is_explained',
          *[f'\n# {name}' for name in missing])
    print('not ok' if bare or not reasons else 'ok', '3 - every_aim_not_met_has_its_reason',
          *[f'\n# {row}' for row in bare])
    return bool(complaints or missing or not rows or bare or not reasons)


if __name__ == '__main__':
    if sys.argv[2] == '--test':
        sys.exit(test(sys.argv[1]))
    unknown = set(sys.argv[3:]) - set(PARTS)
    if unknown:
        sys.exit(f'document.py: {" ".join(sorted(unknown))}: the parts are {" ".join(PARTS)}')
    write(sys.argv[1], sys.argv[2], sys.argv[3:] or PARTS)
