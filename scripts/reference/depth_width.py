"""The first losses of small networks in PyTorch, for tests/depth_width.rs.

    .reference/bin/python scripts/reference/depth_width.py

The seed is neuron_lab's rng::key(0, "init", 0), so that the weights are the same draws.
"""

import torch
from torch import nn
from torch.nn import functional

SEED = 1006424238962087364


def examples():
    """Ten images of twelve pixels."""
    images = torch.sin(torch.arange(120, dtype=torch.float32) * 0.7).view(10, 12)
    return images, torch.arange(10)


def network(depth, width, he):
    torch.manual_seed(SEED)
    layers, before = [], 12
    for size in [width] * depth + [10]:
        layers += [nn.Linear(before, size), nn.ReLU()]
        before = size
    layers.pop()
    if he:
        torch.manual_seed(SEED)
        for layer in layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def course(rule, rate, he, depth, width, steps=4):
    model = network(depth, width, he)
    optimizer = rule(model.parameters(), lr=rate)
    images, labels = examples()
    losses = []
    for _ in range(steps + 1):
        loss = functional.cross_entropy(model(images), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


for rule, name, rate in [(torch.optim.SGD, "Sgd", 0.1), (torch.optim.Adam, "Adam", 0.01)]:
    for he in (False, True):
        losses = ", ".join(f"{loss:.7f}" for loss in course(rule, rate, he, 3, 16))
        print(f"({name}, {rate}, {'He' if he else 'Default'}): [{losses}]")
