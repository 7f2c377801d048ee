"""scripts/test-cuda, as far as it goes without a GPU: what it says where there is none, how it compares, and two
rows on the simulated device, where that and the programs are built.
"""

import importlib.machinery
import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/test-cuda"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BUILT = (TARGET / "release/selector_mnist").exists() and any(
    (TARGET / "tmp/simulated_cuda").glob("*/libsimulated_cuda.so")
)


def load():
    loader = importlib.machinery.SourceFileLoader("cuda_script", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("cuda_script", loader))
    loader.exec_module(module)
    return module


script = load()


def run(*options, **environment):
    return subprocess.run(
        [sys.executable, "-B", SCRIPT, *options],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def stand_in(folder, text):
    """A folder for the path with a stand-in for nvidia-smi."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_without_a_gpu_it_is_skipped(tmp_path):
    done = run(PATH=stand_in(tmp_path, "exit 9"))
    assert done.returncode == 0
    assert done.stdout == "skipped: no CUDA device (nvidia-smi lists none)\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nothing"], "error: nothing: no such experiment or row"),
        (["--simulated", "--bin", "/nowhere"], "error: /nowhere has no apical_characterize"),
    ],
)
def test_bad_input_is_one_line(options, words, tmp_path):
    library = tmp_path / "tmp/simulated_cuda/one/libsimulated_cuda.so"
    library.parent.mkdir(parents=True)
    library.touch()
    done = run(*options, CARGO_TARGET_DIR=str(tmp_path), LIBTORCH=str(tmp_path))
    assert done.returncode == 1 and done.stderr.startswith(words) and done.stderr.count("\n") == 1


def test_a_simulated_device_that_is_not_built_or_cannot_be_is_named(tmp_path):
    done = run("--simulated", CARGO_TARGET_DIR=str(tmp_path), LIBTORCH=str(tmp_path))
    assert done.returncode == 1 and "is not built: cargo test" in done.stderr
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libtorch_cuda.so").touch()
    done = run("--simulated", CARGO_TARGET_DIR=str(tmp_path), LIBTORCH=str(tmp_path))
    assert done.returncode == 1 and "has CUDA itself" in done.stderr


def test_a_difference_is_a_share_of_the_largest_value():
    a = {"loss": {1: 2.0, 2: 0.1}, "other": {1: 1.0, 2: 1.0}, "noise": {1: 1e-6, 2: 0.0}}
    b = {"loss": {1: 2.0, 2: 0.3}, "other": {1: 1.5, 2: 1.0}, "noise": {1: 0.0, 2: 1e-6}}
    share, tag = script.largest_difference(a, b)
    assert (tag, round(share, 9)) == ("other", round(0.5 / 1.5, 9))
    share, tag = script.largest_difference(a, b, lambda tag: tag == "loss")
    assert (tag, round(share, 9)) == ("loss", 0.1)
    assert script.largest_difference(a, b, lambda tag: tag == "noise") == (0.0, "")


def test_a_number_that_is_none_on_one_side_differs_and_other_entries_fail():
    assert script.largest_difference({"loss": {1: None}}, {"loss": {1: 1.0}}) == (math.inf, "loss")
    assert script.largest_difference({"loss": {1: None}}, {"loss": {1: None}}) == (0.0, "")
    with pytest.raises(script.Failed, match="other entries"):
        script.largest_difference({"loss": {1: 1.0}}, {"loss": {2: 1.0}})
    with pytest.raises(script.Failed, match="other entries"):
        script.largest_difference({}, {})


def test_every_experiment_has_a_row():
    programs = {path.stem for path in (ROOT / "bin").glob("*.rs")} - {"lab"}
    assert {experiment for experiment, _ in script.RUNS} == programs


def test_what_there_is_no_time_for_is_not_run_and_does_not_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "LIMIT", 0)
    table = script.Table(tmp_path / "table.md", simulated=True)
    bench = script.Bench(tmp_path, tmp_path, None)
    script.run_all(bench, script.chosen(["apical_toy"]), True, table)
    assert table.summary() == "0 passed, 0 failed, 4 not run"
    assert (tmp_path / "table.md").read_text().count("| not run |") == 4


FAULT = """#!/bin/sh
case "$*" in *"--device cuda:0"*) echo "error: of this device" >&2; exit 1 ;; esac
exec "{program}" "$@"
"""


@pytest.mark.skipif(not BUILT, reason="the programs and the simulated device are not built")
def test_rows_on_the_simulated_device(tmp_path):
    out = tmp_path / "table.md"
    done = run("--simulated", "--bin", TARGET / "release", "--out", out, "apical_train", "efficient_coding")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("2 passed, 0 failed, 0 not run\n")
    page = out.read_text()
    assert "GPU: the simulated device, which is the CPU" in page and "2 passed, 0 failed, 0 not run" in page
    assert page.count("the same bits") == 2


@pytest.mark.skipif(not BUILT, reason="the programs and the simulated device are not built")
def test_what_fails_on_the_device_is_a_row_that_says_so(tmp_path):
    for path in (TARGET / "release").iterdir():
        if path.is_file() and os.access(path, os.X_OK):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "apical_toy").unlink()
    (tmp_path / "apical_toy").write_text(FAULT.format(program=TARGET / "release/apical_toy"))
    (tmp_path / "apical_toy").chmod(0o755)
    done = run("--simulated", "--bin", tmp_path, "--out", tmp_path / "table.md", "apical_toy")
    assert done.returncode == 1
    assert "exit code 1 on cuda:0: error: of this device" in (tmp_path / "table.md").read_text()
    assert done.stdout.endswith("0 passed, 1 failed, 0 not run\n")
