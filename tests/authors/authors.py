#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/driver-authors.md is true: its driver is the one in drivers/example, its commands run as a stranger types them
against an installed tree, and print what the page says.

    authors.py BUILD_DIRECTORY SOURCE_ROOT SANITIZERS COMPILER WORD...
    authors.py --write ...              the same, and puts into the page what they print

What depends on the compiler or on how many cases there are is not compared: numbers, and offsets in functions.
"""
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../install'))
from install import Failed, Tree  # noqa: E402

CODE_LINES = 100
TIMEOUT = 280  # of one command; with sanitizers `vfplane check` takes its time
BLOCK = re.compile(r'^```(c|sh|text)\n(.*?)^```$', re.M | re.S)


def code_lines(source):
    """Lines with code: no comment, no empty line, no line that only opens or closes a block."""
    plain = re.sub(r'/\*.*?\*/', '', source, flags=re.S)
    return sum(1 for line in plain.splitlines() if re.search(r'[^\s{};]', line))


def plain(text):
    return re.sub(r'\+0x[0-9a-f]+', '+0x', re.sub(r' +', ' ', re.sub(r'\b\d+\b', '0', text)))


def run(tree, commands):
    prefix = os.path.join(tree.prefix, 'bin')
    paths = {'PATH': f'{tree.work}:{prefix}:{os.environ["PATH"]}', 'LD_LIBRARY_PATH': tree.libraries,
             'PKG_CONFIG_SYSROOT_DIR': tree.destdir, 'PKG_CONFIG_PATH': tree.pkgconfig_folder}
    return tree.do(['sh', '-c', commands], **paths)


def fill(page, source, tree):
    """The page as it should be, and what in it is wrong. A text block is what the sh block before it prints."""
    wrong, printed, parts, end = [], '', [], 0
    for block in BLOCK.finditer(page):
        kind, text = block.groups()
        right = text
        if kind == 'sh':
            printed = run(tree, text)
        else:
            right = source if kind == 'c' else printed
            same = text == right if kind == 'c' else plain(text) == plain(right)
            wrong += [] if same else [f'the page has\n{text}\nand it is\n{right}']
        parts += [page[end:block.start(2)], right]
        end = block.end(2)
    return ''.join(parts) + page[end:], wrong


def compiler_command(tree):
    """`cc`, which the page's commands call, is the compiler of this build."""
    path = os.path.join(tree.work, 'cc')
    with open(path, 'w', encoding='utf-8') as file:
        words = [shutil.which(word) or word for word in tree.compiler]  # one of them may be called cc
        file.write(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n')
    os.chmod(path, 0o755)


def main(build, root, sanitizers, *compiler):
    write = '--write' in compiler
    compiler = [word for word in compiler if word != '--write']
    name = os.path.join(root, 'docs/driver-authors.md')
    with open(name, encoding='utf-8') as file:
        page = file.read()
    with open(os.path.join(root, 'drivers/example/switch_pf.c'), encoding='utf-8') as file:
        source = file.read()
    print('1..2')
    lines = code_lines(source)
    print(f'{"ok" if lines <= CODE_LINES else "not ok"} 1 - the_example_has_a_hundred_lines_of_code # {lines}')
    with tempfile.TemporaryDirectory() as work:
        try:
            tree = Tree(work, build, sanitizers, compiler)
            tree.timeout = TIMEOUT
            compiler_command(tree)
            with open(os.path.join(work, 'mynic.c'), 'w', encoding='utf-8') as file:
                file.write(source)
            right, wrong = fill(page, source, tree)
        except Failed as failed:
            right, wrong = page, [str(failed)]
    if write:
        with open(name, 'w', encoding='utf-8') as file:
            file.write(right)
    for line in '\n'.join(wrong).splitlines():
        print(f'# {line}')
    print(f'{"not ok" if wrong else "ok"} 2 - the_page_is_what_a_stranger_sees')
    return bool(wrong) or lines > CODE_LINES


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
