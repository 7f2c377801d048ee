"""The network of `selector_mnist` in NumPy, from what docs/checkpoints.md says and nothing else: the
selectors `threshold`, `softmax` and `none`, and the rules whose output is the selected neuron's.

    manifest, tensors = load("checkpoints/selector_mnist/<name>")
    config = manifest["config"]
    images, labels = load_test_set(config["data"])
    tags, doubtful = evaluate(tensors, config["selector"], images, labels)

Everything is computed in f64 from the f32 weights.
"""

import gzip
import json
import pathlib
import string

import numpy as np
from safetensors.numpy import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
# f32 logits carry errors of up to 4e-6 on MNIST: a choice by less than this may go either way.
TIE = 1e-5


def manifests(folder):
    """Every manifest of a run's checkpoint folder, oldest first."""
    return [json.loads(path.read_text()) for path in sorted(pathlib.Path(folder).glob("*.json"))]


def load(folder):
    """The manifest and the tensors of a folder's best checkpoint."""
    (manifest,) = [entry for entry in manifests(folder) if entry["best"]]
    return manifest, load_file(pathlib.Path(folder) / manifest["file"])


def read_idx(path):
    """The array in an idx file of unsigned bytes."""
    data = path.read_bytes()
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def load_test_set(name, data_dir=ROOT / "data"):
    """Inputs [image, pixel] and labels [image]."""
    if name == "digits":
        with gzip.open(ROOT / "assets" / "digits.csv.gz") as file:
            table = np.loadtxt(file, delimiter=",")
        pixels, labels = table[:, :-1] / 16, table[:, -1].astype(int)
        train, test = slice(0, 1437), slice(-360, None)
        return (pixels[test] - pixels[train].mean()) / pixels[train].std(), labels[test]
    mean, std = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}[name]
    images = read_idx(data_dir / name / "t10k-images-idx3-ubyte")
    labels = read_idx(data_dir / name / "t10k-labels-idx1-ubyte").astype(int)
    return (images.reshape(len(images), -1) / 255 - mean) / std, labels


def replicate(tensors, index):
    """The network `index` of a checkpoint of several."""
    return {name: value[index] for name, value in tensors.items()
            if name.startswith(("layer", "output."))}


def apply(x, weight, bias):
    """weight x + bias [image, K, N] for x [image, D], weight [K, N, D], bias [K, N]."""
    return (x @ weight.reshape(-1, weight.shape[-1]).T).reshape(len(x), *bias.shape) + bias


def select(x, weight, bias, selector):
    """Each neuron's choice [image, N], and by how much it was won [image, N]."""
    if selector == "threshold":
        logit = x @ weight.T + bias
        return np.where(1 / (1 + np.exp(-logit)) < 0.5, 0, 1), np.abs(logit)
    if selector != "softmax":
        raise ValueError(f"no selector {selector} here")
    logits = apply(x, weight, bias)
    ranked = np.sort(logits, axis=1)
    return logits.argmax(1), ranked[:, -1] - ranked[:, -2]


def entropy(shares, axis):
    """-sum r ln r, where 0 ln 0 is 0."""
    return -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis)


def mean_cosine(weight):
    """Of computation weights [K, N, D]: the mean over pairs of k and over neurons."""
    unit = weight / np.linalg.norm(weight, axis=-1, keepdims=True)
    first, second = np.triu_indices(len(unit), 1)
    return (unit[first] * unit[second]).sum(-1).mean()


def evaluate(tensors, selector, images, labels):
    """{tag: value} as an evaluation logs them, and how many images hang on a tie."""
    w = {name: value.astype(np.float64) for name, value in tensors.items()
         if name.startswith(("layer", "output."))}
    tags, x, near = {}, images, np.zeros(len(images), bool)
    for layer in sorted({name.split(".")[0] for name in w if name.startswith("layer")}):
        weight, bias = w[f"{layer}.computation.weight"], w[f"{layer}.computation.bias"]
        if selector == "none":  # one computation neuron, and nothing to choose
            chosen, margin = np.zeros((len(x), weight.shape[1]), int), np.full((len(x), 1), np.inf)
        else:
            chosen, margin = select(x, w[f"{layer}.selection.weight"],
                                    w[f"{layer}.selection.bias"], selector)
        near |= margin.min(1) < TIE
        every = apply(x, weight, bias)
        x = np.maximum(np.take_along_axis(every, chosen[:, None], 1)[:, 0], 0)

        picked = chosen[:, None] == np.arange(len(weight))[:, None]
        shares, own = picked.mean((0, 2)), picked.mean(0)
        for letter, share in zip(string.ascii_uppercase, shares):
            tags[f"selection/test/{layer}/{letter}"] = share
        tags[f"entropy/test/{layer}"] = entropy(shares, 0)
        tags[f"neuron_entropy/test/{layer}"] = entropy(own, 0).mean()
        tags[f"dominance/test/{layer}"] = (own.max(0) > 0.9).mean()
        tags[f"never_used/test/{layer}"] = (own == 0).mean()
        if len(weight) > 1:
            tags[f"cosine/{layer}"] = mean_cosine(weight)
    logits = x @ w["output.weight"].T + w["output.bias"]
    ranked = np.sort(logits, axis=1)
    near |= ranked[:, -1] - ranked[:, -2] < TIE
    top = logits.max(1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(1)) + top[:, 0]
    tags["eval/accuracy"] = (logits.argmax(1) == labels).mean()
    tags["eval/loss"] = (log_sum - logits[np.arange(len(labels)), labels]).mean()
    return tags, int(near.sum())
