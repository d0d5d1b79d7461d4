#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad arguments of every subcommand: exit status 2, one line on standard error that names what, nothing printed.

Usage: arguments.py VFPLANE    (prints TAP)
"""
import subprocess
import sys

VFPLANE = sys.argv[1]
COMMANDS = ("run", "check", "replay", "dump", "setpci", "profile show", "profile synth", "bench", "vmm-check", "guest")

# arguments: what the line names
ROWS = (
    ("nonsense", "nonsense: no such command"),
    *((f"{command} --no-such-option", f"vfplane {command}: unrecognized option '--no-such-option'")
      for command in COMMANDS),
    *((f"{command} --profile", f"vfplane {command}: option '--profile' requires an argument")
      for command in ("run", "check", "replay", "dump", "setpci", "vmm-check")),
    *((f"{command} --vfs {number} x", f"--vfs {number}: a number from 0 to 65535 is needed")
      for command in ("run", "dump", "setpci") for number in ("-1", "65536", "4x", "0x4", "99999999999999999999")),
    ("run --guests 4.0", "--guests 4.0: a number"),
    ("run extra", "run extra: options only"),
    ("run --keyword nonsense", "--keyword nonsense: NAME=VALUE"),
    ("run --keywords /nowhere/k", "/nowhere/k: No such file"),
    ("run --trace loud", "--trace loud"),
    ("run" + 17 * " --vf x", "--vf x: at most 16"),
    ("check", "which PF driver image"),
    ("check a.so b.so", "check b.so: one PF driver"),
    ("check a.so --rule NONE", "--rule NONE"),
    ("check a.so --report loud", "--report loud"),
    ("check a.so --timeout 0", "--timeout 0: a number from 1"),
    ("replay", "which LOG"),
    ("replay a b", "replay b: one LOG"),
    ("dump extra", "dump extra: options only"),
    ("setpci", "which register"),
    ("profile", "profile: one of show FILE, synth"),
    ("profile nonsense", "profile nonsense: one of show FILE, synth"),
    ("profile show", "which FILE"),
    ("profile show a b", "profile show b: one FILE"),
    ("profile synth --vfs 0", "--vfs 0: a number from 1"),
    ("profile synth extra", "profile synth extra: options only"),
    ("bench", "bench scale"),
    ("bench nonsense", "bench nonsense"),
    ("vmm-check", "which SOCKET"),
    ("vmm-check a b", "vmm-check b: one SOCKET"),
    ("vmm-check --timeout 0 a", "--timeout 0: a number from 1"),
    ("guest", "--socket, --number"),
    ("guest extra", "guest extra: options only"),
)


def vfplane(text):
    return subprocess.run([VFPLANE, *text.split()], capture_output=True, text=True, timeout=60, check=False)


def refused(text, named):
    """Why it is not refused as it should be, or nothing."""
    done = vfplane(text)
    lines = done.stderr.splitlines()
    if done.returncode != 2:
        return f"exit status {done.returncode}"
    if done.stdout:
        return f"printed {done.stdout!r}"
    if len(lines) != 1 or not lines[0].startswith("vfplane"):
        return f"not one line: {done.stderr!r}"
    return None if named in lines[0] else f"{named!r} is not in {lines[0]!r}"


def helped(command):
    """--help lists the options of a command on standard output."""
    done = vfplane(command + " --help")
    good = done.returncode == 0 and not done.stderr and f"Usage: vfplane {command.split()[0]}" in done.stdout
    return None if good else f"exit status {done.returncode}: {done.stdout}{done.stderr}"


def main():
    cases = [(text, lambda text=text, named=named: refused(text, named)) for text, named in ROWS]
    cases += [(command + " --help", lambda command=command: helped(command)) for command in COMMANDS]
    print(f"1..{len(cases)}")
    failed = 0
    for number, (text, case) in enumerate(cases, 1):
        why = case()
        failed += why is not None
        print(f"{'not ok' if why else 'ok'} {number} - vfplane {text if len(text) < 70 else text[:67] + '...'}")
        if why:
            print(f"# {why}")
    return failed > 0


sys.exit(main())
