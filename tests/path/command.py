#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The vfplane command as a person types it: what it prints, its exit status, its one clear line when it cannot.

Usage: command.py VFPLANE BUILD_ROOT SOURCE_ROOT    (prints TAP)
"""
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

VFPLANE, BUILD, SOURCE = sys.argv[1:4]
CAPTURES = [os.path.join(SOURCE, "tests/data", name)
            for name in ("linux-6.1-guest-enumeration.log", "linux-6.1-guest-blocks-msix.log")]
REFNIC_VF = os.path.join(BUILD, "drivers/refnic/refnic_vf.so")
REFGEN = os.path.join(BUILD, "drivers/refgen/refgen.so")
DIES = os.path.join(BUILD, "tests/path/vf_dies.so")
DEAF = os.path.join(BUILD, "tests/path/deaf_pf.so")
NO_ENTRY = os.path.join(BUILD, "tests/path/no_entry.so")


CASES = []


def case(function):
    CASES.append(function)
    return function


def vfplane(*arguments, **more):
    return subprocess.run([VFPLANE, *arguments], capture_output=True, text=True, timeout=300, **more)


def one_line(result, status, *parts):
    """The run could not go on: that exit status, and one line on standard error that names what and where."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("vfplane: ")]
    assert result.returncode == status, f"exit {result.returncode}, not {status}\n{result.stderr}"
    assert len(lines) == 1, f"not one line:\n{result.stderr}"
    for part in parts:
        assert part in lines[0], f"{part!r} is not in {lines[0]!r}"


def trees(output):
    """Every request printed, as a list of lines (partition, room, text); a line not indented begins the next."""
    found = []
    for line in output.splitlines():
        match = re.match(r"(host|guest \d+) +(\S*) +", line[:17])
        if match and len(line) > 17:
            if line[17] != " ":
                found.append([])
            if found:
                found[-1].append((match[1], line[9:16].strip(), line[17:].strip()))
    return found


def goes_through(tree, way):
    """True when the lines of the tree pass `way` in that order: (partition, room, text) each, by prefix and part."""
    at = 0
    for partition, room, text in tree:
        if at < len(way) and partition.startswith(way[at][0]) and room == way[at][1] and way[at][2] in text:
            at += 1
    return at == len(way)


@case
def run_by_default_does_everything():
    result = vfplane("run")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    assert "everything did what it should" in result.stdout.splitlines()[-1]
    assert not result.stderr, result.stderr


@case
def one_write_goes_through_every_door_in_order():
    way = [("guest", "ndis", "NdisMSetBusData"), ("guest", "vsc", "SetBusData"), ("guest", "vsc", "config window write"),
           ("host", "vsp", "config window write"), ("host", "vstack", "guest config write"),
           ("host", "ndis", "OID_SRIOV_WRITE_VF_CONFIG_SPACE"), ("host", "ndis", "NdisMSetVirtualFunctionBusData"),
           ("host", "pcibus", "SetVirtualFunctionData"), ("host", "pci", "Command 0000 -> 0004 Bus Master")]
    assert any(goes_through(tree, way) for tree in trees(vfplane("run").stdout)), "no request takes the whole way"


@case
def one_block_goes_from_guest_to_pf_driver():
    way = [("guest", "ndis", "NdisMWriteConfigBlock"), ("guest", "vsc", "WriteVfConfigBlock"),
           ("guest", "vsc", "WRITE_BLOCK message"), ("host", "vsp", "WRITE_BLOCK"), ("host", "vstack", "block write"),
           ("host", "ndis", "OID_SRIOV_WRITE_VF_CONFIG_BLOCK")]
    assert any(goes_through(tree, way) for tree in trees(vfplane("run").stdout)), "no block takes the whole way"


@case
def the_readme_shows_what_run_prints():
    with open(os.path.join(SOURCE, "README.md")) as file:
        sample = [line.split() for line in file if re.match(r"    (guest 1|host)  ", line)]
    assert len(sample) >= 8, "README.md shows no request"
    printed = [line.split() for line in vfplane("run").stdout.splitlines()]
    assert any(printed[i:i + len(sample)] == sample for i in range(len(printed))), \
        "run does not print the request that README.md shows"


@case
def what_fails_in_a_run_is_said_to_be_refused_and_by_which_rule():
    out = vfplane("run", "--trace", "none").stdout
    refused = out[out.index("refused, by rule"):].splitlines()[1:-1]
    # Each VF driver reads once more when its VF is being ejected.
    assert re.search(r"NdisMReadConfigBlock .*\n +2  FAILURE", out), out
    assert [line.split() for line in refused] == [["EJECTING", "vpci-wire.md", "1.10", "2", "host"]], refused


