#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs `meson test` and says what happened, in cases rather than programs.

    tools/run-tests.py BUILD_DIRECTORY [MESON TEST ARGUMENT...]

Prints a line for each program, then what failed with its output, then what was skipped with the reason, and last, alone,
`N passed, N failed, N skipped`. A program counts as one failure of its own when it crashes, times out, exits with a
status no failed case explains, or ends before all the cases it announced. The exit status is 0 only when at least one
case ran and none failed.

Reasons of skips: `# SKIP-REASON case: reason` (tests/support/test.h), or TAP's own `ok 3 - case # SKIP reason`.
cmocka prints a skipped case as `not ok 3 # SKIP case`, which Meson takes for a failure; the cases are counted here, from
what the programs printed.
"""
import json
import os
import re
import signal
import subprocess
import sys

SHOWN_LINES = 80  # of a failed program's output; longer output is cut to its failed cases and its tail
TAIL_LINES = 30

PLAN = re.compile(r'1\.\.(\d+)(?:\s*#\s*SKIP\S*\s*(.*))?$', re.I)
CASE = re.compile(r'(ok|not ok)\s+\d+\s*(?:- )?(.*?)\s*(?:#\s*SKIP\S*\s*(.*))?$', re.I)
REASON = re.compile(r'#\s*SKIP-REASON\s+(.+?):\s+(.*)')
PROGRESS = re.compile(r'\s*\d+/\d+ ')
NO_REASON = 'no reason given'


class Program:
    """What one test program did: `passed` (a count), `failed` (names), `skipped` ((case, reason)), `trouble` (or '')."""

    def __init__(self, record):
        self.name = re.sub(r'^[^/]*? / ', '', record['name'])
        self.output = record.get('stdout', '')
        self.errors = re.sub(r'\n\(test program exited with status code -?\d+\)\n', '', record.get('stderr', ''))
        self.passed, self.failed, self.skipped, self.announced = 0, [], [], None
        self.read_cases()
        self.trouble = self.judge(record)

    def read_cases(self):
        reasons = {}
        for line in self.output.splitlines():
            if match := PLAN.match(line):
                self.announced = (self.announced or 0) + (int(match[1]) or 1)  # 1..0 is one skip: all of it
                self.skipped += [('all of it', match[2] or NO_REASON)] if match[1] == '0' else []
            elif match := REASON.match(line):
                reasons[match[1]] = match[2]
            elif match := CASE.match(line):
                self.add_case(*match.groups())
        self.skipped = [(case, reasons.get(case, reason)) for case, reason in self.skipped]

    def add_case(self, result, case, skip):
        if skip is not None:  # "ok 3 - case # SKIP reason" (TAP) or "not ok 3 # SKIP case" (cmocka)
            self.skipped.append((case, skip or NO_REASON) if case else (skip, NO_REASON))
        elif result.lower() == 'ok':
            self.passed += 1
        else:
            self.failed.append(case)

    def judge(self, record):
        """What is wrong with the program as a whole, or ''."""
        status = record.get('returncode', 0)
        if record['result'] == 'TIMEOUT':
            return f'timed out after {record["duration"]:.0f} s'
        if status < 0:
            known = -status in set(signal.Signals)
            return f'killed by {signal.Signals(-status).name if known else -status}'
        if self.announced is None:
            return self.judge_plain(record)
        ran = self.passed + len(self.failed) + len(self.skipped)
        if ran != self.announced:
            return f'announced {self.announced} cases and ended after {ran}'
        return f'exit status {status}' if status and not self.failed else ''

    def judge_plain(self, record):
        """No plan: a program that answers by its exit status alone is one case; Meson knows which ones those are."""
        if record['result'] == 'OK':
            self.passed = 1
            return ''
        status = record.get('returncode', 0)
        if status == 77:
            self.skipped = [('all of it', self.output.strip().partition('\n')[0] or NO_REASON)]
            return ''
        return f'exit status {status}' if status else 'ran no test case'

    def failures(self):
        return len(self.failed) + bool(self.trouble)

    def line(self):
        parts = [f'{self.passed} passed']
        parts += [f'{self.failures()} FAILED'] if self.failures() else []
        parts += [f'{len(self.skipped)} skipped'] if self.skipped else []
        return f'  {self.name:<44} {", ".join(parts)}'

    def report(self):
        what = self.failed + ([self.trouble] if self.trouble else [])
        text = f'\nFAILED: {self.name}: {"; ".join(what)}\n'
        for line in cut(self.output) + self.errors.splitlines()[:2 * SHOWN_LINES]:
            text += f'    {line}\n'
        return text


def cut(output):
    lines = output.splitlines()
    if len(lines) <= SHOWN_LINES:
        return lines
    shown, inside = [], False
    for line in lines[:-TAIL_LINES]:
        inside = (inside or line.startswith('not ok')) and not line.startswith('ok ')
        shown += [line] if inside else []
    return shown + ['[...]'] + lines[-TAIL_LINES:]


def summarize(log, out):
    """Prints everything about a Meson test log (JSON lines); returns the exit status."""
    records = sorted((json.loads(line) for line in log), key=lambda record: record['name'])
    programs = [Program(record) for record in records]
    for program in programs:
        print(program.line(), file=out)
    for program in programs:
        if program.failures():
            print(program.report(), end='', file=out)
    skips = [f'  {program.name}: {case}: {reason}' for program in programs for case, reason in program.skipped]
    if skips:
        print('\nskipped:', *skips, sep='\n', file=out)
    passed = sum(program.passed for program in programs)
    failed = sum(program.failures() for program in programs)
    if passed + failed == 0:
        print('\nno test case ran', file=out)
    print(f'\n{passed} passed, {failed} failed, {len(skips)} skipped', file=out)
    return 0 if passed and not failed else 1


def run(build, arguments):
    """Runs the tests, shows which one is done on a terminal; returns what else Meson said."""
    command = ['meson', 'test', '-C', build, '--no-rebuild'] + arguments
    said = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace') as meson:
        for line in meson.stdout:
            if not PROGRESS.match(line):
                said.append(line)
            elif sys.stdout.isatty():
                print('\r\033[K' + line.rstrip()[:78], end='', flush=True)
    if sys.stdout.isatty():
        print('\r\033[K', end='')
    return ''.join(said)


def main(build, *arguments):
    path = os.path.join(build, 'meson-logs', 'testlog.json')
    if os.path.exists(path):
        os.remove(path)  # never mistake an old log for this run's
    print('testing', flush=True)
    said = run(build, list(arguments))
    if not os.path.exists(path):
        print(said)
        return summarize([], sys.stdout)
    with open(path, encoding='utf-8') as log:
        return summarize(log, sys.stdout)


if __name__ == '__main__':
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
