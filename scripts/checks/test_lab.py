"""What `lab` leaves for others: a sweep in TensorBoard, and state dicts that Python reads.

Usage: pytest scripts/checks/test_lab.py
"""

import os
import pathlib
import subprocess

import board_http
import numpy as np
import pytest
from safetensors.numpy import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
LAB = TARGET / "release" / "lab"
SWEEP = ["sweep", "selector_mnist", "--data", "digits", "--hidden", "8", "--epochs", "2", "--device",
         "cpu", "--log-every", "5", "--grid", "lr=0.02,0.2", "--grid", "seed=0..1", "--name", "four"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    subprocess.run(["cargo", "build", "--quiet", "--release", "--bin", "lab", "--bin",
                    "selector_mnist"], cwd=ROOT, check=True)
    folder = tmp_path_factory.mktemp("lab")
    subprocess.run([LAB, *SWEEP], cwd=folder, check=True, capture_output=True)
    return folder


def test_tensorboard_compares_the_points_of_a_sweep(home):
    with board_http.serve(home / "runs/sweeps/four") as base:
        _, groups = board_http.hparams(base)
        points = {(group["hparams"]["lr"], group["hparams"]["seed"]) for group in groups}
        assert points == {(lr, seed) for lr in (0.02, 0.2) for seed in (0, 1)}
        for group in groups:
            (session,) = group["sessions"]
            assert session["status"] == "STATUS_SUCCESS"
            results = {entry["name"]["tag"] for entry in group["metricValues"]}
            assert {"eval/accuracy", "eval/loss"} <= results
        tags = board_http.all_tags(base)
        assert {"figures/curves", "figures/response"} <= set(tags["images"]["."])
        assert "sweep" in tags["text"]["."]
        board_http.read_everything(base, tags)


def test_state_dicts_are_the_checkpoint_without_the_rest(home):
    run = home / "runs/sweeps/four/selector_mnist/lr=0.2,seed=1"
    command = [LAB, "checkpoint", run, "--to-torch", home / "a.safetensors", "--to-numpy",
               home / "a.npz"]
    subprocess.run(command, cwd=home, check=True, capture_output=True)
    (newest,) = sorted((home / "checkpoints/sweeps/four/selector_mnist/lr=0.2,seed=1").glob(
        "step-*.safetensors"))[-1:]
    whole, torch, arrays = load_file(newest), load_file(home / "a.safetensors"), np.load(home / "a.npz")
    model = {name for name in whole if not name.startswith(("optim.", "state."))}
    assert set(torch) == model == set(arrays.files) and model
    for name in model:
        np.testing.assert_array_equal(torch[name], whole[name])
        np.testing.assert_array_equal(arrays[name], whole[name])
