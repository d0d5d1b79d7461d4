#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vfplane check as a person uses it: what it says of the reference driver, and of drivers that crash, hang or end.

    command.py VFPLANE BUILD_ROOT SANITIZERS
"""
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

VFPLANE, BUILD, SANITIZERS = sys.argv[1:4]
# What says where a driver crashed tries more than a handler of a signal safely can, and has said the rest before.
os.environ["TSAN_OPTIONS"] = os.environ.get("TSAN_OPTIONS", "") + ":report_signal_unsafe=0"
REFNIC = os.path.join(BUILD, "drivers/refnic/refnic_pf.so")
REFNIC_VF = os.path.join(BUILD, "drivers/refnic/refnic_vf.so")
PROFILES = [os.path.join(BUILD, "profiles", name) for name in ("intel-82576.lspci", "nvme-qemu.lspci")]
NO_ENTRY = os.path.join(BUILD, "tests/check/check_no_entry.so")
VF_DIES = os.path.join(BUILD, "tests/path/vf_dies.so")

CASES = []


class Skip(Exception):
    """With the reason."""


def case(function):
    CASES.append(function)
    return function


def spoiled(kind):
    return os.path.join(BUILD, f"tests/check/spoiled_{kind}.so")


def check(*arguments):
    return subprocess.run([VFPLANE, "check", *arguments], capture_output=True, text=True, timeout=200)


def report(*arguments, status):
    """The JSON report; the rows by name of their rule."""
    result = check(*arguments, "--report", "json")
    assert result.returncode == status, f"exit {result.returncode}, not {status}\n{result.stdout}{result.stderr}"
    found = json.loads(result.stdout)
    return found, {row["rule"]: row for row in found["rules"]}


def broken(rows):
    return sorted(name for name, row in rows.items() if row["broken"])


def one_line(result, *parts):
    assert result.returncode == 2, f"exit {result.returncode}\n{result.stdout}{result.stderr}"
    assert not result.stdout, result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == 1, f"not one line:\n{result.stderr}"
    for part in parts:
        assert part in lines[0], f"{part!r} is not in {lines[0]!r}"


@case
def refnic_is_clean_on_both_profiles():
    for profile in PROFILES:
        found, rows = report(REFNIC, "--profile", profile, status=0)
        assert not broken(rows), [rows[name] for name in broken(rows)]
        assert found["cases"] > 2000 and found["suspicious"] == 0, found["cases"]


@case
def refnic_is_clean_with_a_guest():
    _, rows = report(REFNIC, "--vf", REFNIC_VF, "--case", "guest/run", status=0)
    assert not broken(rows), [rows[name] for name in broken(rows)]


@case
def a_vf_driver_that_kills_its_guest_is_a_crash():
    _, rows = report(REFNIC, "--vf", VF_DIES, "--case", "guest/run", status=1)
    assert broken(rows) == ["DRIVER_CRASH"], broken(rows)
    assert "the guest with the VF driver was killed by" in json.dumps(rows["DRIVER_CRASH"]), rows["DRIVER_CRASH"]


@case
def every_rule_has_a_row_and_most_are_put_to_the_test():
    _, rows = report(REFNIC, status=0)
    assert {"SRIOV_VF_NOT_ALLOCATED", "OID_BUFFER_BOUNDS", "IRQL_TOO_HIGH", "POOL_LEAK", "DRIVER_CRASH"} <= set(rows)
    assert all(row["verdict"] == "pass" and row["cases"] for row in rows.values()), rows


@case
def the_text_report_is_a_table():
    result = check(REFNIC)
    assert result.returncode == 0 and not result.stderr, result.stderr
    assert re.search(r"^rule +verdict +cases ", result.stdout)
    assert re.search(r"^SRIOV_VF_NOT_ALLOCATED +pass +\d+", result.stdout, re.M), result.stdout
    assert re.search(r"\d+ cases, 0 rules violated, 0 suspicious", result.stdout)


@case
def the_junit_report_is_xml_with_a_test_case_a_rule():
    result = check(REFNIC, "--report", "junit")
    suite = ElementTree.fromstring(result.stdout)
    assert suite.tag == "testsuite" and suite.get("failures") == "0"
    assert int(suite.get("tests")) == len(suite.findall("testcase")) > 50
    result = check(spoiled("crashes"), "--case", "scenario/once", "--report", "junit")
    suite = ElementTree.fromstring(result.stdout)
    failed = [test.get("name") for test in suite.findall("testcase") if test.find("failure") is not None]
    assert result.returncode == 1 and failed == ["DRIVER_CRASH"], failed


@case
def a_report_of_one_case_or_rule_is_of_that_alone():
    suite = ElementTree.fromstring(check(REFNIC, "--rule", "IRQL_TOO_HIGH", "--report", "junit").stdout)
    assert [test.get("name") for test in suite.findall("testcase")] == ["IRQL_TOO_HIGH"]
    assert re.search(r"^failing call: \S+", check(REFNIC, "--case", "fault/7").stdout, re.M)


@case
def one_rule_runs_only_what_puts_it_to_the_test():
    everything, _ = report(REFNIC, status=0)
    found, rows = report(REFNIC, "--rule", "SRIOV_VF_NOT_ALLOCATED", status=0)
    assert list(rows) == ["SRIOV_VF_NOT_ALLOCATED"] and 100 < found["cases"] < everything["cases"], found["cases"]
    assert check(REFNIC, "--rule", "NO_SUCH_RULE").returncode == 2


@case
def one_case_runs_alone():
    found, rows = report(REFNIC, "--case", "vf/OID_SRIOV_RESET_VF/vf-freed", status=0)
    assert found["cases"] == 1 and rows["SRIOV_VF_NOT_ALLOCATED"]["cases"] == 1
    one_line(check(REFNIC, "--case", "vf/OID_SRIOV_RESET_VF/nonsense"), "no such case")
    one_line(check(REFNIC, "--case", "nonsense"), "nonsense: no such case")
    one_line(check(REFNIC, "--case", "surprise/9999"), "no such case")


@case
def a_crash_is_a_finding_and_the_other_cases_are_run():
    found, rows = report(spoiled("crashes"), status=1)
    row = rows["DRIVER_CRASH"]
    assert broken(rows) == ["DRIVER_CRASH"] and found["cases"] > 2000
    assert row["first"]["case"] == "scenario/once" and row["broken"] < row["cases"], row
    assert "signal 11" in row["first"]["text"] and "spoil" in row["first"]["report"], row["first"]
    words = row["first"]["command"].split()
    assert words[:2] == ["vfplane", "check"]
    _, again = report(*words[2:], status=1)
    assert broken(again) == ["DRIVER_CRASH"] and again["DRIVER_CRASH"]["cases"] == 1


@case
def a_driver_that_ends_the_process_is_a_crash():
    _, rows = report(spoiled("exits"), "--case", "scenario/once", status=1)
    assert broken(rows) == ["DRIVER_CRASH"]


@case
def a_hang_is_a_finding_and_says_where():
    if "thread" in SANITIZERS:
        raise Skip("ThreadSanitizer brings a signal from outside no sooner than the driver's next call")
    _, rows = report(spoiled("hangs"), "--case", "scenario/once", "--timeout", "1", status=1)
    assert broken(rows) == ["DRIVER_HANG"]
    assert "spoil" in rows["DRIVER_HANG"]["first"]["report"], rows["DRIVER_HANG"]


@case
def a_driver_that_always_hangs_comes_to_an_end():
    found, rows = report(spoiled("hangs"), "--timeout", "1", status=1)
    assert broken(rows) == ["DRIVER_HANG"] and rows["DRIVER_HANG"]["broken"] >= 2
    assert found["cases"] + found["left_out"] > 2000


@case
def a_driver_that_never_completes_is_named_and_every_case_is_run():
    started = time.monotonic()
    found, rows = report(spoiled("pends"), status=1)
    assert broken(rows) == ["OID_NEVER_COMPLETED"] and found["cases"] > 2000 and not found["left_out"], broken(rows)
    assert "OID_NIC_SWITCH_CREATE_SWITCH" in rows["OID_NEVER_COMPLETED"]["first"]["report"]
    assert time.monotonic() - started < 180


@case
def a_status_that_does_not_exist_is_named():
    _, rows = report(spoiled("garbage"), status=1)
    assert broken(rows) == ["OID_STATUS"] and "deadbeef" in rows["OID_STATUS"]["first"]["text"], broken(rows)


@case
def memory_that_is_not_its_own_is_not_freed():
    _, rows = report(spoiled("frees"), "--case", "scenario/once", status=1)
    assert broken(rows) == ["POOL_BAD_FREE"]
    assert "spoil" in rows["POOL_BAD_FREE"]["first"]["report"], rows["POOL_BAD_FREE"]["first"]


@case
def an_mdl_that_is_not_freed_says_who_allocated_it():
    _, rows = report(spoiled("leaks"), "--case", "scenario/once", status=1)
    assert broken(rows) == ["MDL_LEAK"]
    assert "allocated by spoil" in rows["MDL_LEAK"]["first"]["text"], rows["MDL_LEAK"]["first"]


@case
def a_stack_that_overflows_is_a_crash():
    _, rows = report(spoiled("overflows"), "--case", "scenario/once", status=1)
    assert broken(rows) == ["DRIVER_CRASH"], broken(rows)
    assert "spoil_it" in rows["DRIVER_CRASH"]["first"]["report"], rows["DRIVER_CRASH"]["first"]


@case
def what_crashes_at_its_start_or_end_is_found_there_and_no_case_is_tried():
    for kind in ("entry", "unload"):
        found, rows = report(spoiled(kind), status=1)
        assert broken(rows) == ["DRIVER_CRASH"] and found["cases"] == 1, (kind, broken(rows), found["cases"])


@case
def a_driver_that_does_not_start_because_it_breaks_a_rule_breaks_a_rule():
    found, rows = report(spoiled("start"), status=1)
    assert broken(rows) == ["INITIALIZE_STATUS"] and found["cases"] == 1, broken(rows)
    assert "start failed" in found["cannot"], found["cannot"]
    assert "no further case was run: " in check(spoiled("start")).stdout


@case
def a_call_that_fails_is_named_and_fails_again_by_its_number():
    _, rows = report(spoiled("trusts"), status=1)
    first = rows["DRIVER_CRASH"]["first"]
    assert broken(rows) == ["DRIVER_CRASH"] and re.fullmatch(r"fault/\d+", first["case"]), first
    assert first["note"].startswith("ExAllocatePoolWithTag from spoil"), first["note"]
    for _ in range(2):
        _, again = report(spoiled("trusts"), "--case", first["case"], status=1)
        assert broken(again) == ["DRIVER_CRASH"]
    names = [report(REFNIC, "--case", "fault/7", status=0)[0]["note"] for _ in range(3)]
    assert names[0] and names.count(names[0]) == 3, names
    assert report(REFNIC, "--case", "fault/8", status=0)[0]["note"] != names[0]
    one_line(check(REFNIC, "--case", "fault/60000"), "no such case")


@case
def a_trap_is_a_crash_and_says_which():
    _, rows = report(spoiled("traps"), "--case", "scenario/once", status=1)
    assert broken(rows) == ["DRIVER_CRASH"]
    assert rows["DRIVER_CRASH"]["first"]["text"].startswith("signal 4 ("), rows["DRIVER_CRASH"]["first"]


@case
def what_lies_behind_a_buffer_is_out_of_its_bounds():
    _, rows = report(spoiled("overruns"), "--case", "scenario/once", status=1)
    assert broken(rows) == ["OID_BUFFER_BOUNDS"], broken(rows)
    assert "spoil" in rows["OID_BUFFER_BOUNDS"]["first"]["report"], rows["OID_BUFFER_BOUNDS"]["first"]


@case
def a_driver_that_refuses_is_suspicious_and_every_case_is_run():
    for kind, what in (("declines", "CREATE_SWITCH"), ("refuses", "ALLOCATE_VF"), ("ignores", "VF allocate")):
        found, rows = report(spoiled(kind), status=0)
        assert broken(rows) == ["OID_REFUSED"] and found["cases"] > 2000, (kind, broken(rows), found["cases"])
        assert found["suspicious"] == 1 and not found["violated"], found
        assert what in json.dumps(rows["OID_REFUSED"]), rows["OID_REFUSED"]
    result = check(spoiled("declines"), "--case", "scenario/once", "--report", "junit")
    assert result.returncode == 0, result.stdout + result.stderr
    suite = ElementTree.fromstring(result.stdout)
    told = {test.get("name"): test.findtext("system-out") for test in suite.findall("testcase")}
    assert suite.get("failures") == "0" and "suspicious in scenario/once" in told["OID_REFUSED"], told["OID_REFUSED"]


@case
def a_guest_without_a_vf_is_the_pf_drivers_refusal():
    for kind, what in (("declines", "state switch is not reached"), ("refuses", "VF allocate: ")):
        _, rows = report(spoiled(kind), "--vf", REFNIC_VF, "--case", "guest/run", status=0)
        assert broken(rows) == ["OID_REFUSED"], broken(rows)
        assert what in rows["OID_REFUSED"]["first"]["text"], rows["OID_REFUSED"]


@case
def a_vf_driver_that_breaks_a_rule_breaks_it_in_the_guest():
    _, rows = report(REFNIC, "--vf", os.path.join(BUILD, "tests/check/vf_leaks.so"), "--case", "guest/run", status=1)
    assert broken(rows) == ["POOL_LEAK"], broken(rows)
    assert rows["POOL_LEAK"]["first"]["text"].startswith("in the guest: "), rows["POOL_LEAK"]["first"]


@case
def a_guest_that_does_not_give_its_vf_back_hangs():
    _, rows = report(REFNIC, "--vf", os.path.join(BUILD, "tests/check/vf_stays.so"), "--case", "guest/run", status=1)
    assert broken(rows) == ["DRIVER_HANG"], broken(rows)
    assert "the guest with the VF driver did not end" in rows["DRIVER_HANG"]["first"]["text"], rows["DRIVER_HANG"]


@case
def what_is_no_pf_driver_is_named_in_one_line():
    one_line(check("/nowhere/pf.so"), "/nowhere/pf.so")
    one_line(check(NO_ENTRY), "check_no_entry.so", "DriverEntry")
    one_line(check(REFNIC_VF), "refnic_vf.so", "start failed")
    one_line(check(os.path.join(BUILD, "build.ninja")), "build.ninja")
    one_line(check(REFNIC, "--profile", "/nowhere.lspci"), "/nowhere.lspci")
    one_line(check(REFNIC, "--vf", NO_ENTRY, "--case", "guest/run"), "DriverEntry")
    one_line(check(REFNIC, "--vf", REFNIC, "--case", "guest/run"), "refnic_pf.so did not start")


@case
def wrong_arguments_are_refused():
    for arguments in ([], [REFNIC, REFNIC], [REFNIC, "--report", "html"], [REFNIC, "--timeout", "0"]):
        assert check(*arguments).returncode == 2, arguments


print(f"1..{len(CASES)}")
for number, run in enumerate(CASES, 1):
    try:
        run()
        print(f"ok {number} {run.__name__}")
    except Skip as reason:
        print(f"ok {number} {run.__name__} # SKIP {reason}")
    except Exception as error:  # a failed case is reported, the others go on
        for line in str(error).splitlines()[-60:]:
            print(f"# {line}")
        print(f"not ok {number} {run.__name__}")
