"""The plain networks of `depth_width`, which no checkpoint holds: they are drawn again."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import NeuronLabError
from ..generator import key
from .common import check_index

# Pixels of the data sets that are known by name, all of ten classes.
PIXELS = {"digits": 64, "mnist": 784, "fashion-mnist": 784}
CLASSES = 10


class HeLinear(nn.Linear):
    """A linear layer with He's initial law."""

    def reset_parameters(self):
        """Weights N(0, 2/inputs), biases 0."""
        nn.init.normal_(self.weight, 0.0, math.sqrt(2) / math.sqrt(self.in_features))
        nn.init.zeros_(self.bias)


class PlainNetwork(nn.Module):
    """`layer1`, `layer2`, ... with ReLU, and a linear read-out, `output`.

    init: default, PyTorch's own, or he, HeLinear's.
    """

    def __init__(self, inputs, depth, width, classes, init="default"):
        super().__init__()
        self.depth = depth
        linear = {"default": nn.Linear, "he": HeLinear}[init]
        for number in range(1, depth + 1):
            self.add_module(f"layer{number}", linear(inputs, width))
            inputs = width
        self.output = linear(inputs, classes)

    def forward(self, x):
        """Logits [batch, class] of images [batch, pixel]."""
        for number in range(1, self.depth + 1):
            x = getattr(self, f"layer{number}")(x).relu()
        return self.output(x)

    def loss(self, x, labels):
        """Mean cross-entropy in nats."""
        return F.cross_entropy(self(x), labels)


def points(config):
    """The networks of a run in its order: (optimizer, lr, init, depth, width) each."""
    return [(optimizer, lr, init, depth, width)
            for optimizer in config["optimizers"] for lr in config["lrs"] for init in config["inits"]
            for depth in config["depths"] for width in config["widths"]]


def build(config, _checkpoint, index, point=0, inputs=None, classes=CLASSES):
    """A network as it is before its first step: `point` numbers those of `points`, `index` the seeds.

    inputs, classes: pixels and classes of data that are not known by name.
    """
    check_index(index, config["replicates"])
    every = points(config)
    if not 0 <= point < len(every):
        raise NeuronLabError(f"point {point}: the run has {len(every)} networks, from 0")
    inputs = inputs or PIXELS.get(config["data"])
    if inputs is None:
        raise NeuronLabError(f"data {config['data']}: give the number of pixels, inputs=...")
    _, _, init, depth, width = every[point]
    with torch.random.fork_rng([]):
        torch.manual_seed(key(config["seed"] + index, "init", 0))
        return PlainNetwork(inputs, depth, width, classes, init)
