"""Which runs of `steady_state --preset optimal-speed` diverge, by brute force in NumPy.

    .venv/bin/python scripts/reference/steady_state_divergence.py [RUN] >> docs/steady_state_numbers.md

Every run is integrated by Runge-Kutta steps of fourth order, with the reference and the cells' answers
taken at the half steps, too: no map of a second, no inputs that are linear between samples, no quadratic
form but for the task loss of the weights after each update. Cells, weights and references are drawn
anew from the seeds (python/neuron_lab). RUN is the folder of the run to compare with, by default
runs/steady_state/docs-optimal-speed. A minute of one thread, NumPy alone (.venv, .reference).
"""

import csv
import math
import sys
from pathlib import Path

import numpy as np

HOME = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(HOME / "python"))

from neuron_lab.draws_steady_state import granule_weights, output_weights, sinusoids  # noqa: E402

PLANT = np.array([[0.0, 1, 0, 0], [-2, -2, 1, 0], [0, 0, 0, 1], [0, 0, -2, -2]])
COMMAND = np.array([0.0, 1, 0, 1])
KP = KI = KD = RC = 0.1
CUTOFF, INPUTS, SECONDS = 0.5, 10, 400
STEPS = 20
GAMMAS_Q = [0.002, 0.0026, 0.0034, 0.0045, 0.0059, 0.0077, 0.0101, 0.0133, 0.0174, 0.0228, 0.0302,
            0.0391, 0.0512, 0.067, 0.088, 0.115, 0.151, 0.198, 0.26, 0.34, 0.45, 0.58, 0.76, 1.0]


def slope(z, p, r):
    """z' of plant and feedback, written out: z is x_1 to x_4, int, mv along the last axis."""
    error = r - z[..., 0]
    u = KP * error + KD * (error - RC * z[..., 5]) + KI * z[..., 4] + p
    out = np.empty_like(z)
    out[..., :4] = z[..., :4] @ PLANT.T + u[..., None] * COMMAND
    out[..., 4] = KI * error
    out[..., 5] = error - RC * z[..., 5]
    return out


def step(z, p, r, dt):
    """One step of Runge-Kutta; p, r: at its beginning, middle and end."""
    a = slope(z, p[0], r[0])
    b = slope(z + 0.5 * dt * a, p[1], r[1])
    c = slope(z + 0.5 * dt * b, p[1], r[1])
    d = slope(z + dt * c, p[2], r[2])
    return z + dt / 6 * (a + 2 * b + 2 * c + d)


class Signals:
    """References and answers of some seeds in a second, at its half steps."""

    def __init__(self, cells, weights, references, kind="sines"):
        """cells: [seed, cell, input], weights: [seed, cell], references: their seeds."""
        self.cells, self.start = cells, weights
        self.parts = [np.stack(part) for part in zip(*(sinusoids(s, kind, CUTOFF) for s in references))]
        self.leads = np.linspace(0, 0.2 * 2 * np.pi / CUTOFF, INPUTS)

    def r(self, t):
        amplitude, omega, phase = (part.reshape(part.shape[0], *(1,) * t.ndim, -1) for part in self.parts)
        return (amplitude * np.sin(omega * t[..., None] + phase)).sum(-1)

    def second(self, k):
        """r: [seed, half step], h: [seed, half step, cell]."""
        t = k + np.arange(2 * STEPS + 1) / (2 * STEPS)
        seen = self.r(t[:, None] + self.leads)
        return self.r(t), np.tanh(seen @ self.cells.transpose(0, 2, 1))


