#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Configures a build directory if that was not done yet, then builds: tools/build.sh DIRECTORY [MESON SETUP OPTION...]
# With WITH_TESTS=yes in the environment also what the tests need; with TARGETS only those.
# One line a step; what a step printed is shown in full when it failed.
set -eu
cd "$(dirname "$0")/.."
build=$1
shift

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ ! -f "$build/build.ninja" ]; then
    echo "configuring $build/"
    if ! meson setup "$build" "$@" >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
fi

# Dry first: the line is printed when there is something to do. A changed meson.build counts.
targets="${TARGETS:-all}${WITH_TESTS:+ meson-test-prereq}"
if [ -n "${SUITES:-}" ]; then
    ninja -C "$build" build.ninja >/dev/null # the tests as they are now
    # shellcheck disable=SC2086 # one word a suite
    targets=$(tools/test-targets.py "$build" $SUITES)
fi
# shellcheck disable=SC2086 # one word a target
if ninja -C "$build" -n $targets 2>/dev/null | grep -q 'no work to do'; then
    exit 0
fi
echo "building $build/${WITH_TESTS:+, with tests}"
# shellcheck disable=SC2086
if [ -t 1 ]; then
    ninja -C "$build" $targets
elif ! ninja -C "$build" --quiet $targets >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
