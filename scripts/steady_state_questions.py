"""The tables on the questions that the notebook leaves open, from the runs of scripts/docs_steady_state.

    .venv/bin/python scripts/steady_state_questions.py >> docs/steady_state_numbers.md

What a run has not kept is computed here from its cells, references and weights: the task loss on other
references and on later stretches, and the way that the plant sets off. The system is simulated sample by
sample, and its task losses are compared with those that the run kept.
"""

import functools

import numpy as np

from steady_state_numbers import checkpoint, head, line, short, table

PLANT = np.array([[0.0, 1, 0, 0], [-2, -2, 1, 0], [0, 0, 0, 1], [0, 0, -2, -2]])
COMMAND = np.array([0.0, 1, 0, 1])
GAIN, DT, CUT, INPUTS, KNOTS = 0.1, 0.05, 1e-7, 10, 0.05
RATE = round(1 / DT)
# The default's steps γ(1).
GAMMAS = [0.001 + 0.02 * i for i in range(10)]


def spread(values, digits=2):
    """Median and quartiles in a cell."""
    values = [v for v in np.ravel(values) if np.isfinite(v)]
    if not values:
        return "–"
    low, middle, high = (short(x, digits) for x in np.quantile(values, [0.25, 0.5, 0.75]))
    return f"{middle} ({low} to {high})"


@functools.cache
def tensors(run):
    return checkpoint(run)


def ranks(values):
    return np.argsort(np.argsort(values)).astype(float)


def rank_correlation(a, b):
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


# The system, sample by sample.


def exponential(matrix):
    """The exponential of a matrix, by its series and squaring."""
    halvings = 10
    part = matrix / 2**halvings
    term = total = np.eye(len(matrix))
    for k in range(1, 20):
        term = term @ part / k
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total


@functools.cache
def sampled():
    """The closed loop from one sample to the next: of the state, of (p, r) before and after."""
    a, b = np.zeros((6, 6)), np.zeros((6, 2))
    a[:4, :4] = PLANT
    a[:4, 0] -= 2 * GAIN * COMMAND
    a[:4, 4], a[:4, 5] = GAIN * COMMAND, -GAIN * GAIN * COMMAND
    b[:4, 0], b[:4, 1] = COMMAND, 2 * GAIN * COMMAND
    a[4, 0], b[4, 1], a[5, 0], a[5, 5], b[5, 1] = -GAIN, GAIN, -1, -GAIN, 1
    whole = np.zeros((10, 10))
    whole[:6, :6], whole[:6, 6:8], whole[6:8, 8:] = a * DT, b * DT, np.eye(2)
    rows = exponential(whole)[:6]
    return rows[:, :6], rows[:, 6:8] - rows[:, 8:], rows[:, 8:]


class Reference:
    """A reference of a run: [time] -> r."""

    def __init__(self, run, seed):
        own = tensors(run)
        if "reference.path" in own:
            path = own["reference.path"][seed]
            self.at = lambda t: np.interp(t, KNOTS * np.arange(len(path)), path)
        else:
            parts = [own[f"reference.{name}"][seed] for name in ("amplitude", "omega", "phase")]
            self.at = lambda t: (parts[0] * np.sin(t[..., None] * parts[1] + parts[2])).sum(-1)


def errors(cells, reference, lookahead, seconds):
    """The error of the closed loop from rest at every sample: its part of each cell with weight 1, and last
    that of the reference alone: [sample + 1, cell + 1]."""
    step, before, later = sampled()
    t = DT * np.arange(RATE * seconds + 1)
    r = reference.at(t)
    seen = reference.at(t[:, None] + np.linspace(0, lookahead, INPUTS))
    h = np.tanh(seen @ cells.T)
    out = np.zeros((len(t), len(cells) + 1))
    z = np.zeros((6, len(cells) + 1))
    drive = np.concatenate([h, np.zeros((len(t), 1))], 1)
    own = np.zeros(len(cells) + 1)
    own[-1] = 1
    for i in range(1, len(t)):
        z = step @ z + np.outer(before[:, 0], drive[i - 1]) + np.outer(later[:, 0], drive[i])
        z += np.outer(before[:, 1] * r[i - 1] + later[:, 1] * r[i], own)
        out[i] = z[0]
    out[:, -1] -= r
    return out


