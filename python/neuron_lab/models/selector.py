"""Layers whose neurons choose between computation neurons, and the networks of `selector_mnist` and
`selector_continual`.

Axes: batch, k (the computation neurons of a neuron, K of them), n (the neurons of a layer). The rules
and their gradients are in docs/selector_mnist.md.
"""

import torch
import torch.nn.functional as F
from torch import nn

from .common import Weights, load, of_index

RULES = ("full-ste", "hidden", "selected-only", "switch", "frozen", "soft")


class SelectorLayer(nn.Module):
    """A layer of neurons, each with selection neurons and K computation neurons.

    selector: none, threshold, softmax, low-rank or tree.
    rule: what is given out and back-propagated, one of RULES.
    sign: consistent or as-printed, of the selector's straight-through gradient.
    relu: whether a computation neuron has a ReLU.
    preference: whether the layer has a balance bias, which only the choice sees.
    """

    def __init__(self, inputs, neurons, choices, selector, rule="full-ste", sign="consistent",
                 rank=16, relu=True, preference=False):
        super().__init__()
        if rule not in RULES:
            raise ValueError(f"rule {rule}: there are {', '.join(RULES)}")
        self.choices, self.neurons = choices, neurons
        self.selector, self.rule, self.sign, self.relu = selector, rule, sign, relu
        levels = (choices - 1).bit_length()
        logits = {"none": None, "threshold": (), "softmax": (choices,), "low-rank": (choices,),
                  "tree": (levels,)}[selector]
        seen = inputs
        if selector == "low-rank":
            self.projection, seen = Weights(rank, inputs, bias=False), rank
        if logits is not None:
            self.selection = Weights(*logits, neurons, seen)
        self.computation = Weights(choices, neurons, inputs)
        if preference:
            self.register_buffer("preference", torch.zeros(choices, neurons))
        # What the last forward pass selected, [batch, n], and the probabilities, [batch, k, n].
        self.choice = self.probabilities = None

    def forward(self, x, noise=None):
        """Outputs [batch, n].

        x: [batch, input]; further leading axes are taken as batches.
        noise: what is added to the selectors' logits in training, [batch, logit, n].
        """
        h = apply(x, self.computation)
        h = h.relu() if self.relu else h
        if self.selector == "none":
            self.choice = torch.zeros_like(h[..., 0, :], dtype=torch.int64)
            self.probabilities = None
            return h[..., 0, :]
        seen = x.detach() if self.rule in ("hidden", "frozen") else x
        choice, p = self.select(seen, noise)
        self.choice, self.probabilities = choice, p
        return self.combine(h, p, choice.unsqueeze(-2))

    def select(self, x, noise=None):
        """Which k each neuron selects [batch, n], and the probabilities [batch, k, n]."""
        if self.selector == "low-rank":
            x = F.linear(x, self.projection.weight)
        z = apply(x, self.selection)
        if noise is not None:
            z = z + noise
        if self.selector in ("threshold", "tree"):
            return half_spaces(z, self.choices)
        biased = z.detach() + self.preference if hasattr(self, "preference") else z.detach()
        return biased.argmax(-2), z.softmax(-2)

    def combine(self, h, p, choice):
        """The output by the rule. Its value is that of the selected neuron, bit for bit, but for switch
        and soft: p less itself is exactly 0."""
        selected = h.gather(-2, choice).squeeze(-2)
        if self.rule in ("full-ste", "hidden"):
            through = (h.detach() * (p - p.detach())).sum(-2)
            return selected - through if self.sign == "as-printed" else selected + through
        if self.rule == "selected-only":
            own = p.gather(-2, choice).squeeze(-2)
            return selected * (own / own.detach())
        if self.rule == "switch":
            return selected * p.gather(-2, choice).squeeze(-2)
        return (p * h).sum(-2) if self.rule == "soft" else selected

    def counts(self):
        """How often each k was selected in the last forward pass: [k, n]."""
        return F.one_hot(self.choice.flatten(0, -2), self.choices).sum(0).T

    def balance_loss(self):
        """K sum_k f_nk P_nk, mean over neurons (Fedus, Zoph and Shazeer 2021), of the last forward pass:
        f is the share of the batch that k answers, and P the mean of its probability."""
        p = self.probabilities.flatten(0, -3)
        share = self.counts() / len(p)
        return self.choices * (share * p.mean(0)).sum(0).mean()

    @torch.no_grad()
    def update_preference(self, rate):
        """Moves the balance bias: up where a k had less than its share of the last batch, down where
        more."""
        share = self.choice.flatten(0, -2).shape[0] / self.choices
        self.preference += (share - self.counts()).sign() * rate


