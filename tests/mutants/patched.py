#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A source file with the bug of a patch in it: patched.py PATCH SOURCE_ROOT OUTPUT.

The first line of a patch says the bug and what finds it. Its one hunk is found by its lines, which must stand exactly
once in the file.
"""
import os
import re
import sys


class Stale(Exception):
    """The patch no longer applies."""


def finder(path):
    """What the first line says finds the bug."""
    with open(path, encoding='utf-8') as lines:
        return re.search(r'\. \w+: (.+)', lines.readline())[1].strip()


def patched(path, root):
    """(name of the file below root, its text with the bug)."""
    with open(path, encoding='utf-8') as lines:
        _, _, name, _, *hunk = lines.read().splitlines()
    name = name.removeprefix('+++ ')
    old = '\n'.join(line[1:] for line in hunk if line[:1] in ' -')
    new = '\n'.join(line[1:] for line in hunk if line[:1] in ' +')
    with open(os.path.join(root, name), encoding='utf-8') as file:
        text = file.read()
    if text.count(old) != 1:
        raise Stale(f'{path}: no longer applies: this stands {text.count(old)} times in {name}:\n{old}')
    return name, text.replace(old, new)


if __name__ == '__main__':
    with open(sys.argv[3], 'w', encoding='utf-8') as output:
        output.write(patched(*sys.argv[1:3])[1])
