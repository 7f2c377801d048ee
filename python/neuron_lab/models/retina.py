"""The noisy neurons of `efficient_coding`.

Axes: patch, input (the pixels of a patch, colour-major), neuron. The equations and what each constraint
descends along are in docs/efficient_coding.md.
"""

import torch
from torch import nn

from .common import load, of_index
from .shapes import PROFILES, radial

# Steepness of the softplus, and the weight of KL in the loss.
BETA, KL_WEIGHT = 2.5, -0.5
# Weight of the past in the running mean that the gains of the Gamma constraints follow.
GAMMA_MEMORY = 0.999
SEPARATE = ("two-losses", "project", "total-derivative")


class Encoder(nn.Module):
    """Filters, free ones `W` or those of a shape, and the logarithms of gains and thresholds."""

    def __init__(self, inputs, neurons, kernel, colours, shape, hexagonal=False, mosaics=1, shared=False):
        super().__init__()
        self.kernel, self.colours, self.shape = kernel, colours, shape
        self.signs = None
        if shape == "free":
            w = torch.randn(inputs, neurons)
            self.W = nn.Parameter(w / w.norm(dim=0))
        else:
            middle = (kernel - 1) / 2
            self.kernel_centers = nn.Parameter(torch.rand(neurons, 2) * middle + middle / 2, not hexagonal)
            if shared:
                turn = torch.arange(neurons) // (neurons // mosaics if mosaics > 1 else 1)
                self.signs = turn % 2 * 2 - 1
            self.shape_function = nn.Module()
            rows = colours * (PROFILES[shape][1] + 1)
            self.shape_function.shape_params = nn.Parameter(torch.randn(rows, 1 if shared else neurons))
        self.logA = nn.Parameter(torch.randn(neurons) * 0.02)
        self.logB = nn.Parameter(torch.randn(neurons) * 0.02 - 1)

    def filters(self):
        """[input, neuron], each column of norm 1."""
        if self.shape == "free":
            return self.W
        return radial(self.shape, self.kernel_centers, self.shape_function.shape_params,
                      self.kernel, self.colours, self.signs)


