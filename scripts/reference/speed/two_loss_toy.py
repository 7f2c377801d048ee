"""`two_loss_toy`: two numbers, two losses, an optimizer for each, f64."""

import numpy as np

from .forms import JaxForm, Limit, Problem, TorchForm, compiled

LR, RATE_LR, TARGET = 0.01, 0.2, 3.0
TILT, TOP = np.array([[1, 0.7], [0.7, 1]]), np.array([1.0, 1.5])


def problem():
    """The start."""
    return Problem({}, [np.array([2.0, 1.0])], lambda t, _: ())


def eager(problem, fused=False):
    """Two losses by autograd, each with an optimizer of its own."""
    import torch

    x1, x2 = (torch.tensor(float(value), dtype=torch.float64, requires_grad=True) for value in problem.params[0])
    precision, top = torch.from_numpy(TILT), torch.from_numpy(TOP)
    climber = torch.optim.SGD([x1, x2], lr=LR, fused=fused)
    holder = torch.optim.SGD([x2], lr=RATE_LR, fused=fused)

    def step():
        """One unit of work."""
        away = torch.stack((x1, x2)) - top
        climber.zero_grad()
        (-torch.exp(-away @ precision @ away)).backward()
        climber.step()
        holder.zero_grad()
        ((x2 - TARGET) ** 2).backward()
        holder.step()

    return TorchForm(step, lambda t: (), lambda: [torch.stack((x1, x2))])


def moved(xp, x1, x2):
    """Both numbers after a step, by the derivatives in closed form, and the height f of the hill."""
    away1, away2 = x1 - TOP[0], x2 - TOP[1]
    along1, along2 = away1 + TILT[0, 1] * away2, TILT[0, 1] * away1 + away2
    height = xp.exp(-(away1 * along1 + away2 * along2))
    x1, x2 = x1 - LR * 2 * along1 * height, x2 - LR * 2 * along2 * height
    return x1, x2 - RATE_LR * 2 * (x2 - TARGET), height


def best(problem, block=50):
    """A block of steps compiled into one function."""
    import torch

    x = [torch.tensor(float(value), dtype=torch.float64) for value in problem.params[0]]

    @compiled
    def steps(x1, x2):
        """A block of steps, which is what is compiled."""
        for _ in range(block):
            x1, x2, _ = moved(torch, x1, x2)
        return [x1, x2]

    def step():
        """One unit of work."""
        x[:] = steps(*x)

    return TorchForm(torch.no_grad()(step), lambda t: (), lambda: [torch.stack(x)], block)


def jax(problem):
    """One scan."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from jax import numpy as jnp

    def step(data, carry, _):
        """One unit of work."""
        x1, x2, height = moved(jnp, *carry)
        return (x1, x2), height

    start = tuple(jnp.float64(value) for value in problem.params[0])
    return JaxForm((), start, step, lambda data, key, t: (), lambda carry: [jnp.stack(carry)], block=400,
                   unroll=8)


def limit():
    """Two numbers in and out."""
    return Limit(moved=8 * 4)
