#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ThreadSanitizer must see the race of each program: races.py NAME PROGRAM ..."""
import subprocess
import sys


def main():
    pairs = list(zip(sys.argv[1::2], sys.argv[2::2]))
    print(f'1..{len(pairs)}')
    for number, (name, program) in enumerate(pairs, 1):
        done = subprocess.run([program], capture_output=True, text=True, errors='replace', check=False, timeout=240)
        found = done.returncode != 0 and 'WARNING: ThreadSanitizer: data race' in done.stderr
        if not found:
            print(f'# exit status {done.returncode}')
        print(f'{"" if found else "not "}ok {number} {name}_is_found', flush=True)


main()
