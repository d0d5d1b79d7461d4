#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ThreadSanitizer must see the race of each program: races.py NAME PROGRAM ..."""
import os
import subprocess
import sys

# A race is told only while the call stack of the earlier access is still known. With threads that seldom run at the same
# time the usual history is too short for that.
HISTORY = ':history_size=7'


def main():
    pairs = list(zip(sys.argv[1::2], sys.argv[2::2]))
    options = os.environ | {'TSAN_OPTIONS': os.environ.get('TSAN_OPTIONS', '') + HISTORY}
    print(f'1..{len(pairs)}')
    for number, (name, program) in enumerate(pairs, 1):
        done = subprocess.run([program], capture_output=True, text=True, errors='replace', check=False, timeout=240,
                              env=options)
        found = done.returncode != 0 and 'WARNING: ThreadSanitizer: data race' in done.stderr
        if not found:
            print(f'# exit status {done.returncode}')
        print(f'{"" if found else "not "}ok {number} {name}_is_found', flush=True)


main()
