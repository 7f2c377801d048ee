"""Trains `selector_mnist` for moments and computes what its best checkpoint does a second time, in
NumPy (selector_numpy.py), from docs/checkpoints.md alone.

Usage: pytest scripts/checks/test_checkpoint.py
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import types

import checkpoint_page
import numpy as np
import pytest
import selector_numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = TARGET / "release" / "selector_mnist"
DIGITS = ["--data", "digits", "--lr", "0.3", "--epochs", "6"]
RUNS = {
    "consistent": DIGITS,
    "as-printed": DIGITS + ["--preset", "as-printed", "--seed", "3"],
    "softmax-k2": DIGITS + ["--preset", "k2", "--hidden", "32,16,8"],
    "softmax-k5": DIGITS + ["--preset", "k5", "--hidden", "20"],
    "k1": DIGITS + ["--preset", "k1", "--hidden", "32,16,8"],
    "replicates": DIGITS + ["--replicates", "2", "--hidden", "32,16,8"],
    "replicates-k3": DIGITS + ["--replicates", "3", "--preset", "k3", "--hidden", "24,12"],
    # Saved between evaluations, with the buffers of every kind of optimizer and schedule.
    "adam": ["--data", "digits", "--preset", "k3", "--hidden", "16,8", "--optimizer", "adam",
             "--schedule", "plateau", "--steps", "30", "--checkpoint-every", "10", "--keep", "9",
             "--log-every", "7"],
    "momentum": ["--data", "digits", "--hidden", "16,8", "--optimizer", "momentum", "--replicates",
                 "2", "--steps", "30", "--checkpoint-every", "10", "--keep", "9"],
    "mnist": ["--data", "mnist"],
    "mnist-k5": ["--data", "mnist", "--preset", "k5", "--hidden", "48,32", "--steps", "300"],
}
EVALUATION = re.compile(r"(eval|cosine|[a-z_]+/test)/")


def program(*arguments):
    return subprocess.run([PROGRAM, *arguments], cwd=ROOT, check=True, text=True, umask=0o027,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


@pytest.fixture(scope="module", params=RUNS)
def run(request, tmp_path_factory):
    """A finished run: what it wrote, and what NumPy finds for each of its networks."""
    if request.param.startswith("mnist") and not (ROOT / "data" / "mnist").is_dir():
        pytest.skip("no data/mnist")
    top = tmp_path_factory.mktemp("checkpoint")
    summary = json.loads(program(
        *RUNS[request.param], "--name", "check", "--quiet", "--json", "--device", "cpu",
        "--runs", top / "runs", "--checkpoints", top / "checkpoints"))
    checkpoints = top / "checkpoints" / "selector_mnist" / "check"
    manifest, tensors = selector_numpy.load(checkpoints)
    values = {}
    with open(top / "runs" / "selector_mnist" / "check" / "metrics.jsonl") as lines:
        for line in map(json.loads, lines):
            if line["step"] == manifest["step"]:
                values |= line["values"]
    config = manifest["config"]
    images, labels = selector_numpy.load_test_set(config["data"])
    networks = {"": tensors}
    if config["replicates"] > 1:
        networks = {f"/r{i}": selector_numpy.replicate(tensors, i)
                    for i in range(config["replicates"])}
    found = {suffix: selector_numpy.evaluate(network, config["selector"], images, labels)
             for suffix, network in networks.items()}
    return types.SimpleNamespace(
        name=request.param, checkpoints=checkpoints, manifest=manifest, tensors=tensors,
        config=config, found=found, summary=summary, pixels=images.shape[1], images=len(images),
        logged={tag: value for tag, value in values.items() if EVALUATION.match(tag)})


def test_numpy_finds_what_the_evaluation_logged(run):
    for suffix, (tags, doubtful) in run.found.items():
        assert doubtful <= 0.01 * run.images
        for tag, value in tags.items():
            slack = 1e-5 if tag == "eval/loss" else 1e-9
            # An image that hangs on a tie may count either way, and no other may.
            if doubtful and not tag.startswith("cosine"):
                slack += 4 * doubtful / run.images
            # One image can make the difference to a neuron.
            if doubtful and tag.startswith(("dominance", "never_used")):
                slack = 0.05
            assert run.logged[tag + suffix] == pytest.approx(value, abs=slack), tag
    expected = {tag + suffix for suffix, (tags, _) in run.found.items() for tag in tags}
    if run.config["replicates"] > 1:
        expected |= {tag + end for tag in run.found["/r0"][0] for end in ("", "/sd")}
    assert set(run.logged) == expected
    assert "-0.0" not in map(str, run.logged.values())


def test_replicates_differ_and_carry_mean_and_spread(run):
    count = run.config["replicates"]
    if count == 1:
        pytest.skip("one network")
    tags = run.found["/r0"][0]
    for tag in tags:
        each = [run.logged[f"{tag}/r{index}"] for index in range(count)]
        assert run.logged[tag] == pytest.approx(np.mean(each), abs=1e-12)
        assert run.logged[f"{tag}/sd"] == pytest.approx(np.std(each, ddof=1), abs=1e-9)
    assert len({run.logged[f"eval/loss/r{index}"] for index in range(count)}) == count


def test_the_best_is_the_best_and_the_summary_says_so(run):
    assert run.manifest["score"] == {"tag": "eval/accuracy", "higher_is_better": True,
                                     "value": run.logged["eval/accuracy"]}
    assert run.summary["best"] == {"tag": "eval/accuracy", "step": run.manifest["step"],
                                   "value": run.logged["eval/accuracy"]}
    assert (run.summary["status"], run.summary["exit_code"]) == ("done", 0)
    assert run.summary["metrics"]["eval/accuracy"] <= run.logged["eval/accuracy"]
    assert pathlib.Path(run.summary["best_checkpoint"]).name == run.manifest["file"]
    newest = selector_numpy.manifests(run.checkpoints)[-1]
    assert newest["step"] == run.summary["steps"]


def test_eval_prints_the_same_numbers(run):
    answer = json.loads(program("--eval", run.checkpoints, "--json", "--device", "cpu"))
    assert answer["step"] == run.manifest["step"]
    assert pathlib.Path(answer["checkpoint"]).name == run.manifest["file"]
    assert answer["metrics"] == run.logged


def test_manifests_prove_their_files(run):
    manifests = selector_numpy.manifests(run.checkpoints)
    files = {path.name for path in run.checkpoints.glob("*.safetensors")}
    assert files == {entry["file"] for entry in manifests}
    for entry in manifests:
        data = (run.checkpoints / entry["file"]).read_bytes()
        assert entry["bytes"] == len(data)
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["format"] == 2
        assert entry["config"] == run.config
        assert entry["file"] == f"step-{entry['step']:08}.safetensors"
        # Both files are for the same people.
        path = run.checkpoints / entry["file"]
        # Its own sum is over the manifest without blanks, in which the sum is empty.
        text = re.sub(r'("(?:\\.|[^"\\])*")|\s+', lambda found: found[1] or "",
                      path.with_suffix(".json").read_text())
        text = text.replace(entry["manifest_sha256"], "")
        assert entry["manifest_sha256"] == hashlib.sha256(text.encode()).hexdigest()
        modes = [file.stat().st_mode & 0o777 for file in (path, path.with_suffix(".json"))]
        assert modes == [0o640, 0o640]


def test_every_part_is_documented_and_finite(run):
    table = checkpoint_page.rows()
    for entry in selector_numpy.manifests(run.checkpoints):
        path, step = run.checkpoints / entry["file"], entry["step"]
        tensors, numbers = checkpoint_page.tensors_in(path), entry["numbers"]
        found, _ = checkpoint_page.problems("selector_mnist", run.config, tensors, numbers, table)
        assert found == [], step
        for name, value in selector_numpy.load_file(path).items():
            assert np.isfinite(value).all(), (step, name)
        for name, value in numbers.items():
            # Nothing observed yet: any loss is better.
            unseen = name == "optim.schedule.best" and step < 23
            assert value not in ("inf", "-inf", "NaN") or unseen, (step, name)


def test_state_counts_what_it_says(run):
    if "--checkpoint-every" in RUNS[run.name]:
        assert len(selector_numpy.manifests(run.checkpoints)) == 4  # 10, 20, 23 (evaluated), 30
    epoch = {"digits": -(-1437 // 64), "mnist": -(-60000 // 64)}[run.config["data"]]
    images = {"digits": 1437, "mnist": 60000}[run.config["data"]]
    steps = run.summary["steps"]
    for entry in selector_numpy.manifests(run.checkpoints):
        tensors = selector_numpy.load_file(run.checkpoints / entry["file"])
        step = entry["step"]
        numbers = entry["numbers"]
        assert numbers["optim.step"] == step == numbers["state.lab.step"]
        if step >= min(epoch, steps):  # from the first evaluation on
            assert numbers["state.lab.best.tag"] == "eval/accuracy"
        # The first step after an evaluation begins anew.
        seen = min(((step - 1) % epoch + 1) * 64, images)
        tallies = [name for name in tensors if name.startswith("state.tally.")]
        assert len(tallies) == len(run.config["hidden"])
        for name in tallies:
            assert tensors[name].shape[-2] == run.config["num_computation"]
            assert (tensors[name].sum(-2) == seen).all(), (step, name)


def test_a_replicate_is_the_network_of_its_own_seed(tmp_path):
    train = ["--data", "digits", "--hidden", "16,8", "--lr", "0.3", "--steps", "40", "--quiet",
             "--device", "cpu", "--runs", tmp_path / "runs",
             "--checkpoints", tmp_path / "checkpoints"]
    program(*train, "--seed", "5", "--replicates", "3", "--name", "three")
    program(*train, "--seed", "7", "--name", "alone")
    home = tmp_path / "checkpoints" / "selector_mnist"
    three = selector_numpy.load_file(home / "three" / "step-00000040.safetensors")
    alone = selector_numpy.load_file(home / "alone" / "step-00000040.safetensors")
    third = selector_numpy.replicate(three, 2)
    assert len(third) == 10
    for name, value in third.items():
        assert np.allclose(value, alone[name], rtol=0, atol=1e-5), name
