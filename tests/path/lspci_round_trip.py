#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`vfplane dump` against the real lspci, and against what was measured elsewhere.

Usage: lspci_round_trip.py VFPLANE SOURCE_ROOT    (prints TAP)

Which differences are allowed stands in docs/registers.md, each with its rule; every row there must be needed.
"""
import difflib
import os
import re
import subprocess
import sys
import tempfile

VFPLANE, SOURCE = sys.argv[1:3]
CARDS = {"82576": ("intel-82576.lspci", ("01:10.0", "01:10.2")), "nvme": ("nvme-qemu.lspci", ("01:00.1", "01:00.2"))}
PF = "01:00.0"
CASES = []


def case(function):
    CASES.append(function)
    return function


def data(name):
    return os.path.join(SOURCE, "tests/data", name)


def profile(card):
    return os.path.join(SOURCE, "profiles", CARDS[card][0])


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def vfplane(*arguments):
    result = run(VFPLANE, *arguments)
    assert result.returncode == 0, result.stderr
    assert not result.stderr, result.stderr
    return result.stdout


def lspci(text, *arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".lspci") as file:
        file.write(text)
        file.flush()
        result = run("lspci", *arguments, "-F", file.name)
    assert result.returncode == 0, result.stderr
    return result.stdout


def table(heading):
    """The rows of the first table under a heading of docs/registers.md, as lists of cells."""
    page = read(os.path.join(SOURCE, "docs/registers.md"))
    part = page[page.index(f"\n## {heading}\n"):]
    rows = [line for line in part[:part.index("\n## ", 1)].splitlines() if line.startswith("|")]
    first = next(number for number, line in enumerate(rows) if line.startswith("|---"))
    found = []
    for line in rows[first + 1:]:
        if line.startswith("|---"):
            found.pop()  # the head of a further table, and what follows it
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


class Differences:
    """The allowed differences of lspci's text, and which of them were seen."""

    def __init__(self):
        self.rows = [(function, shown.strip("`"), instead.strip("`"))
                     for function, shown, instead, rule in table("Differences that lspci shows")]
        self.seen = set()

    def explains(self, function, shown, instead):
        for row in self.rows:
            pattern = "(.*)".join(re.escape(part) for part in row[1].split("*"))
            match = re.fullmatch(pattern, shown)
            if not match or row[0] != function:
                continue
            wanted = row[2]
            for same in match.groups():
                wanted = wanted.replace("*", same, 1)
            if wanted == instead:
                self.seen.add(row)
                return True
        return False

    def check(self, function, before, after):
        before, after = ([" ".join(line.split()) for line in text.splitlines()] for text in (before, after))
        wrong = []
        for kind, i, j, k, l in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if kind == "equal":
                continue
            left, right = before[i:j], after[k:l]
            while left or right:
                shown = left.pop(0) if left else ""
                if self.explains(function, shown, ""):
                    continue
                instead = right.pop(0) if right else ""
                if not self.explains(function, shown, instead):
                    wrong.append(f"{function}: {shown!r} became {instead!r}")
        assert not wrong, "\n".join(wrong)


DIFFERENCES = Differences()


def same_text(card, captured, function, address, vfs):
    dump = vfplane("dump", "--profile", profile(card), "--vfs", str(vfs))
    before = lspci(captured, "-vvv", "-s", address)
    assert before.count("\n") > 30, before
    DIFFERENCES.check(function, before, lspci(dump, "-vvv", "-s", address))


@case
def pf_with_two_vfs_reads_as_captured():
    for card in CARDS:
        same_text(card, read(data(f"{card}-pf-2vfs.lspci")), "PF", PF, 2)


@case
def pf_without_vfs_reads_as_captured():
    for card in CARDS:
        same_text(card, read(profile(card)), "PF", PF, 0)


@case
def first_vf_reads_as_captured():
    for card, (_, vfs) in CARDS.items():
        same_text(card, read(profile(card)), "VF", vfs[0], 2)


