#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mistakes in the invalidate state machine, each of which its model must find.

    invalidate_mutants.py make OWNER_C MUTANT OUT    writes owner.c with that mistake
    invalidate_mutants.py run PROGRAM...             one TAP case a program, named after its mutant: it must fail
"""
import os
import subprocess
import sys

# name: what stands in owner.c, what the mistake puts there; again, when it has more than one place
MUTANTS = {
    'takes_in_two_steps': ('    mask = atomic_exchange(&vf->invalid, 0);',
                           '    mask = atomic_load(&vf->invalid);\n    atomic_store(&vf->invalid, 0);'),
    'takes_in_two_steps_otherwise_spelled': (
        '    mask = atomic_exchange(&vf->invalid, 0);',
        '    mask = atomic_load_explicit(&vf->invalid, memory_order_acquire);\n'
        '    atomic_store_explicit(&vf->invalid, 0, memory_order_release);'),
    'takes_in_two_plain_steps': (
        '    mask = atomic_exchange(&vf->invalid, 0);',
        '    volatile ULONG64 *word = (volatile void *)&vf->invalid;\n    mask = *word;\n    *word = 0;'),
    'raises_in_two_steps': ('        first = atomic_fetch_or(&vf->invalid, mask) == 0;',
                            '        ULONG64 word = atomic_load(&vf->invalid);\n'
                            '        atomic_store(&vf->invalid, word | mask);\n        first = word == 0;'),
    'returns_over_what_came': ('    atomic_fetch_or(&vf->invalid, mask);\n}', '    atomic_store(&vf->invalid, mask);\n}'),
    'never_tells_again': ('    vf->announced = false;\n    mask =', '    mask ='),
    'tells_twice': ('        vf->announced = true;\n', ''),
    'tells_only_of_more': ('    if (first)\n        vstack_announce(vf);', '    if (!first)\n        vstack_announce(vf);'),
    'tells_no_new_owner': ('        vstack_announce(vf);\n    } else {', '    } else {'),
    'keeps_bits_for_the_next': ('    atomic_store(&vf->invalid, 0);\n    pthread_mutex_unlock',
                                '    pthread_mutex_unlock'),
    'keeps_the_telling_for_the_next': ('    vf->announced = false;\n    vf->reserved_size', '    vf->reserved_size'),
    'tells_who_has_left': ('        vf->announced = true;\n        vstack_callback_enter(vf);\n    }',
                           '        vf->announced = true;\n    }',
                           '        vf->partition.invalidated(vf->context);\n    vstack_callback_leave(vf);',
                           '        vf->partition.invalidated(vf->context);',
                           '        pthread_mutex_lock(&vf->lock);\n        vstack_callback_enter(vf);\n'
                           '        pthread_mutex_unlock(&vf->lock);\n    }\n    pthread_mutex_unlock(&stack->lock);\n    if',
                           '    }\n    pthread_mutex_unlock(&stack->lock);\n    if',
                           '        vstack_announce(vf);\n    vstack_callback_leave(vf);',
                           '        vstack_announce(vf);'),
    'forgets_vfs_raised_at_once': ('            vf->raised = true;', '            vf->raised = false;'),
}

def make(source, name, out):
    with open(source, encoding='utf-8') as file:
        text = file.read()
    pieces = MUTANTS[name]
    for old, new in zip(pieces[::2], pieces[1::2]):
        if text.count(old) != 1:
            sys.exit(f'{name}: {old!r} stands in {source} {text.count(old)} times')
        text = text.replace(old, new)
    with open(out, 'w', encoding='utf-8') as file:
        file.write(text)


def run(programs):
    print(f'1..{len(programs)}')
    for number, program in enumerate(programs, 1):
        name = os.path.basename(program).removeprefix('invalidate_mutant_')
        result = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False,
                                env=dict(os.environ, CMOCKA_MESSAGE_OUTPUT='TAP'))
        # By the first case: that the other one counts fewer or more steps says nothing.
        found = result.returncode > 0 and 'not ok 1' in result.stdout
        print(f'{"ok" if found else "not ok"} {number} the_model_finds_an_owner_that_{name}')


if __name__ == '__main__':
    make(*sys.argv[2:]) if sys.argv[1] == 'make' else run(sys.argv[2:])