def task(cells, reference, lookahead, seconds):
    """H, b, c of the task loss."""
    e = errors(cells, reference, lookahead, seconds)
    weight = np.full(len(e), DT / seconds)
    weight[[0, -1]] *= 0.5
    moments = (e * weight[:, None]).T @ e
    return moments[:-1, :-1], -moments[:-1, -1], 0.5 * moments[-1, -1]


def loss(of, w):
    """The task loss of weights of the first cells: [..., cell]."""
    h, b, c = of
    n = w.shape[-1]
    return 0.5 * np.einsum("...i,ij,...j", w, h[:n, :n], w) - w @ b[:n] + c


def kept_task(run, seed, q=None):
    own = tensors(run)
    n = None if q is None else 10 * q
    return own["task0.hessian"][seed, :n, :n], own["task0.linear"][seed, :n], own["task0.constant"][seed]


class Modes:
    """The modes of a network, steepest first, and its minimum by the pseudo-inverse with the cut."""

    def __init__(self, run, seed, q):
        h, b, _ = self.task = kept_task(run, seed, q)
        values, vectors = np.linalg.eigh(h)
        self.values, self.vectors = values[::-1], vectors[:, ::-1]
        start = tensors(run)["initial.weight"][seed, : 10 * q]
        along = self.vectors.T @ (b - h @ start)
        known = self.values > CUT * self.values[0]
        self.weights = start + self.vectors @ np.where(known, along / np.where(known, self.values, 1), 0)
        self.least = float(loss(self.task, self.weights))

    def excess(self, w):
        """What each mode adds to the least loss: [mode]."""
        return 0.5 * self.values * (self.vectors.T @ (w - self.weights)) ** 2


# The questions.


def first_attempt(run="attempt-1"):
    print("\n## Attempt 1, by size\n")
    print("`--preset attempt-1`: sines without phases, 400 s of LMS, then 400 s from w*, no noise; seeds 0")
    print("to 9: median (quartiles). Modes are those of H, steepest first. A mode is *done* in the pre-training")
    print("where 1/γλ is below 400 s. *Left in mode k*: its share of L(w*) − L_min.")
    own, rows = tensors(run), table(run)
    sizes = range(1, 10)
    found = {q: [Modes(run, s, q) for s in range(10)] for q in sizes}

    def wanted(q, index):
        return np.array([r["window"] for r in rows if (r["q"], r["index"]) == (q, index)])

    head("q", "L(w*)", "L(w*) / L_min", "modes done", "left in mode 1", "mode 2", "mode 3", "the rest")
    for q in sizes:
        stars = own["optimum.weight"][:, q - 1, : 10 * q]
        left = np.array([m.excess(w) for m, w in zip(found[q], stars)])
        share = left / left.sum(1, keepdims=True)
        stars = np.array([loss(m.task, w) for m, w in zip(found[q], stars)])
        done = [(0.05 / np.sqrt(q) * m.values * 400 > 1).sum() for m in found[q]]
        line(str(q), spread(stars), spread(stars / [m.least for m in found[q]]), spread(done, 1),
             *(spread(100 * share[:, k], 1) + " %" for k in range(3)),
             spread(100 * share[:, 3:].sum(1), 1) + " %")
    head("q", "loss from w*, smallest γ", "second γ", "largest γ", "second / smallest", "seeds where it falls",
         "largest / smallest", "seeds where it falls", "in mode 1: smallest γ, second, largest", "mode 2", "mode 3")
    for q in sizes:
        small, second, large = (wanted(q, i) for i in (0, 1, 9))
        ends = own["state.steady.weight"][:, q - 1, 0][:, [0, 1, 9], : 10 * q]
        left = np.array([[m.excess(w) for w in three] for m, three in zip(found[q], ends)])
        modes = [", ".join(short(x) for x in np.median(left[:, :, k], 0)) for k in range(3)]
        changes = [cell for other in (second, large)
                   for cell in (spread(other / small), str(int((other < small).sum())))]
        line(str(q), *(spread(each) for each in (small, second, large)), *changes, *modes)
    head("median loss from w*, γ(1)", *(f"{gamma:g}" for gamma in GAMMAS))
    for q in sizes:
        line(f"q = {q}", *(short(np.median(wanted(q, i))) for i in range(len(GAMMAS))))
    print("\n*In mode k*: what the mode adds to L_min after 400 s from w*, medians.")
    head("from the minimum (`--preset optimal-speed`), loss over that at the smallest γ",
         *(f"q = {q}" for q in sizes))
    rows = table("optimal-speed")
    steps, ratios = [], []
    for q in sizes:
        gammas = sorted({r["gamma"] for r in rows if r["q"] == q})
        near = min(gammas, key=lambda gamma: abs(gamma - 0.181 / np.sqrt(q)))
        small, large = ([r["window"] for r in rows if (r["q"], r["gamma"]) == (q, gamma)]
                        for gamma in (gammas[0], near))
        steps.append(f"{q * near:.2f}")
        ratios.append(spread(np.array(large) / small, 3))
    line("γ q next to 0.181 √q", *steps)
    line("largest / smallest", *ratios)


