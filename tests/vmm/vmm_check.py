#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vfplane vmm-check against the example VMM, which keeps every rule, and against one that breaks each in turn.

Usage: vmm_check.py VFPLANE EXAMPLE WRONG MACHINE VF.so SOURCE_ROOT    (prints TAP)
"""
import os
import re
import subprocess
import sys
import tempfile

VFPLANE, EXAMPLE, WRONG, MACHINE, VF, SOURCE = sys.argv[1:7]
HEADER = os.path.join(SOURCE, 'include/vfplane/vmm_wire.h')
GUIDE = os.path.join(SOURCE, 'docs/vmm-integration.md')
# Who keeps the other rules is never sent so much that this one could be broken; tests/vpci/vmm_flow.c breaks it.
WITH_OTHERS_ONLY = ['NOT_READING']
VERSION_2 = ['REGISTER_ONE', 'REGISTER_FIELDS', 'REGISTER_MITIGATED', 'RETARGET_ONE', 'RETARGET_FIELDS']
MITIGATED = [rule for rule in VERSION_2 if rule.startswith('REGISTER')]
GIVES_UP = {'OPENS': '1', 'CREDIT_RETURNED': '1'}  # rules whose breach is that something never comes: seconds waited


def check(vmm, *arguments, before=(), timeout='60', pf=()):
    """(exit status of the check, {rule: (word, the rest)}, exit status of the VMM, what the check complained of)"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'vm.vpci')
        checker = subprocess.Popen([VFPLANE, 'vmm-check', '--timeout', timeout, *pf, path], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        first = checker.stdout.readline()
        assert path in first, first + checker.stderr.read()
        with open(os.devnull, 'w', encoding='ascii') as null:
            guest = subprocess.Popen([vmm, *before, path, *arguments], stdout=null, stderr=null)
            output, complaints = checker.communicate(timeout=240)
            guest_status = guest.wait(timeout=60)
        assert not os.path.exists(path), 'the socket is still there'
    lines = [line.split(None, 2) for line in output.splitlines() if not line.startswith('#')]
    return checker.returncode, {words[1]: (words[0], words[2]) for words in lines[:-1]}, guest_status, complaints


def rules_of_the_host():
    with open(HEADER, encoding='utf-8') as file:
        return re.findall(r'^    X\((\w+), \d+,', file.read(), re.M)


def keeps_all_but(checked, unseen):
    """`unseen` are the rules that there was no occasion for."""
    status, rules, guest, complaints = checked
    assert (status, guest) == (0, 0), f'{status}, {guest}: {rules} {complaints}'
    wrong = {rule: word for rule, (word, _) in rules.items() if word != ('unseen' if rule in unseen else 'ok')}
    assert not wrong, wrong
    assert not complaints, complaints


def the_example_keeps_every_rule():
    keeps_all_but(check(EXAMPLE), [])


def a_card_and_a_pf_driver_may_be_named():
    build = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(VFPLANE))))
    named = ('--profile', os.path.join(SOURCE, 'profiles/nvme-qemu.lspci'),
             '--pf', os.path.join(build, 'drivers/refnic/refnic_pf.so'))
    status, _, guest, complaints = check(EXAMPLE, pf=named)
    assert (status, guest) == (0, 0), f'{status}, {guest}: {complaints}'
    for option, name in (('--profile', '/nowhere.lspci'), ('--pf', '/nowhere.so')):
        done = subprocess.run([VFPLANE, 'vmm-check', option, name, 'socket'], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 2 and name in done.stderr and len(done.stderr.splitlines()) == 1, done


def a_vf_driver_works_through_a_vmm_that_terminates_its_rings():
    keeps_all_but(check(MACHINE, before=(VFPLANE, VF)), VERSION_2)  # its guest makes no hypercalls, and never sleeps


def one_of_version_1_keeps_every_rule_of_version_1():
    keeps_all_but(check(EXAMPLE, '1'), VERSION_2)


def a_pf_that_is_a_miniport_mitigates_nothing():
    keeps_all_but(check(EXAMPLE, pf=('--pf', os.path.join(os.path.dirname(VF), 'refnic_pf.so'))), MITIGATED)


def a_guest_that_reads_late_loses_nothing():
    keeps_all_but(check(WRONG, 'READS_LATE'), [])


def every_rule_is_judged_broken_by_a_vmm_and_told_in_the_guide():
    wrongs = subprocess.run([WRONG], capture_output=True, text=True, check=True).stdout.split()
    _, rules, _, _ = check(EXAMPLE)
    assert sorted(rules) == sorted(wrongs + WITH_OTHERS_ONLY), set(rules) ^ set(wrongs)
    assert set(rules_of_the_host()) < set(rules), rules
    with open(GUIDE, encoding='utf-8') as file:
        guide = file.read()
    missing = [rule for rule in rules if f'`{rule}`' not in guide]
    assert not missing, f'not in {GUIDE}: {missing}'


def nobody_connects_is_no_success():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([VFPLANE, 'vmm-check', '--timeout', '1', os.path.join(folder, 's')], capture_output=True,
                              text=True, timeout=60, check=False)
    assert done.returncode == 1, done
    assert 'no VMM said HELLO' in done.stderr, done.stderr
    assert ' 0 broken' in done.stdout, done.stdout


def bad_arguments_are_one_line():
    for arguments in ([], ['a', 'b'], ['--timeout', '0', 'a'], ['/no/such/folder/socket']):
        done = subprocess.run([VFPLANE, 'vmm-check', *arguments], capture_output=True, text=True, timeout=60,
                              check=False)
        assert done.returncode == 2, (arguments, done)
        assert done.stderr.startswith('vfplane: ') and len(done.stderr.splitlines()) == 1, (arguments, done.stderr)


def breaks(rule):
    def case():
        status, rules, _, _ = check(WRONG, rule, timeout=GIVES_UP.get(rule, '60'))
        assert status == 1, status
        assert rules[rule][0] == 'BROKEN', rules
        others = [name for name, (word, _) in rules.items() if word == 'BROKEN' and name != rule]
        assert not others, others
    case.__name__ = f'a_vmm_that_breaks_{rule}_is_told_so'
    return case


def main():
    wrongs = subprocess.run([WRONG], capture_output=True, text=True, check=True).stdout.split()
    cases = [the_example_keeps_every_rule, a_card_and_a_pf_driver_may_be_named,
             a_vf_driver_works_through_a_vmm_that_terminates_its_rings,
             one_of_version_1_keeps_every_rule_of_version_1, a_pf_that_is_a_miniport_mitigates_nothing,
             a_guest_that_reads_late_loses_nothing, every_rule_is_judged_broken_by_a_vmm_and_told_in_the_guide,
             nobody_connects_is_no_success, bad_arguments_are_one_line, *[breaks(rule) for rule in wrongs]]
    print(f'1..{len(cases)}')
    failed = False
    for number, case in enumerate(cases, 1):
        try:
            case()
            print(f'ok {number} - {case.__name__}', flush=True)
        except (AssertionError, subprocess.TimeoutExpired, KeyError, IndexError) as error:
            failed = True
            print(f'not ok {number} - {case.__name__}')
            print(*[f'#   {line}' for line in f'{type(error).__name__}: {error}'.splitlines()], sep='\n', flush=True)
    return failed


if __name__ == '__main__':
    sys.exit(main())