@case
def second_vf_reads_as_captured():
    for card, (_, vfs) in CARDS.items():
        same_text(card, read(data(f"{card}-vf1.lspci")), "VF", vfs[1], 2)


@case
def cards_that_were_never_in_use_read_exactly_the_same():
    cards = {"00": vfplane("profile", "synth", "--vfs", "3"), "01": read(os.path.join(SOURCE, "profiles/linux-guest.lspci"))}
    for bus, text in cards.items():
        with tempfile.NamedTemporaryFile("w", suffix=".lspci") as file:
            file.write(text)
            file.flush()
            for function, vfs in ((0, 0), (1, 1)):
                address = f"{bus}:00.{function}"
                before = lspci(text, "-vvv", "-s", address)
                after = lspci(vfplane("dump", "--profile", file.name, "--vfs", str(vfs)), "-vvv", "-s", address)
                assert before.count("\n") > 20 and before == after, "".join(
                    difflib.unified_diff(before.splitlines(True), after.splitlines(True)))


@case
def every_documented_difference_is_there():
    for card in CARDS:
        same_text(card, read(data(f"{card}-pf-2vfs.lspci")), "PF", PF, 2)
        same_text(card, read(data(f"{card}-vf1.lspci")), "VF", CARDS[card][1][1], 2)
    unused = [row for row in DIFFERENCES.rows if row not in DIFFERENCES.seen]
    assert not unused, f"nothing shows {unused}"


@case
def a_difference_without_a_rule_is_found():
    captured = read(data("82576-vf1.lspci"))
    changed = re.sub(r"^70: 11 00 02", "70: 11 00 03", captured, flags=re.M)
    assert changed != captured
    try:
        same_text("82576", changed, "VF", "01:10.2", 2)
    except AssertionError as error:
        assert "MSI-X" in str(error), error
        return
    raise AssertionError("another MSI-X table size went unnoticed")


@case
def a_dump_is_a_profile_of_the_same_card():
    for card in CARDS:
        dump = vfplane("dump", "--profile", profile(card), "--vfs", "2")
        with tempfile.NamedTemporaryFile("w", suffix=".lspci") as file:
            file.write(dump)
            file.flush()
            assert vfplane("dump", "--profile", file.name, "--vfs", "2") == dump
            shown = vfplane("profile", "show", file.name)
        assert shown == vfplane("profile", "show", profile(card))


@case
def routing_ids_are_those_of_the_captures():
    for card, (_, vfs) in CARDS.items():
        out = lspci(vfplane("dump", "--profile", profile(card), "--vfs", "2"), "-n")
        assert [line.split()[0] for line in out.splitlines()] == [PF, *vfs], out


@case
def a_dump_of_65535_vfs_parses():
    with tempfile.NamedTemporaryFile("w", suffix=".lspci") as file:
        file.write(vfplane("profile", "synth"))
        file.flush()
        with subprocess.Popen([VFPLANE, "dump", "--profile", file.name, "--vfs", "65535"], stdout=subprocess.PIPE) as dump:
            out = run("lspci", "-n", "-F", "/dev/stdin", stdin=dump.stdout).stdout
            dump.stdout.close()
    assert dump.returncode == 0
    addresses = [line.split()[0] for line in out.splitlines()]
    assert addresses == [f"{at >> 8:02x}:{at >> 3 & 31:02x}.{at & 7}" for at in range(65536)]


# ---- the guest's view


def rows_of_hex(text, mark):
    """Offset -> dword, of lines such as "VFIO 010: 0c 00 ..."."""
    dwords = {}
    for match in re.finditer(rf"^{mark}([0-9a-f]{{2,3}}):((?: [0-9a-f]{{2}}){{16}})\s*$", text, re.M):
        row = bytes.fromhex(match[2])
        for i in range(0, 16, 4):
            dwords[int(match[1], 16) + i] = int.from_bytes(row[i:i + 4], "little")
    return dwords


