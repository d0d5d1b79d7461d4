#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keeps docs/backchannel.md what a run prints.

    tools/backchannel.py VFPLANE PAGE            fails, with a difference, when a block of the page is not what is printed
    tools/backchannel.py VFPLANE PAGE --write    puts in what is printed now

A block to be filled is a fenced block after a line `<!-- trace -->` (the exchange as JSON lines: spans are numbered anew
and times left out, for they differ from run to run) or `<!-- packets NAME... -->` (the packets of the run from the first
to the last of those named, in order, as `--packets` prints them).
"""
import difflib
import json
import re
import subprocess
import sys
import tempfile

SLOT = re.compile(r'^(<!-- (trace|packets [^\n]*?) -->\n\n```\w*\n)(.*?)^```$', re.M | re.S)
OUTER = 'NdisMWriteConfigBlock'  # the exchange shown: the first of these ...
INNER = 'NdisMInvalidateConfigBlock'  # ... that makes the PF driver invalidate a block


def run(vfplane):
    """A guest's whole life, as JSON records and as packets."""
    with tempfile.NamedTemporaryFile('r') as packets:
        result = subprocess.run([vfplane, 'run', '--vfs', '1', '--guests', '1', '--trace', 'json', '--packets', packets.name],
                                capture_output=True, text=True, timeout=120, check=True)
        return [json.loads(line) for line in result.stdout.splitlines()], packets.read()


def tree(root, records):
    """The record, and all that lies under it, also in the other partition: where one links out another links in."""
    under = [record for record in records
             if record.get('parent') == root['id'] or record.get('link_in', '-') == root.get('link_out')]
    found = [root]
    for record in sorted(under, key=lambda record: record['start_ns']):
        found += tree(record, records)
    return found


def exchange(records):
    for root in sorted((r for r in records if r.get('door') == OUTER), key=lambda r: r['start_ns']):
        found = tree(root, records)
        if any(record.get('door') == INNER for record in found):
            return found
    sys.exit(f'no {OUTER} that leads to {INNER} in the trace')


def as_lines(records):
    numbers = {}

    def number(key):
        return str(numbers.setdefault(key, len(numbers) + 1))

    lines = []
    for record in records:
        shown = {key: value for key, value in record.items() if key not in ('start_ns', 'end_ns')}
        shown.pop('parent', None) if record is records[0] else None
        for key in ('id', 'parent'):
            if key in shown:
                shown[key] = number(('span', shown[key]))
        for key in ('link_out', 'link_in'):
            if key in shown:
                shown[key] = 'link'
        lines.append(json.dumps(shown, ensure_ascii=False) + '\n')
    return ''.join(lines)


def pick(packets, names):
    """From the first packet named to the last, each the next of its name after the one before."""
    packets = [packet for packet in packets.split('\n\n') if packet]
    at, chosen = 0, []
    for name in names:
        while at < len(packets) and not re.match(rf'(from|to) guest 1: {re.escape(name)}, ', packets[at]):
            at += 1
        if at == len(packets):
            sys.exit(f'no packet {name!r} in its place')
        chosen.append(packets[at])
        at += 1
    return '\n\n'.join(chosen) + '\n'


def filled(page, vfplane):
    records, packets = run(vfplane)

    def fill(match):
        kind, _, names = match[2].partition(' ')
        text = as_lines(exchange(records)) if kind == 'trace' else pick(packets, [n.strip() for n in names.split(',')])
        return match[1] + text + '```'

    return SLOT.sub(fill, page)


def main(vfplane, path, write=None):
    with open(path, encoding='utf-8') as file:
        page = file.read()
    now = filled(page, vfplane)
    if write == '--write':
        with open(path, 'w', encoding='utf-8') as file:
            file.write(now)
    elif now != page:
        sys.stdout.writelines(difflib.unified_diff(page.splitlines(True), now.splitlines(True), path, 'what is printed'))
        sys.exit(f'{path} is not what a run prints: tools/backchannel.py VFPLANE {path} --write')


if __name__ == '__main__':
    main(*sys.argv[1:])
