"""`selector_mnist`: networks whose neurons select among K computation neurons, plain SGD on batches of 64.

The maps of a layer are rows of one matrix, `[map, neuron, input]` flat: computation neurons, then selection
neurons, of which K = 2 has one (a threshold) and other K have K (a softmax).
"""

import numpy as np

from .forms import Limit, Problem, TorchForm, JaxForm, batches, compiled, shared, tensors

BATCH, LR, PIXELS, CLASSES = 64, 0.01, 784, 10


def maps(k):
    """Rows of a neuron: its computation neurons and its selection neurons."""
    return 3 if k == 2 else 2 * k


def problem(hidden, k=2, replicates=1, samples=60_000):
    """Images, labels and the weights of so many networks; of one alone without a leading axis."""
    rng = np.random.default_rng(0)
    sizes = [(PIXELS, maps(k) * hidden), (hidden, maps(k) * hidden), (hidden, CLASSES)]
    lead = (replicates,) if replicates > 1 else ()
    params = []
    for inputs, rows in sizes:
        for shape in ((rows, inputs), (rows,)):
            drawn = rng.uniform(-1, 1, (*lead, *shape)) / inputs**0.5
            params.append(drawn.astype(np.float32))
    data = {
        "images": rng.standard_normal((samples, PIXELS), dtype=np.float32),
        "labels": rng.integers(0, CLASSES, samples),
        "order": np.stack([rng.permutation(samples) for _ in range(replicates)]),
    }
    place = batches(samples, BATCH)
    data["order"] = data["order"] if replicates > 1 else data["order"][0]
    draws = lambda t, _: (data["order"][..., place(t):place(t) + BATCH],)
    return Problem(data, params, draws, {"hidden": hidden, "k": k, "replicates": replicates})


def neuron_layers(k):
    """The notebook's layer of selecting neurons as a module of PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Threshold(nn.Module):
        """Neurons that select between two computation neurons, side by side."""

        def __init__(self, inputs, neurons):
            """Makes the maps."""
            super().__init__()
            self.a, self.b, self.selection = (nn.Linear(inputs, neurons) for _ in range(3))

        def forward(self, x):
            """What the part gives for an input."""
            p = torch.sigmoid(self.selection(x))
            hard = (p < 0.5).float()
            mask = hard + p.detach() - p
            return mask * torch.relu(self.a(x)) + (1 - mask) * torch.relu(self.b(x))

    class Softmax(nn.Module):
        """Neurons that select among K computation neurons."""

        def __init__(self, inputs, neurons):
            """Makes the maps."""
            super().__init__()
            self.computation, self.selection = (nn.Linear(inputs, k * neurons) for _ in range(2))

        def forward(self, x):
            """What the part gives for an input."""
            soft = self.selection(x).unflatten(-1, (k, -1)).softmax(-2)
            hard = F.one_hot(soft.argmax(-2), k).transpose(-1, -2).to(soft.dtype)
            mask = hard + soft - soft.detach()
            return (mask * torch.relu(self.computation(x).unflatten(-1, (k, -1)))).sum(-2)

    return Threshold if k == 2 else Softmax


def eager(problem, fused=False):
    """Networks one after another, each with an optimizer, as a notebook has them."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    sizes = problem.sizes
    hidden, layer, replicates = sizes["hidden"], neuron_layers(sizes["k"]), sizes["replicates"]
    images, labels, order = shared(problem.data.values())
    nets, optimizers = [], []
    for r in range(replicates):
        net = nn.Sequential(layer(PIXELS, hidden), layer(hidden, hidden), nn.Linear(hidden, CLASSES))
        load(net, [array[r] if replicates > 1 else array for array in problem.params])
        nets.append(net)
        optimizers.append(torch.optim.SGD(net.parameters(), lr=LR, fused=fused))
    place = batches(len(images), BATCH)

    def step(index):
        """One unit of work."""
        for net, optimizer, own in zip(nets, optimizers, index.view(replicates, BATCH)):
            loss = F.cross_entropy(net(images[own]), labels[own])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def state():
        """What is learnt, of all networks."""
        each = [joined(net) for net in nets]
        return each[0] if replicates == 1 else [torch.stack(same) for same in zip(*each)]

    return TorchForm(step, lambda t: (order[..., place(t):place(t) + BATCH],), state)


def load(net, arrays):
    """Gives each linear map of a network its rows of the joined ones."""
    import torch

    weights, biases = arrays[::2], arrays[1::2]
    with torch.no_grad():
        for part, weight, bias in zip(net, weights, biases):
            start = 0
            for linear in [part] if isinstance(part, torch.nn.Linear) else part.children():
                rows = len(linear.bias)
                linear.weight.copy_(torch.from_numpy(weight[start:start + rows]))
                linear.bias.copy_(torch.from_numpy(bias[start:start + rows]))
                start += rows