def tasks(signals):
    """H, b, c of every seed, from the responses to each cell alone."""
    seeds, cells, _ = signals.cells.shape
    z = np.zeros((seeds, cells + 1, 6))
    moments = np.zeros((seeds, cells + 1, cells + 1))
    for k in range(SECONDS):
        r, h = signals.second(k)
        # The last column is the loop with the reference and no command.
        p = np.concatenate([h, np.zeros_like(h[..., :1])], 2)
        driven = np.zeros(cells + 1)
        driven[-1] = 1
        for i in range(STEPS):
            error = z[..., 0] - driven * r[:, 2 * i, None]
            moments += error[:, :, None] * error[:, None, :] * (0.5 if (k, i) == (0, 0) else 1.0)
            at = slice(2 * i, 2 * i + 3)
            z = step(z, p[:, at].transpose(1, 0, 2), (driven * r[:, at, None]).transpose(1, 0, 2), 1 / STEPS)
    error = z[..., 0] - driven * r[:, -1, None]
    moments += 0.5 * error[:, :, None] * error[:, None, :]
    moments /= STEPS * SECONDS
    return moments[:, :-1, :-1], -moments[:, :-1, -1], 0.5 * moments[:, -1, -1]


def losses(signals, gammas, task, window=(1.0, 0.5), delay=0.1):
    """Task loss before learning and after each update: [seed, gamma, second + 1]."""
    hessian, linear, constant = task
    w = np.repeat(signals.start[:, None], len(gammas), 1)
    z = np.zeros((*w.shape[:2], 6))
    first, last = (round((1 - at) * STEPS) for at in window)
    found = []

    def note():
        half = 0.5 * (w @ hessian) - linear[:, None]
        found.append((half * w).sum(-1) + constant[:, None])

    note()
    with np.errstate(all="ignore"):
        for k in range(SECONDS):
            r, h = signals.second(k)
            p = (h @ w.transpose(0, 2, 1)).transpose(1, 0, 2)
            errors = []
            for i in range(STEPS + 1):
                errors.append(z[..., 0] - r[:, 2 * i, None])
                if i < STEPS:
                    at = slice(2 * i, 2 * i + 3)
                    z = step(z, p[at], r.T[at][..., None], 1 / STEPS)
            part = np.stack(errors[first : last + 1])
            mean = part[0] if len(part) == 1 else (part.sum(0) - 0.5 * (part[0] + part[-1])) / (len(part) - 1)
            answers = h[:, round(2 * STEPS * (1 - delay))]
            w = w - gammas[:, None] * mean[..., None] * answers[:, None]
            note()
    return np.stack(found, 2)


def diverged(found, constant, factor=100.0, seconds=SECONDS):
    """The update after which a run had diverged, -1 for none: [seed, gamma]."""
    part = found[..., : seconds + 1]
    bad = ~(part <= factor * constant[:, None, None])
    return np.where(bad.any(2), bad.argmax(2), -1)


def speed(found):
    """The dynamic speed over 5 s: the mean of -(L_t - L_{t-1}) / L_t over samples 3 to 3 + 5."""
    part = found[..., 1:8]
    return ((part[..., :-1] - part[..., 1:]) / part[..., 1:]).mean(-1)


def drawn(seeds, q):
    """The networks and references that the program draws for seeds."""
    cells = np.stack([granule_weights(seed, q) for seed in seeds])
    return Signals(cells, np.stack([output_weights(seed, q) for seed in seeds]), seeds)


