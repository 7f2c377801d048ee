"""`apical_train`: phase 1, in which multipliers follow the gradient of the loss on one half of the images, and
phase 2, in which weights follow a local rule on batches of the other half.

With several runs all have the same images; weights and multipliers then have a leading axis.
"""

import numpy as np

from .forms import JaxForm, Limit, Problem, TorchForm, shared, tensors

PIXELS, CLASSES = 784, 10
# Samples of phase 1 at a time: it adds gradients up, so that its batches need not be the rule's.
CHUNK = 250


def widths(hidden):
    """Neurons of every layer, pixels and classes included."""
    return [PIXELS, hidden, hidden, hidden, CLASSES]


def problem(hidden=256, batch=30, runs=1, first=30_000, second=30_000, samples=30_000, lr_a=0.01, lr_w=1e-6):
    """Images of both halves, weights, multipliers; a unit takes `first` images in phase 1, then `second`.

    Without a phase 1 the multipliers stay as they are drawn. Several runs have several rates.
    """
    rng = np.random.default_rng(0)
    lead = (runs,) if runs > 1 else ()
    sizes = widths(hidden)
    images = lambda: rng.standard_normal((samples, PIXELS), dtype=np.float32)
    targets = lambda: np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, samples)]
    data = {"x_a": images(), "t_a": targets(), "x_w": images(), "t_w": targets()}
    weights = [rng.standard_normal((*lead, o, i)) * (2 / i) ** 0.5 for i, o in zip(sizes, sizes[1:])]
    drawn = [1 + (0 if first else 0.1) * rng.standard_normal((*lead, o)) for o in sizes[1:]]
    params = [array.astype(np.float32) for array in weights + drawn]
    order = rng.permutation(samples)
    draws = lambda t, _: (order[t % (samples // second) * second:][:second],)
    rates = (lr_w * np.resize([1, 3, 10], runs)).astype(np.float32)
    sizes = {"batch": batch, "runs": runs, "first": first, "second": second, "lr_a": lr_a, "rates": rates}
    sizes["order"] = order
    return Problem(data, params, draws, sizes)


def drawing(problem, order):
    """The order of a unit's images in phase 2, from one order of all."""
    second = problem.sizes["second"]
    return lambda t: (order[t % (len(order) // second) * second:][:second],)


def eager(problem, fused=False):
    """One run after another: phase 1 by autograd batch by batch, phase 2 out of place, as a notebook has it."""
    import torch

    from apical import forward, phase1

    sizes, layers = problem.sizes, 4
    runs, batch, first = sizes["runs"], sizes["batch"], sizes["first"]
    x_a, t_a, x_w, t_w = shared(problem.data.values())
    params = tensors(problem.params)
    nets = [[p[r] for p in params] if runs > 1 else list(params) for r in range(runs)]

    @torch.no_grad()
    def phase2(weights, apical, order, rate):
        """The rule, batch by batch of an order."""
        for i in range(0, len(order), batch):
            index = order[i:i + batch]
            x = x_w[index]
            baseline, modulated = forward(weights, apical, x)
            torch.nn.functional.mse_loss(modulated[-1], t_w[index])
            for k, pre in enumerate([x] + modulated[:-1]):
                post = (apical[k] - 1) * baseline[k]
                weights[k] = weights[k] + rate * (post.T @ pre) / len(x)

    def step(order):
        """One unit of work."""
        for net, rate in zip(nets, sizes["rates"]):
            weights, apical = net[:layers], net[layers:]
            if first:
                apical = phase1(weights, apical, x_a[:first], t_a[:first], batch, sizes["lr_a"])
            phase2(weights, apical, order, float(rate))
            net[:] = weights + apical

    state = lambda: nets[0] if runs == 1 else [torch.stack(same) for same in zip(*nets)]
    return TorchForm(step, drawing(problem, torch.from_numpy(sizes["order"])), state)


def best(problem):
    """All runs in one batch, phase 1 by hand in large chunks, phase 2 straight into the weights."""
    import torch

    sizes = problem.sizes
    runs, batch, first = sizes["runs"], sizes["batch"], sizes["first"]
    x_a, t_a, x_w, t_w = shared(problem.data.values())
    params = tensors(problem.params)
    weights, apical = params[:4], params[4:]
    rates = torch.from_numpy(sizes["rates"])[:, None, None]

    def phase1():
        """The multipliers after one pass over the first half."""
        sums = [torch.zeros_like(a) for a in apical]
        for x, t in zip(x_a[:first].split(CHUNK), t_a[:first].split(CHUNK)):
            rates = [x @ weights[0].mT]
            for weight in weights[1:]:
                rates[-1].relu_()
                rates.append(rates[-1] @ weight.mT)
            delta = (rates[-1] - t) * (2 / (CLASSES * first))
            for k in reversed(range(4)):
                sums[k] += (delta * rates[k]).sum(-2)
                if k:
                    delta = (delta @ weights[k]).mul_(rates[k - 1] > 0)
        for a, total in zip(apical, sums):
            torch.sub(1, total, alpha=sizes["lr_a"], out=a)

    def phase2(order):
        """The rule, batch by batch of an order."""
        factors, scales = [(a - 1).unsqueeze(-2) for a in apical], [a.unsqueeze(-2) for a in apical]
        factors = [f * rates / batch for f in factors] if runs > 1 else [f * rates[0] / batch for f in factors]
        for index in order.split(batch):
            x, losses = x_w[index], []
            x = x.expand(runs, -1, -1) if runs > 1 else x
            pres, posts = [], []
            for k, weight in enumerate(weights):
                pres.append(x)
                f = x @ weight.mT
                f = f if k == 3 else f.relu_()
                posts.append(f * factors[k])
                x = f * scales[k]
            losses.append((x - t_w[index]).square().mean((-2, -1)))
            for weight, pre, post in zip(weights, pres, posts):
                weight.baddbmm_(post.mT, pre) if runs > 1 else weight.addmm_(post.T, pre)

    @torch.no_grad()
    def step(order):
        """One unit of work."""
        if first:
            phase1()
        phase2(order)

    return TorchForm(step, drawing(problem, torch.from_numpy(sizes["order"])), lambda: params)


def jax(problem):
    """Both phases as scans within the scan of units."""
    import jax
    from jax import lax, numpy as jnp

    sizes = problem.sizes
    runs, batch, first, second = (sizes[name] for name in ("runs", "batch", "first", "second"))
    data = {name: jnp.asarray(array) for name, array in problem.data.items()}
    order, rates = jnp.asarray(sizes["order"]), jnp.asarray(sizes["rates"])[:, None, None]
    rates = rates if runs > 1 else rates[0]

    def phase1(data, weights):
        """The multipliers after one pass over the first half."""

        def chunk(sums, at):
            """Adds the gradient of some samples."""
            x, t = (lax.dynamic_slice_in_dim(data[name], at * CHUNK, CHUNK) for name in ("x_a", "t_a"))
            found = [x @ weights[0].mT]
            for weight in weights[1:]:
                found[-1] = jax.nn.relu(found[-1])
                found.append(found[-1] @ weight.mT)
            delta, sums = (found[-1] - t) * (2 / (CLASSES * first)), list(sums)
            for k in reversed(range(4)):
                sums[k] += (delta * found[k]).sum(-2)
                if k:
                    delta = (delta @ weights[k]) * (found[k - 1] > 0)
            return sums, None

        sums, _ = lax.scan(chunk, [jnp.zeros(w.shape[:-1]) for w in weights], jnp.arange(first // CHUNK))
        return [1 - sizes["lr_a"] * total for total in sums]

    def step(data, params, drawn):
        """One unit of work."""
        weights, apical = params[:4], params[4:]
        apical = phase1(data, weights) if first else apical
        factors = [(a - 1)[..., None, :] * rates / batch for a in apical]

        def update(weights, index):
            """One batch of the rule."""
            x, next_weights = data["x_w"][index], []
            x = jnp.broadcast_to(x, (runs, *x.shape)) if runs > 1 else x
            for k, weight in enumerate(weights):
                f = x @ weight.mT
                f = f if k == 3 else jax.nn.relu(f)
                next_weights.append(weight + (f * factors[k]).mT @ x)
                x = f * apical[k][..., None, :]
            return next_weights, jnp.square(x - data["t_w"][index]).mean()

        weights, losses = lax.scan(update, weights, drawn[0].reshape(-1, batch))
        return weights + apical, losses.mean()

    whole = len(sizes["order"]) // second
    draw = lambda data, _, t: (lax.dynamic_slice_in_dim(order, t % whole * second, second),)
    return JaxForm(data, [jnp.asarray(p) for p in problem.params], step, draw, lambda params: params)


def limit(hidden=256, batch=30, runs=1, first=30_000, second=30_000):
    """Phase 1 forward and backward by inputs, phase 2 forward and the rule's products."""
    sizes, products = widths(hidden), []
    for k, (i, o) in enumerate(zip(sizes, sizes[1:])):
        chunk = [(runs, CHUNK, i, o)] + ([(runs, CHUNK, o, i)] if k else [])
        products += chunk * (first // CHUNK)
        products += [(runs, batch, i, o), (runs, o, batch, i)] * (second // batch)
    return Limit(products)
