#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each model, compiled with a bug in the shipped file, must fail by a check of its own: models.py NAME PROGRAM ..."""
import os
import subprocess
import sys


def wrong(program):
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=240,
                          env=dict(os.environ, CMOCKA_MESSAGE_OUTPUT='TAP'))
    if done.returncode == 0:
        return 'the model found nothing'
    if 'not ok 1' not in done.stdout:
        return f'exit status {done.returncode}\n{done.stdout}{done.stderr}'
    return ''


def main():
    pairs = list(zip(sys.argv[1::2], sys.argv[2::2]))
    print(f'1..{len(pairs)}')
    for number, (name, program) in enumerate(pairs, 1):
        why = wrong(program)
        for line in why.splitlines():
            print(f'# {line}')
        print(f'{"not " if why else ""}ok {number} {name}_is_found', flush=True)
    return 0


sys.exit(main())
