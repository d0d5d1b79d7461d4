#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The proofs themselves take minutes (`make prove`); what they are put to the test by must not go stale meanwhile: each bug
applies to the shipped sources and names a proof, for WP a function of it, and each proof has a bug.

    proofs.py SOURCE_ROOT
"""
import glob
import os
import sys

from patched import Stale, finder, patched

ROOT = sys.argv[1]
sys.path.insert(0, os.path.join(ROOT, 'tools'))
from prove import MUTANTS, PROOFS  # noqa: E402


def wrong(path):
    proof, _, function = finder(path).partition(' in ')
    if proof not in PROOFS:
        return f'there is no proof {proof!r}'
    options = PROOFS[proof][1] or []
    proved = options[options.index('-wp-fct') + 1].split(',') if '-wp' in options else ['']
    if function not in proved:
        return f'{function!r} is none of the functions that {proof} proves'
    try:
        patched(path, ROOT)
    except Stale as stale:
        return str(stale)
    return ''


def main():
    paths = sorted(glob.glob(os.path.join(ROOT, MUTANTS, '*.patch')))
    unproved = sorted(set(PROOFS) - {finder(path).partition(' in ')[0] for path in paths})
    results = [(os.path.basename(path)[:-len('.patch')] + '_names_its_proof_and_applies', wrong(path)) for path in paths]
    results.append(('each_proof_has_a_bug', ', '.join(unproved)))
    print(f'1..{len(results)}')
    for number, (name, why) in enumerate(results, 1):
        for line in why.splitlines():
            print(f'# {line}')
        print(f'{"not " if why else ""}ok {number} {name}')


main()
