#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Deliberate bugs for each fuzzing harness, the faults and the killed guests: the replay of its corpus, a few faults or a
few deaths find it, and find nothing without it.

    harnesses.py BUILD SOURCE_ROOT

harness/harnesses.csv lists the harness or the kind of fault, the patch, and
    program    of a harness that is no fuzzer which replays its corpus, with its arguments
    target     that the patched file is linked into, when that is not the harness itself, and
    variable   of the environment that names it then
Only the patched file is compiled, as the build compiles it, and put into the link of the target: of objects that define the
same routines the first counts.
"""
import csv
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

from patches import Failed, apply, parse

BUILD, ROOT = (os.path.abspath(path) for path in sys.argv[1:3])
HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 120  # a bug may make a harness hang


def do(command, **how):
    return subprocess.run(command, capture_output=True, text=True, errors='replace', check=False, cwd=BUILD, **how)


def commands():
    """Source file -> [(object, words of the command)]."""
    with open(os.path.join(BUILD, 'compile_commands.json'), encoding='utf-8') as file:
        found = {}
        for entry in json.load(file):
            path = os.path.normpath(os.path.join(BUILD, entry['file']))
            found.setdefault(path, []).append((entry['output'], shlex.split(entry['command'])))
        return found


def compile_mutant(work, name, text, compiled, objects):
    """The object of the changed file, beside the name of the one it stands for."""
    path = os.path.join(ROOT, name)
    output, words = next((one for one in compiled[path] if one[0] in objects), compiled[path][0])
    changed = os.path.join(work, os.path.basename(name))
    with open(changed, 'w', encoding='utf-8') as file:
        file.write(text)
    made = changed + '.o'
    words = [made if word == output else word for word in words]
    words = [changed if os.path.normpath(os.path.join(BUILD, word)) == path else word for word in words]
    words = [word for word in words if not re.match(r'.*\.d$', word) and word not in ('-MD', '-MF')]
    words = [word for number, word in enumerate(words) if words[number - 1] != '-MQ' and word != '-MQ']
    done = do([*words, '-iquote', os.path.dirname(path), '-w'])
    if done.returncode:
        raise Failed(f'{name} does not compile:\n{done.stderr}')
    return output, made


def link_mutant(work, target, replaced):
    said = do(['ninja', '-t', 'commands', target])
    words = shlex.split(said.stdout.strip().splitlines()[-1])
    result = os.path.join(work, os.path.basename(target))
    place = words.index('-o') + 1
    if words[place] != target:
        raise Failed(f'{target} is not linked as expected: {words}')
    words[place] = result
    for old, new in replaced:
        if old in words:
            words[words.index(old)] = new
        else:
            words.insert(place + 1, new)
    done = do([*words, '-Wl,--allow-multiple-definition'])
    if done.returncode:
        raise Failed(f'{target} does not link:\n{done.stderr}')
    return result


def objects_of(target):
    """The objects that a target is linked from directly."""
    return set(shlex.split(do(['ninja', '-t', 'commands', target]).stdout.strip().splitlines()[-1]))


def program_of(row):
    return row['program'].split()[0] if row['program'] else f'fuzz/replay_{row["harness"]}'


def run(row, program, target):
    """None: it hangs."""
    built = os.path.join(BUILD, 'drivers', 'refnic')
    environment = os.environ | {
        'PCI_PROFILES': os.path.join(ROOT, 'profiles'),
        'REFNIC_PROFILE': os.path.join(ROOT, 'profiles', 'intel-82576.lspci'),
        'REFNIC_PF': os.path.join(built, 'refnic_pf.so'),
        'REFNIC_VF': os.path.join(built, 'refnic_vf.so'),
    }
    if target:
        environment[row['variable']] = target
    arguments = row['program'].split()[1:] if row['program'] else [os.path.join(ROOT, 'fuzz', 'corpus', row['harness'])]
    try:
        return do([program, *arguments], env=environment, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None


def find_bug(row, compiled):
    program = os.path.join(BUILD, program_of(row))
    target = row['target'] or program_of(row)
    patch = os.path.join(HERE, row['patch'])
    with tempfile.TemporaryDirectory() as work:
        sources = {}
        for name in {hunk[0] for hunk in parse(patch)[1]}:
            with open(os.path.join(ROOT, name), encoding='utf-8') as file:
                sources[name] = file.read()
        objects = objects_of(target)
        replaced = [compile_mutant(work, name, text, compiled, objects) for name, text in apply(patch, sources).items()]
        made = link_mutant(work, target, replaced)
        sound = run(row, program, None)
        if sound is None or sound.returncode:
            raise Failed(f'something is found without a bug:\n{sound and sound.stdout}')
        done = run(row, *((program, made) if row['target'] else (made, None)))
        if done is not None and done.returncode == 0:
            raise Failed(f'not found: {parse(patch)[0]}')


def main():
    with open(os.path.join(HERE, 'harness', 'harnesses.csv'), encoding='utf-8', newline='') as file:
        table = list(csv.DictReader(file))
    corpora = sorted(os.listdir(os.path.join(ROOT, 'fuzz', 'corpus')))
    compiled = commands()
    print(f'1..{len(table) + 1}')
    same = corpora == [row['harness'] for row in table if not row['program']]
    print(f'{"" if same else "not "}ok 1 every_harness_has_a_bug')
    for number, row in enumerate(table, 2):
        wrong = ''
        try:
            find_bug(row, compiled)
        except (Failed, OSError, ValueError, KeyError) as error:
            wrong = str(error) or repr(error)
        for line in wrong.splitlines():
            print(f'# {line}')
        print(f'{"not " if wrong else ""}ok {number} {row["harness"]}_finds_its_bug', flush=True)


main()
