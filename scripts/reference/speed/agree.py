"""Whether all forms of an experiment's work are the same work: from the same start, with the same random
numbers given, they have learnt the same after some steps.

    .reference/bin/python scripts/reference/bench.py --check

For each form it prints how far what it learnt is from what the first form learnt, as a share of how far that
went from its start. Small sizes, in seconds; nothing is compiled by Inductor, which has its own tests.
"""

import importlib
import sys

import numpy as np

from . import forms
from .rows import PLAIN, UNFUSED

# Experiment, its sizes, steps, forms, and the largest share that rounding explains.
CASES = [
    ("selector", dict(hidden=16, samples=256), 6, PLAIN, 1e-3),
    ("selector", dict(hidden=16, k=5, samples=256), 6, PLAIN, 1e-3),
    ("selector", dict(hidden=16, replicates=3, samples=256), 6, PLAIN, 1e-3),
    ("transformer", dict(k=0, d=16, vocab=50), 3, PLAIN, 1e-3),
    # A third step selects otherwise somewhere, where two logits are alike but for rounding.
    ("transformer", dict(k=5, d=16, vocab=50), 2, PLAIN, 1e-3),
    ("depth_width", dict(width=32), 3, PLAIN, 1e-3),
    ("one_neuron", dict(seeds=1), 16, PLAIN, 1e-9),
    ("one_neuron", dict(seeds=3, grid=1), 16, ("best", "jax"), 1e-9),
    ("steady_state", dict(seeds=2), 10, UNFUSED, 1e-9),
    ("apical", dict(hidden=16, first=750, second=60, samples=750, lr_a=1.0, lr_w=1e-2), 2, UNFUSED, 1e-3),
    ("apical", dict(hidden=16, batch=1, runs=3, first=0, second=20, samples=60, lr_w=1e-2), 2, UNFUSED, 1e-3),
    ("efficient_coding", dict(neurons=8, kernel=4, batch=16), 5, UNFUSED, 1e-3),
    ("two_loss_toy", {}, 100, PLAIN, 1e-9),
]


def learnt(module, form, sizes, steps):
    """What a form learnt in so many given steps, less its start: a flat array for each of its parameters."""
    problem = module.problem(**sizes)
    rng = np.random.default_rng(1)
    drawn = [problem.draws(t, rng) for t in range(steps)]
    work = module.eager(problem, fused=True) if form == "fused" else getattr(module, form)(problem)
    found = work.follow(drawn)
    pairs = enumerate(zip(found, problem.params, strict=True))
    return [np.ravel(array) - np.ravel(start) for i, (array, start) in pairs if i not in problem.free]


def distance(found, expected):
    """How far apart two lists of changes are, as a share of the second's own length; the worst of them."""
    length = lambda array: float(np.linalg.norm(array.astype(float)))
    return max(length(a - b) / (length(b) or 1.0) for a, b in zip(found, expected, strict=True))


def check():
    """Compares the forms of every case; gives the number of those that are too far away."""
    forms.compiled = lambda function: function
    wrong = 0
    try:
        importlib.import_module("jax")
        has_jax = True
    except ImportError:
        has_jax = False
        print("no JAX found: PyTorch's forms alone are compared")
    for name, sizes, steps, which, bound in CASES:
        module = importlib.import_module(f"speed.{name}")
        module.compiled = forms.compiled
        if has_jax:
            # Modules in f64 switch it on for the whole process.
            importlib.import_module("jax").config.update("jax_enable_x64", False)
        first = learnt(module, which[0], sizes, steps)
        label = " ".join([name, *(f"{key}={value}" for key, value in sizes.items())])
        for form in which[1:]:
            if form == "jax" and not has_jax:
                continue
            apart = distance(learnt(module, form, sizes, steps), first)
            far = not apart <= bound
            wrong += far
            print(f"{label}: {form} from {which[0]}: {apart:.1e}{'  TOO FAR' if far else ''}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(check())
