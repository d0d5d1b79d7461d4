#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/run-tests.py counts right: what test programs printed and how they ended -> the last line and the exit status."""
import importlib.util
import io
import json
import sys

import house

GOOD = '1..2\nok 1 - a\nok 2 - b\n'
SKIPPED = '1..2\nok 1 - a\n# SKIP-REASON b: one processor\nnot ok 2 # SKIP b\n'

# case: programs (what each printed, exit status, Meson's result) -> the last line, what else must be printed
CASES = [
    ('all_cases_of_all_programs_are_added', [(GOOD, 0, 'OK'), (GOOD, 0, 'OK')], '4 passed, 0 failed, 0 skipped', ''),
    ('a_failed_case_shows_the_output', [('1..2\nok 1 - a\nnot ok 2 - b\n# 1 != 2\n', 1, 'FAIL')],
     '1 passed, 1 failed, 0 skipped', '# 1 != 2'),
    ('a_skip_of_cmocka_is_no_failure_and_has_its_reason', [(SKIPPED, 0, 'ERROR')],
     '1 passed, 0 failed, 1 skipped', 'program 1: b: one processor'),
    ('a_skip_of_tap_has_its_reason', [('1..2\nok 1 - a\nok 2 - b # SKIP no network\n', 0, 'OK')],
     '1 passed, 0 failed, 1 skipped', 'program 1: b: no network'),
    ('a_plan_of_nothing_is_a_skip', [(GOOD, 0, 'OK'), ('1..0 # SKIP no g++\n', 0, 'SKIP')],
     '2 passed, 0 failed, 1 skipped', 'program 2: all of it: no g++'),
    ('a_crash_is_a_failure', [('1..2\nok 1 - a\n', -11, 'FAIL')], '1 passed, 1 failed, 0 skipped', 'killed by SIGSEGV'),
    ('a_timeout_is_a_failure', [('1..2\nok 1 - a\n', -15, 'TIMEOUT')], '1 passed, 1 failed, 0 skipped', 'timed out after 2 s'),
    ('a_sanitizer_report_after_good_cases_is_a_failure', [(GOOD, 23, 'ERROR')], '2 passed, 1 failed, 0 skipped',
     'exit status 23'),
    ('a_program_that_ends_early_is_a_failure', [('1..3\nok 1 - a\n', 0, 'ERROR')], '1 passed, 1 failed, 0 skipped',
     'announced 3 cases and ended after 1'),
    ('a_program_that_runs_no_case_is_a_failure', [('', 0, 'SKIP')], '0 passed, 1 failed, 0 skipped', 'ran no test case'),
    ('a_program_without_a_plan_is_one_case', [('', 0, 'OK'), ('broken\n', 1, 'FAIL')], '1 passed, 1 failed, 0 skipped',
     'exit status 1'),
    ('nothing_run_is_no_success', [], '0 passed, 0 failed, 0 skipped', 'no test case ran'),
    ('only_skips_are_no_success', [('1..0 # SKIP x\n', 0, 'SKIP')], '0 passed, 0 failed, 1 skipped', 'no test case ran'),
]


def load(path):
    spec = importlib.util.spec_from_file_location('run_tests', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def log(programs):
    return [json.dumps({'name': f'vfplane:room / program {number}', 'stdout': printed, 'returncode': status,
                        'result': result, 'duration': 2.0})
            for number, (printed, status, result) in enumerate(programs, 1)]


def judge(module, programs, last, printed):
    out = io.StringIO()
    status = module.summarize(log(programs), out)
    lines = out.getvalue().splitlines()
    good = not last.startswith('0 passed') and ', 0 failed,' in last
    if lines[-1] == last and printed in out.getvalue() and status == (0 if good else 1):
        return []
    return [f'wanted "{last}" and "{printed}", exit status {status}, got:', out.getvalue()]


def main(path):
    module = load(path)
    print(f'1..{len(CASES)}')
    return any([house.report(number, name, judge(module, programs, last, printed))
                for number, (name, programs, last, printed) in enumerate(CASES, 1)])


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