def apply(x, weights):
    """weight x + bias: [batch, k, n] for a weight [k, n, input], [batch, 1, n] for [n, input]."""
    weight, bias = weights.weight, weights.bias
    if weight.dim() == 2:
        weight, bias = weight.unsqueeze(0), bias.unsqueeze(0)
    return F.linear(x, weight.flatten(0, 1), bias.flatten()).unflatten(-1, bias.shape)


def half_spaces(z, choices):
    """The choice [batch, n] and the probabilities [batch, k, n] of a tree with logits [batch, level, n].

    The side of level l, 1 where its logit is 0 or more, is bit l of k. A k that is no computation
    neuron loses its highest bit, and of that one the highest level does not matter.
    """
    levels = z.shape[-2]
    top = 1 << (levels - 1)
    bits = (z.detach() >= 0).long() << torch.arange(levels, device=z.device).unsqueeze(-1)
    leaf = bits.sum(-2)
    leaf = torch.where(leaf >= choices, leaf - top, leaf)
    q = z.sigmoid()
    probabilities = []
    for k in range(choices):
        p = torch.ones_like(q[..., 0, :])
        for level in range(levels):
            if level == levels - 1 and k < top and k + top >= choices:
                continue
            p = p * (q[..., level, :] if k >> level & 1 else 1 - q[..., level, :])
        probabilities.append(p)
    return leaf, torch.stack(probabilities, -2)


class SelectorNetwork(nn.Module):
    """`layer1`, `layer2`, ... and a linear read-out, `output`.

    balance: the weight of the loss for even use, 0 for none.
    Other settings are those of SelectorLayer.
    """

    def __init__(self, inputs, hidden, classes, choices, selector, balance=0.0, **options):
        super().__init__()
        self.balance, self.depth = balance, len(hidden)
        for number, neurons in enumerate(hidden, 1):
            self.add_module(f"layer{number}", SelectorLayer(inputs, neurons, choices, selector, **options))
            inputs = neurons
        self.output = nn.Linear(inputs, classes)

    @property
    def layers(self):
        """The hidden layers in order."""
        return [getattr(self, f"layer{number}") for number in range(1, self.depth + 1)]

    def forward(self, x, noise=None):
        """Logits [batch, class] of images [batch, pixel].

        noise: of each layer, what is added to its selectors' logits.
        """
        for i, layer in enumerate(self.layers):
            x = layer(x, None if noise is None else noise[i])
        return self.output(x)

    def loss(self, x, labels, noise=None):
        """What training descends: the mean cross-entropy in nats, and the loss for even use."""
        loss = F.cross_entropy(self(x, noise), labels)
        if self.balance:
            loss = loss + self.balance * sum(layer.balance_loss() for layer in self.layers)
        return loss


def build(config, checkpoint, index):
    """The network of a checkpoint, whose K may have changed since the run began."""
    tensors = of_index(checkpoint.model_tensors, index, config["replicates"])
    first, output = tensors["layer1.computation.weight"], tensors["output.weight"]
    choices, _, inputs = first.shape
    hidden = [tensors[f"layer{i}.computation.bias"].shape[1] for i in range(1, len(config["hidden"]) + 1)]
    model = SelectorNetwork(
        inputs, hidden, len(output), choices, config["selector"],
        balance=config.get("balance_rate", 0.0) if config.get("balance") == "loss" else 0.0,
        rule=config["rule"], sign=config["ste_sign"], rank=config["rank"],
        preference="layer1.preference" in tensors)
    return load(model, tensors)
