"""The network of `steady_state`: a granule layer that drives a plant with a feedback controller.

Axes: cell (those of the largest network; expansion q has the first 10 q), input, time. Everything is
f64, times are in seconds. The equations are in docs/steady_state.md.
"""

import torch
from torch import nn

from .common import check_index, load

INPUTS, CELLS = 10, 10
# Seconds between two knots of a random path.
KNOTS = 0.05
PLANT = [[0.0, 1, 0, 0], [-2, -2, 1, 0], [0, 0, 0, 1], [0, 0, -2, -2]]
COMMAND = [0.0, 1, 0, 1]


class Named(nn.Module):
    """Tensors under their names: `parameters` are trained, `buffers` are not."""

    def __init__(self, parameters=None, buffers=None):
        super().__init__()
        for name, value in (parameters or {}).items():
            setattr(self, name, nn.Parameter(value))
        for name, value in (buffers or {}).items():
            self.register_buffer(name, value)


class SteadyStateNetwork(nn.Module):
    """The networks of one seed, of every expansion.

    `granule.weight` [cell, input] and `reference.<part>` are fixed; `initial.weight` [cell] and
    `optimum.weight` [q, cell], w*, are output weights.
    config: the settings that config.json has.
    tensors: by these names.
    """

    def __init__(self, config, tensors):
        super().__init__()
        self.config = config
        self.granule = Named(buffers={"weight": tensors["granule.weight"]})
        self.initial = Named({"weight": tensors["initial.weight"]})
        self.optimum = Named({"weight": tensors["optimum.weight"]})
        self.reference = Named(buffers={name.split(".")[1]: value for name, value in tensors.items()
                                        if name.startswith("reference.")})
        # What follows from the settings alone: the exact step of the loop.
        for name, value in zip(("transition", "before", "after"), sampled(config)):
            self.register_buffer(name, value, persistent=False)

    def r(self, time):
        """The reference at times of any shape."""
        own = self.reference
        if hasattr(own, "path"):
            at = time / KNOTS
            knot = at.floor().clamp(0, len(own.path) - 2).long()
            return own.path[knot] + (own.path[knot + 1] - own.path[knot]) * (at - knot)
        angle = time.unsqueeze(-1) * own.omega + own.phase
        return (own.amplitude * angle.sin()).sum(-1)

    def answers(self, time):
        """What the cells answer, h(t) = tanh(Z m(t)) with m_i(t) = r(t + lead_i): [time, cell]."""
        leads = torch.arange(INPUTS, dtype=torch.float64, device=time.device) * (self.config["lookahead"] / (INPUTS - 1))
        return (self.r(time.unsqueeze(-1) + leads) @ self.granule.weight.T).tanh()

    def _block(self, second):
        """Times of the samples of a second, its end too: [n + 1]."""
        samples = round(1 / self.config["dt"])
        within = torch.arange(samples + 1, dtype=torch.float64, device=self.transition.device)
        return (second * samples + within) * self.config["dt"]

    def _run(self, weight, second, state):
        """The loop over a second: its state at the end, and y - r at every sample [n + 1]."""
        time = self._block(second)
        h, r = self.answers(time), self.r(time)
        inputs = torch.stack([h[:, : len(weight)] @ weight, r], 1)
        errors = [state[0] - r[0]]
        for i in range(len(time) - 1):
            state = self.transition @ state + self.before @ inputs[i] + self.after @ inputs[i + 1]
            errors.append(state[0] - r[i + 1])
        return state, torch.stack(errors), h

    def forward(self, weight, seconds, first=0, state=None):
        """The error y - r at every sample, with these output weights held: [sample].

        weight: [cell], those of an expansion or of all cells.
        """
        state = self.transition.new_zeros(6) if state is None else state
        parts = []
        for second in range(first, first + seconds):
            state, errors, _ = self._run(weight, second, state)
            parts.append(errors if second == first + seconds - 1 else errors[:-1])
        return torch.cat(parts)

    def task_loss(self, weight, seconds=None):
        """Half the mean square of the error over the first `seconds`: what pre-training descends."""
        seconds = seconds or self.config["loss_seconds"]
        squares = self(weight, seconds).square()
        return (squares.sum() - (squares[0] + squares[-1]) / 2) * self.config["dt"] / (2 * seconds)

    @torch.no_grad()
    def learn(self, weight, gamma, updates, first=0, state=None, noise=None, eta=0.0):
        """Online LMS, an update at the end of each second: w -= gamma e h - eta n.

        e is the mean error in the window, h what the cells answered `delay` before the update.
        noise: [update, cell], each of unit length.
        Gives weights [cell], and the state of plant and feedback [6], to go on from.
        """
        config = self.config
        state = self.transition.new_zeros(6) if state is None else state
        weight, samples = weight.detach().clone(), round(1 / config["dt"])
        start, end, delay = (samples - round(config[name] / config["dt"])
                             for name in ("window_start", "window_end", "delay"))
        for k in range(updates):
            state, errors, h = self._run(weight, first + k, state)
            window = errors[start : end + 1]
            mean = (window.sum() - (window[0] + window[-1]) / 2) / (end - start)
            weight -= gamma * mean * h[delay, : len(weight)]
            if noise is not None:
                weight += eta * noise[k]
        return weight, state


def sampled(config):
    """The closed loop's exact step for inputs that are linear between samples: [6, 6], [6, 2], [6, 2].

    States: the plant's four, the integral of the error, the filtered error. Inputs: command, reference.
    """
    kp, ki, kd, rc = (config[name] for name in ("kp", "ki", "kd", "rc"))
    entering, command = (1.0 if config["ki_once"] else ki), torch.tensor(COMMAND, dtype=torch.float64)
    state, inputs = torch.zeros(6, 6, dtype=torch.float64), torch.zeros(6, 2, dtype=torch.float64)
    state[:4, :4] = torch.tensor(PLANT, dtype=torch.float64)
    state[:4, 0] -= (kp + kd) * command
    state[:4, 4], state[:4, 5] = entering * command, -kd * rc * command
    inputs[:4, 0], inputs[:4, 1] = command, (kp + kd) * command
    state[4, 0], inputs[4, 1] = -ki, ki
    state[5, 0], state[5, 5], inputs[5, 1] = -1.0, -rc, 1.0
    whole, dt = torch.zeros(10, 10, dtype=torch.float64), config["dt"]
    whole[:6, :6], whole[:6, 6:8] = state * dt, inputs * dt
    whole[6:8, 8:10] = torch.eye(2, dtype=torch.float64)
    rows = torch.linalg.matrix_exp(whole)[:6]
    return rows[:, :6], rows[:, 6:8] - rows[:, 8:], rows[:, 8:]


def build(config, checkpoint, index):
    """The networks of one seed, `index`, of a checkpoint, which always has an axis of seeds."""
    names = ("granule.weight", "initial.weight", "optimum.weight")
    own = {name: value for name, value in checkpoint.model_tensors.items()
           if name in names or name.startswith("reference.")}
    check_index(index, config["replicates"])
    tensors = {name: torch.tensor(value[index]) for name, value in own.items()}
    return load(SteadyStateNetwork(config, tensors), tensors)