def lengths():
    print("\n## The length of the task loss\n")
    print("`steady_state` with `--loss-seconds`, all else as by default, so that w* is the same; seeds 0 to 9:")
    print("median (quartiles). SNR 3 from w*, γ(1) = 0.101.")
    runs = {400: "default", 1000: "loss-1000", 5000: "loss-5000", 10000: "loss-10000"}
    shown = (1, 3, 5, 7, 9)
    for title, column, noise, index in [
        ("from w*, SNR 3", "window", "snr3", 5), ("from w*, no noise", "window", "no_noise", 5),
        ("speed over 50 s, no noise", "log_50", "no_noise", 5)]:
        head(f"{title}: seconds", *(f"q = {q}" for q in shown))
        for seconds, run in runs.items():
            rows = table(run)
            at = lambda q: [r[column] for r in rows if (r["snr"], r["q"], r["index"]) == (noise, q, index)]
            line(str(seconds), *(spread(at(q)) for q in shown))
    rows = {seconds: table(run) for seconds, run in runs.items()}
    orders("Order of the nine sizes", rows)
    head("largest change of the nine medians from w*, of 1000, 5000 and 10 000 s against 400 s: γ(1)",
         *(f"{gamma:g}" for gamma in GAMMAS))
    for noise, label in (("snr3", "SNR 3"), ("no_noise", "no noise")):
        cells = []
        for index in range(len(GAMMAS)):
            middle = [medians_of_sizes(each, noise, index) for each in rows.values()]
            changes = 100 * (np.array(middle[1:]) / middle[0] - 1)
            cells.append(f"{max(changes.ravel(), key=abs):+.0f} %")
        line(label, *cells)
    head("seconds", "L_min, q = 1", "q = 9", "L(w*) / L_min, q = 1", "q = 9",
         "minimum over 400 s: its loss over L_min, q = 1", "q = 9")
    first = {q: [Modes("default", s, q) for s in range(10)] for q in (1, 9)}
    for seconds, run in runs.items():
        cells = []
        own = tensors(run)
        found = {q: [Modes(run, s, q) for s in range(10)] for q in (1, 9)}
        least = {q: np.array([m.least for m in found[q]]) for q in found}
        stars = {q: np.array([loss(found[q][s].task, own["optimum.weight"][s, q - 1, : 10 * q])
                              for s in range(10)]) for q in found}
        moved = {q: np.array([loss(found[q][s].task, first[q][s].weights) for s in range(10)]) for q in found}
        cells = [spread(least[q]) for q in found] + [spread(stars[q] / least[q]) for q in found]
        cells += [spread(moved[q] / least[q]) for q in found]
        line(str(seconds), *cells)


def medians_of_sizes(rows, noise, index):
    """The median loss from w* of each of the nine sizes, at one of the steps."""
    return [np.median([r["window"] for r in rows if (r["snr"], r["q"], r["index"]) == (noise, q, index)])
            for q in range(1, 10)]


def orders(title, by_name, noise="snr3"):
    """Whether the sizes keep the order of the first: rank correlation of the medians of the sizes."""
    head(f"{title}, SNR 3: rank correlation with the first", *(f"γ(1) = {g}" for g in (.021, .101, .181)))
    first = None
    for name, rows in by_name.items():
        medians = [medians_of_sizes(rows, noise, i) for i in (1, 5, 9)]
        first = first or medians
        line(str(name), *(f"{rank_correlation(a, b):.2f}" for a, b in zip(first, medians)))


