#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What bench/where.py makes of samples: rooms, shares of a request's time, and its end when a function is not there.

    where.py SOURCE_ROOT    (prints TAP)
"""
import collections
import os
import sys

sys.path.insert(0, os.path.join(sys.argv[1], 'bench'))
import where  # noqa: E402 (found by the line above)

CASES = []


def case(function):
    CASES.append(function)
    return function


@case
def a_function_belongs_to_the_room_of_its_file():
    rooms = {'src/vpci/vsp/worker.c': 'vsp', 'src/vpci/window.c': 'window', 'src/ndis/oid.c': 'ndis',
             'refnic_pf.so': 'refnic', 'bench/measure.c': 'bench', '[vdso]': 'bench', '[kernel.kallsyms]': 'kernel',
             'libc.so.6': 'libc', 'bench_guest_driver.so': 'VF driver'}
    assert {path: where.room_of(path) for path in rooms} == rooms
    assert set(rooms.values()) - {'bench'} <= set(where.ORDER)


@case
def samples_are_shares_of_a_request_without_the_bench_itself():
    samples = collections.Counter({('ndis', 'a'): 30, ('ndis', 'b'): 10, ('pci', 'c'): 60, ('bench', 'clock'): 900})
    spent = where.times(samples, 200)
    assert spent == {('ndis', 'a'): 60, ('ndis', 'b'): 20, ('pci', 'c'): 120}
    assert where.by_room(spent, []) == {'ndis': 80, 'pci': 120}
    assert where.by_room(spent, [('pci', 'c')]) == {'ndis': 80, 'waiting': 120}


@case
def the_side_that_waits_is_the_one_with_its_function():
    guest, host = where.GUEST_WAITS[0], where.HOST_WAITS[0]
    sides = {'1': collections.Counter({guest: 9, ('vsc', 'x'): 1}), '2': collections.Counter({host: 50}),
             '3': collections.Counter({('bench', 'main'): 99})}
    assert where.side_that_waits(sides, guest) is sides['1'] and where.side_that_waits(sides, host) is sides['2']


@case
def a_function_that_is_not_called_so_any_more_ends_it():
    try:
        where.side_that_waits({'1': collections.Counter({('vsc', 'x'): 1})}, where.GUEST_WAITS[0])
    except SystemExit as end:
        assert where.GUEST_WAITS[0][1] in str(end)
    else:
        raise AssertionError('it went on')


print(f'1..{len(CASES)}')
for number, run in enumerate(CASES, 1):
    try:
        run()
        print(f'ok {number} {run.__name__}')
    except Exception as error:  # a failed case is reported, the others go on
        print(f'# {error!r}')
        print(f'not ok {number} {run.__name__}')
