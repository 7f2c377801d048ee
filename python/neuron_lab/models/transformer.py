"""The language model of `selector_transformer`: a post-norm transformer whose linear layers may be
layers of selection and computation neurons."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .common import load, of_index
from .selector import SelectorLayer


class Attention(nn.Module):
    """Causal self-attention with four projections."""

    def __init__(self, width, heads, linear):
        super().__init__()
        self.heads = heads
        self.q_linear, self.k_linear, self.v_linear, self.out_proj = (linear(width, width) for _ in range(4))

    def forward(self, x):
        """[batch, time, d] from and to."""
        q, k, v = (part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for part in (self.q_linear, self.k_linear, self.v_linear))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """x = norm1(x + attention(x)), x = norm2(x + linear2(relu(linear1(x))))."""

    def __init__(self, width, heads, feedforward, attention, linear):
        super().__init__()
        self.self_attn = Attention(width, heads, attention)
        self.linear1, self.linear2 = linear(width, feedforward), linear(feedforward, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        """[batch, time, d] from and to."""
        x = self.norm1(x + self.self_attn(x))
        return self.norm2(x + self.linear2(self.linear1(x).relu()))


class Transformer(nn.Module):
    """The model.

    scale: what embeddings are multiplied by.
    replace: which linear layers select: none, linear, attention or all.
    balance: the weight of the loss for even use, 0 for none.
    options: those of SelectorLayer, from `choices` on.
    """

    def __init__(self, words, width, heads, feedforward, layers, scale, replace, balance=0.0, **options):
        super().__init__()
        self.scale, self.balance = scale, balance

        def selecting(inputs, neurons):
            return SelectorLayer(inputs, neurons, relu=False, **options)

        attention = selecting if replace in ("attention", "all") else nn.Linear
        linear = selecting if replace in ("linear", "all") else nn.Linear
        self.embedding = nn.Embedding(words, width)
        self.layers = nn.ModuleList(
            Block(width, heads, feedforward, attention, linear) for _ in range(layers))
        self.linear_out = linear(width, words)

    def forward(self, tokens):
        """Logits of the word after each, [batch, time, word], of words [batch, time]."""
        x = self.embedding(tokens) * self.scale
        x = x + positions(tokens.shape[1], x.shape[2]).to(x)
        for layer in self.layers:
            x = layer(x)
        return self.linear_out(x)

    @property
    def selectors(self):
        """The selector layers in the order of the forward pass."""
        return [layer for layer in self.modules() if isinstance(layer, SelectorLayer)]

    def loss(self, tokens, following):
        """What training descends: the mean cross-entropy in nats a word, and the loss for even use."""
        loss = F.cross_entropy(self(tokens).flatten(0, 1), following.flatten())
        if self.balance:
            loss = loss + self.balance * sum(layer.balance_loss() for layer in self.selectors)
        return loss


def positions(time, width):
    """sin and cos of position / 10000^(2 i / d) in turns along the last axis: [time, d] f64."""
    channel = torch.arange(width, dtype=torch.float64)
    rate = torch.exp((channel / 2).floor() * (-2 * math.log(10_000) / width))
    angle = torch.arange(time, dtype=torch.float64).unsqueeze(1) * rate
    return torch.where(channel % 2 == 0, angle.sin(), angle.cos())


def build(config, checkpoint, index):
    """The model of a checkpoint."""
    tensors = of_index(checkpoint.model_tensors, index, 1)
    words, width = tensors["embedding.weight"].shape
    model = Transformer(
        words, width, config["heads"], config["feedforward"], config["layers"],
        scale=math.sqrt(width) if config["embedding_scale"] == "sqrt-d" else 1.0,
        replace=config["replace"], choices=config["num_computation"], selector=config["selector"],
        balance=config.get("balance_rate", 0.0) if config.get("balance") == "loss" else 0.0,
        rule=config["rule"], sign=config["ste_sign"], rank=config["rank"],
        preference=any(name.endswith(".preference") for name in tensors))
    return load(model, tensors)