@case
def lspci_decodes_the_vfs_as_they_stand():
    out = vfplane("run", "--vfs", "3", "--guests", "1").stdout
    assert out.count("Ethernet controller: Intel Corporation 82576 Virtual Function") == 3
    for address in ("01:10.0", "01:10.2", "01:10.4"):
        assert re.search(rf"^{address} ", out, re.M), address
    vf0 = out[out.index("\n01:10.0 "):out.index("\n01:10.2 ")]
    assert "Flags: bus master" in vf0, vf0
    vf1 = out[out.index("\n01:10.2 "):out.index("\n01:10.4 ")]
    assert "Flags: bus master" not in vf1, vf1


@case
def json_trace_is_one_object_a_line():
    result = vfplane("run", "--trace", "json")
    assert result.returncode == 0, result.stderr
    records = [json.loads(line) for line in result.stdout.splitlines()]
    spans = {record["id"]: record for record in records}
    crossings = [record for record in records if "link_in" in record]
    outs = {record["link_out"] for record in records if "link_out" in record}
    assert crossings and all(record["link_in"] in outs for record in crossings)
    assert all(record["parent"] in spans for record in records if "parent" in record)


@case
def packets_of_every_guest_are_written():
    with tempfile.NamedTemporaryFile("r") as file:
        assert vfplane("run", "--trace", "none", "--packets", file.name).returncode == 0
        packets = file.read()
    for guest in ("guest 1", "guest 2"):
        for packet in (f"from {guest}: QUERY_PROTOCOL_VERSION, 24 bytes", f"to {guest}: BUS_RELATIONS2, 56 bytes",
                       f"from {guest}: WRITE_BLOCK, 168 bytes", f"to {guest}: INVALIDATE_BLOCK, 32 bytes"):
            assert packet in packets, packet
    one_line(vfplane("run", "--packets", "/nowhere/packets"), 2, "/nowhere/packets", "No such file")


@case
def trace_none_prints_no_tree():
    result = vfplane("run", "--trace", "none")
    assert result.returncode == 0 and "config window write" not in result.stdout
    assert "OID_SRIOV_WRITE_VF_CONFIG_SPACE" in result.stdout


@case
def vfs_that_answer_late_are_waited_for_on_either_clock():
    for options in (("--strict-timing",), ("--real-time",), ("--strict-timing", "--real-time")):
        result = vfplane("run", "--trace", "none", *options)
        assert result.returncode == 0 and not result.stderr, result.stdout[-2000:] + result.stderr


@case
def every_guest_works_when_there_are_more():
    result = vfplane("run", "--vfs", "8", "--guests", "7", "--trace", "none")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("driver started") == 7


@case
def sixty_four_guests_on_a_card_of_65535_vfs():
    with tempfile.NamedTemporaryFile("w", suffix=".lspci") as file:
        file.write(vfplane("profile", "synth", "--vfs", "65535").stdout)
        file.flush()
        result = vfplane("run", "--profile", file.name, "--vfs", "65535", "--guests", "64", "--trace", "none")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    assert result.stdout.count("driver started") == 64
    assert len(re.findall(r"^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] ", result.stdout, re.M)) == 64  # decoded: those of guests
    assert re.search(r"OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK +\d+  SUCCESS", result.stdout)


@case
def nvme_profile_runs_too():
    profile = os.path.join(BUILD, "profiles/nvme-qemu.lspci")
    result = vfplane("run", "--profile", profile, "--trace", "none")
    assert result.returncode == 0, result.stdout + result.stderr


@case
def a_pf_driver_that_is_no_miniport_does_the_same_for_guests():
    def guests(result):
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout[result.stdout.index("what each guest did"):result.stdout.index("requests and what came back")]

    for profile in ("intel-82576.lspci", "nvme-qemu.lspci"):
        arguments = ["run", "--profile", os.path.join(BUILD, "profiles", profile), "--trace", "none"]
        over_ndis = guests(vfplane(*arguments))
        assert guests(vfplane(*arguments, "--pf", REFGEN)) == over_ndis
        assert guests(vfplane(*arguments, "--pf", REFGEN, "--keyword", "*NumVFs=4")) == over_ndis


@case
def a_pf_driver_that_is_no_miniport_and_has_too_few_vfs_is_named():
    result = vfplane("run", "--pf", REFGEN, "--keyword", "*NumVFs=2", "--vfs", "3", "--trace", "none")
    one_line(result, 2, "giving out VFs", "INVALID_PARAMETER")


@case
def a_file_that_is_no_profile_is_named():
    with tempfile.NamedTemporaryFile("w", suffix=".lspci") as file:
        file.write("hello\n")
        file.flush()
        one_line(vfplane("run", "--profile", file.name), 2, file.name)
    one_line(vfplane("run", "--profile", "/nowhere/x.lspci"), 2, "/nowhere/x.lspci", "No such file")


