#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What run, replay, setpci, dump and bench scale say of a driver that refuses or ends badly, and of what is not there.

    refusals.py VFPLANE BUILD_ROOT SOURCE_ROOT    (prints TAP)
"""
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

VFPLANE, BUILD, SOURCE = sys.argv[1:4]
CAPTURE = os.path.join(SOURCE, "tests/data/linux-6.1-guest-enumeration.log")
CASES = []


def case(function):
    CASES.append(function)
    return function


def module(name):
    return os.path.join(BUILD, "tests/check", name + ".so")


def vfplane(*arguments, command=VFPLANE, **more):
    return subprocess.run([command, *arguments], capture_output=True, text=True, timeout=120, **more)


def one_line(result, status, *parts):
    lines = [line for line in result.stderr.splitlines() if line.startswith("vfplane: ")]
    assert result.returncode == status, f"exit {result.returncode}, not {status}\n{result.stderr}"
    assert len(lines) == 1, f"not one line:\n{result.stderr}"
    for part in parts:
        assert part in lines[0], f"{part!r} is not in {lines[0]!r}"


@contextlib.contextmanager
def beside(**drivers):
    """The command in a folder of its own, with these drivers where it looks for its own; profiles are the real ones."""
    with tempfile.TemporaryDirectory(dir=os.path.join(BUILD, "tests/check")) as folder:
        os.makedirs(os.path.join(folder, "src/cli"))
        os.makedirs(os.path.join(folder, "drivers/refnic"))
        os.symlink(os.path.join(BUILD, "profiles"), os.path.join(folder, "profiles"))
        os.symlink(os.path.join(BUILD, "src/host"), os.path.join(folder, "src/host"))  # the library
        for name, driver in drivers.items():
            os.symlink(driver, os.path.join(folder, "drivers/refnic", name + ".so"))
        command = os.path.join(folder, "src/cli/vfplane")
        shutil.copy(VFPLANE, command)
        yield command


REFNIC = {name: os.path.join(BUILD, "drivers/refnic", name + ".so") for name in ("refnic_pf", "refnic_vf")}


@case
def a_vf_that_is_refused_ends_what_needs_it():
    one_line(vfplane("run", "--trace", "none", "--pf", module("spoiled_refuses")), 2, "RESOURCES")
    one_line(vfplane("replay", "--pf", module("spoiled_refuses"), CAPTURE), 2, "RESOURCES")
    one_line(vfplane("setpci", "--pf", module("spoiled_refuses"), "-s", "0", "COMMAND"), 2, "RESOURCES")


@case
def a_switch_that_is_refused_ends_what_needs_it():
    one_line(vfplane("run", "--trace", "none", "--pf", module("spoiled_declines")), 2, "RESOURCES")
    one_line(vfplane("replay", "--pf", module("spoiled_declines"), CAPTURE), 2, "RESOURCES")
    one_line(vfplane("setpci", "--pf", module("spoiled_declines"), "-s", "0", "COMMAND"), 2, "RESOURCES")
    with beside(refnic_pf=module("spoiled_declines")) as command:
        one_line(vfplane("dump", "--guest", command=command), 2, "RESOURCES")


@case
def a_vf_driver_that_breaks_a_rule_fails_its_guest():
    result = vfplane("run", "--trace", "none", "--guests", "2", "--vf", module("vf_leaks"), "--vf", REFNIC["refnic_vf"])
    one_line(result, 1, "guest 1", "rule POOL_LEAK", "16 bytes of pool")
    assert re.search(r"guest 2 +VF 1: driver started", result.stdout), result.stdout


@case
def each_point_of_the_scale_says_why_it_was_not_measured():
    with beside(refnic_pf=module("spoiled_refuses"), refnic_vf=REFNIC["refnic_vf"]) as command:
        result = vfplane("bench", "scale", "--quick", command=command)
    assert result.returncode == 1, result.stderr
    lines = result.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["1 VFs", "4 VFs", "1 PFs", "4 PFs", "1 guests", "4 guests"]
    assert all("RESOURCES" in line for line in lines), lines


@case
def a_scale_without_guests_or_a_switch_says_so():
    with beside(refnic_pf=REFNIC["refnic_pf"], refnic_vf=module("check_no_entry")) as command:
        result = vfplane("bench", "scale", "--quick", command=command)
    assert result.returncode == 1, result.stderr
    assert result.stderr == "".join(f"vfplane: {n} guests: a guest did not start\n" for n in (1, 4)), result.stderr
    with beside(refnic_pf=module("spoiled_declines"), refnic_vf=REFNIC["refnic_vf"]) as command:
        result = vfplane("bench", "scale", "--quick", command=command)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 6, result.stderr


@case
def a_driver_or_profile_that_is_not_there_is_named_with_both_places():
    with beside() as command:
        for arguments in (["run"], ["dump", "--guest"], ["setpci", "-s", "0", "COMMAND"], ["replay", CAPTURE],
                          ["bench", "scale", "--quick"], ["vmm-check", "socket"]):
            lines = vfplane(*arguments, command=command).stderr.splitlines()
            assert lines and all(re.search(r"ref\w+\.so: neither in", line) for line in lines), (arguments, lines)
        os.unlink(os.path.join(os.path.dirname(command), "../../profiles"))
        one_line(vfplane("dump", command=command), 2, "intel-82576.lspci: neither in")


@case
def a_card_that_has_fewer_vfs_at_first_gives_no_more():
    card = vfplane("profile", "synth", "--vfs", "8").stdout
    row = next(line for line in card.splitlines() if line.startswith("160: "))  # of the PF: its SR-IOV capability
    initial, total = row.split()[13:15], row.split()[15:17]
    assert initial == total == ["08", "00"], row
    fewer = row.split()
    fewer[13] = "04"
    with tempfile.NamedTemporaryFile("w", suffix=".lspci") as file:
        file.write(card.replace(row, " ".join(fewer), 1))
        file.flush()
        assert vfplane("dump", "--profile", file.name, "--vfs", "4").returncode == 0
        result = vfplane("dump", "--profile", file.name, "--vfs", "6")
        one_line(result, 2, "--vfs 6", "does not have so many initially (InitialVFs)")
        assert not result.stdout, result.stdout


@case
def a_card_whose_vfs_have_no_place_behind_it_is_refused():
    card = vfplane("profile", "synth", "--vfs", "8").stdout
    with tempfile.NamedTemporaryFile("w", suffix=".lspci") as file:
        file.write(re.sub("^00:00.0 ", "ff:1f.0 ", card, flags=re.M))
        file.flush()
        one_line(vfplane("dump", "--profile", file.name), 2, file.name, "the routing IDs of its VFs do not fit")


@case
def a_slot_or_a_list_of_operations_that_cannot_be_is_refused():
    for slot in ("01:10", "01:10.", "01:20.0", "01:10.8", "01:10.0x", "x"):
        one_line(vfplane("setpci", "-s", slot, "COMMAND"), 2, f"-s {slot}")
    one_line(vfplane("setpci", "-s", "0", *["COMMAND"] * 65), 2, "too many operations")
    assert vfplane("setpci", "-s", "0", *["COMMAND"] * 64).returncode == 0


@case
def help_is_asked_for_in_each_form():
    for arguments in (["--help"], ["help"], ["profile", "--help"], ["run", "--help"]):
        result = vfplane(*arguments)
        assert result.returncode == 0 and result.stdout.startswith("Usage: ") and not result.stderr, (arguments, result)


@case
def without_lspci_one_line_says_so():
    with tempfile.TemporaryDirectory() as folder:
        result = vfplane("run", "--trace", "none", env={**os.environ, "PATH": folder})
        one_line(result, 1, "lspci: not found (Debian package pciutils)")
        fails = os.path.join(folder, "lspci")
        with open(fails, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nexit 3\n")
        os.chmod(fails, 0o755)
        result = vfplane("run", "--trace", "none", env={**os.environ, "PATH": folder + os.pathsep + "/bin"})
        one_line(result, 1, "lspci -F failed")


@case
def what_only_run_gives_its_guests_is_refused_when_it_is_wrong():
    for arguments in ([], ["--socket", "3"], ["--socket", "3", "--number", "0", "--vf", "x"],
                      ["--socket", "3", "--number", "65536", "--vf", "x"], ["--socket", "3", "--number", "1"],
                      ["--socket", "3", "--number", "1", "--vf", "x", "--replay", "y"]):
        one_line(vfplane("guest", *arguments), 2, "one of --vf and --replay")
    one_line(vfplane("guest", "--socket", "3", "--number", "1", "--vf", "x", "more"), 2, "options only")
    result = vfplane("guest", "--socket", "99", "--number", "1", "--vf", "x")
    assert result.returncode == 1 and result.stderr.startswith("failed: "), (result.returncode, result.stderr)


print(f"1..{len(CASES)}")
for number, run in enumerate(CASES, 1):
    try:
        run()
        print(f"ok {number} {run.__name__}")
    except Exception as error:  # a failed case is reported, the others go on
        for line in str(error).splitlines()[-40:]:
            print(f"# {line}")
        print(f"not ok {number} {run.__name__}")
