#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vfplane setpci beside the real setpci: the same names, the same values of a dump; and what a write does.

Usage: setpci.py VFPLANE BUILD_ROOT SOURCE_ROOT    (prints TAP)
"""
import os
import subprocess
import sys
import tempfile

VFPLANE, BUILD, SOURCE = sys.argv[1:4]
NVME = os.path.join(SOURCE, "profiles/nvme-qemu.lspci")
REFGEN = os.path.join(BUILD, "drivers/refgen/refgen.so")
CASES = []


def case(function):
    CASES.append(function)
    return function


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def setpci(*arguments):
    return run(VFPLANE, "setpci", *arguments)


def one_line(result, status, *parts):
    assert result.returncode == status, f"exit {result.returncode}, not {status}\n{result.stderr}"
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("vfplane: "), f"not one line:\n{result.stderr}"
    for part in parts:
        assert part in lines[0], f"{part!r} is not in {lines[0]!r}"


@case
def the_names_are_those_of_setpci_but_for_bridges():
    real = run("setpci", "--dumpregs").stdout.splitlines()
    ours = setpci("--dumpregs").stdout.splitlines()
    assert len(ours) > 80 and set(ours) <= set(real), set(ours) - set(real)
    first, last = (next(i for i, line in enumerate(real) if line.endswith(name))
                   for name in (" PRIMARY_BUS", " CB_LEGACY_MODE_BASE"))
    assert set(real) - set(ours) == set(real[first:last + 1])


@case
def every_register_of_a_dump_reads_as_the_real_setpci_reads_it():
    asked = ["COMMAND", "STATUS", "REVISION", "CLASS_DEVICE", "SUBSYSTEM_ID", "CAPABILITIES", "CAP_EXP.l", "CAP_EXP+4.l",
             "CAP_EXP+8.w", "CAP_MSIX+2.w", "CAP11+4.l", "ECAP_ARI.l", "0.l", "100.b", "102.w", "ffc.l", "fff.b"]
    aer = ["ECAP_AER.l", "ECAP_AER+4.l", "ECAP0001+8.l"]  # the NVMe card has none
    for card, asked in (([], asked + aer), (["--profile", NVME], asked)):
        dump = run(VFPLANE, "dump", "--raw", *card).stdout
        slots = [line.split()[0] for line in dump.splitlines() if line[2:3] == ":" and line[5:6] == "."]
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(dump)
            file.flush()
            for slot in slots[1:]:  # behind the PF
                real = run("setpci", "-A", "dump", "-O", f"dump.name={file.name}", "-s", slot, *asked)
                ours = setpci(*card, "-s", slot, *asked)
                assert real.returncode == 0, real.stderr
                assert ours.stdout == real.stdout, f"{slot}\n{real.stdout}\n{ours.stdout}{ours.stderr}"


@case
def a_write_says_what_stuck():
    result = setpci("COMMAND=ffff", "COMMAND", "CAP_MSIX+2.w=c000:c000", "COMMAND=0:4", "COMMAND")
    assert result.stdout.splitlines() == [
        "COMMAND=ffff @004: 0000 <- ffff, now 0004; not as written: fffb", "0004",
        "CAP_MSIX+2.w=c000:c000 @072: 0002 <- c002, now c002",
        "COMMAND=0:4 @004: 0004 <- 0000, now 0000", "0000"], result.stdout
    assert result.returncode == 0 and not result.stderr


@case
def several_values_go_to_registers_that_follow_each_other():
    result = setpci("4.b=4,ff", "COMMAND")
    assert result.stdout.splitlines() == ["4.b=4,ff @004: 00 <- 04, now 04",
                                          "4.b=4,ff @005: 00 <- ff, now 00; not as written: ff", "0004"], result.stdout


@case
def a_dry_run_writes_nothing():
    result = setpci("-D", "COMMAND=4", "COMMAND")
    assert result.stdout.splitlines() == ["COMMAND=4 @004: 0000, would write 0004", "0000"], result.stdout


@case
def only_the_named_vf_is_written():
    way = setpci("-s", "01:10.2", "--trace", "text", "COMMAND=4").stderr
    assert "SetVirtualFunctionData  VF 1: 2 bytes at 0x004 <- 0004" in way, way
    assert "SetVirtualFunctionData  VF 0: 2 bytes at 0x004" not in way, way
    assert "SetVirtualFunctionData  VF 3: 2 bytes at 0x004 <- 0004" in setpci(
        "-s", "3", "--trace", "text", "COMMAND=4").stderr


@case
def a_pf_driver_that_is_no_miniport_gives_the_same():
    asked = ["COMMAND=ffff", "COMMAND", "CAP_EXP+8.w=8000", "COMMAND", "ECAP_AER+8.l"]
    assert setpci("--pf", REFGEN, *asked).stdout == setpci(*asked).stdout != ""


@case
def what_is_wrong_is_one_line_and_nothing_is_done():
    one_line(setpci(), 2, "which register")
    one_line(setpci("COMMAND=4", "FOO.b"), 2, "FOO.b", "no such register")
    one_line(setpci("CAP_EXP"), 2, "CAP_EXP", "how wide")
    one_line(setpci("COMMAND=4", "CAP_MSIX+2.w=c000:c000,"), 2, "CAP_MSIX", "a value")
    one_line(setpci("-s", "4", "COMMAND"), 2, "VF 4", "4 VFs")
    one_line(setpci("-s", "01:10.1", "COMMAND"), 2, "01:10.1")
    one_line(setpci("-s", "zz", "COMMAND"), 2, "zz")
    one_line(setpci("--vfs", "9", "COMMAND"), 2, "--vfs 9", "8 VFs")
    one_line(setpci("--vfs", "0", "COMMAND"), 2, "0 VFs")
    one_line(setpci("--profile", "/nowhere", "COMMAND"), 2, "/nowhere")
    one_line(setpci("--pf", "/nowhere.so", "COMMAND"), 2, "/nowhere.so")
    one_line(setpci("--trace", "loud", "COMMAND"), 2, "loud")


@case
def an_access_that_fails_is_one_line_and_status_1():
    one_line(setpci("CAP_PM+4.w"), 1, "CAP_PM+4.w", "no such capability")
    one_line(setpci("ffd.l"), 1, "ffd.l", "4,096")


def main():
    print(f"1..{len(CASES)}")
    failed = 0
    for number, function in enumerate(CASES, 1):
        try:
            function()
            print(f"ok {number} - {function.__name__}")
        except Exception as error:  # a case that crashes failed, the others still run
            failed += 1
            print(f"not ok {number} - {function.__name__}")
            for line in f"{type(error).__name__}: {error}".splitlines():
                print(f"# {line}")
    return failed > 0


sys.exit(main())
