"""What the balance bias does to the selectors of selector_mnist, over the test set: a table in Markdown, from the
checkpoints of the runs that scripts/docs_selector_mnist calls docs-balance-STEP.

Usage: selector_balance.py STEP...
"""

import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
from neuron_lab import data  # noqa: E402
from neuron_lab.checkpoints import Checkpoint  # noqa: E402

# Steps of an epoch, and the epochs that are shown.
EPOCH, SHOWN = 938, (1, 3, 5)
COLUMNS = ("neuron entropy", "overruled %", "sd of the bias", "sd of the logits", "bias and mean logits")


def layer(tensors, name, x):
    """The measures of COLUMNS, and the layer's outputs [sample, neuron]."""
    choices, neurons = tensors[f"{name}.preference"].shape

    def apply(part):
        weight, bias = tensors[f"{name}.{part}.weight"], tensors[f"{name}.{part}.bias"]
        return (x @ weight.reshape(choices * neurons, -1).T).reshape(-1, choices, neurons) + bias

    z, h, bias = apply("selection"), np.maximum(apply("computation"), 0), tensors[f"{name}.preference"]
    choice = (z + bias).argmax(1)
    shares = np.stack([(choice == k).mean(0) for k in range(choices)])
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    mean = z.mean(0) - z.mean((0, 1))
    own = bias - bias.mean(0)
    measures = (
        -(shares * logs).sum(0).mean(),
        100 * (choice != z.argmax(1)).mean(),
        own.std(0).mean(),
        z.std(0).mean(),
        np.corrcoef(own.ravel(), mean.ravel())[0, 1],
    )
    return measures, np.take_along_axis(h, choice[:, None], 1)[:, 0]


def main(steps):
    """Prints a row for each step of the bias and each epoch that is shown; of both layers where a cell has two."""
    _, (images, labels) = data.images("mnist", ROOT)
    print(f"| step | epoch | accuracy % | {' | '.join(COLUMNS)} |")
    print("|---" * (3 + len(COLUMNS)) + "|")
    for step in steps:
        folder = ROOT / "checkpoints/selector_mnist" / f"docs-balance-{step}"
        for epoch in SHOWN:
            tensors = Checkpoint(folder / f"step-{epoch * EPOCH:08}.json").tensors
            first, x = layer(tensors, "layer1", images)
            second, x = layer(tensors, "layer2", x)
            logits = x @ tensors["output.weight"].T + tensors["output.bias"]
            accuracy = 100 * (logits.argmax(1) == labels).mean()
            cells = [f"{a:.{digits}f}, {b:.{digits}f}" for a, b, digits in zip(first, second, (2, 0, 2, 2, 2))]
            print(f"| {step} | {epoch} | {accuracy:.2f} | {' | '.join(cells)} |", flush=True)


main(sys.argv[1:])
