"""`one_neuron`: sigmoid neurons on four inputs, batches of eight of which each seed has its own, f64.

The axes of the parameters are optimizer, gradient, learning rate, seed, parameter (four weights, a bias).
"""

import numpy as np

from .forms import JaxForm, Limit, Problem, TorchForm, compiled, tensors

SAMPLES, BATCH, INPUTS = 5000, 8, 4
MOMENTUM, BETA1, BETA2, EPS = 0.9, 0.9, 0.99, 1e-4
# What the product of the batch's means is multiplied by, for the second and the third gradient.
FACTORS = (1.0, 2.0)


def problem(seeds=1, grid=0):
    """Samples and labels of each seed; `grid`: every optimizer, gradient and rate, or one of each."""
    rng = np.random.default_rng(0)
    label = np.tile(np.arange(SAMPLES) // (SAMPLES // 2), (seeds, 1)).astype(np.float64)
    wide = 1 + label[..., None]
    samples = 2 * wide + wide * rng.standard_normal((seeds, SAMPLES, INPUTS))
    axes = (3, 3, 2) if grid else (1, 1, 1)
    start = np.broadcast_to(rng.uniform(0, 1, (seeds, INPUTS + 1)), (*axes, seeds, INPUTS + 1)).copy()
    rates = np.array([1e-3, 5e-2][:axes[2]])
    draws = lambda t, rng: (rng.integers(0, SAMPLES, (seeds, BATCH)),)
    data = {"samples": samples, "labels": label, "rates": rates}
    return Problem(data, [start], draws, {"seeds": seeds, "axes": axes})


def eager(problem, fused=False):
    """One neuron alone, by autograd and SGD: the first of the grid."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    data, labels = tensors([problem.data[name][0] for name in ("samples", "labels")])
    layer, start = nn.Linear(INPUTS, 1).double(), torch.from_numpy(problem.params[0][0, 0, 0, 0])
    with torch.no_grad():
        layer.weight.copy_(start[:INPUTS])
        layer.bias.copy_(start[INPUTS])
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-3, fused=fused)

    def step(index):
        """One unit of work."""
        index = index[0]
        x = data[index]
        loss = F.mse_loss(torch.sigmoid(layer(x / x.max()))[:, 0], labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    draw = lambda t: (torch.randint(SAMPLES, (1, BATCH)),)
    return TorchForm(step, draw, lambda: [torch.cat([layer.weight[0], layer.bias])])


def gradient(xp, params, x, labels):
    """The gradient of each neuron, and the mean loss; alike in both libraries.

    - x: `[seed, sample, input]`; params: `[optimizer, gradient, rate, seed, parameter]`
    """
    y = (params[..., None, :INPUTS] * x).sum(-1) + params[..., INPUTS:]
    y = 1 / (1 + xp.exp(-y))
    e, d = labels - y, y * (1 - y)
    ed = -2 * e * d
    correct = ed[:, :1]
    weights = (correct[..., None] * x).mean(-2)
    found = [xp.concatenate([weights, correct.mean(-1)[..., None]], -1)]
    for i in range(1, params.shape[1]):
        means = -FACTORS[i - 1] * (e[:, i:i + 1].mean(-1) * d[:, i:i + 1].mean(-1))[..., None]
        found.append(xp.concatenate([means * x.mean(-2), means], -1))
    return xp.concatenate(found, 1), (e * e).mean()


def update(xp, params, gradient, moments, rates, corrections):
    """The step of each optimizer: descent, with momentum, Adam with its epsilon under the root."""
    moved = [params[:1] - rates * gradient[:1]]
    if len(params) == 1:
        return moved[0], moments
    velocity, mean, square = moments
    velocity = MOMENTUM * velocity + rates * gradient[1:2]
    mean = BETA1 * mean + (1 - BETA1) * gradient[2:]
    square = BETA2 * square + (1 - BETA2) * gradient[2:] * gradient[2:]
    root = xp.sqrt(square / corrections[1] + EPS)
    moved += [params[1:2] - velocity, params[2:] - rates * (mean / corrections[0]) / root]
    return xp.concatenate(moved, 0), (velocity, mean, square)


def best(problem, block=8):
    """All neurons in one batch, and steps of a block compiled into one function."""
    import torch

    seeds = problem.sizes["seeds"]
    samples, labels, rates, params = tensors([*problem.data.values(), *problem.params])
    rates, row = rates[:, None, None], torch.arange(seeds)[:, None]
    moments = tuple(torch.zeros_like(params[:1]) for _ in range(3))
    t = torch.zeros((), dtype=torch.float64)

    @compiled
    def steps(params, moments, t, samples, labels, index):
        """A block of steps, which is what is compiled."""
        for one in index:
            x = samples[row, one]
            x = x / x.amax((1, 2), keepdim=True)
            found, _ = gradient(torch, params, x, labels[row, one])
            t = t + 1
            corrections = (1 - BETA1**t, 1 - BETA2**t)
            params, moments = update(torch, params, found, moments, rates, corrections)
        return params, moments, t

    def step(index):
        """One unit of work."""
        nonlocal params, moments, t
        params, moments, t = steps(params, moments, t, samples, labels, index)

    draw = lambda t: (torch.randint(SAMPLES, (block, seeds, BATCH)),)
    return TorchForm(torch.no_grad()(step), draw, lambda: [params], block)


def jax(problem):
    """All neurons in one scan."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from jax import numpy as jnp

    seeds = problem.sizes["seeds"]
    *data, rates = (jnp.asarray(array) for array in problem.data.values())
    rates, row = rates[:, None, None], jnp.arange(seeds)[:, None]

    def step(data, carry, drawn):
        """One unit of work."""
        samples, labels = data
        params, moments, t = carry
        x = samples[row, drawn[0]]
        x = x / x.max((1, 2), keepdims=True)
        found, loss = gradient(jnp, params, x, labels[row, drawn[0]])
        corrections = (1 - BETA1 ** (t + 1), 1 - BETA2 ** (t + 1))
        params, moments = update(jnp, params, found, moments, rates, corrections)
        return (params, moments, t + 1), loss

    (params,) = (jnp.asarray(array) for array in problem.params)
    draw = lambda data, key, _: (jax.random.randint(key, (seeds, BATCH), 0, SAMPLES),)
    moments = tuple(jnp.zeros_like(params[:1]) for _ in range(3))
    return JaxForm(data, (params, moments, jnp.float64(0)), step, draw, lambda carry: [carry[0]], block=200, unroll=4)


def limit(seeds=1, grid=0):
    """Parameters and moments in and out, and the batch in: nothing that a cache would not hold."""
    neurons = seeds * (18 if grid else 1)
    return Limit(moved=8 * (4 * neurons * (INPUTS + 1) + seeds * BATCH * (INPUTS + 1)))
