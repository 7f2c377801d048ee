"""`steady_state`: a second of online LMS with the plant in the loop, for all runs of all seeds, f64.

A run has a network of 10 to 90 cells, a learning step and noise or none. In a second the plant is driven by
the network's answers to twenty samples, the weights follow the mean error and the noise, and the task loss of
the new weights, a quadratic form that is known from the start, is kept.
"""

import numpy as np

from .forms import JaxForm, Limit, Problem, TorchForm, compiled, tensors

SIZES, RULES, CELLS, SEEN, SAMPLES, STATES = 9, 20, 90, 10, 20, 6
# Seconds of signals that are kept and taken round and round.
SECONDS = 8


def problem(seeds=10):
    """Signals, granule layers, plant and task of so many seeds; each has 180 runs."""
    rng = np.random.default_rng(0)
    used = np.arange(CELLS) < 10 * (1 + np.arange(SIZES)[:, None])
    root = rng.standard_normal((seeds, CELLS, CELLS)) / CELLS
    data = {
        "layer": rng.standard_normal((seeds, CELLS, SEEN)) / 2,
        "seen": rng.standard_normal((SECONDS, SAMPLES, seeds, SEEN)),
        "used": used.astype(float),
        "gamma": np.tile(np.linspace(1e-3, 1e-2, RULES // 2), 2),
        "eta": np.repeat([0.0, 3e-3], RULES // 2),
        "transition": 0.9 * np.eye(STATES),
        "drive": rng.standard_normal((2, 2, STATES)) / 100,
        "hessian": root @ root.swapaxes(1, 2),
        "slope": rng.standard_normal((seeds, CELLS)) / CELLS,
    }
    weights = np.zeros((seeds, SIZES, RULES, CELLS)) + 0.01 * used[:, None]
    plant, loss = np.zeros((seeds, SIZES, RULES, STATES)), np.zeros((seeds, SIZES, RULES))
    draws = lambda t, rng: (np.int64(t % SECONDS), rng.standard_normal((seeds, CELLS)))
    return Problem(data, [weights, plant, loss], draws, {"seeds": seeds})


def second(xp, data, weights, mean, answers, noise):
    """Weights after the update of a second, and their loss; alike in both libraries.

    - weights: `[seed, size, rule, cell]`; mean: the error, `[seed, size, rule]`; answers: `[seed, cell]`
    """
    noise = noise[:, None] * data["used"]
    noise = noise / xp.sqrt((noise * noise).sum(-1))[..., None]
    weights = weights - data["gamma"][:, None] * mean[..., None] * (answers[:, None] * data["used"])[:, :, None]
    weights = weights + data["eta"][:, None] * noise[:, :, None]
    flat = weights.reshape(len(weights), -1, CELLS)
    loss = (flat * (flat @ data["hessian"] / 2 + data["slope"][:, None])).sum(-1)
    return weights, loss.reshape(weights.shape[:-1])


def named(data, convert):
    """The data by name, as another library has it."""
    return dict(zip(data, convert(data.values())))


def eager(problem, fused=False):
    """All runs at once, sample by sample."""
    import torch

    seeds, data = problem.sizes["seeds"], named(problem.data, tensors)
    weights, plant, loss = tensors(problem.params)
    transition, drive = data["transition"], data["drive"]

    @torch.no_grad()
    def step(t, noise):
        """One unit of work."""
        nonlocal weights, plant, loss
        before, errors = None, []
        for i in range(SAMPLES):
            seen = data["seen"][int(t), i]
            answers = torch.tanh(data["layer"] @ seen[..., None])
            own = (weights.flatten(1, 2) @ answers).view(weights.shape[:-1])
            reference = seen[:, :1, None].expand_as(own)
            command = torch.stack([own, reference], -1)
            plant = plant @ transition + command @ drive[1]
            if before is not None:
                plant = plant + before @ drive[0]
            before = command
            if i < SAMPLES // 2:
                errors.append(plant[..., 0] - reference)
        weights, loss = second(torch, data, weights, torch.stack(errors).mean(0), answers[..., 0], noise)

    draw = lambda t: (torch.tensor(t % SECONDS), torch.randn(seeds, CELLS, dtype=torch.float64))
    return TorchForm(step, draw, lambda: [weights, plant, loss])


def block_maps(data):
    """The plant of a whole second as a map: of its state, `[6, 7]`, and of both commands, `[2, sample, 7]`.

    The seventh column is the mean output of the first half, of which the error is.
    """
    def course(plant, commands):
        """State after the second and mean output, from rows of states and of commands."""
        outputs = []
        for i in range(SAMPLES):
            plant = plant @ data["transition"] + commands[:, i] @ data["drive"][1]
            if i:
                plant = plant + commands[:, i - 1] @ data["drive"][0]
            outputs.append(plant[:, 0])
        return np.column_stack([plant, np.mean(outputs[:SAMPLES // 2], 0)])

    of_state = course(np.eye(STATES), np.zeros((STATES, SAMPLES, 2)))
    ones = np.eye(SAMPLES)
    of_commands = [course(np.zeros((SAMPLES, STATES)), ones[..., None] * side) for side in np.eye(2)]
    return of_state, np.stack(of_commands)


def by_blocks(xp, data, of_state, of_commands, weights, plant, seen, noise):
    """A second as one map of the weights: what the samples add up to is known before the weights are."""
    answers = xp.tanh(seen.swapaxes(0, 1) @ data["layer"].swapaxes(1, 2))
    of_weights = answers.swapaxes(1, 2) @ of_commands[0]
    reference = seen[..., 0].T
    moved = (weights.reshape(len(weights), -1, CELLS) @ of_weights).reshape(*weights.shape[:-1], STATES + 1)
    moved = moved + plant @ of_state + (reference @ of_commands[1])[:, None, None]
    mean = moved[..., STATES] - reference[:, :SAMPLES // 2].mean(-1)[:, None, None]
    weights, loss = second(xp, data, weights, mean, answers[:, SAMPLES - 1], noise)
    return weights, moved[..., :STATES], loss


def best(problem):
    """All runs at once, a second at a time, compiled."""
    import torch

    seeds, data = problem.sizes["seeds"], named(problem.data, tensors)
    of_state, of_commands = tensors(block_maps(problem.data))
    state = tensors(problem.params)

    @compiled
    def advance(weights, plant, seen, noise):
        """What is compiled."""
        return by_blocks(torch, data, of_state, of_commands, weights, plant, seen, noise)

    def step(t, noise):
        """One unit of work."""
        state[:] = advance(*state[:2], data["seen"][int(t)], noise)

    draw = lambda t: (torch.tensor(t % SECONDS), torch.randn(seeds, CELLS, dtype=torch.float64))
    return TorchForm(torch.no_grad()(step), draw, lambda: state)


def jax(problem):
    """The same in one scan."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from jax import numpy as jnp

    seeds, data = problem.sizes["seeds"], named(problem.data, lambda values: map(jnp.asarray, values))
    of_state, of_commands = map(jnp.asarray, block_maps(problem.data))

    def step(data, carry, drawn):
        """One unit of work."""
        carry = by_blocks(jnp, data, of_state, of_commands, *carry[:2], data["seen"][drawn[0]], drawn[1])
        return carry, carry[2].mean()

    draw = lambda data, key, t: (t % SECONDS, jax.random.normal(key, (seeds, CELLS), jnp.float64))
    return JaxForm(data, tuple(map(jnp.asarray, problem.params)), step, draw, lambda carry: carry)


def limit(seeds=10):
    """The products of fifty seconds at once: errors, weights and losses by prefix sums."""
    runs, seconds = SIZES * RULES, 50
    products = [(seeds, runs, CELLS, seconds), (seeds * SIZES, RULES, seconds, CELLS)]
    products += [(seeds, runs, CELLS, CELLS), (seeds * SIZES, seconds, CELLS, seconds)]
    products += [(seeds, SAMPLES * seconds, SEEN, CELLS), (seeds * SIZES, RULES, seconds, seconds)]
    return Limit(products, double=True, units=seconds)
