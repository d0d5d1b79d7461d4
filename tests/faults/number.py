#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is listed can be had again by its number, and what is not there says so: number.py FAULTS.

The program gets no environment but PATH: it knows its drivers and its card.
"""
import os
import re
import subprocess
import sys

FAULTS = sys.argv[1]
ROUTINES = ('malloc', 'memfd_create', 'accept4')
count = 0


def faults(*words):
    return subprocess.run([FAULTS, *words], capture_output=True, text=True, check=False,
                          env={name: value for name, value in os.environ.items() if name in ('PATH', 'LLVM_PROFILE_FILE')
                               or name.endswith('SAN_OPTIONS') or name.startswith(('GCOV', 'LD_', 'COVERAGE'))})


def case(name, wrong):
    global count
    count += 1
    for line in str(wrong or '').splitlines():
        print(f'# {line}')
    print(f'{"not " if wrong else ""}ok {count} {name}', flush=True)


def refused(*words):
    done = faults(*words)
    said = done.stderr.strip()
    if done.returncode == 2 and not done.stdout.strip() and said.startswith('faults: ') and '\n' not in said:
        return None
    return f'{words}: status {done.returncode}, {done.stdout!r}, {said!r}'


def again(line, routine):
    """The command in front of a listed line fails the same call from the same place."""
    words, what = re.split(r' {3}', line.strip(), maxsplit=1)
    done = faults(*words.split())
    place = re.match(r'\S+ from \S+', what)[0]
    if done.returncode or f'# {place}' not in done.stdout or not place.startswith(routine):
        return f'{line}\nstatus {done.returncode}\n{done.stdout}{done.stderr}'
    return None


def main():
    listed = faults('list')
    lines = listed.stdout.splitlines()
    case('the_list_needs_no_environment', listed.returncode and listed.stdout[-500:] + listed.stderr)
    for way in ('socket', 'vmm'):
        for what in (f'fail {way}.1.1.', f'fail {way}.1.2.', f'fail {way}.1.3.', f'driver {way} host '):
            case(f'it_has_{what.rstrip(". ").replace(" ", "_")}', not any(line.startswith(what) for line in lines) and 'none')
    case('it_has_the_VF_drivers_calls', not any(line.startswith('driver socket guest ') for line in lines) and 'none')
    for routine in ROUTINES:
        found = [line for line in lines if line.startswith('fail ') and f'   {routine} from ' in line]
        case(f'a_{routine}_fails_again', again(found[0], routine) if found else 'not listed')
    calls = [line for line in lines if line.startswith('driver ')]
    case('it_says_who_called_the_caller', not any(' < ' in line for line in calls) and 'stacks end in the driver')
    case('a_call_of_a_driver_fails_again', again(calls[0], re.split(r' {3}', calls[0])[1].split()[0]))
    for words in (('fail', 'socket.1.1.00000000'), ('fail', '1.1.1'), ('kill', 'socket.1.2.00000000', '1'),
                  ('fail', 'road.1.1.00000000'), ('routine', 'no_such_routine'), ('driver', 'socket', 'host', '99999'),
                  ('driver', 'socket', 'nobody', '1'), ('wake', 'never', '1'), ('no_such_word',), ('fail',)):
        case('_'.join(('refused', *words)), refused(*words))
    print(f'1..{count}')


main()
