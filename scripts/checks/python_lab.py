"""What the tests of python/neuron_lab share: the package, PyTorch, tiny runs and the data set `digits`."""

import atexit
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import python_torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
sys.path.insert(0, str(ROOT / "python"))
import neuron_lab  # noqa: E402, after the path is known
from neuron_lab import data, draws_efficient_coding  # noqa: E402

# In memory where there is such a folder, since a run syncs its files to the disk.
HOME = pathlib.Path(tempfile.mkdtemp(prefix="python-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
atexit.register(shutil.rmtree, HOME, True)
# Every step saved, and logged.
EACH_STEP = "--checkpoint-every 1 --keep 999 --log-every 1"


def load_torch():
    """PyTorch, in one thread as the experiments are; the tests of a file are skipped where there is none."""
    try:
        torch = python_torch.load()
    except ModuleNotFoundError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PyTorch: {error}", allow_module_level=True)
    torch.set_num_threads(1)
    return torch


@functools.cache
def run(experiment, flags):
    """A finished run with these flags."""
    name = f"run{len(list(HOME.glob('runs/*/*')))}"
    command = [TARGET / "release" / experiment, *flags.split(), "--name", name, "--quiet", "--device", "cpu"]
    done = subprocess.run(command, cwd=HOME, text=True, capture_output=True)
    assert done.returncode == 0, f"{experiment} {flags}: {done.stderr}"
    return neuron_lab.open(HOME / "runs" / experiment / name)


@functools.cache
def digits():
    """Images [image, pixel] f32 as the networks see them, and labels: of training, and of testing."""
    return data.images("digits", ROOT)


def logged(run, step):
    """Every value that a run logged at a step."""
    values = {}
    for at, _, found in run.log.entries:
        if at == step:
            values |= found
    return values


def built_in_text(trained):
    """The tokens that a transformer learnt from and those held out, as numbers of its words."""
    return data.built_in_text(trained.provenance["data"]["vocabulary"], ROOT)


def one_neuron_batches(samples, labels, size):
    """Inputs [batch, sample, 4], divided by the largest of their batch, and labels [batch, sample]."""
    samples = samples.reshape(-1, size, 4)
    return samples / samples.max((1, 2), keepdims=True), labels.reshape(-1, size).astype(np.float64)


def noisy_patches(config, count, stream, t):
    """Patches of the ensemble `gaussian` with the noise of their pixels."""
    root = draws_efficient_coding.gaussian_root(
        config["kernel_size"], config["colours"], masked=config["mask"] == "circle")
    patches = draws_efficient_coding.gaussian_patches(root, count, config["seed"], stream, t)
    noise = draws_efficient_coding.pixel_noise(patches.shape, config["seed"], stream, t)
    return (patches + noise * np.float32(config["input_noise"])).astype(np.float32)


def assert_next(run, model, step, index=0, count=1, tolerance=2e-6, fixed=(), either=()):
    """Asserts that the model is that of the checkpoint after `step`, and that each tensor has moved far
    more than the tolerance: all but those that are `fixed`, or do `either`."""
    before, after = run.checkpoint(step).tensors, run.checkpoint(step + 1).tensors
    for name, value in model.state_dict().items():
        old, new = (of[name] if count == 1 else of[name][index] for of in (before, after))
        allowed = tolerance * max(np.abs(new).max(), 1e-3)
        assert np.abs(value.numpy() - new).max() <= allowed, (name, step)
        if not any(part in name for part in either):
            moved = np.abs(old - new).max()
            assert moved == 0 if any(part in name for part in fixed) else moved > 5 * allowed, (name, step)


def descend(model, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
