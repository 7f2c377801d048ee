"""Learning rates of torch.optim.lr_scheduler's schedules, as in src/lab/tensor/optim/schedule/mod.rs.

    .reference/bin/python scripts/reference/schedules.py
"""

import warnings

import torch
from torch.optim import lr_scheduler as s

BASE = 0.1
STEPS = (0, 1, 4, 5, 9, 10, 24, 25, 40)

# SequentialLR itself calls its schedules in a way that it then warns of.
warnings.simplefilter("ignore")


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)


def rates(make):
    o = optimizer()
    schedule = make(o)
    seen = []
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            seen.append(o.param_groups[0]["lr"])
        o.step()
        schedule.step()
    return seen


def warm(make, steps=5, start=1 / 3):
    return lambda o: s.SequentialLR(
        o, [s.LinearLR(o, start_factor=start, total_iters=steps), make(o)], milestones=[steps]
    )


def observed(t):
    """A value that falls, then wavers."""
    return 1 / (1 + t) if t < 8 else 0.12 + 0.01 * (t % 3)


def plateau(smoothing):
    o = optimizer()
    schedule = s.ReduceLROnPlateau(o, factor=0.3, patience=4, threshold=0.01, min_lr=0.004)
    smoothed, seen = None, []
    for t in range(STEPS[-1] + 1):
        if t in STEPS:
            seen.append(o.param_groups[0]["lr"])
        value = observed(t)
        smoothed = value if smoothed is None else smoothing * smoothed + (1 - smoothing) * value
        o.step()
        schedule.step(smoothed)
    return seen


if __name__ == "__main__":
    kinds = {
        "constant": lambda o: s.LambdaLR(o, lambda t: 1.0),
        "step": lambda o: s.StepLR(o, step_size=7, gamma=0.5),
        "exponential": lambda o: s.ExponentialLR(o, gamma=0.9),
        "cosine": lambda o: s.CosineAnnealingLR(o, T_max=40, eta_min=0.01),
    }
    for name, make in kinds.items():
        print(name, rates(make))
        print(f"warm-up, {name}", rates(warm(make)))
    print("plateau", plateau(smoothing=0.0))
    print("plateau, smoothed", plateau(smoothing=0.8))
