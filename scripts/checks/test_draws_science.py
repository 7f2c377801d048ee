"""What efficient_coding and the steady_state experiments draw, drawn again in Python and compared with what
their runs logged and saved.

Usage: pytest scripts/checks/test_draws_science.py
"""

import csv
import json
import subprocess

import numpy as np
import pytest
from draw_runs import ROOT, STILL, TARGET, run
from safetensors.numpy import load_file

from neuron_lab import draws_efficient_coding as retina
from neuron_lab import draws_steady_state as plant

SMALL = (f"--kernel-size 6 --neurons 8 --batch-size 32 --eval-patches 64 --covariance-batches 2 --evaluate-every 3 "
         f"--lr {STILL} --log-every 1 --steps 3")


class Retina:
    """The model's numbers at its initial values."""

    def __init__(self, numbers, filters):
        self.filters = filters
        self.gain, self.threshold = np.exp(numbers["encoder.logA"]), np.exp(numbers["encoder.logB"])

    def above(self, batch):
        return batch @ self.filters - self.threshold

    def check(self, found, batch, covariance):
        """Holds the log of three steps and an evaluation to batches drawn by (stream, t, count)."""
        for step in range(3):
            above = self.above(batch("patches", step, 32))
            z = above * self.gain + 3.0 * retina.output_noise(above.shape, 5, step)
            assert found.logged["terms/z"][step + 1] == pytest.approx(z.mean(), abs=2e-6), step
        rates = self.gain * np.logaddexp(0, 2.5 * self.above(batch("held-out", 0, 64))) / 2.5
        rms = np.sqrt(((rates.mean(0) - 1) ** 2).mean())
        assert found.logged["eval/rate_rms"][3] == pytest.approx(rms, rel=2e-5)
        slopes = [self.gain / (1 + np.exp(-2.5 * self.above(batch("covariance", i, 32)))) for i in range(2)]
        moments = np.mean([slope.T @ slope / 32 for slope in slopes], 0)
        noise = 0.4**2 * np.eye(len(covariance))
        numerator = moments * (self.filters.T @ (covariance + noise) @ self.filters) + 9 * np.eye(8)
        saved = load_file(found.home / "figures" / "covariances.safetensors")
        np.testing.assert_allclose(saved["MI_numerator"], numerator, rtol=2e-5, atol=1e-6)
        first = slopes[0].T @ slopes[0] / 32 * (self.filters.T @ (covariance + noise) @ self.filters) + 9 * np.eye(8)
        np.testing.assert_allclose(saved["MI_numerator.first_batch"], first, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("data, colours", [("gaussian", 1), ("contrast", 3)])
def test_gaussian_patches_and_noise(tmp_path, data, colours):
    found = run(tmp_path, "efficient_coding", f"{SMALL} --data {data} --colours {colours} "
                "--contrast-spread 0.7 --slope 1.5 --image-size 32 --image-every 0 --seed 5")
    root = retina.gaussian_root(6, colours, image_size=32, slope=1.5)
    np.testing.assert_allclose(found.tensors["state.covariance"], root @ root.T, atol=1e-5)
    numbers = retina.parameters(5, len(root), 8)
    for name, value in numbers.items():
        np.testing.assert_allclose(found.tensors[name], value, atol=3e-6)

    def batch(stream, t, count):
        patches = retina.gaussian_patches(root, count, 5, stream, t, 0.7 if data == "contrast" else None)
        return patches + 0.4 * retina.pixel_noise(patches.shape, 5, stream, t)

    Retina(numbers, numbers["encoder.W"]).check(found, batch, root @ root.T)


def test_dead_leaves_and_places(tmp_path):
    found = run(tmp_path, "efficient_coding", f"{SMALL} --data dead-leaves --leaf-images 2 "
                "--image-size 48 --image-every 3 --seed 5")
    images = [retina.dead_leaves(5, i, 48) for i in range(3)]

    def patches(stream, t, count):
        shown = images[2:] if stream in ("held-out", "covariance") else images[:2]
        places = retina.patch_places(count, [(48, 48)] * len(shown), 6, 5, stream, t)
        return retina.image_patches(shown, places, 6, learnt_from=images[:2])

    batch = lambda stream, t, count: patches(stream, t, count) + 0.4 * retina.pixel_noise((count, 36), 5, stream, t)
    numbers = retina.parameters(5, 36, 8)
    Retina(numbers, numbers["encoder.W"]).check(found, batch, found.tensors["state.covariance"])
    with open(found.home / "figures" / "patches.csv") as file:
        shown = [float(row["value"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(np.reshape(shown, (60, 36)), patches("shown", 0, 60), atol=2e-6)


def nearest(one, other):
    distance = np.linalg.norm(one[:, None] - other[None], axis=2)
    if one is other:
        np.fill_diagonal(distance, np.inf)
    return distance.min(1)


def test_shapes_jitter_and_mosaics(tmp_path):
    found = run(tmp_path, "efficient_coding", "--shape difference-of-gaussian --kernel-size 12 "
                "--neurons 40 --batch-size 64 --eval-patches 64 --covariance-batches 1 "
                "--evaluate-every 9 --image-every 0 --steps 5 --jitter-stop 9 --jitter-interval 3 "
                f"--jitter-power 1.5 --seed 6 --lr {STILL}")
    numbers = retina.parameters(6, 144, 40, "difference-of-gaussian", 12)
    name = "encoder.shape_function.shape_params"
    np.testing.assert_allclose(found.tensors[name], numbers[name], atol=3e-6)
    fixed = run(tmp_path / "fixed", "efficient_coding", "--shape difference-of-gaussian --kernel-size 12 "
                "--neurons 28 --centres hexagonal --mosaics 2 --shared-shape --batch-size 8 --eval-patches 8 "
                "--covariance-batches 1 --image-every 0 --steps 1 --seed 6 --lr 0.5")
    still = retina.parameters(6, 144, 28, "difference-of-gaussian", 12, mosaics=2, shared=True)
    np.testing.assert_allclose(fixed.tensors["encoder.kernel_centers"], still["encoder.kernel_centers"], atol=1e-5)
    assert fixed.tensors[name].shape == still[name].shape == (4, 1)
    centres = retina.jittered(numbers["encoder.kernel_centers"], 1.5, 12, 6, 0)
    centres = retina.jittered(centres, 1.5, 12, 6, 3)
    np.testing.assert_allclose(found.tensors["encoder.kernel_centers"], centres, atol=1e-5)

    # By its own words: sampling depends on nothing but the centres and their number.
    said = subprocess.run([TARGET / "release/efficient_coding", "--analyse", found.saved, "--seed", "3", "--json",
                           "--out", tmp_path / "fields"], cwd=ROOT, check=True, text=True, capture_output=True).stdout
    numbers = json.loads(said)
    with open(tmp_path / "fields/receptive_fields.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["type"] != "-"]
    on, off = (np.array([[float(row["row"]), float(row["column"])] for row in rows if row["sign"] == sign])
               for sign in ("ON", "OFF"))
    index = []
    for shuffle in range(1000):
        drawn = nearest(centres := retina.random_mosaic(3, shuffle, len(on), 12), centres)
        index.append(drawn.mean() / drawn.std(ddof=1))
    assert numbers["regularity_on_chance"] == pytest.approx(np.mean(index), rel=1e-9)
    turned = [retina.turned_mosaic(off, 3, shuffle, 12) for shuffle in range(1000)]
    distance = [np.concatenate([nearest(on, other), nearest(other, on)]).mean() for other in turned]
    # The table has the centres to a thousandth of a pixel.
    assert numbers["on_off_distance_chance"] == pytest.approx(np.mean(distance), abs=1e-3)


SWEEP = ("--replicates 2 --train-seconds 3 --loss-seconds 30 --steady-seconds 3 --steady-window 2 --pretrain exact "
         "--pretrain-seconds 20 --seed 4")


@pytest.mark.parametrize("kind", ["sines-phase", "sines-zero", "fourier-ou", "white", "ou"])
def test_references_and_granule_layers(tmp_path, kind):
    found = run(tmp_path, "steady_state", f"{SWEEP} --expansions 1,3 --gammas 0.1 --snr none "
                f"--reference {kind}").tensors
    for r in range(2):
        np.testing.assert_allclose(found["granule.weight"][r], plant.granule_weights(4 + r, 3), atol=1e-14)
        np.testing.assert_allclose(found["initial.weight"][r], plant.output_weights(4 + r, 3), atol=1e-14)
        if kind == "ou":
            path = plant.ou_path(4 + r, 0.1, found["reference.path"].shape[1])
            np.testing.assert_allclose(found["reference.path"][r], path, atol=1e-12)
            continue
        drawn = plant.sinusoids(4 + r, kind, 0.1 if kind in ("fourier-ou", "white") else 0.5)
        for name, value in zip(("amplitude", "omega", "phase"), drawn):
            np.testing.assert_allclose(found[f"reference.{name}"][r], value, atol=1e-12)


def test_noise_of_updates(tmp_path):
    # A noise of length 0.001, a million times the learning step: the weights go where it goes.
    flags = SWEEP.replace("-seconds 3", "-seconds 53")
    found = run(tmp_path, "steady_state", f"{flags} --expansions 1,2 --gammas 1e-9 --gamma-exponent 0 "
                "--snr 1e-6 --repeats 2").tensors
    for stage, start in (("train", "initial.weight"), ("steady", "optimum.weight")):
        weights = found[f"state.{stage}.weight"]
        for r, size, repeat in np.ndindex(2, 2, 2):
            cells = 10 * (size + 1)
            begin = found[start][r, size] if stage == "steady" else found[start][r]
            noise = [plant.update_noise(4 + r, stage, repeat, first, updates, cells)
                     for first, updates in ((0, 50), (50, 3))]
            moved = weights[r, size, repeat, 0, :cells] - begin[:cells]
            np.testing.assert_allclose(moved, 1e-3 * np.concatenate(noise).sum(0), atol=1e-6)
