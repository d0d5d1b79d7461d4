#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each error that the faults take for documented stands at its call in the public header: headers.py SOURCE_ROOT."""
import os
import re
import sys

ROOT = sys.argv[1]
DRIVERS = "The driver's errors"  # what the head of host.h makes of a status


def read(*path):
    with open(os.path.join(ROOT, *path), encoding='utf-8') as file:
        return file.read()


def named(text):
    return set(re.findall(r'-(E[A-Z]+)\b', text))


def comment_of(call, text):
    """The comment in front of a declaration, or of the declarations it stands with."""
    declared = re.search(rf'^int {call}\(', text, re.M)
    if not declared:
        return None
    start = text.rindex('/*', 0, declared.start())
    comment = text[start:declared.start()]
    return None if '\n\n' in comment.partition('*/')[2] else comment


def main():
    headers = {name: read('include', 'vfplane', name) for name in ('host.h', 'vmm.h', 'guest.h')}
    status_errors = named(headers['host.h'].partition('#ifndef')[0])
    table = re.findall(r'\{"(vfp_\w+)", \{([A-Z, ]+)\}\}', read('tests', 'faults', 'documented.c'))
    print(f'1..{len(table) + 1}')
    print(f'{"" if len(table) > 9 and len(status_errors) > 5 else "not "}ok 1 the_table_is_read')
    for number, (call, errors) in enumerate(table, 2):
        comment = next(filter(None, (comment_of(call, text) for text in headers.values())), '')
        documented = named(comment) | (status_errors if DRIVERS in comment else set())
        missing = set(re.findall(r'\w+', errors)) - documented
        if missing:
            print(f'# not in its header: {" ".join(sorted(missing))}')
        print(f'{"not " if missing else ""}ok {number} {call}')


main()