LOOKAHEADS = {"default": 0.2 * 2 * np.pi / 0.5, "sines-phase": 0.2 * 2 * np.pi / 0.5, "fourier-ou": 2.0}


def held_out():
    print("\n## Held-out references\n")
    print("Weights of seed s, task loss over 400 s on the references of the nine other seeds, of the same law:")
    print("the cells Z, their time shifts and the weights stay those of s. Seeds 0 to 9: median (quartiles), of")
    print("losses over seeds (*held out*: of the mean over nine references), of ratios over the 90 pairs. *trained")
    print("there*: the own loss of the seed whose reference it is. *share of the reference*, *of the seed*: of the")
    print("variance of ln L over the 90 pairs, by least squares with a term for each; the rest is the pair's.")
    for run, lookahead in LOOKAHEADS.items():
        own = tensors(run)
        seeds, sizes = range(10), (1, 3, 5, 7, 9)
        references = [Reference(run, s) for s in seeds]
        cells = own["granule.weight"]
        tasks = [[task(cells[s], references[r], lookahead, 400) for r in seeds] for s in seeds]
        apart = max(abs(tasks[s][s][0] - own["task0.hessian"][s]).max() / own["task0.hessian"][s].max()
                    for s in seeds)
        print(f"\n`{run}`; H of the own references is that of the run to {short(apart, 1)} of its largest entry.")
        # Of SNR 3 the rules are the second half.
        middle = own["state.steady.weight"].shape[3] // 2 + 5
        weights = {
            "before learning": lambda s, q: own["initial.weight"][s, : 10 * q],
            "w*": lambda s, q: own["optimum.weight"][s, q - 1, : 10 * q],
            "the minimum of the own 400 s": lambda s, q: Modes(run, s, q).weights,
            "after 400 s from w*, SNR 3, γ(1) = 0.101":
                lambda s, q: own["state.steady.weight"][s, q - 1, 0, middle, : 10 * q],
        }
        head("weights", "loss", *(f"q = {q}" for q in sizes))
        for name, of in weights.items():
            cut = {q: [of(s, q) for s in seeds] for q in sizes}
            mine = {q: np.array([loss(tasks[s][s], cut[q][s]) for s in seeds]) for q in sizes}
            other = {q: np.array([[loss(tasks[s][r], cut[q][s]) for r in seeds if r != s] for s in seeds])
                     for q in sizes}
            line(name, "own", *(spread(mine[q]) for q in sizes))
            line("", "held out", *(spread(other[q].mean(1)) for q in sizes))
            line("", "held out / trained there", *(spread(other[q] / trained_there(mine[q])) for q in sizes))
            line("", "share of the reference, of the seed",
                 *(", ".join(f"{100 * x:.0f} %" for x in variance_shares(other[q])) for q in sizes))


def trained_there(own):
    """The own loss of the seed whose reference each entry of a table of pairs is on: [seed, other]."""
    return np.array([np.delete(own, s) for s in range(len(own))])


def variance_shares(pairs):
    """Which shares of the variance of the logarithm a term for every reference and one for every seed explain,
    the second beyond the first. pairs: [seed, other reference]."""
    seeds = len(pairs)
    index = np.array([(s, r) for s in range(seeds) for r in range(seeds) if r != s])
    values = np.log(pairs.ravel())
    values = values - values.mean()
    left = []
    for columns in ([index[:, 1]], [index[:, 1], index[:, 0]]):
        design = np.concatenate([np.eye(seeds)[column] for column in columns], 1)
        fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
        left.append(((values - fitted) ** 2).sum() / (values**2).sum())
    return 1 - left[0], left[0] - left[1]


