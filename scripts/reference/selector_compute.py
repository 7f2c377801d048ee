"""The work of selector layers in PyTorch eager: what `cargo bench --bench selector_reference` puts
beside ours.

    scripts/reference/setup && .reference/bin/python scripts/reference/selector_compute.py CASE [VALUE...]

    modules HIDDEN                 a training step of K = 2, one module a neuron: the notebook's form
    vectorised HIDDEN              the same as one layer, with the fused optimizer
    layer SELECTOR K [forward]     forward and backward pass of a layer of 256 samples, 512 inputs and
                                   512 neurons, all K at once, by the rule selected-only; the selector
                                   is softmax or tree
    part K [forward]               its computation neurons alone, on choices at random

It prints PyTorch's version; then, for each number that its standard input gives, it does so many units
of work and prints the seconds of CPU time that they took.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

from steps import Threshold, classify, selector

SAMPLES, INPUTS, NEURONS = 256, 512, 512


class Modules(nn.Module):
    """The notebook's neurons, one module each."""

    def __init__(self, inputs, neurons):
        super().__init__()
        self.neurons = nn.ModuleList(Threshold(inputs, 1) for _ in range(neurons))

    def forward(self, x):
        return torch.cat([neuron(x) for neuron in self.neurons], dim=1)


def modules(hidden):
    layers = [Modules(784, hidden), Modules(hidden, hidden), nn.Linear(hidden, 10)]
    return classify(layers, 64, lambda p: torch.optim.SGD(p, lr=0.01))


def vectorised(hidden):
    return selector(True, hidden)


class Layer(nn.Module):
    """y = h_sel p_sel / stop(p_sel), with the output of every computation neuron."""

    def __init__(self, kind, choices):
        super().__init__()
        levels = (choices - 1).bit_length()
        self.kind, self.choices = kind, choices
        logits = choices if kind == "softmax" else levels
        self.selection = nn.Linear(INPUTS, logits * NEURONS)
        self.computation = nn.Linear(INPUTS, choices * NEURONS)
        self.register_buffer("values", 2 ** torch.arange(levels).unsqueeze(-1))

    def select(self, z):
        """Which one answers and its probability: [sample, 1, neuron] each."""
        if self.kind == "softmax":
            index = z.detach().argmax(1, keepdim=True)
            return index, z.softmax(1).gather(1, index)
        bits = z >= 0
        index = (bits * self.values).sum(1, keepdim=True)
        missing = index >= self.choices
        q = torch.where(bits, z.sigmoid(), (-z).sigmoid())
        # A leaf that doesn't exist is answered for by the one without its highest bit, of which, with
        # or without it, the highest level is no matter.
        top = int(self.values[-1])
        index = index - missing * top
        lone = (index < top) & (index + top >= self.choices)
        p = q[:, :-1].prod(1, keepdim=True) * torch.where(lone, 1.0, q[:, -1:])
        return index, p

    def forward(self, x):
        index, p = self.select(self.selection(x).unflatten(-1, (-1, NEURONS)))
        h = torch.relu(self.computation(x)).unflatten(-1, (self.choices, NEURONS))
        return (h.gather(1, index) * (p / p.detach())).squeeze(1)


def layer(kind, choices, what="both"):
    net = Layer(kind, int(choices))
    x = torch.randn(SAMPLES, INPUTS, requires_grad=True)
    delta = torch.randn(SAMPLES, NEURONS)

    def both():
        net.zero_grad()
        x.grad = None
        net(x).backward(delta)

    @torch.no_grad()
    def forward():
        net(x)

    return forward if what == "forward" else both


def part(choices, what="backward"):
    """The product for every k, of which one is taken; or its backward pass, given the gradient of
    what was taken."""
    choices = int(choices)
    weight, bias = torch.randn(choices * NEURONS, INPUTS), torch.randn(choices * NEURONS)
    x, delta = torch.randn(SAMPLES, INPUTS), torch.randn(SAMPLES, 1, NEURONS)
    index = torch.randint(choices, (SAMPLES, 1, NEURONS))

    def forward():
        return F.linear(x, weight, bias).unflatten(-1, (choices, NEURONS)).gather(1, index)

    def backward():
        dh = torch.zeros(SAMPLES, choices, NEURONS).scatter_(1, index, delta).flatten(1)
        return dh.T @ x, dh.sum(0), dh @ weight

    return torch.no_grad()(forward if what == "forward" else backward)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    case, *values = sys.argv[1:]
    steps = {"modules": modules, "vectorised": vectorised}
    work = steps[case](int(values[0])) if case in steps else {"layer": layer, "part": part}[case](*values)
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        start = time.process_time()
        for _ in range(int(line)):
            work()
        print(time.process_time() - start, flush=True)


if __name__ == "__main__":
    main()