@case
def a_guest_sees_what_vfio_shows_but_for_named_dwords():
    rows = table("The guest's view")
    used = 0
    for card in CARDS:
        named = {int(at, 16): (int(theirs, 16), int(ours, 16)) for cards, at, theirs, ours, rule in rows if card in cards}
        theirs = rows_of_hex(read(data(f"{card}-vf-through-linux-vfio.log")), "VFIO ")
        ours = rows_of_hex(vfplane("dump", "--guest", "--profile", profile(card), "--vfs", "1"), "")
        assert len(theirs) > 30 and len(ours) == 1024
        differ = {at: (theirs[at], ours[at]) for at in theirs if theirs[at] != ours[at]}
        assert differ == named, {f"{at:03x}": [f"{value:08x}" for value in both] for at, both in differ.items()}
        used += len(named)
    assert used >= len(rows)


@case
def lspci_takes_a_guests_vf_for_an_ordinary_device():
    out = lspci(vfplane("dump", "--guest", "--vfs", "3"), "-v")
    assert out.count("Intel Corporation 82576 Virtual Function") == 3, out
    assert "Region" not in out and out.count("Memory at <unassigned> (64-bit, prefetchable)") == 6, out
    assert "Illegal Vendor ID" not in out


@case
def the_size_of_a_guests_bars_stands_in_the_dump():
    out = vfplane("dump", "--guest", "--vfs", "1")
    assert re.findall(r"^\tRegion \d: .*", out, re.M) == [
        f"\tRegion {bar}: Memory at 00000000 (64-bit, prefetchable) [size=16K]" for bar in (0, 3)]


# ---- setpci: the page has the rows of the test


@case
def differences_from_qemu_are_those_of_the_test():
    rows = re.findall(r'{"([\w.+]+)", 0x(\w+), 0x(\w+), 0x(\w+), "([^"]*)"}', read(os.path.join(SOURCE, "tests/pci/setpci.c")))
    assert len(rows) > 4
    assert [list(row) for row in rows] == table("Differences from QEMU")


# ---- what cannot be dumped


@case
def errors_are_one_line_and_standard_output_stays_empty():
    with tempfile.NamedTemporaryFile("w", suffix=".lspci") as file:
        file.write("hello\n")
        file.flush()
        for words, arguments in {
            "not an lspci -xxxx capture": ("dump", "--profile", file.name), "No such file": ("dump", "--profile", "/nowhere"),
            "has 8 VFs": ("dump", "--vfs", "9"), "--vfs -1": ("dump", "--vfs", "-1"), "--vfs 65536": ("dump", "--vfs", "65536"),
            "dump word": ("dump", "word"), "has 4 VFs": ("dump", "--guest", "--profile", profile("nvme"), "--vfs", "5"),
            "which FILE": ("profile", "show"), file.name: ("profile", "show", file.name), "profile walk": ("profile", "walk"),
            "from 1 to 65535": ("profile", "synth", "--vfs", "0"),
        }.items():
            result = run(VFPLANE, *arguments)
            assert result.returncode == 2, f"{arguments}: exit {result.returncode}"
            assert not result.stdout, arguments
            assert re.fullmatch(r"vfplane: [^\n]*\n", result.stderr) and words in result.stderr, result.stderr


@case
def a_stream_that_is_full_is_an_error():
    for arguments in (("dump",), ("dump", "--guest"), ("profile", "synth"), ("profile", "show", profile("nvme"))):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([VFPLANE, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
        assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr


print(f"1..{len(CASES)}")
for number, test in enumerate(CASES, 1):
    try:
        test()
        print(f"ok {number} {test.__name__}")
    except Exception as error:  # a failed case is reported, the others go on
        for line in str(error).splitlines()[-40:]:
            print(f"# {line}")
        print(f"not ok {number} {test.__name__}")