class Retina(nn.Module):
    """The model: rates [patch, neuron] of patches with their noise [patch, input].

    covariance: of the patches, [input, input].
    config: the settings that config.json has.
    """

    def __init__(self, covariance, config):
        super().__init__()
        self.config, self.constraint = config, config["constraint"]
        neurons = config["neurons"]
        self.encoder = Encoder(len(covariance), neurons, config["kernel_size"], config["colours"],
                               config["shape"], config.get("centres", "learnt") == "hexagonal",
                               config.get("mosaics", 1), config.get("shared_shape", False))
        if self.constraint in ("lagrange", "pi"):
            self.Lambda = nn.Parameter(torch.rand(neurons), requires_grad=self.constraint == "lagrange")
        if self.constraint in ("gamma-v1", "gamma-v2", "exact"):
            self.encoder.logA.requires_grad_(False)
        covered = covariance + torch.eye(len(covariance), dtype=covariance.dtype) * config["input_noise"] ** 2
        self.register_buffer("covered", covered, persistent=False)
        start = torch.ones if self.constraint.startswith("gamma") else torch.zeros
        self.register_buffer("controller_mean", start(neurons), persistent=False)
        self.register_buffer("controller_sum", torch.zeros(neurons), persistent=False)
        self._followed = None

    def forward(self, noisy):
        """Firing rates at the neurons' own gains."""
        return self._pass(noisy)["rates"]

    def _pass(self, noisy, filters=None, eliminate=False):
        """What a batch does: rates, slopes, gains, h, and KL of each patch in bits."""
        kind = self.config["nonlinearity"]
        filters = self.encoder.filters() if filters is None else filters
        exponent = 2 if kind == "linear" else 1
        u = noisy @ filters
        if kind != "linear":
            u = u - self.encoder.logB.exp()
        value, slope = respond(kind, u)
        activity = u.square() if kind == "linear" else value
        mean = activity.mean(0)
        target = self.config["firing_rate"]
        gain = self._gain_for(mean) if eliminate else self.encoder.logA.exp()
        g = slope * gain
        noise = self.config["input_noise"] ** 2 * (filters.T @ filters)
        variance = self.config["output_noise"] ** 2
        signal = filters.T @ (self.covered @ filters)
        return {"rates": value * gain, "gain": gain, "unit_activity": mean, "mean_activity": mean * gain**exponent,
                "h": mean * gain**exponent - target, "filters": filters,
                "kl": log2_det(signal, g, variance) - log2_det(noise, g, variance)}

    def _gain_for(self, unit_activity):
        """The gain at which the activity, here at gain 1, meets the target."""
        exponent = 2 if self.config["nonlinearity"] == "linear" else 1
        return (self.config["firing_rate"] / unit_activity) ** (1 / exponent)

    def kl(self, noisy, eliminate=False):
        """KL of each patch in bits, [patch]; what the rates tell of the image is half of it.

        eliminate: whether every neuron has the gain that meets the target on these patches.
        """
        return self._pass(noisy, eliminate=eliminate)["kl"]

    def excess(self, noisy):
        """What each neuron's mean activity is above its target: h, [neuron]."""
        return self._pass(noisy)["h"]

    def loss(self, noisy, step=0):
        """The loss that a step descends; of several losses that of the filters.

        step: counted from 0; centring depends on it.
        """
        found = self._pass(noisy, eliminate=self.constraint == "exact")
        loss, h = KL_WEIGHT * found["kl"].mean(), found["h"]
        multiplier = self._multiplier(h)
        if multiplier is not None:
            weight = self.config["rho"] / 2 if self.constraint == "lagrange" else 0.0
            loss = loss + ((h * weight + multiplier) * h).sum()
        if self.constraint == "two-losses" and self.config.get("variant") == "leak":
            loss = loss + h.square().sum()
        if self._centres(step):
            loss = loss + self.config["centring_weight"] * self._variance(found["filters"]).mean()
        return loss

    def _centres(self, step):
        return self.config["centring_start"] <= step < self.config["centring_stop"]

    def _multiplier(self, h):
        if self.constraint == "lagrange":
            return self.Lambda
        return self._controlled(h)[0] if self.constraint == "pi" else None

    def _controlled(self, h):
        """The multiplier of `pi`, and what its controller then remembers: mean and sum."""
        smoothing = self.config["pi_smoothing"]
        mean = self.controller_mean * smoothing + h.detach() * (1 - smoothing)
        output = self.Lambda + self.controller_sum + mean * self.config["pi_proportional"]
        return output, mean, self.controller_sum + h.detach() * self.config["pi_integral"]

    def backward(self, noisy, step=0):
        """Writes to `.grad` what the experiment descends along at a step, not clipped yet.

        A parameter that the step does not move has no gradient. step: counted from 0; `alternate` and
        centring depend on it.
        """
        self.zero_grad(set_to_none=True)
        filters = self.encoder.filters()
        leaf = filters.detach().requires_grad_()
        found = self._pass(noisy, leaf, eliminate=self.constraint == "exact")
        h, objective = found["h"], KL_WEIGHT * found["kl"].mean()
        log_gain, log_threshold = self.encoder.logA, self.encoder.logB
        scalars = [log_gain, log_threshold]

        def gradient(loss, of):
            return torch.autograd.grad(loss, of, retain_graph=True, allow_unused=True, materialize_grads=True)

        to_filters = None
        if self.constraint in SEPARATE:
            variant = self.config.get("variant") or "alternate"
            alternates = self.constraint == "two-losses" and variant == "alternate"
            if not alternates or step % 2 == 1:
                to_filters = self._of_filters(gradient, objective, h, leaf, variant)
            if not alternates or step % 2 == 0:
                log_gain.grad, log_threshold.grad = gradient(h.square().sum(), scalars)
        else:
            loss = objective
            if self.constraint == "lagrange":
                loss = loss + ((self.Lambda.detach() + self.config["rho"] * h.detach()) * h).sum()
                self.Lambda.grad = -h.detach()
            elif self.constraint == "pi":
                loss = loss + (self._controlled(h)[0].detach() * h).sum()
            (to_filters, log_threshold.grad) = gradient(loss, [leaf, log_threshold])
            if log_gain.requires_grad:
                (log_gain.grad,) = gradient(loss, [log_gain])
        if to_filters is not None:
            if self._centres(step):
                to_filters = to_filters + self.config["centring_weight"] * self.pull(leaf.detach())
            (filters * to_filters).sum().backward()
        kept = ("gain", "unit_activity", "mean_activity", "h")
        self._followed = {name: found[name].detach() for name in kept} | {"step": step}

    def _of_filters(self, gradient, objective, h, leaf, variant):
        """What the filters descend along where gains and thresholds have a loss of their own."""
        (own,) = gradient(objective, [leaf])
        if self.constraint == "two-losses":
            return own + gradient(h.square().sum(), [leaf])[0] if variant == "leak" else own
        (of_rates,) = gradient(h.sum(), [leaf])
        if self.constraint == "project":
            along, other = tangent(own, leaf.detach()), tangent(of_rates, leaf.detach())
            return along - component_along(along, other)
        # What a unit of h costs when the gain pays for it.
        price = -gradient(objective, [self.encoder.logA])[0] / gradient(h.sum(), [self.encoder.logA])[0]
        return own + price * of_rates

    def _squares(self, filters):
        """Squared distances of pixels from the filters' middles: [input, neuron]."""
        side = torch.arange(self.config["kernel_size"], dtype=filters.dtype, device=filters.device)
        places = torch.stack(torch.meshgrid(side, side, indexing="ij")).flatten(1)
        places = places.repeat(1, self.config["colours"])
        return (places.unsqueeze(2) - (places @ filters.square()).unsqueeze(1)).square().sum(0)

    def _variance(self, filters):
        """The filters' spatial variance in squared pixels: [neuron]."""
        return (self._squares(filters) * filters.square()).sum(0)

    def pull(self, filters):
        """The gradient of the filters' mean spatial variance along their sphere: [input, neuron]."""
        squares = self._squares(filters)
        return filters * (squares - (squares * filters.square()).sum(0)) * (2 / filters.shape[1])

    @torch.no_grad()
    def after_step(self):
        """What follows an optimizer's step: free filters back to norm 1 where they were moved, and what
        a formula sets from the batch of the last backward pass."""
        if self.encoder.shape == "free" and self.encoder.W.grad is not None:
            self.encoder.W /= self.encoder.W.norm(dim=0, keepdim=True)
        smoothing = self.config.get("gain_smoothing", 0.0)
        if self.constraint == "exact" and smoothing > 0:
            newest = max(1 - smoothing, 1 / (self._followed["step"] + 1))
            self.controller_mean.mul_(1 - newest).add_(self._followed["unit_activity"] * newest)
            self.encoder.logA.copy_(self._gain_for(self.controller_mean).log())
        elif self.constraint == "exact":
            self.encoder.logA.copy_(self._followed["gain"].log())
        elif self.constraint == "pi":
            _, mean, total = self._controlled(self._followed["h"])
            self.controller_mean.copy_(mean)
            self.controller_sum.copy_(total)
        elif self.constraint.startswith("gamma"):
            rate = self._followed["mean_activity"]
            new = rate - self.config["firing_rate"] if self.constraint == "gamma-v1" else rate
            self.controller_mean.mul_(GAMMA_MEMORY).add_(new * (1 - GAMMA_MEMORY))
            self.encoder.logA.copy_(-self.controller_mean.log())


