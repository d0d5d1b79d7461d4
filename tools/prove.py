#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the proofs of proofs/ over the shipped sources, then each again with a bug in the source: it must fail.

    tools/prove.py [--no-mutants] [NAME...]

docs/proofs.md says what each of them proves and under which assumptions. A bug is a patch of tests/mutants/proofs/; its
first line names the proof that finds it, and for WP in which function. Ends with `N passed, N failed, N skipped`; the exit status is 0 when all
passed. Without frama-c the proofs that need it are skipped, and that is said.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MUTANTS = 'tests/mutants/proofs'
sys.path.insert(0, os.path.join(ROOT, 'tests', 'mutants'))
from patched import Stale, finder, patched  # noqa: E402

FRAMA_C = ['frama-c', '-c11', '-machdep', 'gcc_x86_64',
           '-cpp-extra-args=-Iproofs/include -Isrc -Iproofs -Iinclude -D_GNU_SOURCE']
EVA = ['-eva', '-eva-precision', '1']
WALK = ['-eva', '-eva-precision', '0', '-eva-widening-delay', '1100']
# The limit of time is the clock's, so it is wide: what decides is that of steps, which other work does not change.
WP = ['-wp', '-wp-prover', 'z3', '-wp-par', '2', '-wp-timeout', '250', '-wp-steps', '100000000']
CHECKED = ['-wp-rte', '-warn-unsigned-overflow', '-warn-unsigned-downcast']
DOORS = ('write_vf_pieces', 'write_pf', 'pci_pf_write_locked', 'read_locked', 'write_any', 'read_any',
         'pci_access_write', 'pci_access_read')
LOOPS = ('pci_in_range', 'piece_length', 'write_pieces', 'read_pieces')
RING = ('distance', 'advance', 'index_valid', 'copy_in', 'copy_out', 'producer_free', 'fits_ever', 'ask_for_room',
        'room_found', 'room_for', 'write_packet', 'consumer_wants_signal', 'consumer_available', 'descriptor_valid',
        'producer_wants_signal', 'consume', 'next_descriptor', 'vmbus_ring_space', 'vmbus_ring_has_room',
        'vmbus_ring_is_drained', 'vmbus_ring_send', 'vmbus_ring_receive', 'vmbus_ring_peek', 'vmbus_ring_has_data',
        'vmbus_ring_mask')


def functions(names):
    return ['-wp-fct', ','.join(names)]


# name: file, options, and how many goals WP makes of them with Debian 12's Frama-C: fewer would be something that is no
# longer asked. The longest first.
PROOFS = {
    'walk': ('walk.c', WALK, None),
    'ring': ('ring.c', WP + CHECKED + functions(RING) + ['-wp-prop=-a_buffer'], 439),
    'access piece': ('access_piece.c', EVA, None),
    'access doors': ('access_doors.c', EVA + ['-eva-use-spec', 'write_pieces,read_pieces'], None),
    'access loops': ('access_loop.c', WP + ['-wp-rte'] + functions(LOOPS), 53),
    'access range': ('access_loop.c', WP + functions((*DOORS, 'pci_in_range')) +
                     ['-wp-prop=inside_the_space,all_or_nothing'], 16),
    # A descriptor is copied as bytes: that no more than it is written WP does not see.
    'ring descriptor': ('ring.c', WP + CHECKED + functions(['copy_descriptor']) + ['-wp-prop=-a_buffer,-@assigns'], 2),
    'law': ('law.cpp', None, None),
}


def eva_holds(output):
    alarms = re.search(r'^ *(\d+) alarms? generated', output, re.M)
    logic = re.search(r'^ *(\d+)% of the logical properties reached have been proven', output, re.M)
    return bool(alarms and alarms[1] == '0' and (logic is None or logic[1] == '100'))


def goals(output):
    """(proved, in all)"""
    found = re.search(r'Proved goals: +(\d+) / (\d+)', output)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def wp_holds(output):
    proved, of = goals(output)
    return proved == of > 0


def short(output):
    """What was found of a source that is as shipped, for the person who has to look."""
    wanted = re.compile(r'are expected|alarm\]|got status (unknown|invalid)|Goal .*: (Failed|Unknown|Timeout)|rror')
    lines = [line for line in output.splitlines() if wanted.search(line) and 'Unknown error' not in line]
    return '\n'.join('    ' + line for line in lines[:12] or output.splitlines()[-12:])


