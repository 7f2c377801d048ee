"""What the models share: taking one network out of a checkpoint of several, and loading it."""

import math

import torch
from torch import nn

from ..errors import NeuronLabError


def check_index(index, count):
    """Refuses the number of a network that there is not."""
    if not 0 <= index < count:
        raise NeuronLabError(f"index {index}: the run has {count} network{'s' if count > 1 else ''}, from 0")


def of_index(tensors, index, count):
    """The tensors of one network, as PyTorch's: those of several have a leading axis of them."""
    check_index(index, count)
    # Copies, since a checkpoint's own arrays must stay as they are.
    return {name: torch.tensor(value if count == 1 else value[index]) for name, value in tensors.items()}


def load(model, tensors):
    """Loads the tensors into a model, each under its name and with nothing left over."""
    model.load_state_dict(tensors, strict=True)
    return model


class Weights(nn.Module):
    """A weight and a bias of any shape, the inputs the last axis, with `nn.Linear`'s initial law."""

    def __init__(self, *shape, bias=True):
        super().__init__()
        bound = 1 / math.sqrt(shape[-1])
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        if bias:
            self.bias = nn.Parameter(torch.empty(shape[:-1]).uniform_(-bound, bound))
