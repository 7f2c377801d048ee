"""The work of each experiment as a notebook would write it in PyTorch eager: what scripts/bench
measures beside our programs.

    .reference/bin/python scripts/reference/steps.py CASE [VALUE...] [--fused]

It prints PyTorch's version; then, for each number that its standard input gives, it does so many
units of work and prints the seconds that they took. Random data of the right shapes: the
values do not matter for the time.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

from apical import WIDTHS, phase1, phase2


class Threshold(nn.Module):
    """Neurons that select between two computation neurons, side by side."""

    def __init__(self, inputs, neurons):
        super().__init__()
        self.selection, self.a, self.b = (nn.Linear(inputs, neurons) for _ in range(3))

    def forward(self, x):
        p = torch.sigmoid(self.selection(x))
        hard = (p < 0.5).float()
        mask = hard + p.detach() - p
        return mask * torch.relu(self.a(x)) + (1 - mask) * torch.relu(self.b(x))


class Softmax(nn.Module):
    """Neurons that select among K computation neurons, without a non-linearity inside."""

    def __init__(self, inputs, neurons, k):
        super().__init__()
        self.k = k
        self.selection, self.computation = (nn.Linear(inputs, k * neurons) for _ in range(2))

    def forward(self, x):
        soft = self.selection(x).unflatten(-1, (-1, self.k)).softmax(-1)
        hard = F.one_hot(soft.argmax(-1), self.k).to(soft.dtype)
        mask = hard + soft - soft.detach()
        return (mask * self.computation(x).unflatten(-1, (-1, self.k))).sum(-1)


def classify(layers, batch, optimizer):
    net = nn.Sequential(*layers)
    optimizer = optimizer(net.parameters())
    images, labels = torch.randn(60_000, 784), torch.randint(0, 10, (60_000,))
    order = torch.randperm(60_000)
    at = 0

    def step():
        nonlocal at
        index = order[at:at + batch]
        at = (at + batch) % (60_000 - batch)
        loss = F.cross_entropy(net(images[index]), labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def selector(fused, hidden):
    sizes = [784, hidden, hidden]
    layers = [Threshold(a, b) for a, b in zip(sizes, sizes[1:])] + [nn.Linear(hidden, 10)]
    return classify(layers, 64, lambda p: torch.optim.SGD(p, lr=0.01, fused=fused))


def depth_width(fused):
    """One step of each of seven networks on ten images."""
    images, labels = torch.randn(10, 784), torch.arange(10)
    nets = []
    for depth in (1, 2, 3, 4, 5, 6, 8):
        sizes = [784] + [1024] * depth
        layers = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.ReLU())]
        net = nn.Sequential(*layers, nn.Linear(1024, 10))
        nets.append((net, torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused)))

    def step():
        for net, optimizer in nets:
            loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return step


class Block(nn.Module):
    def __init__(self, d, heads, inner, linear):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (linear(d, d) for _ in range(4))
        self.up, self.down = linear(d, inner), linear(inner, d)
        self.norms = nn.ModuleList([nn.LayerNorm(d), nn.LayerNorm(d)])

    def forward(self, x):
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        parts = [split(part(x)) for part in (self.q, self.k, self.v)]
        mixed = F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).flatten(2)
        x = self.norms[0](x + self.out(mixed))
        return self.norms[1](x + self.down(F.relu(self.up(x))))


def transformer(fused, k):
    """k = 0: linear layers; else neurons that select among k in their place."""
    vocab, d, batch, length = 4000, 64, 8, 64
    linear = (lambda i, o: Softmax(i, o, k)) if k else nn.Linear
    embedding = nn.Embedding(vocab, d)
    net = nn.Sequential(embedding, *(Block(d, 4, 256, linear) for _ in range(2)), linear(d, vocab))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused)
    text = torch.randint(vocab, (100_000,))

    def step():
        begin = torch.randint(len(text) - length - 1, (batch, 1))
        tokens = text[begin + torch.arange(length + 1)]
        loss = F.cross_entropy(net(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def neuron(fused):
    """One sigmoid neuron on four inputs, batches of eight, squared error."""
    layer = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-3, fused=fused)
    data, labels = torch.randn(5000, 4), torch.randint(2, (5000, 1)).float()

    def step():
        index = torch.randint(5000, (8,))
        x = data[index]
        loss = F.mse_loss(torch.sigmoid(layer(x / x.max())), labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def apical(_, batch):
    """An epoch: phase 1 on 30000 images by autograd, phase 2 on as many in place."""
    x, t = torch.randn(30_000, 784), F.one_hot(torch.randint(10, (30_000,)), 10).float()
    weights = [torch.randn(o, i) * (2 / i) ** 0.5 for i, o in zip(WIDTHS, WIDTHS[1:])]
    ones = [torch.ones(o) for o in WIDTHS[1:]]

    def step():
        multipliers = phase1(weights, ones, x, t, batch, 0.01)
        phase2(weights, multipliers, x, t, batch, 1e-6, True)

    return step


def steady(_):
    """A second of 1800 runs at once, sample by sample: ten seeds, 180 runs of 10 to 90 cells each."""
    seeds, runs, cells, samples = 10, 180, 90, 20
    z, w = torch.zeros(seeds, runs, 6), torch.zeros(seeds, runs, cells)
    layer, seen = torch.randn(seeds, cells, 10) / 2, torch.randn(samples, seeds, 10, 1)
    used = (torch.arange(cells) < 10 * (1 + torch.arange(runs) % 9)[:, None]).float()
    rate = 0.01 * torch.rand(seeds, runs, 1)
    transition, drive = 0.9 * torch.eye(6), torch.randn(2, 2, 6) / 100

    @torch.no_grad()
    def step():
        nonlocal z, w
        before, errors = None, []
        for i in range(samples):
            h = torch.tanh(layer @ seen[i])
            command = torch.stack([(w @ h).squeeze(-1), seen[i, :, :1, 0].expand(-1, runs)], -1)
            z = z @ transition + command @ drive[1]
            if before is not None:
                z = z + before @ drive[0]
            before = command
            if i < samples // 2:
                errors.append(z[..., 0] - command[..., 1])
        mean = torch.stack(errors).mean(0).unsqueeze(-1)
        noise = torch.randn_like(w)
        noise = noise / noise.norm(dim=-1, keepdim=True)
        w = used * (w - rate * mean * h.transpose(1, 2) + rate / 3 * noise)

    return step


def toy(fused):
    """Two losses, each with an optimizer of its own."""
    x1, x2 = torch.tensor(2.0, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    precision, top = torch.tensor([[1, 0.7], [0.7, 1]]), torch.tensor([1.0, 1.5])
    climber = torch.optim.SGD([x1, x2], lr=0.01, fused=fused)
    holder = torch.optim.SGD([x2], lr=0.2, fused=fused)

    def step():
        away = torch.stack((x1, x2)) - top
        climber.zero_grad()
        (-torch.exp(-away @ precision @ away)).backward()
        climber.step()
        holder.zero_grad()
        ((x2 - 3.0) ** 2).backward()
        holder.step()

    return step


CASES = {case.__name__: case for case in
         (selector, depth_width, transformer, neuron, apical, steady, toy)}


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    words = [word for word in sys.argv[1:] if word != "--fused"]
    step = CASES[words[0]]("--fused" in sys.argv, *map(int, words[1:]))
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