def prove_law(root, source, work):
    program = os.path.join(work, 'law')
    command = ['g++', '-std=c++17', '-Isrc', source, '-o', program]
    built = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if built.returncode:
        return False, built.stderr
    ran = subprocess.run([program], capture_output=True, text=True, check=False)
    return ran.returncode == 0, ran.stdout


def prove(root, name, function=None):
    """(does it hold, what was said) of one proof over the sources below `root`; of WP's, only of one function."""
    file, options, expected = PROOFS[name]
    source = os.path.join('proofs', file)
    with tempfile.TemporaryDirectory() as work:
        if options is None:
            return prove_law(root, source, work)
        if function:  # what a bug makes false is not waited for long
            options = list(options)
            options[options.index('-wp-fct') + 1] = function
            options += ['-wp-timeout', '20']
        environment = dict(os.environ, WHY3CONFIG=os.path.join(work, 'why3.conf'))
        if '-wp' in options:
            subprocess.run(['why3', 'config', 'detect'], env=environment, capture_output=True, check=True)
        done = subprocess.run([*FRAMA_C, source, *options], cwd=root, env=environment, capture_output=True, text=True,
                              check=False)
    output = done.stdout + done.stderr
    if '-wp' not in options:
        return done.returncode == 0 and eva_holds(output), output
    if not function and goals(output)[1] != expected:
        return False, f'{goals(output)[1]} goals were made, {expected} are expected\n{output}'
    return done.returncode == 0 and wp_holds(output), output


def is_found(proof, file, output):
    """Did the proof fail because of what it saw in that file, and not for want of something to look at?"""
    if 'User Error' in output or 'error:' in output:
        return False
    options = PROOFS[proof][1]
    if options is None:
        return output.startswith('1..1\nnot ok')
    if '-wp' in options:  # of the one function that was looked at
        return re.search(r'Goal .*: *(Failed|Unknown|Timeout)|\[(Failed|Unknown|Timeout|Stepout)\]', output) is not None
    return re.search(r'\[eva:alarm\] ' + re.escape(file) + r':\d+:', output) is not None


def prove_mutant(path):
    """Holds when the proof does not, with the bug, and does without it under the same limits."""
    proof, _, function = finder(path).partition(' in ')
    with tempfile.TemporaryDirectory() as root:
        for folder in ('src', 'proofs', 'include'):
            shutil.copytree(os.path.join(ROOT, folder), os.path.join(root, folder))
        try:
            name, text = patched(path, root)
        except Stale as stale:
            return False, str(stale)
        # Eva and the law have no limit of time: that they hold of the shipped source is said by their own line.
        held, output = prove(root, proof, function) if '-wp' in (PROOFS[proof][1] or []) else (True, '')
        if not held:
            return False, output
        with open(os.path.join(root, name), 'w', encoding='utf-8') as file:
            file.write(text)
        held, output = prove(root, proof, function)
        return not held and is_found(proof, name, output), output


def jobs(names, mutants):
    for name in PROOFS:
        if not names or name in names:
            yield name, PROOFS[name][1] is not None, lambda name=name: prove(ROOT, name)
    for path in sorted(glob.glob(os.path.join(ROOT, MUTANTS, '*.patch'))) if mutants else []:
        proof = finder(path).partition(' in ')[0]
        bug = os.path.basename(path)[:-len('.patch')]
        if not names or proof in names:
            yield f'{proof}, with the bug {bug}, fails', PROOFS[proof][1] is not None, lambda path=path: prove_mutant(path)


def run(job):
    name, needs_frama_c, function = job
    start = time.monotonic()
    if needs_frama_c and not shutil.which('frama-c'):
        print(f'  {name:<60} skipped: frama-c is not installed (packages.txt, section prove)', flush=True)
        return None
    held, output = function()
    print(f'  {name:<60} {"yes" if held else "NO"} {time.monotonic() - start:5.0f} s', flush=True)
    if not held:
        print(short(output), flush=True)
    return held


def main(arguments):
    mutants = '--no-mutants' not in arguments
    names = [argument for argument in arguments if not argument.startswith('--')]
    if unknown := set(names) - set(PROOFS):
        sys.exit(f'no such proof: {", ".join(unknown)}; there are: {", ".join(PROOFS)}')
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(run, jobs(names, mutants)))
    passed, failed = results.count(True), results.count(False)
    print(f'\n{passed} passed, {failed} failed, {results.count(None)} skipped')
    return 0 if passed and not failed else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
