"""`selector_transformer`: a post-norm transformer on text, whose linear layers may be neurons that select
among K computation neurons by a softmax; Adam.

Rows of a selecting layer are `[map, neuron]` flat: its selection neurons, then its computation neurons.
"""

import numpy as np

from .forms import JaxForm, Limit, Problem, TorchForm, adam, compiled, tensors

LAYERS, HEADS, BATCH, LENGTH, WORDS = 2, 4, 8, 64, 100_000


def linears(d, vocab):
    """Inputs and outputs of each linear layer, in order."""
    layer = [(d, d)] * 4 + [(d, 4 * d), (4 * d, d)]
    return layer * LAYERS + [(d, vocab)]


def problem(k, d=64, vocab=4000):
    """A text of random words and the weights; k = 0 has plain linear layers."""
    rng = np.random.default_rng(0)
    uniform = lambda inputs, *shape: rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(inputs**0.5)
    params = [rng.standard_normal((vocab, d), dtype=np.float32)]
    for inputs, outputs in linears(d, vocab):
        rows = outputs * (2 * k if k else 1)
        params += [uniform(inputs, rows, inputs), uniform(inputs, rows)]
    params += [np.full(d, value, np.float32) for _ in range(LAYERS) for value in (1, 0, 1, 0)]
    text = rng.integers(0, vocab, WORDS)
    draws = lambda t, rng: (rng.integers(0, WORDS - LENGTH - 1, (BATCH, 1)),)
    # The bias of a plain layer for keys adds the same to all of a word's scores.
    free = () if k else tuple(4 + 12 * layer for layer in range(LAYERS))
    data, sizes = {"text": text, "positions": positions(d)}, {"k": k, "d": d, "vocab": vocab}
    return Problem(data, params, draws, sizes, free)


