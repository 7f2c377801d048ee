"""The networks of `apical_train` and `apical_characterize`: r = a phi(W r_before + b), a multiplier a for each
neuron, a linear output. Without `--bias` there is no b.

Learning has two phases (docs/apical.md). Phase 1 holds the weights and moves the multipliers by the
loss's gradient, which is PyTorch's own. Phase 2 holds the multipliers, and a local rule moves the
weights: no gradient of the loss is taken.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import NeuronLabError
from .common import load, of_index

ACTIVATIONS = {"relu": torch.relu, "linear": lambda h: h, "tanh": torch.tanh}


class ApicalLayer(nn.Module):
    """A layer: `weight` [neuron, input], `bias` [neuron] or None, and the multipliers `apical` [neuron]."""

    def __init__(self, inputs, neurons, bias=False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(neurons, inputs) * (2 / inputs) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(neurons)) if bias else None
        self.apical = nn.Parameter(torch.ones(neurons))


class ApicalNetwork(nn.Module):
    """`layer0`, `layer1`, ...

    widths: of the input, the hidden layers and the output.
    activation: of the hidden layers: relu, linear or tanh.
    kind: of the loss: mse or ce.
    bias: whether the neurons have biases, 0 at first.
    """

    def __init__(self, widths, activation="relu", kind="mse", bias=False):
        super().__init__()
        self.activation, self.kind = activation, kind
        for k, (inputs, neurons) in enumerate(zip(widths, widths[1:])):
            self.add_module(f"layer{k}", ApicalLayer(inputs, neurons, bias))

    @property
    def layers(self):
        """The layers in order."""
        return list(self.children())

    def phi(self, k, h):
        """The activation of layer k."""
        return ACTIVATIONS["linear" if k == len(self.layers) - 1 else self.activation](h)

    def rates(self, x, modulated=True):
        """Of each layer phi(h) and a phi(h), [sample, neuron] each.

        modulated: whether the multipliers act; else they are as if all were 1.
        """
        baseline, scaled = [], []
        for k, layer in enumerate(self.layers):
            f = self.phi(k, F.linear(x, layer.weight, layer.bias))
            x = f * layer.apical if modulated else f
            baseline.append(f)
            scaled.append(x)
        return baseline, scaled

    def forward(self, x, modulated=True):
        """Outputs [sample, class] of images [sample, pixel]."""
        return self.rates(x, modulated)[1][-1]

    def each_loss(self, output, labels):
        """The loss of every sample: the mean squared distance to the one-hot target, or cross-entropy."""
        if self.kind == "ce":
            return F.cross_entropy(output, labels, reduction="none")
        return (output - F.one_hot(labels, output.shape[1])).square().mean(1)

    def loss(self, x, labels, modulated=True):
        """The mean loss, whose gradient in the multipliers phase 1 follows."""
        return self.each_loss(self(x, modulated), labels).mean()

    def multiplier_gradient(self, x, labels, batch_size, reduce="mean"):
        """Phase 1's gradient over all of D_A, [neuron] for each layer: the mean over its batches, or
        their sum. The last batch may be smaller."""
        count = len(x)
        batches, whole = -(-count // batch_size), count // batch_size * batch_size
        weight = x.new_full((count,), 1 / batch_size)
        weight[whole:] = 1 / max(count - whole, 1)
        if reduce == "mean":
            weight = weight / batches
        total = (self.each_loss(self(x), labels) * weight).sum()
        return torch.autograd.grad(total, [layer.apical for layer in self.layers])

    @torch.no_grad()
    def move_multipliers(self, gradient, velocity, lr, update="reset", a_min=None, a_max=None):
        """The end of phase 1: v = beta v + g, a = a - lr v, in place; for `reset` a was 1 before the first of
        an epoch.

        update: reset, accumulate, uncleared or momentum:B.
        a_min, a_max: bounds to which the multipliers are clamped; None for none.
        """
        beta = {"reset": 0.0, "accumulate": 0.0, "uncleared": 1.0}.get(update)
        beta = float(update.split(":")[1]) if beta is None else beta
        for layer, v, g in zip(self.layers, velocity, gradient):
            v.mul_(beta).add_(g)
            layer.apical.sub_(lr * v)
            if a_min is not None or a_max is not None:
                layer.apical.clamp_(a_min, a_max)

    @torch.no_grad()
    def learn_weights(self, x, lr, pre="modulated", teacher=None):
        """A batch of phase 2, in place: W += lr mean (r~ - r) r_before^T, b += lr mean (r~ - r).

        pre: whether r_before has its multiplier (modulated) or not (baseline).
        teacher: of a frozen target the network as it was when the phase began; None for a moving one,
        whose r~ is a times the rate that there is now.
        """
        baseline, scaled = self.rates(x) if teacher is None else self.rates(x, False)
        aims = scaled if teacher is None else teacher.rates(x)[1]
        changes = []
        for k, layer in enumerate(self.layers):
            if k == 0:
                before = x
            elif pre == "baseline":
                before = baseline[k - 1]
            else:
                before = aims[k - 1]
            now = baseline[k] if teacher is None else self.phi(k, F.linear(before, layer.weight, layer.bias))
            step = (aims[k] - now) * (lr / len(x))
            changes.append((step.T @ before, step.sum(0)))
        for layer, (weight, bias) in zip(self.layers, changes):
            layer.weight += weight
            if layer.bias is not None:
                layer.bias += bias


def build(config, checkpoint, index):
    """The network of a checkpoint; `index` numbers the runs of all learning rates and replicates."""
    tensors = checkpoint.model_tensors
    if "layer0.weight" not in tensors:
        raise NeuronLabError(f"{checkpoint.path} has no layer0.weight: it is no network of this kind")
    count = len(tensors["layer0.weight"]) if tensors["layer0.weight"].ndim == 3 else 1
    tensors = of_index(tensors, index, count)
    widths = [tensors["layer0.weight"].shape[1]]
    widths += [len(tensors[f"layer{k}.apical"]) for k in range(len(config["hidden"]) + 1)]
    network = ApicalNetwork(widths, config["activation"], config["loss"], "layer0.bias" in tensors)
    return load(network, tensors)
