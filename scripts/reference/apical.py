"""One epoch of two-phase training in plain PyTorch, timed: what benches/apical.rs is compared with.

Phase 1 takes the gradients of the multipliers by autograd, batch by batch; phase 2 updates the
weights under no_grad, out of place as a notebook would, or with addmm_. Random images of MNIST's
shape: the values do not matter for the time. Prints CPU seconds of phase 1 and of phase 2.

    .reference/bin/python scripts/reference/apical.py --batch-size 30
    .reference/bin/python scripts/reference/apical.py --batch-size 1 --samples 3000
"""

import argparse
import time

import torch

WIDTHS = [784, 256, 256, 256, 10]


def forward(weights, apical, x):
    baseline, modulated = [], []
    for k, (w, a) in enumerate(zip(weights, apical)):
        h = x @ w.T
        f = h if k + 1 == len(weights) else torch.relu(h)
        x = a * f
        baseline.append(f)
        modulated.append(x)
    return baseline, modulated


def phase1(weights, apical, x, t, batch, lr):
    leaves = [torch.ones_like(a, requires_grad=True) for a in apical]
    total = [torch.zeros_like(a) for a in apical]
    batches = 0
    for i in range(0, len(x), batch):
        loss = torch.nn.functional.mse_loss(forward(weights, leaves, x[i:i + batch])[1][-1],
                                            t[i:i + batch])
        for s, g in zip(total, torch.autograd.grad(loss, leaves)):
            s += g
        batches += 1
    return [1 - lr * s / batches for s in total]


def phase2(weights, apical, x, t, batch, lr, in_place):
    losses = []
    with torch.no_grad():
        order = torch.randperm(len(x))
        for i in range(0, len(x), batch):
            index = order[i:i + batch]
            xb = x[index]
            baseline, modulated = forward(weights, apical, xb)
            losses.append(torch.nn.functional.mse_loss(modulated[-1], t[index]))
            pre = [xb] + modulated[:-1]
            for k in range(len(weights)):
                post = (apical[k] - 1) * baseline[k]
                if in_place:
                    weights[k].addmm_(post.T, pre[k], alpha=lr / len(xb))
                else:
                    weights[k] = weights[k] + lr * (post.T @ pre[k]) / len(xb)
    return torch.stack(losses).mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=30)
    parser.add_argument("--samples", type=int, default=30_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    n, batch = arguments.samples, arguments.batch_size
    x = torch.randn(n, WIDTHS[0])
    t = torch.nn.functional.one_hot(torch.randint(10, (n,)), 10).float()
    for in_place in [False, True]:
        weights = [torch.randn(o, i) * (2 / i) ** 0.5 for i, o in zip(WIDTHS, WIDTHS[1:])]
        apical = [torch.ones(o) for o in WIDTHS[1:]]
        phase1(weights, apical, x[:batch], t[:batch], batch, 0.01)
        start = time.process_time()
        apical = phase1(weights, apical, x, t, batch, 0.01)
        middle = time.process_time()
        phase2(weights, apical, x, t, batch, 1e-6, in_place)
        end = time.process_time()
        print("addmm_:" if in_place else "out of place:", middle - start, end - middle)


if __name__ == "__main__":
    main()
