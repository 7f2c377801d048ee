"""The layers of `apical_toy`: one for each activation and law of the multipliers, and many trials."""

import torch
from torch import nn

from .apical import ACTIVATIONS
from .common import check_index, load


class ToyLayer(nn.Module):
    """Layers with a fixed input. Leading axes, the law and the trial, are separate layers.

    `weight` [.., neuron, input], `input` [.., input], `apical` [.., neuron], f64.
    """

    def __init__(self, activation, weight, inputs, apical):
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.as_tensor(weight))
        self.register_buffer("input", torch.as_tensor(inputs))
        self.apical = nn.Parameter(torch.as_tensor(apical))

    def forward(self):
        """phi(W x), [.., neuron]."""
        return ACTIVATIONS[self.activation]((self.weight * self.input.unsqueeze(-2)).sum(-1))

    @torch.no_grad()
    def learn(self, eta):
        """A step of the rule, in place: W += eta (a - 1) phi(h) x^T. Gives the change."""
        change = ((self.apical - 1) * self() * eta).unsqueeze(-1) * self.input.unsqueeze(-2)
        self.weight += change
        return change


class Toy(nn.Module):
    """The layers of a run by their activations, under the checkpoint's names `state.<activation>...`."""

    def __init__(self, layers):
        super().__init__()
        self.state = nn.Module()
        for name, layer in layers.items():
            self.state.add_module(name, layer)

    def forward(self):
        """Rates [law, trial, neuron] by activation."""
        return {name: layer() for name, layer in self.state.named_children()}

    def learn(self, eta):
        """A step of every layer."""
        for layer in self.state.children():
            layer.learn(eta)


def build(_config, checkpoint, index):
    """The layers of a checkpoint."""
    check_index(index, 1)
    parts = ("weight", "input", "apical")
    tensors = {f"state.{name}.{part}": torch.tensor(checkpoint.tensors[f"state.{name}.{part}"])
               for name in ACTIVATIONS for part in parts}
    layers = {name: ToyLayer(name, *(tensors[f"state.{name}.{part}"] for part in parts))
              for name in ACTIVATIONS}
    return load(Toy(layers), tensors)