@case
def keywords_come_from_a_file():
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        file.write("# what an INF says\n; and more\n\n  *SRIOV = 0  \n*SRIOV=1\n\t*NumVFs\t=\t2\n")
        file.flush()
        assert vfplane("run", "--trace", "none", "--vfs", "2", "--keywords", file.name).returncode == 0
        one_line(vfplane("run", "--trace", "none", "--vfs", "3", "--keywords", file.name), 2, "CREATE_SWITCH")
        one_line(vfplane("run", "--trace", "none", "--keywords", file.name, "-k", "*SRIOV=0"), 2)
        for wrong in ("no setting", "=1", "  = 1"):
            file.write(f"{wrong}\n")
            file.flush()
            result = vfplane("run", "--keywords", file.name)
            assert result.returncode == 2 and not result.stdout, result.stdout
            assert f"{file.name}:7: '{wrong.strip()}' is no NAME=VALUE" in result.stderr, result.stderr
            file.seek(file.tell() - len(wrong) - 1)
            file.truncate()
    assert "/nowhere.ini: No such file" in vfplane("run", "--keywords", "/nowhere.ini").stderr
    assert "NAME=VALUE is needed" in vfplane("run", "--keyword", "*SRIOV").stderr
    assert "vfplane: /: Input/output error" in vfplane("run", "--keywords", "/").stderr


@case
def a_profile_without_a_vf_is_named():
    one_line(vfplane("run", "--profile", os.path.join(SOURCE, "tests/data/82576-pf-2vfs.lspci")), 2,
             "82576-pf-2vfs.lspci", "VF")


@case
def a_vf_that_does_not_exist_is_named():
    one_line(vfplane("run", "--vfs", "2", "--guests", "3"), 2, "VF 2 does not exist")
    one_line(vfplane("run", "--vfs", "600"), 2, "--vfs 600")


@case
def a_driver_that_is_none_is_named():
    one_line(vfplane("run", "--pf", "/nowhere/pf.so"), 2, "/nowhere/pf.so")
    one_line(vfplane("run", "--pf", NO_ENTRY), 2, "no_entry.so", "DriverEntry")
    with tempfile.NamedTemporaryFile("w", suffix=".so") as file:
        file.write("text")
        file.flush()
        one_line(vfplane("run", "--pf", file.name), 2, file.name)


@case
def a_vf_driver_without_driverentry_ends_only_its_guest():
    result = vfplane("run", "--trace", "none", "--vf", NO_ENTRY, "--vf", REFNIC_VF)
    one_line(result, 1, "guest 1", "VF 0", "DriverEntry")
    assert re.search(r"guest 2 +VF 1: driver started", result.stdout), result.stdout


@case
def a_pf_driver_given_as_vf_driver_is_refused():
    result = vfplane("run", "--trace", "none", "--guests", "1", "--vf", os.path.join(BUILD, "drivers/refnic/refnic_pf.so"))
    one_line(result, 1, "guest 1", "did not start")


@case
def a_guest_killed_in_mid_write_harms_nobody():
    result = vfplane("run", "--trace", "none", "--vf", DIES, "--vf", REFNIC_VF)
    one_line(result, 1, "guest 1", "VF 0", "killed by signal 9")
    assert re.search(r"guest 2 +VF 1: driver started", result.stdout), result.stdout


