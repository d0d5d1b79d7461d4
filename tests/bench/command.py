#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The bench as a program uses it: quick runs, their forms, and a PF driver that wastes what the bench counts.

    command.py BENCH WASTEFUL_PF    (prints TAP)
"""
import json
import os
import subprocess
import sys

BENCH, WASTEFUL = sys.argv[1:3]
# The bench's guests are forks of it with threads of their own, which ThreadSanitizer wants to be asked for.
os.environ["TSAN_OPTIONS"] = os.environ.get("TSAN_OPTIONS", "") + ":die_after_fork=0"
WRITES = 10000  # that are counted
CASES = []


def case(function):
    CASES.append(function)
    return function


def bench(*arguments, **options):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=200, **options)


def rows_of(*arguments, **options):
    result = bench("--quick", "--json", *arguments, **options)
    rows = {row["row"]: row for row in json.loads(result.stdout)["rows"]}
    failed = [f'{row["row"]}: {row["note"]}' for row in rows.values() if row["state"] == "failed"]
    assert result.returncode == 0, "\n".join(failed) + result.stderr
    return rows


@case
def the_reference_driver_wastes_nothing():
    rows = rows_of()
    for row in ("OID_ALLOCATIONS", "OID_LOCKS", "OID_SYSTEM_CALLS"):
        assert rows[row]["state"] == "skipped" or (rows[row]["median"], rows[row]["verdict"]) == (0, "met"), rows[row]


@case
def a_driver_that_allocates_for_each_write_is_not_met():
    row = rows_of("--pf", WASTEFUL)["OID_ALLOCATIONS"]
    assert row["median"] >= WRITES and row["verdict"] == "not met", row


@case
def a_quick_run_claims_nothing_that_is_timed():
    timed = [row for row in rows_of().values() if row["unit"] == "ns" and row["row"] != "IDLE_CPU"]
    assert len(timed) > 40 and all(row["verdict"] == "none" for row in timed), timed


@case
def a_vmm_at_the_socket_is_measured_beside_a_socket():
    rows = rows_of()
    for row in ("VMM_WINDOW", "VMM_WRITE_BLOCK"):
        assert rows[row]["state"] == "measured" and rows[row]["median"] > 0, rows[row]
        assert rows[row]["floor"] == "SOCKET_ONE" and rows[row]["floor_median"] > 0 and rows[row]["ratio"] > 0, rows[row]


@case
def a_whole_process_stands_beside_processes_of_its_own_rounds():
    rows = rows_of()
    for row in ("RUN", "REPLAY", "DUMP"):
        assert rows[row]["state"] == "skipped" or rows[row]["floor_median"] > 0 and rows[row]["ratio"] > 1, rows[row]


@case
def few_samples_have_no_99th_percentile():
    rows = [row for row in rows_of().values() if row["state"] == "measured"]
    assert all((row["p99"] is None) == (row["samples"] < 100) for row in rows), rows
    assert any(row["p99"] is None for row in rows) and any(row["p99"] for row in rows), rows


@case
def what_the_machine_has_not_is_skipped_with_its_reason():
    rows = rows_of(env={**os.environ, "PATH": "/nowhere"})
    for row in ("RUN", "DUMP", "QEMU_NVME", "QEMU_E1000E"):
        assert rows[row]["state"] == "skipped" and "not installed" in rows[row]["note"], rows[row]


@case
def a_driver_that_is_none_is_a_row_not_measured():
    result = bench("--quick", "--pf", "/nowhere/pf.so")
    assert result.returncode == 1
    assert "not measured: /nowhere/pf.so" in result.stdout, result.stdout


print(f"1..{len(CASES)}")
for number, run in enumerate(CASES, 1):
    try:
        run()
        print(f"ok {number} {run.__name__}")
    except Exception as error:  # a failed case is reported, the others go on
        for line in str(error).splitlines()[-40:]:
            print(f"# {line}")
        print(f"not ok {number} {run.__name__}")
