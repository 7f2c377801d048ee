"""scripts/quickstart with stand-ins for what it calls: which steps it takes, and what it passes on."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Writes down its name and arguments; one of them may be told to fail.
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "{log}"
[ "$FAIL" = "$(basename "$0")" ] && exit "$STATUS"
exit 0
"""


@pytest.fixture
def quickstart(tmp_path):
    """Runs the script; gives exit code, output, and the steps that it took."""
    log = tmp_path / "steps.log"
    (tmp_path / "scripts").mkdir()
    for name in ["quickstart", "lib.sh"]:
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts" / name)
    for name in ["scripts/setup", "scripts/data", "tools/cargo", "target/release/selector_mnist"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STAND_IN.format(log=log))
        path.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if key != "CARGO_TARGET_DIR"}
    environment["PATH"] = f"{tmp_path / 'tools'}:{environment['PATH']}"

    def run(*options, fail="", status=0):
        log.write_text("")
        command = [tmp_path / "scripts/quickstart", *options]
        told = environment | {"FAIL": fail, "STATUS": str(status)}
        done = subprocess.run(command, env=told, cwd="/", capture_output=True, text=True)
        return done.returncode, done.stdout, log.read_text().splitlines()

    return run


BUILD = "cargo build --release --bin selector_mnist"


def test_without_options_it_trains_on_mnist(quickstart):
    status, _, steps = quickstart()
    assert (status, steps) == (0, ["setup ", "data --data-dir data mnist", BUILD, "selector_mnist "])


@pytest.mark.parametrize(
    ("options", "data"),
    [
        (["--data", "digits"], None),
        (["--epochs", "1", "--data=digits"], None),
        (["--data", "/a/folder"], None),
        (["--data=fashion-mnist", "--data-dir", "a folder"], "data --data-dir a folder fashion-mnist"),
        (["--epochs", "1"], "data --data-dir data mnist"),
    ],
)
def test_it_fetches_what_the_options_ask_for_and_passes_them_on(quickstart, options, data):
    status, _, steps = quickstart(*options)
    assert status == 0
    assert [step for step in steps if step.startswith("data")] == ([data] if data else [])
    preset = ["--preset", "digits"] if "digits" in " ".join(options) else []
    assert steps[-1] == f"selector_mnist {' '.join([*preset, *options])}"


def test_a_preset_of_the_users_is_the_only_one(quickstart):
    options = ["--data", "digits", "--preset", "k5"]
    assert quickstart(*options)[2][-1] == f"selector_mnist {' '.join(options)}"


@pytest.mark.parametrize(
    ("fail", "status", "steps"), [("setup", 1, 1), ("data", 1, 2), ("cargo", 101, 3), ("selector_mnist", 130, 4)]
)
def test_a_failing_step_ends_it_with_that_exit_code(quickstart, fail, status, steps):
    found, _, taken = quickstart(fail=fail, status=status)
    assert (found, len(taken)) == (status, steps)
