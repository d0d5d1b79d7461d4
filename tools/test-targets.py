#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ninja has to build for the tests of some suites: test-targets.py BUILD_DIRECTORY SUITE..."""
import json
import os
import subprocess
import sys

build, suites = os.path.abspath(sys.argv[1]), set(sys.argv[2:])


def introspect(what):
    done = subprocess.run(['meson', 'introspect', build, what], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


files = {target['id']: target['filename'] for target in introspect('--targets')}
wanted = set()
for test in introspect('--tests'):
    if suites & {suite.split(':')[-1] for suite in test['suite']}:
        wanted.update(word for word in test['cmd'] if word.startswith(build + os.sep))
        for needed in test['depends']:
            wanted.update(files.get(needed, []))
known = {name for names in files.values() for name in names}
print(*sorted(os.path.relpath(name, build) for name in wanted & known))
