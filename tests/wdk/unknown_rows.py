#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""layout_gen.py refuses rows it cannot place, naming them.

    unknown_rows.py NDIS_CSV PCI_CSV HEADERS
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = {
    'a_kind_that_is_not_known': 'NDIS_NEW_THING,1,novelty,nowhere',
    'a_value_that_is_no_number': 'NDIS_NEW_THING,many,flag,nowhere',
    'a_size_of_something_unnameable': 'size of NDIS_NEW_THING,4,struct-size(x64),nowhere',
}


def generate(row, ndis, pci, headers):
    with tempfile.TemporaryDirectory() as work:
        table = os.path.join(work, 'ndis.csv')
        with open(ndis, encoding='utf-8') as source, open(table, 'w', encoding='utf-8') as out:
            out.write(source.read().rstrip('\n') + '\n' + row + '\n')
        return subprocess.run([sys.executable, os.path.join(HERE, 'layout_gen.py'), table, pci, headers, work, 'c'],
                              stderr=subprocess.PIPE, text=True, check=False)


def main(ndis, pci, headers):
    print(f'1..{len(ROWS)}')
    failed = 0
    for number, (name, row) in enumerate(ROWS.items(), 1):
        done = generate(row, ndis, pci, headers)
        good = done.returncode == 1 and 'NDIS_NEW_THING' in done.stderr
        failed += not good
        print(f'{"ok" if good else "not ok"} {number} - {name}_fails_the_generation')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
