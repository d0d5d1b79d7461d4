#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""refnic with one typical bug each: `vfplane check` names the rule that the bug breaks, and no other.

    mutants.py VFPLANE SOURCE_ROOT COMPILER WORD...

mutants.csv lists them: name, patch, expected rule, options of `vfplane check`, and the sentence of drivers.md 13 that
the bug is taken from (empty: another bug that drivers have). A profile is one of profiles/. The first line of a patch says the bug. A hunk is found by its lines, not by their
numbers; one that is not found exactly once no longer applies, and its case fails.

The environment variable MUTANTS, a list of names with commas between them, runs only those.
"""
import concurrent.futures
import csv
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

from patches import Failed, apply, parse

VFPLANE, ROOT = sys.argv[1:3]
COMPILER = [*sys.argv[3:], '-g', '-O1', '-fPIC']
HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = ('drivers/refnic', 'drivers/common')
AT_LEAST = 20
# Every sentence of drivers.md 13, as mutants.csv quotes it.
SENTENCES = {
    'success for VFs that were never allocated', 'no check of BufferOffset + Length',
    'success although the bus-data routine returned 0', 'BytesNeeded left 0 on a length failure',
    'a failed OID that leaves VF Enable set', 'virtualization still enabled after MiniportHaltEx',
    'memory leaked over start/stop', 'MDLs leaked over start/stop', 'locks leaked over start/stop',
    'calls at too high an IRQL while a lock is held', 'NdisStallExecution far over 50 µs',
    'wrong Header.Size in an indicated structure', 'a bitmap initialised with more bits than its buffer holds',
    'reset OIDs that do nothing', 'power OIDs that do nothing', "writing past Length bytes into the caller's buffer",
}


def do(command, timeout=60):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)


# ---- building


def read_sources():
    sources = {}
    for folder in FOLDERS:
        for path in glob.glob(os.path.join(ROOT, folder, '*.[ch]')):
            name = f'{folder}/{os.path.basename(path)}'
            if not os.path.basename(path).startswith('vf_') and not name.endswith('query.c'):
                with open(path, encoding='utf-8') as file:
                    sources[name] = file.read()
    return sources


def write(folder, sources):
    for name, text in sources.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)


def compile_one(folder, name):
    path = os.path.join(folder, name)
    done = do([*COMPILER, '-c', path, '-o', path + '.o'])
    if done.returncode:
        raise Failed(f'{name} does not compile:\n{done.stderr}')
    return path + '.o'


def build(folder, objects, sources, changed):
    """The mutant. What the patch leaves as it is was compiled before; a changed header changes all."""
    write(folder, sources | changed)
    again = sources if any(name.endswith('.h') for name in changed) else changed
    own = {name: compile_one(folder, name) for name in again if name.endswith('.c')}
    driver = os.path.join(folder, 'refnic_pf.so')
    done = do([*COMPILER, '-shared', '-Wl,-Bsymbolic', '-o', driver, *(objects | own).values()])
    if done.returncode:
        raise Failed(done.stderr)
    return driver


# ---- cases


def broken_rules(driver, options):
    words = [os.path.join(ROOT, 'profiles', word) if word.endswith('.lspci') else word for word in options.split()]
    done = do([VFPLANE, 'check', driver, '--report', 'json', *words], timeout=120)
    if done.returncode not in (0, 1):
        raise Failed(f'exit status {done.returncode}\n{done.stderr}')
    return {row['rule']: row for row in json.loads(done.stdout)['rules'] if row['broken']}, done.returncode


def describe(row):
    first = row['first']
    return f'{row["rule"]} in {row["broken"]} cases, first {first["case"]} {first["note"]}: {first["text"]}'


def judge(driver, expected, options=''):
    rows, status = broken_rules(driver, options)
    if expected is None:
        wanted = 0
    elif list(rows) == [expected]:
        wanted = 1 if rows[expected]['severity'] == 'violation' else 0
    else:
        wanted = None
    if set(rows) != ({expected} - {None}) or status != wanted:
        raise Failed(f'exit status {status}; {expected} was expected, broken are:\n' +
                     '\n'.join(describe(row) for row in rows.values()))


def read_table():
    with open(os.path.join(HERE, 'mutants.csv'), encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def check_table(table):
    """Nothing is missing from the table, and it says the same as the patches."""
    missing = SENTENCES - {row['sentence of drivers.md 13'] for row in table}
    if missing or len(table) < AT_LEAST:
        raise Failed(f'{len(table)} mutants; none for: {missing}')
    patches = {os.path.basename(path) for path in glob.glob(os.path.join(HERE, '*.patch'))}
    if patches != {row['patch'] for row in table}:
        raise Failed(f'patches and table differ: {patches ^ {row["patch"] for row in table}}')
    for row in table:
        first = parse(os.path.join(HERE, row['patch']))[0]
        if not re.fullmatch(rf'# .+\. Rule: {row["rule"]}', first):
            raise Failed(f'{row["patch"]} begins with: {first}')


def cases(work, table, sources):
    write(work, sources)
    objects = {name: compile_one(work, name) for name in sources if name.endswith('.c')}
    yield 'the_table_and_the_patches_agree', lambda: check_table(table)
    yield 'without_a_bug_no_rule_is_named', lambda: judge(build(os.path.join(work, 'as it is'), objects, sources, {}),
                                                         None)

    def mutant(row):
        changed = apply(os.path.join(HERE, row['patch']), sources)
        judge(build(os.path.join(work, row['name']), objects, sources, changed), row['rule'],
              row['options'])

    only = os.environ.get('MUTANTS')
    for row in table:
        if not only or row['name'] in only.split(','):
            yield f'{row["name"]}_is_{row["rule"]}', lambda row=row: mutant(row)


def run(function):
    try:
        function()
        return ''
    except (Failed, OSError, ValueError, subprocess.TimeoutExpired) as error:
        return str(error) or repr(error)


def main():
    with tempfile.TemporaryDirectory() as work:
        listed = list(cases(work, read_table(), read_sources()))
        print(f'1..{len(listed)}')
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(run, (function for _, function in listed))
            for number, ((name, _), wrong) in enumerate(zip(listed, results), 1):
                for line in wrong.splitlines():
                    print(f'# {line}')
                print(f'{"not " if wrong else ""}ok {number} {name}', flush=True)


main()
