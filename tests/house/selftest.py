#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The check of the house must be able to fail: a small good house passes, and each way to break it is found and named."""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
import house  # noqa: E402

SPDX = '/* SPDX-License-Identifier: MIT */\n'
GOOD = {
    'include/wdk/wdm.h': '#include <stdint.h>\n#include "km/types.h"\n',
    'include/wdk/km/types.h': '',
    'include/wdk/ndis.h': '#include <wdm.h>\n',
    'include/vfplane/host.h': '#include <stdio.h>\n',
    'src/trace/trace.h': '',
    'src/pci/pci.h': '#include <stdbool.h>\n',
    'src/pci/tables.h': '',
    'src/pci/pci.c': '#include "pci/pci.h"\n#include "tables.h"\n#include "trace/trace.h"\n#include <sys/mman.h>\n',
    'src/nt/nt.h': '#include <wdm.h>\n',
    'src/nt/internal.h': '#include "nt/nt.h"\n',
    'src/vstack/vstack.h': '#include <ndis.h>\n',
    'src/vmbus/vmbus.h': '',
    'src/vpci/wire.h': '',
    'src/vpci/vsp/vsp.c': '#include "vpci/wire.h"\n#include "vstack/vstack.h"\n#include "vmbus/vmbus.h"\n',
    'src/cli/run.c': '#include <vfplane/host.h>\n#include <argp.h>\n',
    'drivers/refnic/pf.c': '#include <ndis.h>\n#include "refnic.h"\n',
    'drivers/refnic/refnic.h': '',
    'tests/pci/pci.c': '#include "pci/tables.h"\n#include <cmocka.h>\n',
}

# A line put at the end of a file -> the rule that must break, and what it must say.
ROOMS = house.a_room_includes_only_what_the_table_grants
BROKEN = [
    ('src/pci/pci.c', '#include <wdm.h>', ROOMS, 'src/pci may not include wdk'),
    ('src/pci/pci.c', '#include "nt/nt.h"', ROOMS, 'src/pci may not include nt'),
    ('src/pci/pci.c', '  #  include  "../nt/nt.h"', ROOMS, 'src/pci may not include nt'),
    ('src/pci/pci.c', '#include "nt/internal.h"', ROOMS, 'src/nt/internal.h, which is not the door of its room'),
    ('src/pci/pci.c', '#include <sqlite3.h>', ROOMS, 'unknown header <sqlite3.h>'),
    ('src/pci/tables.h', '#include <vfplane/host.h>', ROOMS, 'src/pci may not include vfplane'),
    ('src/nt/nt.h', '#include <ndis.h>', ROOMS, 'src/nt may not include ndis.h'),
    ('src/vmbus/vmbus.h', '#include "vpci/wire.h"', ROOMS, 'src/vpci/wire.h, which is not the door of its room'),
    ('src/vpci/wire.h', '#include "vstack/vstack.h"', ROOMS, 'src/vpci may not include vstack'),
    ('src/vpci/vsp/vsp.c', '#include <ndis.h>', ROOMS, 'src/vpci/vsp may not include ndis.h'),
    ('src/cli/run.c', '#include "pci/pci.h"', ROOMS, 'src/cli may not include pci'),
    ('drivers/refnic/pf.c', '#include <stdio.h>', ROOMS, 'drivers may not include libc'),
    ('drivers/refnic/pf.c', '#include <vfplane/host.h>', ROOMS, 'drivers may not include vfplane'),
    ('include/wdk/wdm.h', '#include <unistd.h>', ROOMS, 'include/wdk may not include libc'),
    ('src/attic/old.c', '', house.every_room_is_in_the_table, 'src/attic/old.c: lies in no room'),
    ('tests/pci/pci.c', '/* FIX' + 'ME */', house.nothing_is_left_for_later, 'tests/pci/pci.c:4'),
    ('src/pci/pci.c', 'char *s = "/home/' + 'me/x";', house.no_path_of_one_machine, 'src/pci/pci.c:6'),
]


def build(root, files):
    for path, text in files.items():
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)


def complaints(files):
    """Rule -> what it says about a house of these files."""
    with tempfile.TemporaryDirectory() as root:
        build(root, files)
        small = house.House(root)
        return {rule: list(rule(small)) for rule in house.RULES}


def with_line(path, line):
    files = {name: SPDX + text for name, text in GOOD.items()}
    files[path] = files.get(path, SPDX) + line + '\n'
    return files


def judge(files, rule, sentence):
    """'' when exactly `rule` breaks, once, and says `sentence`."""
    found = {broken: said for broken, said in complaints(files).items() if said}
    if rule is None:
        return f'complains about a good house: {found}' if found else ''
    right = list(found) == [rule] and len(found[rule]) == 1 and sentence in found[rule][0]
    return '' if right else f'wanted "{sentence}", found {found}'


def main():
    unlicensed = {name: SPDX + text for name, text in GOOD.items()} | {'src/nt/nt.h': '#include <wdm.h>\n'}
    cases = [('a good house passes', with_line('src/pci/pci.h', ''), None, '')]
    cases += [(f'{path} with {line or "a room of its own"}', with_line(path, line), rule, sentence)
              for path, line, rule, sentence in BROKEN]
    cases += [('a file without a licence line', unlicensed, house.every_file_says_its_licence, 'src/nt/nt.h:1')]
    print(f'1..{len(cases)}')
    failed = [house.report(number, name.replace('#', ''), [text] if (text := judge(files, rule, sentence)) else [])
              for number, (name, files, rule, sentence) in enumerate(cases, 1)]
    return any(failed)


if __name__ == '__main__':
    sys.exit(main())