def positions(d):
    """The sinusoidal code of each position: `[time, d]`."""
    rate = np.exp(np.arange(d) // 2 * (-2 * np.log(1e4) / d))
    angle = np.arange(LENGTH)[:, None] * rate
    return np.where(np.arange(d) % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)


def model(problem):
    """The network as modules of PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    k, d, vocab = (problem.sizes[name] for name in ("k", "d", "vocab"))

    class Softmax(nn.Module):
        """Neurons that select among K computation neurons, without a non-linearity inside."""

        def __init__(self, inputs, neurons):
            """Makes the maps."""
            super().__init__()
            self.selection, self.computation = (nn.Linear(inputs, k * neurons) for _ in range(2))

        def forward(self, x):
            """What the part gives for an input."""
            soft = self.selection(x).unflatten(-1, (k, -1)).softmax(-2)
            hard = F.one_hot(soft.argmax(-2), k).transpose(-1, -2).to(soft.dtype)
            mask = hard + soft - soft.detach()
            return (mask * self.computation(x).unflatten(-1, (k, -1))).sum(-2)

    layer = Softmax if k else nn.Linear

    class Block(nn.Module):
        """Attention and two linear layers, each with a norm after its sum."""

        def __init__(self):
            """Makes the maps."""
            super().__init__()
            self.q, self.k, self.v, self.out = (layer(d, d) for _ in range(4))
            self.up, self.down = layer(d, 4 * d), layer(4 * d, d)
            self.norms = nn.ModuleList([nn.LayerNorm(d), nn.LayerNorm(d)])

        def forward(self, x):
            """What the part gives for an input."""
            split = lambda y: y.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            parts = [split(part(x)) for part in (self.q, self.k, self.v)]
            mixed = F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).flatten(2)
            x = self.norms[0](x + self.out(mixed))
            return self.norms[1](x + self.down(F.relu(self.up(x))))

    class Model(nn.Module):
        """The whole network, up to the loss of the next words."""

        def __init__(self):
            """Makes the maps."""
            super().__init__()
            self.embedding = nn.Embedding(vocab, d)
            self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
            self.read = layer(d, vocab)
            self.register_buffer("positions", torch.from_numpy(problem.data["positions"]))

        def forward(self, tokens):
            """What the part gives for an input."""
            x = self.embedding(tokens[:, :-1]) * d**0.5 + self.positions
            return F.cross_entropy(self.read(self.blocks(x)).flatten(0, 1), tokens[:, 1:].flatten())

    return Model()


def places(net):
    """The modules' parameters in the problem's order, one or two tensors for each of its arrays."""
    blocks = list(net.blocks)
    parts = [part for b in blocks for part in (b.q, b.k, b.v, b.out, b.up, b.down)] + [net.read]
    found = [[net.embedding.weight]]
    for part in parts:
        maps = [part.selection, part.computation] if hasattr(part, "selection") else [part]
        found += [[one.weight for one in maps], [one.bias for one in maps]]
    return found + [[value] for b in blocks for norm in b.norms for value in (norm.weight, norm.bias)]


def trained(problem, fused, loss_of):
    """Training of the modules, their loss computed by a function of the model and the tokens."""
    import torch

    net = model(problem)
    with torch.no_grad():
        for own, array in zip(places(net), problem.params):
            for tensor, part in zip(own, np.split(array, len(own))):
                tensor.copy_(torch.from_numpy(part))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused)
    (text,) = tensors([problem.data["text"]])
    window = torch.arange(LENGTH + 1)
    evaluate = loss_of(net)

    def step(begin):
        """One unit of work."""
        loss = evaluate(text[begin + window])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    draw = lambda t: (torch.randint(WORDS - LENGTH - 1, (BATCH, 1)),)
    return TorchForm(step, draw, lambda: [torch.cat(own) for own in places(net)])


def eager(problem, fused=False):
    """The modules as they are."""
    return trained(problem, fused, lambda net: net)


def best(problem):
    """The modules, forward and backward compiled, with the fused optimizer."""
    return trained(problem, True, compiled)


def jax(problem):
    """The same in one scan."""
    import jax
    from jax import lax, numpy as jnp

    k, d = problem.sizes["k"], problem.sizes["d"]
    code = jnp.asarray(problem.data["positions"])
    window, seen = jnp.arange(LENGTH + 1), jnp.tril(jnp.ones((LENGTH, LENGTH), bool))
    count = len(linears(d, 1))

    def linear(x, weight, bias):
        """A linear layer, or neurons that select."""
        rows = x @ weight.T + bias
        if not k:
            return rows
        s, h = (part.reshape(*part.shape[:-1], k, -1) for part in jnp.split(rows, 2, -1))
        soft = jax.nn.softmax(s, -2)
        mask = jax.nn.one_hot(soft.argmax(-2), k, axis=-2) + soft - lax.stop_gradient(soft)
        return (mask * h).sum(-2)

    def norm(x, weight, bias):
        """Layer normalisation."""
        mean = x.mean(-1, keepdims=True)
        variance = jnp.square(x - mean).mean(-1, keepdims=True)
        return (x - mean) * lax.rsqrt(variance + 1e-5) * weight + bias

    def attention(q, key, v):
        """Causal attention of all heads."""
        split = lambda y: y.reshape(*y.shape[:-1], HEADS, -1).swapaxes(1, 2)
        q, key, v = split(q), split(key), split(v)
        scores = jnp.where(seen, q @ key.mT * (d // HEADS) ** -0.5, -jnp.inf)
        return (jax.nn.softmax(scores) @ v).swapaxes(1, 2).reshape(BATCH, LENGTH, d)

    def loss_of(params, tokens):
        """The mean loss of the next words."""
        maps = [params[1 + 2 * i:3 + 2 * i] for i in range(count)]
        norms = params[1 + 2 * count:]
        x = params[0][tokens[:, :-1]] * d**0.5 + code
        for i in range(LAYERS):
            q, key, v, out, up, down = maps[6 * i:6 * i + 6]
            first, second = norms[4 * i:4 * i + 2], norms[4 * i + 2:4 * i + 4]
            mixed = attention(linear(x, *q), linear(x, *key), linear(x, *v))
            x = norm(x + linear(mixed, *out), *first)
            x = norm(x + linear(jax.nn.relu(linear(x, *up)), *down), *second)
        logits = linear(x, *maps[-1])
        right = jnp.take_along_axis(logits, tokens[:, 1:, None], -1)[..., 0]
        return (jax.nn.logsumexp(logits, -1) - right).mean()

    def step(text, carry, drawn):
        """One unit of work."""
        params, moments, t = carry
        loss, gradients = jax.value_and_grad(loss_of)(params, text[drawn[0] + window])
        params, moments = adam(jnp, params, gradients, moments, t)
        return (params, moments, t + 1), loss

    draw = lambda text, key, _: (jax.random.randint(key, (BATCH, 1), 0, WORDS - LENGTH - 1),)
    params = [jnp.asarray(array) for array in problem.params]
    zeros = lambda: [jnp.zeros_like(p) for p in params]
    start = (params, (zeros(), zeros()), jnp.float32(0))
    return JaxForm(jnp.asarray(problem.data["text"]), start, step, draw, lambda carry: carry[0])


def limit(k, d=64, vocab=4000):
    """Each linear layer forward and backward, all K of it as a dense product has them."""
    products, words = [], BATCH * LENGTH
    for inputs, outputs in linears(d, vocab):
        rows = outputs * (2 * k if k else 1)
        products += [(1, words, inputs, rows), (1, rows, words, inputs), (1, words, rows, inputs)]
    return Limit(products)
