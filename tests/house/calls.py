#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The walls of the house once more, in what was compiled: a room's object files need symbols only of rooms that the table
in house.py lets it include. An #include can be avoided by declaring a function by hand; a call cannot.

    calls.py LIBRARY.a...      the static library of each room
"""
import collections
import re
import subprocess
import sys

import house

ROOMS = {door: path.rsplit('/', 1)[0] for path, door in house.DOORS.items()} | {'host': 'src/host', 'vpci': 'src/vpci'}
SYMBOL = re.compile(r'(?P<file>[^:]+):(?:(?P<member>[^:]+):)?[0-9a-f ]* (?P<kind>[A-Za-z]) (?P<name>\S+)')
UNDEFINED = 'Uwv'


def room_of_object(library, member):
    """Meson names src/vpci/vsp/x.c of libvpci.a vsp_x.c.o."""
    inner = re.match(r'(vsp|vsc|vmm)_', member) if library == 'vpci' else None
    return inner[1] if inner else library


def read_symbols(nm_output):
    """(room -> names it needs, name -> rooms that have it)"""
    needs, has = collections.defaultdict(set), collections.defaultdict(set)
    for match in filter(None, map(SYMBOL.match, nm_output)):
        path = f'{match["file"]}/{match["member"] or ""}'
        library = re.search(r'lib(\w+)\.a', path)[1]
        room = room_of_object(library, path.rsplit('/', 1)[1])
        if match['kind'] in UNDEFINED:
            needs[room].add(match['name'])
        else:
            has[match['name']].add(room)
    return needs, has


def complaints_of(room, names, has):
    granted = set(house.MAY_INCLUDE[ROOMS[room]].split()) | {room} | ({'vpci'} if room in ('vsp', 'vsc', 'vmm') else set())
    for name in sorted(names):
        if has[name] and not has[name] & granted:
            yield f'{room} may not call {name} of {" and ".join(sorted(has[name]))}'


def check(nm_output):
    """Room -> what is wrong with its calls."""
    needs, has = read_symbols(nm_output)
    return {room: list(complaints_of(room, names, has)) for room, names in sorted(needs.items())}


# What nm prints of a small house, and what must be said about it.
SMALL = ['src/pci/libpci.a:a.c.o: U trace_note', 'src/trace/libtrace.a:t.c.o:0000000000000000 T trace_note',
         'src/nt/libnt.a:n.c.o:0000000000000010 T IoCallDriver', 'src/vpci/libvpci.a:vsc_a.c.o: U IoCallDriver',
         'src/vstack/libvstack.a:v.c.o:0000000000000010 T vstack_create', 'src/pci/libpci.a:a.c.o: U malloc']
CALLS = [
    ('a_good_house_passes', SMALL, ''),
    ('a_call_past_the_table_is_found', SMALL + ['src/pci/libpci.a:a.c.o: U IoCallDriver'], 'pci may not call IoCallDriver of nt'),
    ('rooms_of_one_library_are_told_apart', SMALL + ['src/vpci/libvpci.a:vsc_a.c.o: U vstack_create'],
     'vsc may not call vstack_create of vstack'),
]


def main(*libraries):
    done = subprocess.run(['nm', '-A', '-g', *libraries], capture_output=True, text=True, check=True)
    found = check(done.stdout.splitlines())
    print(f'1..{len(CALLS) + len(found)}')
    number, broken = 0, False
    for number, (name, lines, wanted) in enumerate(CALLS, 1):
        said = [line for lines in check(lines).values() for line in lines]
        broken |= house.report(number, name, [] if said == ([wanted] if wanted else []) else [f'said {said}'])
    for number, (room, said) in enumerate(found.items(), number + 1):
        broken |= house.report(number, f'{room}_calls_only_what_the_table_grants', said)
    return broken


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
