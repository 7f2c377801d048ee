"""The points of `two_loss_toy`, which climb f(x) = exp(-(x - u)^T A (x - u)) under a constraint."""

import torch
from torch import nn

from .common import check_index, load, of_index


class Climbers(nn.Module):
    """One point for each method: `points` [method, 3], which are x1, x2 and lambda, f64; `before` are
    those of the step before.

    config: the settings that config.json has.
    """

    def __init__(self, config):
        super().__init__()
        self.config, self.methods = config, config["methods"]
        start = torch.tensor([*config["start"], 0.0], dtype=torch.float64)
        self.points = nn.Parameter(start.repeat(len(self.methods), 1))
        self.register_buffer("before", self.points.detach().clone())

    def height(self, x):
        """f at points [.., 2]."""
        tilt = self.config["tilt"]
        a, b = (x - torch.tensor(self.config["top"], dtype=x.dtype, device=x.device)).unbind(-1)
        return torch.exp(-(a * (a + tilt * b) + b * (tilt * a + b)))

    def excess(self, x):
        """How far the constraint is from its target, h, at points [.., 2]."""
        along = 1.0 if self.config["constraint"] == "sum" else 0.0
        return x[..., 1] - self.config["target"] + along * x[..., 0]

    def forward(self):
        """f of every method, [method]."""
        return self.height(self.points[:, :2])

    def step(self):
        """One iteration of every method, in place, by PyTorch's gradients."""
        new = torch.stack([self._moved(method, point) for method, point in
                           zip(self.methods, self.points.detach())])
        with torch.no_grad():
            self.before.copy_(self.points)
            self.points.copy_(new)

    def _moved(self, method, point):
        lr = self.config["lr"]
        x, multiplier = point[:2].clone().requires_grad_(), point[2]
        if method == "two-losses":
            moved = x - lr * gradient(-self.height(x), x)
            second = moved.detach().requires_grad_()
            pull = gradient(self.excess(second) ** 2, second)
            return torch.stack([moved[0], moved[1] - self.config["rate_lr"] * pull[1], point.new_zeros(())]).detach()
        if method == "multiplier":
            h = self.excess(x)
            loss = -self.height(x) + multiplier * h + self.config["penalty"] / 2 * h**2
            moved = x - lr * gradient(loss, x)
            return torch.cat([moved, (multiplier + self.config["multiplier_lr"] * h)[None]]).detach()
        # x2 is what keeps the constraint, so that x1 follows the total derivative.
        first = point[0].clone().requires_grad_()

        def on(x1):
            return torch.stack([x1, -self.excess(torch.stack([x1, torch.zeros_like(x1)]))])

        moved = first - lr * gradient(-self.height(on(first)), first)
        return torch.cat([on(moved), point.new_zeros(1)]).detach()


def gradient(loss, of):
    """The gradient of a number."""
    return torch.autograd.grad(loss, of)[0]


def build(config, checkpoint, index):
    """The points of a checkpoint."""
    check_index(index, 1)
    return load(Climbers(config), of_index(checkpoint.model_tensors, 0, 1))
