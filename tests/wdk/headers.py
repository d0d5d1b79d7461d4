#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Headers of include/wdk.

    headers.py HEADERS                          prints their names, one a line
    headers.py HEADERS OUTDIR SUFFIX NAME...    writes a source file for each that includes it, alone and twice
"""
import os
import sys


def find(folder):
    for where, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.endswith('.h'):
                yield os.path.relpath(os.path.join(where, name), folder)


def main(folder, outdir=None, suffix=None, *outputs):
    for name in find(folder):
        if outdir is None:
            print(name)
            continue
        flat = 'alone_' + name.replace('/', '_').replace('.h', '') + '.' + suffix
        if flat not in outputs:
            sys.exit(f'headers.py: {name} is new: reconfigure')
        with open(os.path.join(outdir, flat), 'w', encoding='utf-8') as file:
            file.write(f'/* SPDX-License-Identifier: MIT */\n#include <{name}>\n#include <{name}>\n'
                       f'extern const int {flat.split(".")[0]};\nconst int {flat.split(".")[0]} = 0;\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
