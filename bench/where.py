#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where the time of a request goes, room by room: perf's samples of one row of the bench, as tables for a document.

    where.py BENCH        the program, as built

Processors without counters will do: the samples are the clock's.
"""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

PAGE = 0xfff
FREQUENCY = 10000  # samples a second
FUNCTIONS = 12     # shown of the OID path
OTHERS_MOST = 0.1  # as in bench.h

# Where a side stands while it has nothing to do: the guest for its answer, a worker for the next request of its channels.
GUEST_WAITS = [('window', 'vpci_window_wait')]
HOST_WAITS = [('vsp', 'worker_main'), ('vsp', 'vsp_window_pump'), ('vsp', 'vsp_channel_pump'),
              ('vmbus', 'vmbus_ring_has_data'), ('vsp', 'pump_invalidate')]
ROOMS = [  # by the file that a function lies in, or the library
    (r'src/vpci/(vs[pc])/.*', r'\1'), (r'src/vpci/.*', 'window'), (r'src/(\w+)/.*', r'\1'),
    (r'drivers/.*|refnic_pf\.so', 'refnic'), (r'bench_guest_driver\.so', 'VF driver'),
    (r'bench/.*|\[vdso\]', 'bench'), (r'\[kernel.*', 'kernel'), (r'.*', 'libc'),
]
ORDER = ['VF driver', 'vsc', 'window', 'vmbus', 'vsp', 'vstack', 'host', 'ndis', 'refnic', 'pcibus', 'pci', 'nt', 'trace',
         'libc', 'kernel']


class Symbols:
    """The files that a program's functions lie in. Static ones of one name are told apart by their place in the page,
    which is the same wherever the program is loaded."""

    def __init__(self, program):
        lines = subprocess.run(['nm', '-l', '--defined-only', program], capture_output=True, text=True, check=True)
        self.files = {}
        for line in lines.stdout.splitlines():
            if match := re.match(r'(\w+) [tTwW] ([\w.]+)(?:\t.*/\.\./(.*):\d+)?', line):
                self.files[match[2], int(match[1], 16) & PAGE] = match[3] or ''

    def file_of(self, function, start):
        return self.files.get((function, start & PAGE), '')


def room_of(path):
    return next(match.expand(room) for pattern, room in ROOMS if (match := re.fullmatch(pattern, path)))


def record(bench, row):
    """The row's median in ns, a line when others were too much on the processors, and the samples: process -> Counter of
    (room, function)."""
    symbols = Symbols(bench)
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, 'perf.data')
        run = subprocess.run(['perf', 'record', '-q', '-F', str(FREQUENCY), '-e', 'cpu-clock', '-o', data, '--', bench,
                              '--only', row, '--json'], capture_output=True, text=True, check=True)
        script = subprocess.run(['perf', 'script', '-i', data, '-F', 'pid,ip,sym,symoff,dso'], capture_output=True, text=True,
                                check=True)
    sides = collections.defaultdict(collections.Counter)
    for line in script.stdout.splitlines():
        if match := re.match(r'\s*(\d+)\s+([0-9a-f]+) (.+?)(?:\+0x([0-9a-f]+))? \((.*)\)$', line):
            process, address, function, offset, library = match.groups()
            path = os.path.basename(library) if library[0] != '[' else library
            if path == os.path.basename(bench):
                path = symbols.file_of(function, int(address, 16) - int(offset or '0', 16))
            sides[process][room_of(path), re.sub(r'\..*', '', function)] += 1
    result = next(found for found in json.loads(run.stdout)['rows'] if found['row'] == row)
    others = result['taken_by_others']
    return result['median'], [f'*Too noisy to compare: others had {others * 100:.0f} % of the processors.*', ''] \
        if others > OTHERS_MOST else [], sides


def times(samples, median):
    """ns of one request: (room, function) -> ns, without the bench's own reading of clocks."""
    own = {key: count for key, count in samples.items() if key[0] != 'bench'}
    return {key: median * count / sum(own.values()) for key, count in own.items()}


def by_room(spent, waits):
    rooms = collections.Counter()
    for key, ns in spent.items():
        rooms['waiting' if key in waits else key[0]] += ns
    return rooms


def side_that_waits(sides, waits):
    side = max(sides.values(), key=lambda side: side[waits])
    if not side[waits]:
        sys.exit(f'where.py: no sample in {waits[1]} of {waits[0]}: is it still called so?')
    return side


def cross_process(bench):
    """The table of NdisMSetBusData, both sides spinning."""
    median, noise, sides = record(bench, 'SPIN_SET')
    guest = by_room(times(side_that_waits(sides, GUEST_WAITS[0]), median), GUEST_WAITS)
    host = by_room(times(side_that_waits(sides, HOST_WAITS[0]), median), HOST_WAITS)
    lines = noise + ['| room | guest, ns | host, ns |', '|---|--:|--:|']
    for room in ORDER:
        if guest[room] >= 0.5 or host[room] >= 0.5:
            lines.append(f'| {room} | {guest[room]:.0f} | {host[room]:.0f} |')
    lines.append(f'| waits, polls | {guest["waiting"]:.0f} | {host["waiting"]:.0f} |')
    lines.append(f'| a request | {median:.0f} | {median:.0f} |')
    own = [median - guest['waiting'], median - host['waiting']]
    lines += ['', f'Guest and host work {own[0]:.0f} and {own[1]:.0f} ns on a request; the other '
                  f'{median - sum(own):.0f} ns are its two crossings from one processor to the other and back.']
    return lines


def oid_path(bench):
    """The tables of OID_SRIOV_WRITE_VF_CONFIG_SPACE on one thread, contracts on."""
    median, noise, sides = record(bench, 'OID_WRITE')
    spent = times(max(sides.values(), key=lambda side: sum(side.values())), median)
    rooms = by_room(spent, [])
    lines = noise + ['| room | ns |', '|---|--:|']
    lines += [f'| {room} | {rooms[room]:.0f} |' for room in ORDER if rooms[room] >= 0.5]
    lines += [f'| a request | {median:.0f} |', '', '| function | room | ns |', '|---|---|--:|']
    most = sorted(spent.items(), key=lambda item: -item[1])[:FUNCTIONS]
    return lines + [f'| `{function}` | {room} | {ns:.1f} |' for (room, function), ns in most]


if __name__ == '__main__':
    print('\n'.join(cross_process(sys.argv[1]) + [''] + oid_path(sys.argv[1])))
