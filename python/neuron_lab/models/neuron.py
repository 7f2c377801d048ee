"""The sigmoid neuron and the small network of `one_neuron`, with the gradients of its rules.

Axes: sample, input. Everything is f64, as in the experiment. The rules are in docs/one_neuron.md.
"""

import torch
from torch import nn

from ..errors import NeuronLabError
from .common import load, of_index

RULES = ("correct", "averaged", "averaged-x2", "per-sample-1.1.3", "package-1.1.5")
INPUTS = 4


class OneNeuron(nn.Linear):
    """y = sigmoid(w x + b): `weight` [1, 4] and `bias` [1].

    rule: how the gradient of a batch is made, one of RULES.
    factor: what half the gradient is multiplied by.
    signs: of the gradients of weights and biases.
    """

    def __init__(self, rule="correct", factor=2.0, signs=(1.0, 1.0)):
        super().__init__(INPUTS, 1, dtype=torch.float64)
        self.rule, self.factor, self.signs = rule, factor, signs

    def forward(self, x):
        """Answers [sample] to inputs [sample, input]."""
        return super().forward(x).squeeze(-1).sigmoid()

    def loss(self, x, labels):
        """The mean squared error."""
        return (labels - self(x)).square().mean()

    def backward(self, x, labels):
        """Writes the gradient of a batch by the rule to `.grad`, sign and factor included, and gives the
        loss. By the rule `correct` that is what loss(x, labels).backward() writes."""
        with torch.no_grad():
            half, loss = self._half_gradient(x, labels)
            for name, value in self.named_parameters():
                sign = self.signs[1] if name.endswith("bias") else self.signs[0]
                value.grad = half[name].reshape(value.shape) * (self.factor * sign)
        return loss

    def _half_gradient(self, x, labels):
        y, n = self(x), len(x)
        e, d = labels - y, y * (1 - y)
        averaged = -e.mean() * d.mean()
        if self.rule.startswith("averaged"):
            weight = averaged * x.mean(0)
        elif self.rule == "per-sample-1.1.3":
            shares = float(n) ** (torch.arange(n, dtype=x.dtype, device=x.device) - n)
            weight = -((e * d * shares).unsqueeze(1) * x).sum(0)
        else:
            weight = -((e * d).unsqueeze(1) * x).mean(0)
        bias = -(e * d).mean() if self.rule == "correct" else averaged
        return {"weight": weight, "bias": bias}, e.square().mean()


class SmallNetwork(nn.Module):
    """Two sigmoid neurons on four inputs, `hidden`, and one on them, `output`; f64."""

    backward = OneNeuron.backward
    loss = OneNeuron.loss

    def __init__(self, rule="correct", factor=2.0, signs=(1.0, 1.0)):
        super().__init__()
        self.hidden = nn.Linear(INPUTS, 2, dtype=torch.float64)
        self.output = nn.Linear(2, 1, dtype=torch.float64)
        self.rule, self.factor, self.signs = rule, factor, signs

    def forward(self, x):
        """Answers [sample] to inputs [sample, input]."""
        return self.output(self.hidden(x).sigmoid()).squeeze(-1).sigmoid()

    def _half_gradient(self, x, labels):
        h = self.hidden(x).sigmoid()
        y = self.output(h).squeeze(-1).sigmoid()
        e, d, slopes, v = labels - y, y * (1 - y), h * (1 - h), self.output.weight[0]
        loss = e.square().mean()
        if self.rule.startswith("averaged"):
            output, errors, slope = e.mean() * d.mean(), v * e.mean(), slopes.mean(0)
            bias = errors.sum() * slope.mean()
            found = {"hidden.weight": torch.outer(errors * slope, x.mean(0)),
                     "output.weight": output * h.mean(0), "hidden.bias": bias.expand(2), "output.bias": output}
        else:
            whole = self.rule == "correct"
            error = (e * d if whole else e).unsqueeze(1) * v
            down = error * slopes
            # The package sends no slope of the output down with the error, and moves no output bias.
            found = {"hidden.weight": down.T @ x / len(x), "output.weight": ((e * d).unsqueeze(1) * h).mean(0),
                     "hidden.bias": (down if whole else error * d.unsqueeze(1)).mean(0),
                     "output.bias": (e * d).mean() * whole}
        return {name: -value for name, value in found.items()}, loss


class AdamInsideRoot(torch.optim.Optimizer):
    """Adam with its epsilon under the root, sqrt(v + eps), as the notebook has it."""

    def __init__(self, params, lr, betas=(0.9, 0.99), eps=1e-4):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self):
        """One step."""
        for group in self.param_groups:
            (beta1, beta2), lr, eps = group["betas"], group["lr"], group["eps"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(step=torch.tensor(0.0), exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
                state["step"] += 1
                t, m, v = state["step"].item(), state["exp_avg"], state["exp_avg_sq"]
                m.mul_(beta1).add_(p.grad, alpha=1 - beta1)
                v.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                p.sub_(lr * (m / (1 - beta1**t)) / (v / (1 - beta2**t) + eps).sqrt())


def points(config):
    """The points of a run's grid in its order, each a dict of optimizer, gradient, lr and batch_size."""
    every = []
    for optimizer in config["optimizer"]:
        for gradient in config["gradient"]:
            for lr in config["lr"]:
                for batch_size in config["batch_size"]:
                    point = {"optimizer": optimizer, "gradient": gradient, "lr": lr, "batch_size": batch_size}
                    if point not in every:
                        every.append(point)
    return every


def point_of(config, point):
    """A point by its number, with the name that its tensors begin with."""
    every = points(config)
    if not 0 <= point < len(every):
        raise NeuronLabError(f"point {point}: the run has {len(every)} points, from 0")
    own, parts = every[point], []
    for key, text in (("optimizer", str), ("gradient", str), ("lr", lambda lr: f"lr{exponential(lr)}"),
                      ("batch_size", lambda size: f"b{size}")):
        if len({other[key] for other in every}) > 1:
            parts.append(text(own[key]))
    return own, "_".join(parts) + "." if parts else ""


def exponential(number):
    """A number as Rust's {:e} writes it, such as 1e-3 or 2.5e-4."""
    shortest = next(text for digits in range(17) if float(text := f"{number:.{digits}e}") == number)
    mantissa, exponent = shortest.split("e")
    return f"{mantissa}e{int(exponent)}"


def build(config, checkpoint, index, point=0):
    """A neuron or a network of a checkpoint: `point` numbers the grid's points, `index` the seeds."""
    own, prefix = point_of(config, point)
    tensors = {name[len(prefix):]: value for name, value in checkpoint.model_tensors.items()
               if name.startswith(prefix)}
    factor = config["factor"]
    if factor is None:
        factor = 2.0 if own["gradient"] in ("correct", "averaged-x2") else 1.0
    sign = config["sign"]
    if sign is None:
        upward = own["gradient"] in ("per-sample-1.1.3", "package-1.1.5") and config["model"] == "one"
        sign = "weights-only" if upward else "descend"
    signs = {"descend": (1.0, 1.0), "ascend": (-1.0, -1.0), "weights-only": (-1.0, 1.0)}[sign]
    kind = OneNeuron if config["model"] == "one" else SmallNetwork
    model = kind(own["gradient"], float(factor), signs)
    return load(model, of_index(tensors, index, config["replicates"]))
