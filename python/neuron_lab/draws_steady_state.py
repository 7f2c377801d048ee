"""What steady_state, steady_state_init and steady_state_theory draw at random, drawn again in NumPy.

    rows = granule_weights(seed=0, expansion=9)      # granule.weight of a checkpoint

docs/reproducing.md has the streams. Everything is f64. Normal numbers, and what is computed from them,
differ from the program's in the last bits.
"""

import math

import numpy as np

from .generator import Generator

# Inputs of the layer, cells at expansion 1, inputs of a cell.
INPUTS, CELLS, FAN_IN = 10, 10, 4
# Updates in a step of the sweep, and updates of noise that one draw has.
SEGMENT, NOISE = 50, 64
# Sines of a sum, and samples at the Nyquist rate in the period of a Fourier series.
SINES, SAMPLES = 4, 200
# The Ornstein-Uhlenbeck process: return 1/s, strength 1/sqrt(s), steps a second, steps between two
# knots, and seconds of noise that one draw has.
RETURN, STRENGTH, RATE, STRIDE, PAGE = 0.1, 0.02, 100, 5, 100


def granule_weights(seed, expansion):
    """Input weights of the granule cells: [cell, input]. Stream `granule`, t = page of 10 cells."""
    rows = []
    for page in range(expansion):
        generator = Generator.of(seed, "granule", page)
        order = generator.uniform((CELLS, INPUTS), kind=np.float64).argsort(1)[:, :FAN_IN]
        values = generator.normal((CELLS, FAN_IN), kind=np.float64) / math.sqrt(FAN_IN)
        rows.append(np.zeros((CELLS, INPUTS)))
        np.put_along_axis(rows[-1], order, values, 1)
    return np.concatenate(rows)


def output_weights(seed, expansion):
    """Output weights before learning: [cell]. Stream `output weights`, t = 0."""
    drawn = Generator.of(seed, "output weights", 0).normal((CELLS,), kind=np.float64) / math.sqrt(CELLS)
    return np.concatenate([drawn, np.zeros((expansion - 1) * CELLS)])


def update_noise(seed, stage, repeat, first, updates, cells):
    """The noise n of updates `first` to `first + updates` of one segment, each of norm 1: [update, cell].

    `stage` is train or steady, `cells` those of the network, fewer than of the largest or as many.
    Stream `noise/<stage>/<repeat>`, t = the segment, of 50 updates.
    """
    if first % SEGMENT + updates > SEGMENT:
        raise ValueError(f"updates {first} to {first + updates} are of two segments")
    generator = Generator.of(seed, f"noise/{stage}/{repeat}", first // SEGMENT)
    drawn = generator.normal((cells, NOISE), kind=np.float64)
    drawn = drawn[:, first % SEGMENT :][:, :updates].T
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def sinusoids(seed, kind, cutoff):
    """Amplitude, angular frequency in rad/s and phase of a reference. Stream `reference`, t = 0.

    `kind` is sines, sines-phase, sines-zero (cut-off in rad/s), fourier-ou or white (in Hz).
    """
    generator = Generator.of(seed, "reference", 0)
    if kind in ("fourier-ou", "white"):
        drawn, order = generator.uniform((SAMPLES // 2 + 1,), kind=np.float64), np.arange(SAMPLES // 2 + 1)
        share = 2 * np.pi / SAMPLES
        amplitude = share / (1 + (share * order) ** 2)
        if kind == "white":
            amplitude = np.full(len(order), 1 / len(order))
        phase = 2 * np.pi * drawn
        phase[0] = np.pi / 6
        return amplitude, 2 * np.pi * order * (2 * cutoff) / SAMPLES, phase
    drawn = generator.uniform((3, SINES), kind=np.float64)
    omega = cutoff * (0.2 + 0.8 * drawn[0])
    phase = (0.0 if kind == "sines" else np.pi / 2) * drawn[1]
    amplitude = (0.1 + 0.9 * drawn[2] if kind == "sines-zero" else np.ones(SINES)) / SINES
    if kind == "sines-zero":
        phase = phase + omega * _first_zero(amplitude, omega, phase)
    return amplitude, omega, phase


def _first_zero(amplitude, omega, phase):
    """The first zero of a sum of sinusoids after t = 0, in s: bracketed on a grid, then bisected."""
    value = lambda t: float((amplitude * np.sin(omega * t + phase)).sum())
    step, start = 0.01 / omega.max(), value(0.0)
    bracket = next((i for i in range(1, 1_000_000) if value(i * step) * start <= 0), None)
    if bracket is None:
        return 0.0
    low, high = (bracket - 1) * step, bracket * step
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if value(middle) * start > 0 else (low, middle)
    return high


def ou_path(seed, cutoff, knots):
    """`reference.path`: the first knots of an Ornstein-Uhlenbeck path, 0.05 s apart, cut-off in Hz.

    Stream `reference` (t = 0) for the start, `reference path` (t = page of 100 s) for its noise.
    """
    x = 0.5 * (Generator.of(seed, "reference", 0).uniform((1,), kind=np.float64)[0] - 0.5)
    decay = math.exp(-RETURN / RATE)
    spread = STRENGTH * math.sqrt((1 - decay * decay) / (2 * RETURN))
    passes, values, page = _low_pass(cutoff / RATE), [], 0
    while len(values) < knots:
        noise = Generator.of(seed, "reference path", page).normal((PAGE * RATE,), kind=np.float64)
        for i, n in enumerate(noise.tolist()):
            passed = passes(x)
            if i % STRIDE == 0:
                values.append(passed)
            x = decay * x + spread * n
        page += 1
    return np.array(values[:knots])


def _low_pass(cutoff):
    """A Butterworth low-pass of third order from rest, cut-off in cycles a sample: a function of inputs."""
    k = math.tan(math.pi * cutoff)
    state = [0.0] * 6

    def passed(new):
        last, out, x1, x2, y1, y2 = state
        middle = (k * (new + last) + (1 - k) * out) / (1 + k)
        driven = k * k * (middle + 2 * x1 + x2)
        output = (driven - 2 * (k * k - 1) * y1 - (1 - k + k * k) * y2) / (1 + k + k * k)
        state[:] = new, middle, middle, x1, output, y1
        return output

    return passed
