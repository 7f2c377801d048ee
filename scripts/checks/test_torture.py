"""The short form of `scripts/torture`, and whether it finds faults that are there.

Usage: pytest scripts/checks/test_torture.py
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAMS = TARGET / "release"
sys.path.insert(0, str(ROOT / "scripts/torturing"))

import bench  # noqa: E402
import ended  # noqa: E402

EXPERIMENTS = sorted(path.stem for path in (ROOT / "bin").glob("*.rs"))
SHORT = {"kills": 8, "signals": 4, "errors": 6, "races": 1, "sweeps": 1, "files": 80}

# A program that does what the real one does, with a fault. It has the real one's path, `program`, and
# its command line, `words`.
FAKE = """#!{python} -B
import os, pathlib, resource, signal, subprocess, sys
program, words = {program!r}, sys.argv[1:]
{fault}
"""
# The log ends in its middle once a run was resumed.
LOSES_ITS_LOG = """
code = subprocess.run([program, *words]).returncode
if "--resume" in words:
    for log in pathlib.Path("runs").rglob("metrics.jsonl"):
        lines = log.read_text().splitlines(keepends=True)
        log.write_text("".join(lines[: len(lines) // 2]))
sys.exit(code)
"""
# The one figure that was drawn last is half there.
LOSES_A_FIGURE = """
code = subprocess.run([program, *words]).returncode
if "--resume" in words:
    figure = sorted(pathlib.Path("runs").rglob("figures/*.png"))[-1]
    figure.write_bytes(figure.read_bytes()[:100])
sys.exit(code)
"""
# Whoever asked it to stop is told that it has finished.
HIDES_SIGNALS = """
for number in map(signal.Signals, (1, 2, 10, 12, 15, 24)):
    signal.signal(number, lambda *_: None)
subprocess.run([program, *words])
sys.exit(0)
"""
# Who comes second is told that all is well.
HIDES_REFUSALS = """
subprocess.run([program, *words])
sys.exit(0)
"""
# A point of a sweep that was done is done again.
FORGETS_A_POINT = """
if "--resume" in words:
    for summary in sorted(pathlib.Path("runs/sweeps").rglob("summary.json"))[:1]:
        summary.unlink()
os.execv(program, [program, *words])
"""
# A disk error ends it as a fault of its own does.
DIES_OF_DISKS = """
limited = resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
if limited or os.environ.get("TORTURE_FAULT"):
    os.abort()
os.execv(program, [program, *words])
"""
# It never ends, and says so.
HANGS = """
print("waiting", flush=True)
signal.pause()
"""
# What it can't read ends it with the words of a panic.
PANICS = """
ended = subprocess.run([program, *words])
if ended.returncode != 0:
    print("error: internal error: called `Option::unwrap()` on a `None` value", file=sys.stderr)
sys.exit(ended.returncode)
"""
# A damaged file is told with what it holds.
SHOWS_ESCAPES = """
print("\\x1b[2J")
os.execv(program, [program, *words])
"""


def plant(folder, program, fault):
    """The programs, one of them with a fault."""
    for name in EXPERIMENTS:
        (folder / name).symlink_to(PROGRAMS / name)
    fake = folder / program
    fake.unlink()
    fake.write_text(FAKE.format(python=sys.executable, program=str(PROGRAMS / program), fault=fault))
    fake.chmod(0o755)


def torture(*arguments, programs=PROGRAMS):
    command = [sys.executable, ROOT / "scripts/torture", "--bin", programs, *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert not ended.stderr, ended.stderr
    rows = re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+) +(\d+)$", ended.stdout, re.M)
    return ended.returncode, ended.stdout, {kind: [int(n) for n in rest] for kind, *rest in rows}


def bench_of(programs, folder):
    return bench.Bench(programs, [], None, bench.compile_library("serve", folder), 0)


def test_forked_programs_end_as_started_ones(tmp_path):
    programs = bench_of(PROGRAMS, tmp_path)
    for words in (["lab", "--version"], ["lab", "runs"], ["one_neuron", "--lr", "x"],
                  ["one_neuron", "--eval", "none"], ["lab", "report", "--out", "/none/page.html"]):  # fmt: skip
        started, forked = programs.call(words, tmp_path), programs.fork(words, tmp_path)
        assert (started.code, started.output, started.errors) == (forked.code, forked.output, forked.errors)
        assert started.output or started.errors and forked.memory > 1 << 20


def test_hanging_programs_are_stopped(tmp_path, monkeypatch):
    (tmp_path / "programs").mkdir()
    plant(tmp_path / "programs", "lab", HANGS)
    monkeypatch.setattr(ended, "PATIENCE", 1)
    programs = bench_of(tmp_path / "programs", tmp_path)
    for call in (programs.call, programs.fork):
        stopped = call(["lab"], tmp_path)
        assert (stopped.code, stopped.output) == (None, "waiting\n")
        assert ended.wrong(stopped, {0}) and str(stopped).startswith("no end of")


def test_short_form_finds_nothing():
    numbers = [f"--{kind}={number}" for kind, number in SHORT.items()]
    code, said, table = torture(*numbers, "--jobs=2", "--plain=0.05")
    assert code == 0, said
    assert re.search(r"^starts in files: [1-9]\d* forked, [1-9]\d* plain$", said, re.M), said
    for kind, least in SHORT.items():
        tried, cases, passed, failed = table[kind]
        assert tried >= least and passed == cases and failed == 0, said


@pytest.mark.parametrize(
    ("program", "fault", "kind", "number", "message"),
    [
        ("selector_mnist", LOSES_ITS_LOG, "kills", 2, "log: "),
        ("selector_mnist", LOSES_A_FIGURE, "kills", 2, "figures: "),
        ("selector_mnist", HIDES_SIGNALS, "signals", 2, "summary.json does not say `done`"),
        ("selector_mnist", DIES_OF_DISKS, "errors", 1, "exit code -6 of"),
        ("selector_mnist", HIDES_REFUSALS, "races", 4, "2 of two ran"),
        ("lab", FORGETS_A_POINT, "sweeps", 1, "run again"),
        ("selector_mnist", PANICS, "files", 1, "internal error"),
        ("lab", SHOWS_ESCAPES, "files", 1, "a control character on the terminal"),
    ],
    ids=["log", "figure", "signal", "disk", "race", "sweep", "panic", "escapes"],
)
def test_planted_fault_is_found(tmp_path, program, fault, kind, number, message):
    plant(tmp_path, program, fault)
    # A race for a run that goes on may be over before the second one looks: of this seed some begin one.
    seed = "2" if kind == "races" else "1"
    words = [f"--{kind}", str(number), "--seed", seed, "selector_mnist/threshold"]
    code, said, table = torture(*words, programs=tmp_path)
    assert code == 1 and table[kind][3] > 0, said
    (first, *_) = [line for line in said.splitlines() if line.startswith(f"FAILED {kind}: ")]
    assert message in said, said
    assert f"scripts/torture --seed {seed} --case {kind}:" in first and first.endswith(" selector_mnist/threshold")
