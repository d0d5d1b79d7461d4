#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-tidy, with the checks of .clang-tidy, over src/ and drivers/: lint.py BUILD_DIRECTORY (of clang)

Prints what is found, and last `N passed, N failed, 0 skipped`, counting files.
"""
import concurrent.futures
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def sources(build):
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
        paths = {os.path.normpath(os.path.join(entry['directory'], entry['file'])) for entry in json.load(file)}
    rooms = tuple(os.path.join(ROOT, room) + os.sep for room in ('src', 'drivers'))
    return sorted(path for path in paths if path.startswith(rooms))


def lint(build, path):
    done = subprocess.run(['clang-tidy', '--quiet', '-p', build, path], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f'{os.path.relpath(path, ROOT)}:\n{done.stdout or done.stderr}', flush=True)
    return done.returncode == 0


def main(build):
    paths = sources(build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: lint(build, path), paths))
    print(f'\n{results.count(True)} passed, {results.count(False)} failed, 0 skipped')
    return 0 if results and all(results) else 1


sys.exit(main(*sys.argv[1:]))
