"""`efficient_coding`: noisy neurons that tell what they can of Gaussian patches, within a budget of spikes.

Of every sample both covariances of the responses are factorised; the gradient is clipped, and the filters are
normalised after each step.
"""

import math

import numpy as np

from .forms import JaxForm, Limit, Problem, TorchForm, compiled, tensors

BATCH, INPUT_NOISE, OUTPUT_NOISE, RATE, RHO, CLIP, BETA, LR = 128, 0.4, 3.0, 1.0, 1.0, 20.0, 2.5, 1e-3


def problem(neurons, kernel, colours=1, batch=BATCH):
    """A root of the patches' covariance, filters, gains, thresholds and multipliers."""
    rng = np.random.default_rng(0)
    inputs = kernel * kernel * colours
    normal = lambda *shape: rng.standard_normal(shape, dtype=np.float32)
    root = normal(inputs, inputs) / np.float32(inputs**0.5) + np.eye(inputs, dtype=np.float32)
    filters = normal(inputs, neurons)
    filters /= np.linalg.norm(filters, axis=0)
    rest = [0.02 * normal(neurons), 0.02 * normal(neurons) - 1, rng.random(neurons, dtype=np.float32)]
    covariance = root @ root.T + INPUT_NOISE**2 * np.eye(inputs, dtype=np.float32)
    draws = lambda t, rng: tuple(rng.standard_normal((2, batch, inputs), dtype=np.float32))
    data = {"root": root, "covariance": covariance}
    return Problem(data, [filters, *rest], draws, {"batch": batch, "inputs": inputs, "neurons": neurons})


def eager(problem, fused=False):
    """The original's module: log-determinants by Cholesky, gradients by autograd through it."""
    import torch

    from efficient_coding_step import Encoder

    batch, inputs, neurons = (problem.sizes[name] for name in ("batch", "inputs", "neurons"))
    (root,) = tensors([problem.data["root"]])
    model = Encoder(inputs, neurons)
    order = [model.W, model.logA, model.logB, model.Lambda]
    with torch.no_grad():
        for param, array in zip(order, problem.params):
            param.copy_(torch.from_numpy(array))
    C_x, C_nx = root @ root.T, INPUT_NOISE**2 * torch.eye(inputs)
    C_nr = OUTPUT_NOISE**2 * torch.eye(neurons)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)

    def step(white, noise):
        """One unit of work."""
        optimizer.zero_grad()
        model(white @ root.T + INPUT_NOISE * noise, C_x, C_nx, C_nr).backward()
        model.Lambda.grad.neg_()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        model.normalise()

    draw = lambda t: (torch.randn(batch, inputs), torch.randn(batch, inputs))
    return TorchForm(step, draw, lambda: order)


def moved(xp, library, params, noisy, covariance):
    """The parameters after a step, the gradient in closed form; alike in both libraries.

    - library: softplus, and from the covariances `[sample, neuron, neuron]` and slopes `[sample, neuron]` to
      log-determinants, the diagonals of the inverses, and the inverses between slopes summed over samples
    """
    W, log_gain, log_threshold, multiplier = params
    batch, gain = len(noisy), xp.exp(log_gain)
    y = noisy @ W - xp.exp(log_threshold)
    relative = 1 / (1 + xp.exp(-BETA * y))
    rate, slope = gain * library.softplus(BETA * y) / BETA, gain * relative
    h = rate.mean(0) - RATE
    price = multiplier + RHO * h
    filtered = covariance @ W
    signal, noise = W.T @ filtered, INPUT_NOISE**2 * (W.T @ W)
    bits1, diagonal1, sum1 = library.inverse(slope, signal)
    bits0, diagonal0, sum0 = library.inverse(slope, noise)
    loss = -0.5 * (bits1 - bits0).mean() + (price * h).sum() - RHO / 2 * (h * h).sum()
    # Of -KL / 2 in bits, by the log of each slope.
    weight = -0.5 / (batch * math.log(2))
    by_slope = 2 * weight * OUTPUT_NOISE**2 * (diagonal0 - diagonal1)
    by_y = by_slope * BETA * (1 - relative) + price / batch * slope
    to_gain = by_slope.sum(0) + price * rate.mean(0)
    to_threshold = -xp.exp(log_threshold) * by_y.sum(0)
    to_W = noisy.T @ by_y + 2 * weight * (filtered @ sum1 - INPUT_NOISE**2 * (W @ sum0))
    gradients = [to_W, to_gain, to_threshold, -h]
    norm = xp.sqrt(sum((g * g).sum() for g in gradients))
    scale = LR * xp.clip(CLIP / (norm + 1e-6), None, 1.0)
    params = [p - scale * g for p, g in zip(params, gradients)]
    params[0] = params[0] / xp.sqrt((params[0] * params[0]).sum(0))
    return params, loss


