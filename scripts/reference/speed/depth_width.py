"""`depth_width`: a step of Adam of each of seven networks, of one to eight wide layers, on ten images."""

import numpy as np

from .forms import JaxForm, Limit, Problem, TorchForm, adam, compiled, tensors

DEPTHS, IMAGES, PIXELS, CLASSES = (1, 2, 3, 4, 5, 6, 8), 10, 784, 10


def shapes(width):
    """For each network the inputs and outputs of its layers."""
    for depth in DEPTHS:
        sizes = [PIXELS] + [width] * depth + [CLASSES]
        yield list(zip(sizes, sizes[1:]))


def problem(width=1024):
    """Ten images, one of each class, and the weights and biases of all networks in a row."""
    rng = np.random.default_rng(0)
    params = []
    for network in shapes(width):
        for inputs, outputs in network:
            for shape in ((outputs, inputs), (outputs,)):
                params.append(rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(inputs**0.5))
    images = rng.standard_normal((IMAGES, PIXELS), dtype=np.float32)
    return Problem({"images": images}, params, lambda t, _: (), {"width": width})


def eager(problem, fused=False):
    """Seven networks one after another, each with an optimizer."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    (images,) = tensors([problem.data["images"]])
    labels, nets, arrays = torch.arange(CLASSES), [], iter(problem.params)
    for network in shapes(problem.sizes["width"]):
        layers = [part for sides in network for part in (nn.Linear(*sides), nn.ReLU())][:-1]
        net = nn.Sequential(*layers)
        with torch.no_grad():
            for param in net.parameters():
                param.copy_(torch.from_numpy(next(arrays)))
        nets.append((net, torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused)))

    def step():
        """One unit of work."""
        for net, optimizer in nets:
            loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return TorchForm(step, lambda t: (), lambda: [p for net, _ in nets for p in net.parameters()])


def best(problem):
    """All networks in one compiled graph, and one fused optimizer for all of their weights."""
    import torch
    from torch.nn import functional as F

    (images,) = tensors([problem.data["images"]])
    params, labels = tensors(problem.params, grad=True), torch.arange(CLASSES)
    optimizer = torch.optim.Adam(params, lr=1e-3, fused=True)
    networks = list(shapes(problem.sizes["width"]))

    @compiled
    def loss_of(*params):
        """The loss, summed over networks."""
        total, rest = 0.0, iter(params)
        for network in networks:
            x = images
            for number in range(len(network)):
                x = F.linear(torch.relu(x) if number else x, next(rest), next(rest))
            total = total + F.cross_entropy(x, labels)
        return total

    def step():
        """One unit of work."""
        optimizer.zero_grad()
        loss_of(*params).backward()
        optimizer.step()

    return TorchForm(step, lambda t: (), lambda: params)


def jax(problem):
    """All networks in one scan."""
    import jax
    from jax import numpy as jnp

    images, networks = jnp.asarray(problem.data["images"]), list(shapes(problem.sizes["width"]))

    def loss_of(params):
        """The loss, summed over networks."""
        total, rest = 0.0, iter(params)
        for network in networks:
            x = images
            for number in range(len(network)):
                weight, bias = next(rest), next(rest)
                x = (jax.nn.relu(x) if number else x) @ weight.T + bias
            total -= jnp.diagonal(jax.nn.log_softmax(x)).mean()
        return total

    def step(data, carry, _):
        """One unit of work."""
        params, moments, t = carry
        loss, gradients = jax.value_and_grad(loss_of)(params)
        params, moments = adam(jnp, params, gradients, moments, t)
        return (params, moments, t + 1), loss

    params = [jnp.asarray(array) for array in problem.params]
    zeros = lambda: [jnp.zeros_like(p) for p in params]
    start = (params, (zeros(), zeros()), jnp.float32(0))
    return JaxForm((), start, step, lambda data, key, t: (), lambda carry: carry[0])


def limit(width=1024):
    """Passes over the weights: forward, backward, the gradient out and in, and Adam's three in and out."""
    count = sum(inputs * outputs for network in shapes(width) for inputs, outputs in network)
    return Limit(moved=4 * count * (2 + 2 + 6))
