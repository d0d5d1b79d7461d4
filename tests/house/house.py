#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The walls of the house (docs/architecture.md): who may include what, and the form every source file has.

    house.py SOURCE_ROOT [COMPILER WORD...]

One TAP case a rule; a broken rule names each file and line. With a compiler every header is also compiled alone.
"""
import os
import posixpath
import re
import subprocess
import sys

# What may be named in an #include beyond the room's own files: rooms (each by its one header), `wdk` (include/wdk but
# for NDIS), `ndis.h` (the NDIS headers of include/wdk), `vfplane` (include/vfplane), and libraries (LIBRARIES below).
# A room that stands within another (vpci/vsp in vpci) also sees the outer one's files.
MAY_INCLUDE = {
    'src/trace': 'libc jansson vfplane',
    'src/pci': 'trace libc',
    'src/nt': 'trace wdk libc elfutils vfplane',
    'src/pcibus': 'trace nt pci wdk libc',
    'src/ndis': 'trace nt wdk ndis.h libc',
    'src/vstack': 'trace nt ndis wdk ndis.h libc',
    'src/vmbus': 'trace libc',
    'src/vpci': 'trace vmbus wdk libc',
    'src/vpci/vmm': 'trace vmbus vfplane libc',
    'src/vpci/vsp': 'trace vmbus vstack nt wdk libc',
    'src/vpci/vsc': 'trace vmbus nt wdk libc',
    'src/host': 'trace pci nt pcibus ndis vstack vmbus vmm vsp vsc vfplane wdk ndis.h libc',
    'src/cli': 'vfplane libc jansson libpci',
    'include/wdk': 'ndis.h freestanding',
    'include/vfplane': 'libc',
    'drivers': 'wdk ndis.h',
}

# The one header by which each room is entered.
DOORS = {
    'src/trace/trace.h': 'trace',
    'src/pci/pci.h': 'pci',
    'src/nt/nt.h': 'nt',
    'src/pcibus/pcibus.h': 'pcibus',
    'src/ndis/ndis_room.h': 'ndis',
    'src/vstack/vstack.h': 'vstack',
    'src/vmbus/vmbus.h': 'vmbus',
    'src/vpci/vmm/vmm.h': 'vmm',
    'src/vpci/vsp/vsp.h': 'vsp',
    'src/vpci/vsc/vsc.h': 'vsc',
    # beside the door: the rows of a room's contract, and how they are reported
    'src/nt/contract.h': 'nt',
    'src/nt/contract.def': 'nt',
    'src/pcibus/contract.def': 'pcibus',
    'src/ndis/contract.def': 'ndis',
}
NDIS_HEADERS = re.compile(r'include/wdk/(ndis6/.*|ndis\w*\.h|ntddndis\.h)', re.I)

# Headers from outside the project. One that is in no row is refused until somebody adds it here.
LIBRARIES = [
    ('freestanding', re.compile(r'(stdarg|stdbool|stddef|stdint)\.h')),  # what C promises without a library
    ('libc', re.compile(r'(assert|ctype|dirent|dlfcn|elf|endian|errno|execinfo|fcntl|fenv|float|fnmatch|getopt|glob|'
                        r'inttypes|libgen|limits|link|locale|malloc|math|poll|pthread|regex|sched|semaphore|setjmp|'
                        r'signal|spawn|stdalign|stdatomic|stdio|stdlib|string|strings|termios|threads|time|uchar|'
                        r'ucontext|unistd|wchar|'
                        r'argp|error|err|sysexits|(sys|linux|asm|netinet|arpa)/[\w/]+)\.h|[\w]*intrin\.h')),
    ('jansson', re.compile(r'jansson\.h')),
    ('elfutils', re.compile(r'elfutils/libdwfl\.h')),
    ('libpci', re.compile(r'pci/(pci|header|types|config)\.h')),
]
SEARCH = ['include/wdk', 'src', 'include']  # what -I names, in this order

GENERATED = ['src/cli/version.h']  # by meson.build

SOURCE_FOLDERS = ['src', 'include', 'drivers', 'examples', 'tests', 'bench', 'fuzz', 'tools']
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')
LEFT_OVER = re.compile(r'\b(' + '|'.join(['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX']) + r')\b')
HOME_PATH = re.compile(r'(?<![\w./-])/(root|home/\w+|work)/')


class House:
    """The source files under a root: path -> lines."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        for folder in SOURCE_FOLDERS:
            for where, folders, names in os.walk(os.path.join(root, folder)):
                folders[:] = sorted(name for name in folders if name != '__pycache__')
                for name in sorted(names):
                    self.read(os.path.join(where, name))

    def read(self, path):
        if not path.endswith(('.c', '.h', '.def', '.py', '.sh', '.build')):
            return
        with open(path, encoding='utf-8', errors='replace') as file:
            self.files[os.path.relpath(path, self.root)] = file.read().splitlines()

    def c_files(self):
        return [path for path in self.files if path.endswith(('.c', '.h'))]


