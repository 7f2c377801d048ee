"""What else one phase 1 of docs/apical.md could be than a sum over batches. First, where the multipliers move once,
at its end: whether one threshold of the step can be in the notebook's map. Then the drop of the loss where they
move after every batch: by its gradient, with a momentum of 0.9, or by a gradient that is never cleared.

    OMP_NUM_THREADS=1 python3 scripts/reference/apical_loss_drop.py

Needs NumPy and data/mnist (scripts/data mnist). Prints the drop on 5000 images of D_W for networks of three
seeds, of NumPy's generator, whose weights are of the same law as those of apical_characterize.
"""

from pathlib import Path

import numpy as np

WIDTHS = [784, 256, 256, 256, 10]
# beta of v = beta v + g, a = a - lr v.
READINGS = {"gradient": 0.0, "momentum 0.9": 0.9, "never cleared": 1.0}
# Where the notebook's map turns, by batch size: learning rates around the first diverged one.
CELLS = {1: [1e-5, 1e-4, 1e-3], 60: [1e-3, 1e-2, 1e-1], 1000: [1e-2, 1e-1, 1e0]}


# The notebook's map, by batch size: the largest learning rate at which the loss falls, and the first that diverges.
TURNS = {1: (1e-5, 1e-4), 2: (1e-4, 1e-3), 60: (1e-3, 1e-2), 300: (1e-2, 1e-1), 1000: (1e-1, 1), 3000: (1e-1, 1)}
# The step over lr and the mean gradient, after n batches of the same gradient.
FACTORS = {
    "sum over batches": lambda n: n,
    "never cleared, the mean of all that is read": lambda n: (n + 1) / 2,
    "never cleared, the sum of all that is read": lambda n: n * (n + 1) / 2,
    "v = 0.9 v + g, summed": lambda n: 10 * (n - 9 * (1 - 0.9**n)),
    "v = 0.9 v + 0.1 g, summed": lambda n: n - 9 * (1 - 0.9**n),
}


def factors():
    """Of each reading f(N / b): the ratio that two cells ask for, and the steps lr f between which its threshold is."""
    print("| step over lr and the mean gradient | f(30000) / f(30) | largest lr f that falls | least that diverges |")
    print("|---|---|---|---|")
    for name, f in FACTORS.items():
        falls, diverges = ({b: pair[i] * f(30000 // b) for b, pair in TURNS.items()} for i in (0, 1))
        low, high = max(falls, key=falls.get), min(diverges, key=diverges.get)
        print(f"| {name} | {f(30000) / f(30):.0f} | {falls[low]:.3g}, b = {low} | {diverges[high]:.3g}, b = {high} |")
    print()


def mnist():
    folder = Path("data/mnist")
    images = np.fromfile(folder / "train-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 784)
    labels = np.fromfile(folder / "train-labels-idx1-ubyte", np.uint8, offset=8)
    return ((images / 255 - 0.1307) / 0.3081).astype(np.float32), np.eye(10, dtype=np.float32)[labels]


def forward(weights, apical, x):
    """The rates without multipliers and with them, [variant, sample, neuron] for each layer."""
    rates, before, after = x[None], [], []
    for k, (w, a) in enumerate(zip(weights, apical)):
        f = rates @ w.T
        if k < len(weights) - 1:
            f = np.maximum(f, 0)
        rates = a[:, None] * f
        before.append(f)
        after.append(rates)
    return before, after


def gradient(weights, apical, x, target):
    """The gradient of the batch's mean loss in the multipliers, [variant, neuron] for each layer."""
    before, after = forward(weights, apical, x)
    delta = (after[-1] - target) * (2 / (10 * len(x)))
    found = []
    for k in reversed(range(len(weights))):
        found.append((delta * before[k]).sum(1))
        if k:
            delta = delta * apical[k][:, None]
            if k < len(weights) - 1:
                delta = delta * (before[k] > 0)
            delta = delta @ weights[k]
    return found[::-1]


def loss(weights, apical, x, target):
    return np.square(forward(weights, apical, x)[1][-1] - target).mean((1, 2))


def drops(seed, batch, images, targets):
    """The drop for every reading and learning rate: [reading, learning rate]."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(images))
    halves = order[:30000], order[30000:35000]
    weights = [draw.normal(0, (2 / i) ** 0.5, (o, i)).astype(np.float32) for i, o in zip(WIDTHS, WIDTHS[1:])]
    lr = np.array(CELLS[batch] * len(READINGS), np.float32)[:, None]
    beta = np.repeat(list(READINGS.values()), len(CELLS[batch])).astype(np.float32)[:, None]
    apical = [np.ones((len(lr), width), np.float32) for width in WIDTHS[1:]]
    start = loss(weights, apical, images[halves[1]], targets[halves[1]])
    velocity = [np.zeros_like(a) for a in apical]
    for first in range(0, 30000, batch):
        part = halves[0][first : first + batch]
        for k, g in enumerate(gradient(weights, apical, images[part], targets[part])):
            velocity[k] = beta * velocity[k] + g
            apical[k] = apical[k] - lr * velocity[k]
    return (start - loss(weights, apical, images[halves[1]], targets[halves[1]])).reshape(len(READINGS), -1)


def main():
    factors()
    images, targets = mnist()
    print("| batch size | lr |", " | ".join(READINGS), "|")
    print("|---|---|" + "---|" * len(READINGS))
    for batch, rates in reversed(CELLS.items()):
        with np.errstate(all="ignore"):
            each = [drops(seed, batch, images, targets) for seed in range(3)]
        for i, lr in enumerate(rates):
            cells = [", ".join(f"{one[r, i]:.3g}" for one in each) for r in range(len(READINGS))]
            print(f"| {batch} | {lr:g} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
