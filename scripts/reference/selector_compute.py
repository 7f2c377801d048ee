"""Forward and backward pass of one selector layer in PyTorch eager, all K at once, and the notebook's
one module a neuron: what `cargo bench --bench selector_compute` and `--bench selector` are compared with.

    scripts/reference/setup && .reference/bin/python scripts/reference/selector_compute.py
"""

import time

import torch
from torch import nn
from torch.nn import functional as F

from steps import Threshold


def milliseconds(work, turns):
    work()
    times = []
    for _ in range(turns):
        start = time.process_time()
        work()
        times.append(1e3 * (time.process_time() - start))
    return sorted(times)[turns // 2]


class Dense(nn.Module):
    """Full-rank selector, every computation neuron; the rule is the straight-through estimator or
    selected-only."""

    def __init__(self, inputs, neurons, choices, rule):
        super().__init__()
        self.size, self.rule = (choices, neurons), rule
        self.selection = nn.Linear(inputs, choices * neurons)
        self.computation = nn.Linear(inputs, choices * neurons)

    def forward(self, x):
        z = self.selection(x).unflatten(-1, self.size)
        h = torch.relu(self.computation(x)).unflatten(-1, self.size)
        p = z.softmax(1)
        index = z.detach().argmax(1, keepdim=True)
        if self.rule == "selected-only":
            p = p.gather(1, index)
            return (h.gather(1, index) * (p / p.detach())).squeeze(1)
        hard = torch.zeros_like(p).scatter_(1, index, 1.0)
        return ((hard - p.detach() + p) * h).sum(1)


def layer_times(choices, rule, turns=5, samples=256, inputs=512, neurons=512):
    torch.manual_seed(0)
    layer = Dense(inputs, neurons, choices, rule)
    x = torch.randn(samples, inputs, requires_grad=True)
    delta = torch.randn(samples, neurons)

    def both():
        layer.zero_grad()
        x.grad = None
        layer(x).backward(delta)

    return milliseconds(lambda: layer(x), turns), milliseconds(both, turns)


class OneByOne(nn.Module):
    """The notebook's neurons, one module each, with the sign that descends."""

    def __init__(self, inputs, neurons):
        super().__init__()
        self.neurons = nn.ModuleList(Threshold(inputs, 1) for _ in range(neurons))

    def forward(self, x):
        return torch.cat([neuron(x) for neuron in self.neurons], dim=1)


def notebook_step(hidden, turns=7, samples=64):
    torch.manual_seed(0)
    net = nn.Sequential(OneByOne(784, hidden), OneByOne(hidden, hidden), nn.Linear(hidden, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    x, labels = torch.randn(samples, 784), torch.randint(0, 10, (samples,))

    def step():
        optimizer.zero_grad()
        F.cross_entropy(net(x), labels).backward()
        optimizer.step()

    return milliseconds(step, turns)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}, eager, 1 thread, CPU ms")
    print(f"one module a neuron, 784-128-128-10, batch 64: {notebook_step(128):.1f} ms a step")
    print("| K | rule | forward | forward and backward |\n|---|---|---|---|")
    for choices in [2, 5, 50, 75]:
        for rule in ["full-ste", "selected-only"]:
            forward, both = layer_times(choices, rule)
            print(f"| {choices} | {rule} | {forward:.1f} | {both:.1f} |")
