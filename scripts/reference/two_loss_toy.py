"""The notebook's two-loss toy in PyTorch, float32: the lines it prints at some iterations.

    .reference/bin/python scripts/reference/two_loss_toy.py
"""

import torch


def toy(start, top, target, lr, rate_lr, iterations, shown):
    x1, x2 = (torch.tensor(value, requires_grad=True) for value in start)
    precision = torch.tensor([[1, 0.7], [0.7, 1]])
    top = torch.tensor(top)
    climber = torch.optim.SGD([x1, x2], lr=lr)
    holder = torch.optim.SGD([x2], lr=rate_lr)
    for iteration in range(1, iterations + 1):
        x = torch.stack((x1, x2))
        away = x - top
        z = -torch.exp(-away @ precision @ away)
        climber.zero_grad()
        z.backward()
        climber.step()
        if iteration in shown:
            print(iteration, *(f"{value.item():.7g}" for value in (x[0], x[1], z)))
        holder.zero_grad()
        ((x2 - target) ** 2).backward()
        holder.step()
    print("after", f"{x1.item():.7g} {x2.item():.7g}")


torch.set_num_threads(1)
toy((2.0, 1.0), [1.0, 1.5], 3.0, 0.01, 0.2, 1000, {1, 2, 3, 10, 100, 500, 1000})
toy((1.5, 0.0), [0.0, 0.0], 1.0, 0.1, 0.2, 10_000, {10_000})
