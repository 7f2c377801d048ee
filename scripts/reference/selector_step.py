"""CPU time of a training step of the K = 2 selector network in PyTorch eager, as one vectorised layer
and with the fused optimizer: what `cargo bench --bench selector` is compared with.

    scripts/reference/setup && .reference/bin/python scripts/reference/selector_step.py
"""

import time

import torch
from torch import nn
from torch.nn import functional as F

INPUTS, CLASSES, BATCH, TURNS = 784, 10, 64, 7


class Selector(nn.Module):
    """The notebook's neurons side by side: one selection and two computation layers."""

    def __init__(self, inputs, neurons):
        super().__init__()
        self.selection = nn.Linear(inputs, neurons)
        self.a = nn.Linear(inputs, neurons)
        self.b = nn.Linear(inputs, neurons)

    def forward(self, x):
        p = torch.sigmoid(self.selection(x))
        with torch.no_grad():
            hard = (p < 0.5).float()
        mask = hard + p.detach() - p
        return mask * torch.relu(self.a(x)) + (1 - mask) * torch.relu(self.b(x))


def microseconds(hidden, steps):
    torch.manual_seed(0)
    sizes = [INPUTS, hidden, hidden]
    layers = [Selector(a, b) for a, b in zip(sizes, sizes[1:])]
    net = nn.Sequential(*layers, nn.Linear(hidden, CLASSES))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, fused=True)
    images, labels = torch.randn(60_000, INPUTS), torch.randint(0, CLASSES, (60_000,))
    order = torch.randperm(60_000)

    def run(count):
        for i in range(count):
            batch = order[i * BATCH:(i + 1) * BATCH]
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    run(steps // 4 + 1)
    turns = []
    for _ in range(TURNS):
        start = time.process_time()
        run(steps)
        turns.append((time.process_time() - start) / steps * 1e6)
    return sorted(turns)[TURNS // 2]


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}, eager, SGD fused, batch {BATCH}, 1 thread; median of {TURNS}")
    for hidden, steps in [(64, 400), (128, 300), (1024, 20)]:
        print(f"{hidden},{hidden}: {microseconds(hidden, steps):.0f} us of CPU time a step")
