"""Short runs whose learning rate is so small that nothing moves: what they log and save shows what they drew."""

import gzip
import json
import os
import pathlib
import subprocess
import sys
import types

import numpy as np
from safetensors.numpy import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
sys.path.insert(0, str(ROOT / "python"))
# A rate at which no f32 changes.
STILL = "1e-30"


def run(folder, experiment, flags, name="run", quiet=True):
    """A finished run: its words, its checkpoint, and what it logged, {tag: {step: value}}."""
    program = TARGET / "release" / experiment
    said = subprocess.run(
        [program, *flags.split(), "--name", name, "--device", "cpu", "--threads", "1", "--runs", folder / "runs",
         "--checkpoints", folder / "checkpoints", *(["--quiet"] if quiet else [])],
        cwd=ROOT, check=True, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    home = folder / "runs" / experiment / name
    logged = {}
    for line in map(json.loads, (home / "metrics.jsonl").read_text().splitlines()):
        for tag, value in line["values"].items():
            logged.setdefault(tag, {})[line["step"]] = value
    saved = max((folder / "checkpoints" / experiment / name).glob("step-*.safetensors"))
    return types.SimpleNamespace(said=said.stdout + said.stderr, home=home, saved=saved, logged=logged,
                                 tensors=load_file(saved))


def digits():
    """Training and test images of the digits, normalised, with their labels."""
    with gzip.open(ROOT / "assets" / "digits.csv.gz") as file:
        table = np.loadtxt(file, delimiter=",")
    pixels, labels = table[:, :-1] / 16, table[:, -1].astype(int)
    pixels = (pixels - pixels[:1437].mean()) / pixels[:1437].std()
    return (pixels[:1437], labels[:1437]), (pixels[1437:], labels[1437:])


def cross_entropy(logits, labels):
    """Mean of -ln softmax(logits) at the labels."""
    top = logits.max(-1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(-1)) + top[..., 0]
    return (log_sum - np.take_along_axis(logits, labels[..., None], -1)[..., 0]).mean()