def line(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def compare(run):
    """Run by run with the program, of the same seeds."""
    rows = list(csv.DictReader((run / "figures/tradeoff.csv").open()))
    print("\nRun by run, seeds 0 to 9, 24 steps γ q:\n")
    line("q", "runs", "diverged in both", "in one only", "same update", "speed over 5 s apart, largest",
         "loss of the last ten updates apart, largest")
    line(*["---"] * 7)
    for q in (1, 3):
        signals = drawn(range(10), q)
        task = tasks(signals)
        found = losses(signals, np.array(GAMMAS_Q) / q, task)
        ours = diverged(found, task[2])
        mine = {(int(r["seed"]), float(r["gamma"])): r for r in rows if int(r["q"]) == q}
        both = one = same = 0
        apart, ends = 0.0, 0.0
        for s in range(10):
            for g, gamma in enumerate(GAMMAS_Q):
                row = mine[s, min((x for t, x in mine if t == s), key=lambda x: abs(x - gamma / q))]
                theirs = float(row["diverged_train"] or -1)
                both += theirs >= 0 and ours[s, g] >= 0
                one += (theirs >= 0) != (ours[s, g] >= 0)
                same += theirs >= 0 and theirs == ours[s, g]
                if theirs < 0 and ours[s, g] < 0:
                    apart = max(apart, abs(speed(found)[s, g] / float(row["dynamic_5"]) - 1))
                    ends = max(ends, abs(found[s, g, -10:].mean() / float(row["naive"]) - 1))
        line(q, 10 * len(GAMMAS_Q), both, one, f"{same} of {both}", f"{apart:.1e}", f"{ends:.1e}")


def shares(seeds=100):
    """What the share of diverged runs depends on, over more seeds."""
    print(f"\nShare of runs that diverge, seeds 0 to {seeds - 1}, and what it depends on:\n")
    line("q", "what is called diverged", "γ q = 0.58", "0.76", "1")
    line(*["---"] * 5)
    for q in (1, 3):
        signals = drawn(range(seeds), q)
        task = tasks(signals)
        gammas = np.array([0.58, 0.76, 1.0]) / q
        found = losses(signals, gammas, task)
        percent = lambda bad: [f"{100 * x:.0f} %" for x in bad.mean(0)]
        begin, constant = found[..., :1], task[2]
        last = found[..., -10:].mean(2)
        for name, bad in [
            ("loss once 100 times that of the plant", diverged(found, constant) >= 0),
            ("the same, in 100 s", diverged(found, constant, seconds=100) >= 0),
            ("loss once 10⁶ times that of the plant", diverged(found, constant, 1e6) >= 0),
            ("loss once not a number", ~np.isfinite(found).all(2)),
            ("last ten updates: mean loss above the first loss", ~(last <= begin[..., 0])),
            ("last ten updates: mean loss 100 times that of the plant", ~(last <= 100 * constant[:, None])),
        ]:
            line(q, name, *percent(bad))
        for name, window, delay in [("error and answers of the update's instant", (0.0, 0.0), 0.0),
                                    ("error of the whole second", (1.0, 0.0), 0.1)]:
            other = losses(signals, gammas, task, window, delay)
            line(q, f"{name}; loss once 100 times that of the plant", *percent(diverged(other, constant) >= 0))
        bad = diverged(found, constant) >= 0
        rng = np.random.default_rng(0)
        picks = rng.integers(0, seeds, (2000, 10))
        low, high = np.percentile(bad[picks].mean(1), [5, 95], axis=0)
        line(q, "the first, 5 to 95 % of ten seeds drawn of these",
             *(f"{100 * a:.0f} to {100 * b:.0f} %" for a, b in zip(low, high)))


def speeds(seeds=100):
    """How far medians of ten seeds are apart by chance."""
    print(f"\nDynamic speed over 5 s at γ q = 0.0302, seeds 0 to {seeds - 1}:\n")
    line("q", "lower quartile", "median", "upper quartile", "medians of ten seeds, 5 to 95 %")
    line(*["---"] * 5)
    for q in (1, 3):
        signals = drawn(range(seeds), q)
        found = speed(losses(signals, np.array([0.0302 / q]), tasks(signals)))[:, 0]
        picks = np.random.default_rng(0).integers(0, seeds, (2000, 10))
        low, high = np.percentile(np.median(found[picks], 1), [5, 95])
        line(q, *(f"{x:.3f}" for x in np.percentile(found, [25, 50, 75])), f"{low:.3f} to {high:.3f}")


def main():
    print("\n## Which runs diverge, and how far medians of speeds are apart\n")
    print("`scripts/reference/steady_state_divergence.py`: sines without phases, T = 400 s, no noise, steps of up to")
    print("γ q = 1 as in `--preset optimal-speed`; Runge-Kutta steps of 0.05 s.")
    run = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "runs/steady_state/docs-optimal-speed"
    compare(run)
    shares()
    speeds()


if __name__ == "__main__":
    main()
