#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the fuzzers, each for a while, and says what came of it.

    tools/fuzz.py BUILD SECONDS [--only NAME,...] [--engine libfuzzer|afl] [--record]

BUILD is a build directory configured with -Dfuzzers=true. A fuzzer starts from its committed corpus and from what it
found before (BUILD/fuzz-found/NAME); an input that breaks something stays in BUILD/fuzz-broken, its output is shown, and
the exit status is 1.

--record (libfuzzer): the committed corpora become the fewest inputs that reach the same edges (-merge=1), what was run is
added to fuzz/runs.csv, and the table in docs/testing.md is written anew.
"""
import argparse
import csv
import glob
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RUNS = os.path.join(ROOT, 'fuzz', 'runs.csv')
DOCUMENT = os.path.join(ROOT, 'docs', 'testing.md')
FIELDS = ['fuzzer', 'executions', 'seconds', 'edges', 'inputs']
BEGIN, END = '<!-- begin: tools/fuzz.py --record -->', '<!-- end -->'
LENGTHS = {'profile': 16384, 'restore': 8192, 'log': 2048, 'register': 256}  # bytes of an input; others 512
UNIT_SECONDS = 20  # an input that takes longer hangs


def programs(build):
    paths = glob.glob(os.path.join(build, 'fuzz', 'fuzz_*'))
    return {os.path.basename(path)[5:]: path for path in sorted(paths) if os.path.isfile(path)}


def environment(build):
    return os.environ | {
        'PCI_PROFILES': os.path.join(ROOT, 'profiles'),
        'REFNIC_PROFILE': os.path.join(ROOT, 'profiles', 'intel-82576.lspci'),
        'REFNIC_PF': os.path.join(build, 'drivers', 'refnic', 'refnic_pf.so'),
        'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    }


class Fuzzer:
    def __init__(self, build, name, path):
        self.build, self.name, self.path = build, name, path
        self.corpus = os.path.join(ROOT, 'fuzz', 'corpus', name)
        self.found = os.path.join(build, 'fuzz-found', name)
        self.broken = os.path.join(build, 'fuzz-broken')
        for folder in (self.corpus, self.found, self.broken):
            os.makedirs(folder, exist_ok=True)

    def call(self, *arguments):
        done = subprocess.run([self.path, *arguments], env=environment(self.build), capture_output=True, text=True,
                              errors='replace', check=False)
        return done.returncode, done.stdout + done.stderr

    def run(self, seconds):
        status, said = self.call(f'-max_total_time={seconds}', f'-timeout={UNIT_SECONDS}', '-len_control=0',
                                 f'-max_len={LENGTHS.get(self.name, 512)}',
                                 f'-artifact_prefix={self.broken}/{self.name}-', self.found, self.corpus)
        done = re.search(r'Done (\d+) runs in (\d+) second', said)
        edges = [int(number) for number in re.findall(r'cov: (\d+)', said)]
        row = {'fuzzer': self.name, 'executions': int(done[1]) if done else 0, 'seconds': int(done[2]) if done else 0,
               'edges': max(edges, default=0), 'inputs': len(os.listdir(self.corpus))}
        if status:
            print(said[-6000:])
            print(f'{self.name}: broken; the input is in {self.broken}')
        return row, status == 0 and done is not None

    def run_afl(self, seconds):
        # afl-fuzz leaves out seeds that break something, so the corpus is replayed first.
        seeds = sorted(os.path.join(self.corpus, name) for name in os.listdir(self.corpus))
        status, said = self.call(*seeds)
        if status:
            print(said[-6000:])
            print(f'{self.name}: broken by an input of {self.corpus}')
            return dict.fromkeys(FIELDS, 0) | {'fuzzer': self.name, 'inputs': len(seeds)}, False
        command = ['afl-fuzz', '-V', str(seconds), '-i', self.corpus, '-o', self.found, '-m', 'none', '--', self.path]
        done = subprocess.run(command, env=environment(self.build) | {
            'AFL_SKIP_CPUFREQ': '1', 'AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES': '1', 'AFL_NO_UI': '1', 'AFL_NO_AFFINITY': '1',
            'ASAN_OPTIONS': 'abort_on_error=1:symbolize=0:detect_leaks=0', 'UBSAN_OPTIONS': 'halt_on_error=1:abort_on_error=1'},
            capture_output=True, text=True, errors='replace', check=False)
        stats = {}
        path = os.path.join(self.found, 'default', 'fuzzer_stats')
        if os.path.exists(path):
            with open(path, encoding='utf-8') as lines:
                stats = dict(re.split(r'\s*:\s*', line.strip(), maxsplit=1) for line in lines if ':' in line)
        if done.returncode:
            print(done.stdout[-3000:], done.stderr[-1000:])
        row = {'fuzzer': self.name, 'executions': int(stats.get('execs_done', 0)),
               'seconds': int(stats.get('run_time', seconds)), 'edges': int(stats.get('edges_found', 0)),
               'inputs': int(stats.get('corpus_count', 0))}
        crashes = int(stats.get('saved_crashes', 0)) + int(stats.get('saved_hangs', 0))
        return row, done.returncode == 0 and crashes == 0

    def merge(self):
        """The committed corpus: as few inputs as reach each edge that is reached."""
        fresh = os.path.join(self.build, 'fuzz-merged', self.name)
        shutil.rmtree(fresh, ignore_errors=True)
        os.makedirs(fresh)
        status, said = self.call('-merge=1', '-use_counters=0', f'-max_len={LENGTHS.get(self.name, 512)}', fresh,
                                 self.corpus, self.found)
        if status or not os.listdir(fresh):
            sys.exit(f'{self.name}: cannot merge\n{said[-2000:]}')
        for name in os.listdir(self.corpus):  # what a person put there has a name of its own
            if not re.fullmatch('[0-9a-f]{40}', name):
                shutil.copy(os.path.join(self.corpus, name), fresh)
        shutil.rmtree(self.corpus)
        shutil.copytree(fresh, self.corpus)
        return len(os.listdir(self.corpus))


def read_runs():
    if not os.path.exists(RUNS):
        return {}
    with open(RUNS, encoding='utf-8', newline='') as file:
        return {row['fuzzer']: row for row in csv.DictReader(file)}


def record(row):
    runs = read_runs()
    old = runs.get(row['fuzzer'], dict.fromkeys(FIELDS, 0))
    for field in ('executions', 'seconds'):
        row[field] += int(old[field])
    runs[row['fuzzer']] = row
    with open(RUNS, 'w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator='\n')
        writer.writeheader()
        writer.writerows(runs[name] for name in sorted(runs))


def table(rows):
    lines = ['| fuzzer | executions | edges reached | hours run | inputs in the corpus |', '|---|---|---|---|---|']
    for row in rows:
        lines.append(f'| {row["fuzzer"]} | {int(row["executions"]):,} | {int(row["edges"]):,} | '
                     f'{int(row["seconds"]) / 3600:.2f} | {row["inputs"]} |')
    return '\n'.join(lines)


def write_document():
    with open(DOCUMENT, encoding='utf-8') as file:
        text = file.read()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    runs = read_runs()
    with open(DOCUMENT, 'w', encoding='utf-8') as file:
        file.write(f'{before}{BEGIN}\n{table(runs[name] for name in sorted(runs))}\n{END}{after}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('seconds', type=int)
    parser.add_argument('--only')
    parser.add_argument('--engine', default='libfuzzer', choices=['libfuzzer', 'afl'])
    parser.add_argument('--record', action='store_true')
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    rows, good = [], True
    for name, path in programs(build).items():
        if arguments.only and name not in arguments.only.split(','):
            continue
        print(f'{name}: {arguments.seconds} s', flush=True)
        fuzzer = Fuzzer(build, name, path)
        row, held = fuzzer.run_afl(arguments.seconds) if arguments.engine == 'afl' else fuzzer.run(arguments.seconds)
        good &= held
        rows.append(row)
        if arguments.record and held and arguments.engine == 'libfuzzer':
            row['inputs'] = fuzzer.merge()
            record(dict(row))
    print(table(rows))
    if arguments.record:
        write_document()
    return 0 if rows and good else 1


if __name__ == '__main__':
    sys.exit(main())