def references():
    print("\n## The trade-off with each reference\n")
    print("`steady_state --reference R`, all else as by default; seeds 0 to 9: median (quartiles).")
    runs = {"sines-zero": "default", "sines-phase": "sines-phase", "fourier-ou": "fourier-ou",
            "white": "white", "ou": "ornstein-uhlenbeck"}
    for q in (1, 9):
        head(f"q = {q}", *runs)
        found = {name: [Modes(run, s, q) for s in range(10)] for name, run in runs.items()}
        rows = {name: table(run) for name, run in runs.items()}

        def at(name, column, noise, index):
            return np.array([r[column] for r in rows[name]
                             if (r["snr"], r["q"], r["index"]) == (noise, q, index)])

        begin = {name: np.array([loss(m.task, tensors(runs[name])["initial.weight"][s, : 10 * q])
                                 for s, m in enumerate(found[name])]) for name in runs}
        stars = {name: np.array([loss(m.task, tensors(runs[name])["optimum.weight"][s, q - 1, : 10 * q])
                                 for s, m in enumerate(found[name])]) for name in runs}
        least = {name: np.array([m.least for m in found[name]]) for name in runs}
        line("loss before learning", *(spread(begin[name]) for name in runs))
        line("L(w*) / L_min", *(spread(stars[name] / least[name]) for name in runs))
        line("L_min / loss before learning", *(spread(least[name] / begin[name]) for name in runs))
        line("λ of mode 1", *(spread([m.values[0] for m in found[name]]) for name in runs))
        line("λ of mode 2 over mode 1", *(spread([m.values[1] / m.values[0] for m in found[name]]) for name in runs))
        line("modes done in 10 000 s of pre-training", *(spread(
            [(0.05 / np.sqrt(q) * m.values * 10_000 > 1).sum() for m in found[name]], 1) for name in runs))
        for noise, label in (("no_noise", "no noise"), ("snr3", "SNR 3")):
            line(f"speed over 50 s, largest γ, {label}", *(spread(at(name, "log_50", noise, 9)) for name in runs))
            line(f"from w*, largest γ over smallest, {label}",
                 *(spread(at(name, "window", noise, 9) / at(name, "window", noise, 0)) for name in runs))
            line(f"from w*, largest γ, over loss before learning, {label}",
                 *(spread(at(name, "window", noise, 9) / begin[name]) for name in runs))


def descents():
    print("\n## Gradient descent with larger steps, and for longer\n")
    print("`--reference sines-phase --pretrain gd-closed-form`, γ(1) / √q; seeds 0 to 9: loss over the least loss,")
    print("median (quartiles).")
    runs = {0.05: "gd-0.05", 0.181: "gd-0.181", 0.5: "gd-0.5", 1.0: "gd-1"}
    sizes, times = (1, 3, 5, 7, 9), (400, 1000, 5000, 10_000, 100_000)
    for i, q in enumerate(sizes):
        found = [Modes(runs[1.0], s, q) for s in range(10)]
        least = np.array([m.least for m in found])
        head(f"q = {q}: γ(1)", "share of 2/λ_max", *(f"{t} steps" for t in times))
        for gamma, run in runs.items():
            losses = tensors(run)["pretrain.loss"][:, i, 0, 0]
            used = [gamma / np.sqrt(q) * m.values[0] / 2 for m in found]
            line(str(gamma), spread(used), *(spread(losses[:, t] / least) for t in times))
    for gamma, run in ((0.181, "gd-iterated-0.181"), (1, "gd-iterated-1")):
        a, b = (tensors(name)["pretrain.loss"][..., :5001] for name in (run, f"gd-{gamma}"))
        print(f"\n`gd-iterated`, γ(1) = {gamma}, 5000 steps: the losses are those of `gd-closed-form` to",
              f"{short(float((abs(a - b) / b).max()), 1)}.")
    head("to come within a factor 2 of the least loss: steps of the closed form, γ(1)", *(f"q = {q}" for q in sizes))
    for gamma in runs:
        line(str(gamma), *(spread([steps_to(Modes(runs[gamma], s, q), runs[gamma], s, q, gamma) for s in range(10)])
                           for q in sizes))


def steps_to(modes, run, seed, q, gamma):
    """Steps of gradient descent after which the loss is below twice the least, by the closed form."""
    start = tensors(run)["initial.weight"][seed, : 10 * q]
    first = modes.excess(start)
    factor = abs(1 - gamma / np.sqrt(q) * modes.values)
    left = lambda k: float((first * factor ** (2 * k)).sum())
    low, high = 1.0, 1e15
    while high / low > 1.001:
        middle = np.sqrt(low * high)
        low, high = (low, middle) if left(middle) <= modes.least else (middle, high)
    return high