def joined(net):
    """The parameters of a network as the problem has them."""
    import torch

    found = []
    for part in net:
        linears = [part] if isinstance(part, torch.nn.Linear) else list(part.children())
        found.append(torch.cat([linear.weight for linear in linears]))
        found.append(torch.cat([linear.bias for linear in linears]))
    return found


def best(problem):
    """All networks in one product, one product a layer, and the whole step compiled."""
    import torch
    from torch.nn import functional as F

    k = problem.sizes["k"]
    images, labels, order = shared(problem.data.values())
    params = tensors(problem.params)
    place = batches(len(images), BATCH)

    def select(rows):
        """What the neurons pass on of their maps."""
        if k == 2:
            a, b, s = rows.chunk(3, -1)
            p = torch.sigmoid(s)
            mask = (p < 0.5).to(p.dtype) + p.detach() - p
            return mask * torch.relu(a) + (1 - mask) * torch.relu(b)
        h, s = (part.unflatten(-1, (k, -1)) for part in rows.chunk(2, -1))
        soft = s.softmax(-2)
        hard = (torch.arange(k).unsqueeze(-1) == soft.argmax(-2, keepdim=True)).to(soft.dtype)
        return ((hard + soft - soft.detach()) * torch.relu(h)).sum(-2)

    def loss_of(params, x, y):
        """The loss, summed over networks."""
        for weight, bias in (params[:2], params[2:4]):
            x = select(x @ weight.mT + bias.unsqueeze(-2))
        logits = x @ params[4].mT + params[5].unsqueeze(-2)
        return F.cross_entropy(logits.flatten(0, -2), y.flatten(), reduction="sum") / BATCH

    @compiled
    def step(index):
        """One unit of work."""
        gradients = torch.func.grad(loss_of)(tuple(params), images[index], labels[index])
        for param, gradient in zip(params, gradients):
            param.sub_(gradient, alpha=LR)

    return TorchForm(step, lambda t: (order[..., place(t):place(t) + BATCH],), lambda: params)


def jax(problem):
    """The same in one scan."""
    import jax
    from jax import lax, numpy as jnp

    k = problem.sizes["k"]
    data = tuple(jnp.asarray(array) for array in problem.data.values())
    place = batches(len(data[0]), BATCH)

    def select(rows):
        """What the neurons pass on of their maps."""
        if k == 2:
            a, b, s = jnp.split(rows, 3, -1)
            p = jax.nn.sigmoid(s)
            mask = (p < 0.5).astype(p.dtype) + lax.stop_gradient(p) - p
            return mask * jax.nn.relu(a) + (1 - mask) * jax.nn.relu(b)
        h, s = (part.reshape(*part.shape[:-1], k, -1) for part in jnp.split(rows, 2, -1))
        soft = jax.nn.softmax(s, -2)
        hard = jax.nn.one_hot(soft.argmax(-2), k, axis=-2)
        return ((hard + soft - lax.stop_gradient(soft)) * jax.nn.relu(h)).sum(-2)

    def loss_of(params, x, y):
        """The loss, summed over networks."""
        for weight, bias in (params[:2], params[2:4]):
            x = select(x @ weight.mT + bias[..., None, :])
        logits = x @ params[4].mT + params[5][..., None, :]
        right = jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], -1)
        return -right.sum() / BATCH

    def step(data, params, drawn):
        """One unit of work."""
        images, labels, _ = data
        loss, gradients = jax.value_and_grad(loss_of)(params, images[drawn[0]], labels[drawn[0]])
        return [p - LR * g for p, g in zip(params, gradients)], loss

    draw = lambda data, _, t: (lax.dynamic_slice_in_dim(data[2], place(t), BATCH, axis=-1),)
    return JaxForm(data, [jnp.asarray(p) for p in problem.params], step, draw, lambda params: params)


def limit(hidden, k=2, replicates=1):
    """Forward, and backward by weights and, but for the images, by inputs; all K, as a dense product has them."""
    products = []
    for inputs, rows in ((PIXELS, maps(k) * hidden), (hidden, maps(k) * hidden), (hidden, CLASSES)):
        products += [(replicates, BATCH, inputs, rows), (replicates, rows, BATCH, inputs)]
        if inputs != PIXELS:
            products.append((replicates, BATCH, rows, inputs))
    return Limit(products)