def respond(kind, u):
    """The rate at gain 1, and its slope."""
    if kind == "softplus":
        return torch.nn.functional.softplus(u * BETA) / BETA, (u * BETA).sigmoid()
    if kind == "relu":
        return u.relu(), (u > 0).to(u.dtype)
    if kind == "absolute":
        return u.abs(), u.sign()
    return u, torch.ones_like(u)


def log2_det(matrix, g, variance):
    """log2 det (1 + G M G / sigma^2) of each patch with slopes g [patch, neuron]: [patch]."""
    pairs = g.unsqueeze(2) * g.unsqueeze(1) / variance
    a = torch.eye(len(matrix), dtype=g.dtype, device=g.device) + pairs * matrix
    return 2 * torch.linalg.cholesky(a).diagonal(dim1=1, dim2=2).log2().sum(1)


def tangent(gradient, filters):
    """The part of each column along the sphere of filters of norm 1."""
    return gradient - filters * (gradient * filters).sum(0, keepdim=True)


def component_along(a, b):
    """The component of each column of a along that of b."""
    least = torch.finfo(torch.float32).tiny
    return b * ((a * b).sum(0, keepdim=True) / (b * b).sum(0, keepdim=True).clamp_min(least))


def build(config, checkpoint, index):
    """The model of a checkpoint, with what its controller remembers."""
    count = config.get("replicates") or 1
    model = Retina(torch.tensor(checkpoint.tensors["state.covariance"]), config)
    load(model, of_index(checkpoint.model_tensors, index, count))
    for name in ("mean", "sum"):
        if (kept := checkpoint.tensors.get(f"state.controller.{name}")) is not None:
            own = kept if count == 1 else kept[index]
            getattr(model, f"controller_{name}").copy_(torch.tensor(own))
    return model
