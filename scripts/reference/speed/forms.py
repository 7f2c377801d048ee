"""Work that is done so many units at a time, in PyTorch, in JAX or as bare matrix products."""

import dataclasses
import shutil
import typing

import numpy as np

Arrays = list[np.ndarray]


@dataclasses.dataclass
class Problem:
    """What all forms of an experiment's work begin with.

    - data: resident arrays by name
    - params: what is learnt, at its start
    - draws: given a step and NumPy's generator, the arrays that stand for its random numbers
    - sizes: what else a form has to know
    - free: numbers of parameters whose gradient is 0 but for rounding, which Adam makes a whole step of
    """

    data: dict[str, np.ndarray]
    params: Arrays
    draws: typing.Callable
    sizes: dict = dataclasses.field(default_factory=dict)
    free: tuple = ()


@dataclasses.dataclass
class TorchForm:
    """Steps in PyTorch.

    - step: takes `block` steps with what was drawn for them, and keeps what it learns itself
    - draw: what a step whose number is given needs; with a leading axis where `block` is not 1
    - state: what is learnt, as the problem's `params` have it
    """

    step: typing.Callable
    draw: typing.Callable
    state: typing.Callable[[], list]
    block: int = 1
    done: int = 0

    def run(self, count):
        """Takes so many steps, rounded up to whole blocks."""
        for _ in range(-(-count // self.block)):
            self.step(*self.draw(self.done))
            self.done += self.block

    def follow(self, drawn):
        """Takes the steps that are given, each a tuple of arrays, and returns what was learnt."""
        import torch

        for first in range(0, len(drawn), self.block):
            part = drawn[first:first + self.block]
            part = part[0] if self.block == 1 else [np.stack(each) for each in zip(*part)]
            self.step(*(torch.from_numpy(np.asarray(each)) for each in part))
        return [tensor.detach().numpy() for tensor in self.state()]


@dataclasses.dataclass
class JaxForm:
    """Steps in JAX, many in one compiled scan.

    - data: resident arrays, which are arguments of what is compiled and not constants in it
    - start: what is carried from step to step
    - step: from the data, what is carried and what was drawn to what is carried and a loss
    - draw: from the data, a key and the step's number to what the step is given
    - state: of what is carried, what is learnt, as the problem's `params` have it
    - block: steps that are drawn at a time, of which every count is a multiple
    - unroll: steps in a round of the loop
    """

    data: typing.Any
    start: typing.Any
    step: typing.Callable
    draw: typing.Callable
    state: typing.Callable
    block: int = 1
    unroll: int = 1
    done: int = 0
    compiled: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        """Makes the key; this kind of generator is XLA's own, the fastest on a CPU."""
        import jax

        self.key = jax.random.key(0, impl="unsafe_rbg")

    def scan(self, count):
        """So many steps as one compiled function."""
        import jax

        def many(state, data, key, first):
            """All steps from a first number on."""
            draw, step = jax.vmap(lambda key, t: self.draw(data, key, t)), lambda *given: self.step(data, *given)

            def some(carry, t):
                """One block of steps, drawn together."""
                state, key = carry
                key, here = jax.random.split(key)
                drawn = draw(jax.random.split(here, self.block), t + jax.numpy.arange(self.block))
                state, losses = jax.lax.scan(step, state, drawn, self.block, unroll=self.unroll)
                return (state, key), losses.mean()

            starts = first + self.block * jax.numpy.arange(count // self.block)
            (state, key), losses = jax.lax.scan(some, (state, key), starts)
            return state, key, losses.mean()

        return jax.jit(many, donate_argnums=0)

    def run(self, count):
        """Takes so many steps and waits for their end. The first time of a count compiles."""
        import jax

        if count not in self.compiled:
            self.compiled[count] = self.scan(count)
        self.start, self.key, loss = self.compiled[count](self.start, self.data, self.key, self.done)
        jax.block_until_ready((self.start, loss))
        self.done += count

    def follow(self, drawn):
        """Takes the steps that are given in one scan, and returns what was learnt."""
        import jax

        stacked = [np.stack(each) for each in zip(*drawn)]
        step = lambda carry, here: self.step(self.data, carry, here)
        carry, _ = jax.jit(lambda start: jax.lax.scan(step, start, stacked, len(drawn)))(self.start)
        return [np.asarray(array) for array in self.state(carry)]


@dataclasses.dataclass
class Limit:
    """What a unit of work can't do without: products or bytes.

    - products: of matrices, (batch, rows, inner, columns) each
    - moved: bytes read and written
    - units: units of work that the products are for
    """

    products: list[tuple[int, int, int, int]] = dataclasses.field(default_factory=list)
    moved: float = 0.0
    double: bool = False
    units: int = 1


class LimitForm:
    """The products of a limit by libtorch's mm and bmm into place, or its bytes as copies."""

    # Of buffers: a smaller one would measure the call, a larger one nothing else.
    SMALLEST, LARGEST = 1 << 20, 64 << 20

    def __init__(self, limit):
        """Makes the matrices, one set for each shape, and the buffers."""
        import torch

        kind = torch.float64 if limit.double else torch.float32
        self.units, made = limit.units, {}
        for batch, rows, inner, columns in limit.products:
            key = (batch, rows, inner, columns)
            if key not in made:
                sides = [(rows, inner), (inner, columns), (rows, columns)]
                lead = (batch,) if batch > 1 else ()
                tensors = [torch.randn(*lead, *side, dtype=kind) for side in sides]
                made[key] = (torch.bmm if batch > 1 else torch.mm, *tensors)
        self.products = [made[shape] for shape in limit.products]
        # A copy reads and writes.
        self.half = limit.moved / 2
        self.size = int(min(max(self.half, self.SMALLEST), self.LARGEST))
        self.buffers = [torch.zeros(self.size if self.half else 0, dtype=torch.uint8) for _ in range(2)]

    def run(self, count):
        """Does what so many units can't do without; gives what its time is to be multiplied by."""
        for _ in range(-(-count // self.units) if self.products else 0):
            for product, a, b, out in self.products:
                product(a, b, out=out)
        if not self.half:
            return 1.0
        copies = max(round(count * self.half / self.size), 1)
        for _ in range(copies):
            self.buffers[0].copy_(self.buffers[1])
        return count * self.half / (copies * self.size)


def compiler():
    """Whether Inductor finds what it needs, or what is missing in words."""
    return "" if shutil.which("g++") else "no g++ found, so that torch.compile can't be used on the CPU"


def compiled(function):
    """A function compiled by Inductor, or as it is where there is no C++ compiler."""
    import torch

    return function if compiler() else torch.compile(function, fullgraph=True, dynamic=False)


def tensors(arrays, grad=False):
    """Copies of arrays as PyTorch's tensors."""
    import torch

    return [torch.from_numpy(np.array(array)).requires_grad_(grad) for array in arrays]


def shared(arrays):
    """Arrays as PyTorch's tensors, in the same memory: for what no step changes."""
    import torch

    return [torch.from_numpy(array) for array in arrays]


def batches(count, batch):
    """The place of each step's batch in an order of so many samples, round and round."""
    whole = count // batch
    return lambda t: t % whole * batch


def adam(jnp, params, gradients, moments, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """PyTorch's Adam in JAX, step t from 0 on: new parameters and moments."""
    t = t + 1.0
    mean = [beta1 * m + (1 - beta1) * g for m, g in zip(moments[0], gradients)]
    square = [beta2 * v + (1 - beta2) * g * g for v, g in zip(moments[1], gradients)]
    scale, root = lr / (1 - beta1**t), 1 / jnp.sqrt(1 - beta2**t)
    params = [p - scale * m / (jnp.sqrt(v) * root + eps) for p, m, v in zip(params, mean, square)]
    return params, (mean, square)
