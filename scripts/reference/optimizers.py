"""Trajectories of torch.optim's optimizers, as the table in tests/optimizers.rs.

    .reference/bin/python scripts/reference/optimizers.py

The gradient of parameter i of replicate r is a formula without random numbers:
g = c (p - t) + p^3 / 10 with c = (1 + i) / 4 and t = 1 - r / 2 - i / 5, from p = (i - 2) / 2 + r.
"""

import torch

SHAPE = (2, 5)
STEPS = (1, 2, 10, 200)


def start_and_gradient(dtype):
    i = torch.arange(SHAPE[1], dtype=dtype)
    r = torch.arange(SHAPE[0], dtype=dtype)[:, None]
    curvature, target = (1 + i) / 4, 1 - r / 2 - i / 5
    start = (i - 2) / 2 + r
    return start, lambda p: curvature * (p - target) + p**3 / 10


def trajectory(make, dtype):
    start, gradient = start_and_gradient(dtype)
    p = torch.nn.Parameter(start.clone())
    optimizer = make([p])
    seen = []
    for step in range(1, STEPS[-1] + 1):
        p.grad = gradient(p.detach())
        optimizer.step()
        if step in STEPS:
            # The first and the last parameter stand for all.
            seen.append((p[0, 0].item(), p[-1, -1].item()))
    return seen


CASES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "sgd, weight decay 0.1": lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
    "momentum, dampening 0.3, weight decay 0.1": lambda p: torch.optim.SGD(
        p, lr=0.02, momentum=0.9, dampening=0.3, weight_decay=0.1
    ),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "nesterov, weight decay 0.1": lambda p: torch.optim.SGD(
        p, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.1
    ),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam, weight decay 0.1": lambda p: torch.optim.Adam(
        p, lr=0.01, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.1
    ),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0),
    "adamw, weight decay 0.1": lambda p: torch.optim.AdamW(
        p, lr=0.01, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.1
    ),
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, make in CASES.items():
        print(f"    // {name}")
        for dtype in (torch.float64, torch.float32):
            values = trajectory(make, dtype)
            print(f"    [{', '.join(str(v) for v in values)}],")