@case
def a_machine_out_of_descriptors_is_said_in_one_line_and_at_once():
    for limit in (20, 28, 36, 44):
        result = vfplane("run", "--trace", "none", "--vfs", "8", "--guests", "8", preexec_fn=lambda limit=limit:
                         resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        one_line(result, 2, "Too many open files")
        assert len(result.stderr.splitlines()) == 1, result.stderr


@case
def replay_of_both_captures_is_right():
    for capture in CAPTURES:
        result = vfplane("replay", capture)
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr
        assert re.search(r"^ +0 wrong$", result.stdout, re.M), result.stdout[-500:]
        with open(capture) as file:
            accesses = len(re.findall(r"^\[vpci cfg ", file.read(), re.M))
        assert f"{accesses} accesses:" in result.stdout


@case
def replay_over_the_captures_own_card_differs_in_intx_disable_alone():
    for capture, intx in zip(CAPTURES, (1, 2)):
        out = vfplane("replay", capture).stdout
        differ = [line for line in out.splitlines() if re.match(r" +\d+ differ: ", line)]
        assert len(differ) == 1 and differ[0].lstrip().startswith(f"{intx} differ: I/O Space and INTx Disable"), differ
        reads = int(re.search(r"(\d+) reads", out)[1])
        assert f"{reads - intx} answered as in the capture" in out, out[-500:]


@case
def replay_over_another_card_is_right_too():
    for card in ("intel-82576.lspci", "nvme-qemu.lspci"):
        for capture in CAPTURES:
            result = vfplane("replay", "--profile", os.path.join(BUILD, "profiles", card), capture)
            assert result.returncode == 0 and re.search(r"^ +0 wrong$", result.stdout, re.M), result.stdout[-500:]
            assert "capabilities of another card" in result.stdout


@case
def replay_finds_a_pf_driver_that_does_not_write():
    result = vfplane("replay", "--pf", DEAF, CAPTURES[1])
    wrong = [line for line in result.stdout.splitlines() if "WRONG" in line]
    assert result.returncode == 1 and wrong, result.stdout[-500:]
    assert any("+004/2" in line and "Command must hold Memory Enable and Bus Master" in line for line in wrong), wrong
    assert any("+082/2 -> 0001  capture 8001" in line and "the card of the capture answers" in line for line in wrong), wrong
    assert vfplane("replay", "--pf", NO_ENTRY, CAPTURES[1]).returncode == 2


@case
def replay_says_why_intx_disable_differs():
    out = vfplane("replay", CAPTURES[0]).stdout
    assert re.search(r"rd \+004/2 -> 0000  capture 0400  .*INTx Disable.*read-only", out), out[:2000]


@case
def replay_reaches_the_register():
    result = vfplane("replay", "--trace", "text", CAPTURES[1])
    assert "SetVirtualFunctionData" in result.stderr and "Bus Master" in result.stderr


@case
def a_log_that_is_none_is_named():
    one_line(vfplane("replay", "/nowhere.log"), 2, "/nowhere.log")
    for wrong in ("rd slot=0 +003/2 -> 0", "rd slot=0 +004/3 -> 0", "rd slot=0 +004/0 -> 0", "rd slot=1 +004/2 -> 0",
                  "rd slot=0 +1004/2 -> 0", "rd slot=0 +100000004/2 -> 0", "rd slot=0 +004/2 -> 10000",
                  "wr slot=0 +004/1 <- 100", "wr slot=0 +004/4 <- 100000000", "wr slot=0 +004/2 <- -1",
                  "wr slot=0 +004/2 <- zz", "wr slot=0 +004/2 -> 0", "rd slot=0", ""):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as file:
            file.write(f"[vpci cfg rd slot=0 +004/2 -> ffff]\n[vpci cfg {wrong}]\n")
            file.flush()
            one_line(vfplane("replay", file.name), 2, file.name + ":2", wrong)


@case
def a_file_without_an_end_is_refused():
    one_line(vfplane("replay", "/dev/zero"), 2, "/dev/zero: more than 1000000 lines")
    one_line(vfplane("run", "--keywords", "/dev/zero"), 2, "/dev/zero:1000001: too many lines")
    one_line(vfplane("profile", "show", "/dev/zero"), 2, "/dev/zero: larger than")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("*SRIOV=1\n*NumVFs=" + 5000 * " " + "4\n")
        file.flush()
        one_line(vfplane("run", "--keywords", file.name), 2, file.name + ":2: the line is too long")


@case
def a_chrome_trace_is_one_json_array_on_standard_output():
    result = vfplane("run", "--trace", "chrome")
    assert result.returncode == 0, result.stderr[-3000:]
    events = json.loads(result.stdout)
    processes = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert processes == {"host", "guest 1", "guest 2"}, processes
    starts = {event["id"] for event in events if event["ph"] == "s"}
    ends = {event["id"] for event in events if event["ph"] == "f"}
    assert len(ends) > 10 and ends <= starts, ends - starts
    assert "everything did what it should" in result.stderr


@case
def what_cannot_be_printed_is_a_failure():
    for words in (["run"], ["run", "--trace", "json"], ["profile", "synth", "--vfs", "2"], ["dump"],
                  ["dump", "--guest"], ["setpci", "COMMAND"], ["setpci", "--dumpregs"], ["--help"], ["--version"]):
        with open("/dev/full", "w") as full:
            result = subprocess.run([VFPLANE, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
        one_line(result, 2, "standard output")
    with open("/dev/full", "w") as full:  # it is the guest's process that prints what it plays
        result = subprocess.run([VFPLANE, "replay", CAPTURES[0]], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    assert result.returncode == 1 and "standard output" in result.stderr, result.stderr


@case
def unknown_words_are_refused():
    assert vfplane("nonsense").returncode == 2
    assert vfplane().returncode == 2
    assert vfplane("--version").stdout.startswith("vfplane ")


print(f"1..{len(CASES)}")
for number, run in enumerate(CASES, 1):
    try:
        run()
        print(f"ok {number} {run.__name__}")
    except Exception as error:  # a failed case is reported, the others go on
        for line in str(error).splitlines()[-60:]:
            print(f"# {line}")
        print(f"not ok {number} {run.__name__}")
