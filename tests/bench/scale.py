#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vfplane bench scale as a person types it: the table, its forms, the drawing, its one clear line when it cannot.

    scale.py VFPLANE    (prints TAP)
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

VFPLANE = sys.argv[1]
AXES = {"VFs": [1, 4], "PFs": [1, 4], "guests": [1, 4]}  # of a quick run
CASES = []


class Skip(Exception):
    pass


def case(function):
    CASES.append(function)
    return function


def bench(*arguments, **options):
    return subprocess.run([VFPLANE, "bench", *arguments], capture_output=True, text=True, timeout=120, **options)


def quick(*arguments, **options):
    return bench("scale", "--quick", *arguments, **options)


@case
def every_axis_is_measured():
    result = quick("--json")
    assert result.returncode == 0 and not result.stderr, result.stderr
    found = json.loads(result.stdout)
    assert 0 <= found.pop("taken_by_others") <= 1
    assert {axis: [point["count"] for point in points] for axis, points in found.items()} == AXES, found
    for axis, points in found.items():
        for point in points:
            values = ["start_ns", "stop_ns", "write_ns", "host_bytes_each"] + ["guest_bytes"] * (axis == "guests")
            values += ["pinned_write_ns"] * (axis == "guests" and len(os.sched_getaffinity(0)) > 1)
            assert sorted(point) == sorted(["count"] + values), point
            assert all(point[value] > 0 for value in values), point


@case
def people_and_documents_get_the_same_rows():
    text, markdown = quick().stdout, quick("--markdown").stdout
    for title in ("VFs of one PF", "PFs of one host, a VF each", "guest processes of one host, a VF each"):
        assert f"{title}\n" in text and f"**{title}**\n" in markdown
    assert sum(line.split()[0] in ("1", "4") for line in text.splitlines()) == 6, text
    assert sum(line.startswith(("| 1 |", "| 4 |")) for line in markdown.splitlines()) == 6, markdown


@case
def with_one_processor_nothing_is_pinned():
    processor = min(os.sched_getaffinity(0))
    result = quick("--json", preexec_fn=lambda: os.sched_setaffinity(0, {processor}))
    assert result.returncode == 0 and not result.stderr, result.stderr
    for point in json.loads(result.stdout)["guests"]:
        assert "pinned_write_ns" not in point and point["write_ns"] > 0, point


@case
def the_drawing_is_an_svg_with_every_axis():
    if not shutil.which("gnuplot"):
        raise Skip("gnuplot is not installed")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scale.svg")
        result = quick("--plot", path)
        assert result.returncode == 0, result.stderr
        with open(path, encoding="utf-8") as file:
            drawing = file.read()
    assert drawing.rstrip().endswith("</svg>")
    for axis in AXES:
        assert drawing.count(f"<text><tspan font-family=\"Arial\" >{axis}</tspan></text>") == 4, axis


@case
def without_gnuplot_one_line_says_so_and_no_file_stays():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scale.svg")
        result = quick("--plot", path, env={**os.environ, "PATH": folder})
        assert result.returncode == 2, result.returncode
        assert result.stderr == "vfplane: gnuplot: not found (Debian package gnuplot-nox)\n", result.stderr
        assert not os.path.exists(path)


@case
def wrong_arguments_are_refused_in_one_line():
    for arguments, part in ((["speed"], "bench speed"), ([], "bench scale"), (["scale", "scale"], "bench scale")):
        result = bench(*arguments)
        assert result.returncode == 2 and not result.stdout, result.stdout
        lines = result.stderr.splitlines()
        assert len(lines) == 1 and part in lines[0], result.stderr
    result = quick("--plot", "/nowhere/scale.svg")
    assert result.returncode == 2 and result.stderr == "vfplane: /nowhere/scale.svg: No such file or directory\n", \
        result.stderr


print(f"1..{len(CASES)}")
for number, run in enumerate(CASES, 1):
    try:
        run()
        print(f"ok {number} {run.__name__}")
    except Skip as reason:
        print(f"# SKIP-REASON {run.__name__}: {reason}")
        print(f"ok {number} {run.__name__} # SKIP")
    except Exception as error:  # a failed case is reported, the others go on
        for line in str(error).splitlines()[-40:]:
            print(f"# {line}")
        print(f"not ok {number} {run.__name__}")