def room_of(path):
    """The innermost room a file lies in, or None (tests, bench)."""
    rooms = [room for room in MAY_INCLUDE if path.startswith(room + '/')]
    return max(rooms, key=len, default=None)


def resolve(house, includer, form, name):
    """The project's file that an #include means, or None: a header from outside."""
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(includer), name))
    folders = [beside] if form == '"' else []
    paths = folders + [f'{folder}/{name}' for folder in SEARCH]
    return next((path for path in paths if path in house.files or path in GENERATED), None)


def what_is(house, includer, form, name):
    """What an #include brings in, in the words of MAY_INCLUDE, and 'own' for the room's own or an outer room's files."""
    target = resolve(house, includer, form, name)
    if target is None:
        return next((library for library, names in LIBRARIES if names.fullmatch(name)), f'unknown header <{name}>')
    inside = room_of(target)
    if inside is not None and (room_of(includer) + '/').startswith(inside + '/'):
        return 'own'
    if target in DOORS:
        return DOORS[target]
    if target.startswith('include/wdk/'):
        return 'ndis.h' if NDIS_HEADERS.fullmatch(target) else 'wdk'
    if target.startswith('include/vfplane/'):
        return 'vfplane'
    return f'{target}, which is not the door of its room'


def a_room_includes_only_what_the_table_grants(house):
    for path in house.c_files():
        room = room_of(path)
        granted = MAY_INCLUDE.get(room, '').replace('libc', 'libc freestanding').split() + ['own']
        for number, line in enumerate(house.files[path] if room else [], 1):
            if match := INCLUDE.match(line):
                found = what_is(house, path, *match.groups())
                if found not in granted:
                    yield f'{path}:{number}: {room} may not include {found}'


def every_room_is_in_the_table(house):
    for path in house.c_files():
        if path.startswith(('src/', 'include/', 'drivers/')) and room_of(path) is None:
            yield f'{path}: lies in no room of tests/house/house.py'


def every_file_says_its_licence(house):
    for path, lines in house.files.items():
        if not path.endswith('.build') and not any('SPDX-License-Identifier: MIT' in line for line in lines[:2]):
            yield f'{path}:1: no SPDX-License-Identifier: MIT'


def nothing_is_left_for_later(house):
    for path, lines in house.files.items():
        for number, line in enumerate(lines, 1):
            if match := LEFT_OVER.search(line):
                yield f'{path}:{number}: {match[0]}'


def no_path_of_one_machine(house):
    root = re.compile(r'(?<![\w./-])' + re.escape(os.path.realpath(house.root)) + r'(/|\b)')
    for path, lines in house.files.items():
        for number, line in enumerate(lines, 1):
            if match := HOME_PATH.search(line) or (len(house.root) > 4 and root.search(line)):
                yield f'{path}:{number}: {match[0]}'


def every_header_compiles_alone(house, compiler, language):
    """The public ones as C++ too; those of include/wdk that only an outer header includes (in its folders) are parts."""
    headers = [path for path in house.c_files() if path.endswith('.h') and room_of(path)]
    headers = [path for path in headers if not re.match(r'include/wdk/\w+/', path)]
    if language == 'c++':
        headers = [path for path in headers if path.startswith('include/vfplane/')]
    flags = ['-x', language, '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-fms-extensions',
             '-fshort-wchar'] + ['-I' + os.path.join(house.root, folder) for folder in SEARCH]
    if language == 'c':
        flags += ['-std=gnu17', '-D__declspec(x)=']
    for path in headers:
        text = f'#include "{os.path.join(house.root, path)}"\nint main(void);\n'
        done = subprocess.run(compiler + flags + ['-'], input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            yield f'{path}: does not compile alone as {language}:\n{done.stderr}'


RULES = [
    a_room_includes_only_what_the_table_grants,
    every_room_is_in_the_table,
    every_file_says_its_licence,
    nothing_is_left_for_later,
    no_path_of_one_machine,
]


def report(number, name, complaints):
    """One TAP case."""
    print(f'{"not ok" if complaints else "ok"} {number} - {name}')
    for complaint in complaints:
        print(*[f'#   {line}' for line in complaint.splitlines()], sep='\n')
    return bool(complaints)


def main(root, *compiler):
    house = House(root)
    languages = ['c', 'c++'] if compiler else []
    print(f'1..{len(RULES) + len(languages)}')
    broken = [report(number, rule.__name__, list(rule(house))) for number, rule in enumerate(RULES, 1)]
    for number, language in enumerate(languages, len(RULES) + 1):
        complaints = list(every_header_compiles_alone(house, list(compiler), language))
        broken.append(report(number, f'every_header_compiles_alone_as_{language}', complaints))
    return any(broken)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