def directions(run="directions"):
    print("\n## Seeds by the way that the plant sets off\n")
    print("`steady_state --reference sines-phase --replicates 40 --expansions 1,3,9`: the mean of y r over the")
    print("first 5 s before learning (`steady_state_init` has it), and what is left of the loss above the least.")
    own = tensors(run)
    seeds = range(len(own["initial.weight"]))
    alignment = []
    for s in seeds:
        reference = Reference(run, s)
        e = errors(own["granule.weight"][s, :10], reference, LOOKAHEADS["default"], 5)
        e = (e[:, :-1] @ own["initial.weight"][s, :10] + e[:, -1])[:-1]
        r = reference.at(DT * np.arange(len(e)))
        alignment.append(float(((e + r) * r).mean()))
    alignment = np.array(alignment)
    same = alignment > 0
    print(f"\nThe reference's way: {same.sum()} of {len(same)} seeds.")
    head("rank correlation with the mean of y r", "q = 1", "q = 3", "q = 9")
    sizes = (1, 3, 9)
    found = {q: [Modes(run, s, q) for s in seeds] for q in sizes}
    losses = {q: own["pretrain.loss"][:, i, 0, 0] for i, q in enumerate(sizes)}
    least = {q: np.array([m.least for m in found[q]]) for q in sizes}
    measures = {"loss before learning": lambda q: losses[q][:, 0]}
    for t in (400, 2000, 10_000):
        measures[f"share of the loss left after {t} s"] = lambda q, t=t: losses[q][:, t] / losses[q][:, 0]
        measures[f"share of the loss above the least left after {t} s"] = (
            lambda q, t=t: (losses[q][:, t] - least[q]) / (losses[q][:, 0] - least[q]))
        measures[f"loss after {t} s"] = lambda q, t=t: losses[q][:, t]
        measures[f"loss over the least after {t} s"] = lambda q, t=t: losses[q][:, t] / least[q]
    for name, of in measures.items():
        line(name, *(f"{rank_correlation(alignment, of(q)):.2f}" for q in sizes))
    rows = table(run)
    seed = np.array([r["seed"] for r in rows]).astype(int)
    for noise, label in (("no_noise", "no noise"), ("snr3", "SNR 3")):
        head(f"{label}, γ(1) = 0.101", "seeds", *(f"speed over 50 s, q = {q}" for q in sizes),
             *(f"from w*, q = {q}" for q in sizes), *(f"largest γ / smallest, q = {q}" for q in sizes))
        for name, kept in (("all", same | True), ("the reference's way", same), ("the other way", ~same)):
            at = lambda column, q, index: np.array(
                [r[column] for r, s in zip(rows, seed)
                 if (r["snr"], r["q"], r["index"]) == (noise, q, index) and kept[s]])
            line(name, str(int(kept.sum())), *(spread(at("log_50", q, 5)) for q in sizes),
                 *(spread(at("window", q, 5)) for q in sizes),
                 *(spread(at("window", q, 9) / at("window", q, 0)) for q in sizes))


def best_steps(run="optimal-speed"):
    print("\n## The step of the largest speed\n")
    print("`--preset optimal-speed`, seeds 0 to 9: of every seed the fastest of 24 steps; median (quartiles).")
    head("q", "γ q, first 5 s", "speed, 1/s", "γ q, first 50 s", "speed, 1/s",
         "speed over 50 s at γ q = 0.115 over the largest")
    rows = table(run)
    for q in range(1, 10):
        cells = []
        for column in ("log_5", "log_50"):
            best, there = [], []
            for seed in range(10):
                runs = [r for r in rows if (r["seed"], r["q"]) == (seed, q) and r[column] == r[column]]
                best.append(max(runs, key=lambda r: r[column]))
                there += [r[column] / best[-1][column] for r in runs if abs(q * r["gamma"] - 0.115) < 1e-6]
            cells += [spread([q * r["gamma"] for r in best]), spread([r[column] for r in best])]
        line(str(q), *cells, spread(there))


def main():
    first_attempt()
    lengths()
    held_out()
    references()
    descents()
    directions()
    best_steps()


if __name__ == "__main__":
    main()