def best(problem):
    """The gradient in closed form by Cholesky's inverse, and the whole step compiled."""
    import types

    import torch

    batch, inputs = problem.sizes["batch"], problem.sizes["inputs"]
    root, covariance = tensors(problem.data.values())
    params = tensors(problem.params)
    eye = OUTPUT_NOISE**2 * torch.eye(problem.sizes["neurons"])

    def inverse(slope, matrix):
        """Log-determinants, diagonals of the inverses, and their sum between slopes."""
        pairs = slope[:, :, None] * slope[:, None]
        lower = torch.linalg.cholesky_ex(pairs * matrix + eye)[0]
        inverted = torch.cholesky_inverse(lower)
        bits = 2 * lower.diagonal(dim1=-2, dim2=-1).log2().sum(-1)
        return bits, inverted.diagonal(dim1=-2, dim2=-1), (pairs * inverted).sum(0)

    library = types.SimpleNamespace(softplus=torch.nn.functional.softplus, inverse=inverse)

    @compiled
    def advance(params, white, noise):
        """What is compiled."""
        noisy = white @ root.T + INPUT_NOISE * noise
        return moved(torch, library, params, noisy, covariance)

    def step(white, noise):
        """One unit of work."""
        params[:] = advance(tuple(params), white, noise)[0]

    draw = lambda t: (torch.randn(batch, inputs), torch.randn(batch, inputs))
    return TorchForm(torch.no_grad()(step), draw, lambda: params)


def jax(problem):
    """The same in one scan, by the inverse of Cholesky's factor and one product of all of them."""
    import types

    import jax
    from jax import lax, numpy as jnp

    batch, inputs = problem.sizes["batch"], problem.sizes["inputs"]
    root, covariance = map(jnp.asarray, problem.data.values())
    eye = jnp.eye(problem.sizes["neurons"])

    def inverse(slope, matrix):
        """Log-determinants, diagonals of the inverses, and their sum between slopes."""
        whole = slope[:, :, None] * matrix * slope[:, None] + OUTPUT_NOISE**2 * eye
        lower = lax.linalg.cholesky(whole, symmetrize_input=False)
        bits = 2 * jnp.log2(jnp.diagonal(lower, axis1=1, axis2=2)).sum(-1)
        of_lower = lax.linalg.triangular_solve(lower, jnp.broadcast_to(eye, lower.shape), left_side=True, lower=True)
        rows = (of_lower * slope[:, None]).reshape(-1, len(eye))
        return bits, jnp.square(of_lower).sum(1), rows.T @ rows

    library = types.SimpleNamespace(softplus=jax.nn.softplus, inverse=inverse)

    def step(data, params, drawn):
        """One unit of work."""
        noisy = drawn[0] @ root.T + INPUT_NOISE * drawn[1]
        return moved(jnp, library, params, noisy, covariance)

    draw = lambda data, key, _: tuple(jax.random.normal(key, (2, batch, inputs)))
    return JaxForm((), [jnp.asarray(p) for p in problem.params], step, draw, lambda params: params)


def limit(neurons, kernel, colours=1, batch=BATCH):
    """The patches, outputs and gradients; and as many operations as both inverses take, as one product."""
    d, j = kernel * kernel * colours, neurons
    products = [(1, batch, d, d), (1, batch, d, j), (1, d, batch, j), (1, d, d, j), (1, d, j, j), (1, d, j, j)]
    return Limit(products + [(1, j, d, j), (1, j, d, j), (batch, j, j, j)])
