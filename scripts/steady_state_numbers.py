"""The numbers of docs/steady_state_numbers.md, from the runs of scripts/docs_steady_state.

    .reference/bin/python scripts/steady_state_numbers.py > docs/steady_state_numbers.md

The columns beside ours are from the authors' notes and stored data, and from an independent numpy
simulation of the same equations with ten other seeds.
"""

import csv
import json
import statistics
import struct
from pathlib import Path

import numpy as np

HOME = Path(__file__).resolve().parent.parent
NAN = float("nan")


def table(run):
    """Every run of a sweep: a list of dicts, with the index of its learning step."""
    path = HOME / f"runs/steady_state/docs-{run}/figures/tradeoff.csv"
    rows = list(csv.DictReader(path.open()))
    steps = {}
    for row in rows:
        for name, cell in row.items():
            if name != "snr":
                row[name] = float(cell) if cell else NAN
        steps.setdefault(row["q"], set()).add(row["gamma"])
    order = {q: sorted(found) for q, found in steps.items()}
    for row in rows:
        row["index"] = order[row["q"]].index(row["gamma"])
    return rows


def over_seeds(rows, column, noise, q, index):
    found = [r[column] for r in rows if (r["snr"], r["q"], r["index"]) == (noise, q, index)]
    return [value for value in found if value == value]


def medians(rows, column, noise, q, count=10, of=statistics.median):
    return [of(over_seeds(rows, column, noise, q, i) or [NAN]) for i in range(count)]


def logged(experiment, run, tag):
    """The last value of a tag."""
    value = NAN
    for line in (HOME / f"runs/{experiment}/{run}/metrics.jsonl").open():
        value = json.loads(line)["values"].get(tag, value)
    return value


def checkpoint(run):
    """Tensors of the last checkpoint by name."""
    last = sorted((HOME / f"checkpoints/steady_state/docs-{run}").glob("*.safetensors"))[-1]
    data = last.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    kinds = {"F64": np.float64, "I64": np.int64, "F32": np.float32}
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + at for at in entry["data_offsets"])
        kind = kinds[entry["dtype"]]
        tensors[name] = np.frombuffer(data[begin:end], kind).reshape(entry["shape"])
    return tensors


def short(x, digits=2):
    """A number in as few characters as a table needs."""
    if x != x:
        return "–"
    if x == 0 or 1e-2 <= abs(x) < 1e3:
        return f"{x:.{digits + 1}g}"
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def line(*cells):
    print("| " + " | ".join(cells) + " |")


def head(*cells):
    print()
    line(*cells)
    print("|" + "---|" * len(cells))


def row(name, ours, theirs, digits=2):
    text = [" ".join(short(x, digits) for x in (xs if isinstance(xs, list) else [xs])) for xs in
            (ours, theirs)]
    line(name, *text)


def later():
    exact, long = table("exact"), table("long")
    print("\n## Speed and steady state of the later simulations\n")
    print("`--preset exact` (learning of 400 s, 400 s from the minimum) and `--preset long` (500 s,")
    print("5000 s), ten seeds; ten γ from 0.001 to 0.181, divided by √q. Medians unless said.")
    head("quantity", "ours", "others")
    slow = {1: "3e-4 .0066 .0121 .0166 .0198 .0221 .025 .0275 .0297 .0328",
            9: "1e-3 .0201 .0338 .046 .058 .0709 .0794 .0864 .0937 .1021"}
    numbers = lambda text: [float(word) for word in text.split()]

    def curves(name, source, rows, column, noise, texts):
        for q, text in texts.items():
            row(f"{name}, q = {q} ({source})", medians(rows, column, noise, q), numbers(text))

    curves("dynamic speed over 50 s, no noise", "numpy", long, "dynamic_50", "no_noise", slow)
    stored = {1: ".001 .011 .023 .032 .036 .079 .085 .111 .126 .285",
              3: ".001 .017 .038 .059 .079 .104 .142 .162 .172 .179",
              9: ".001 .028 .061 .107 .133 .127 .129 .155 .127 .141"}
    curves("the same, SNR 3", "stored, one seed", long, "dynamic_50", "snr3", stored)
    for q, low, high in [(1, .009, .12), (3, NAN, .177), (9, NAN, .195)]:
        means = medians(long, "dynamic_50", "snr3", q, of=statistics.mean)
        row(f"the same, mean of ten seeds, second γ and largest, q = {q} (notes)",
            [means[1], max(means)], [low, high])
    row("last ten updates, no noise, q = 1 (numpy)", medians(long, "naive", "no_noise", 1),
        numbers("1.3e-2 7.0e-4 3.8e-4 1.5e-4 9.6e-5 8.4e-5 7.9e-5 7.3e-5 6.7e-5 6.2e-5"))
    row("last ten updates, SNR 3, q = 1, first three γ (stored, one seed)",
        medians(long, "naive", "snr3", 1, 3), numbers("3.6e-2 8e-4 5.9e-5"))
    row("loss before learning (stored, one seed)",
        logged("steady_state", "docs-long", "network/begin/q1"), .0446)
    row("loss of w*, q = 1, 3, 4, 9: online LMS, default (stored, gradient descent)",
        [logged("steady_state", "docs-default", f"network/pretrained/q{q}") for q in (1, 3, 4, 9)],
        numbers("2.95e-5 2.95e-5 3.23e-5 3.38e-5"))
    ends = medians(exact, "window", "no_noise", 1)
    row("from the minimum, no noise, q = 1, ends (numpy)", [ends[0], ends[-1]],
        [2.372e-6, 2.391e-6], 4)
    noisy = {1: "2.6e-6 3.6e-5 1.2e-4 1.4e-4 1.7e-4 3.4e-4 3.5e-4 5.0e-4 5.2e-4 6.2e-4",
             3: "2.3e-6 1.1e-5 2.4e-5 4.3e-5 6.1e-5 7.8e-5 nan nan nan 1.7e-4",
             9: "2.1e-6 4.8e-6 6.9e-6 8.9e-6 2.0e-5 2.0e-5 2.6e-5 2.9e-5 3.9e-5 4.5e-5"}
    curves("from the minimum, SNR 3, 400 s", "numpy", exact, "window", "snr3", noisy)
    kept = {1: "3.0e-5 3.7e-5 3.9e-4 2.5e-4 3.6e-4 3.9e-4 7.5e-4 3.5e-4 6.1e-4 7.1e-4",
            3: "3.1e-5 nan nan nan nan nan nan nan nan 3.7e-4",
            9: "3.4e-5 3.5e-5 4.1e-5 2.7e-5 5.1e-5 5.9e-5 5.4e-5 4.4e-5 8.7e-5 1.4e-4"}
    curves("from w*, SNR 3, 5000 s", "stored, one seed", long, "window", "snr3", kept)
    for q, theirs in [(1, [1e-4, 9.8e-4]), (3, [NAN, 2.5e-4]), (9, [NAN, 1.1e-4])]:
        means = medians(long, "window", "snr3", q, of=statistics.mean)
        row(f"the same, mean of ten seeds, second γ and largest, q = {q} (notes)",
            [means[1], means[-1]], theirs)


def first_attempts():
    sines, phase = table("optimal-speed"), table("attempt-2")
    print("\n## The notebook's references\n")
    print("`--preset optimal-speed` (no phases, 24 steps γ q of 0.002 to 1) and `--preset attempt-2`")
    print("(random phases), T = 400 s, no noise.")
    head("quantity", "ours", "others")
    at = lambda tag, run: logged("steady_state", f"docs-{run}", tag)
    row("no phases: loss before learning (numpy)", at("network/begin/q1", "optimal-speed"), .0414)
    row("no phases: least loss, q = 1, 9 (numpy)",
        [at(f"network/minimum/q{q}", "optimal-speed") for q in (1, 9)], [2.9e-5, 1.7e-5])
    speeds = [statistics.median(over_seeds(sines, "dynamic_5", "no_noise", q, 10)) for q in (1, 3, 5, 9)]
    row("dynamic speed over 5 s at γ q = 0.0302, q = 1, 3, 5, 9 (numpy)", speeds,
        [.101, .122, .123, .116])
    naive = medians(sines, "naive", "no_noise", 1, 24)
    row("last ten updates, q = 1, γ = 0.002, 0.0391, 0.088 to 0.26, 0.76 (numpy)",
        [naive[0], naive[11], min(naive[14:19]), naive[22]], [.0238, .0011, .0006, .004])
    for index, theirs in [(21, "0 %"), (22, "0 %"), (23, "20 to 30 %")]:
        runs = [r for r in sines if r["index"] == index]
        lost = [r for r in runs if r["diverged_train"] == r["diverged_train"]]
        step = {21: "0.58", 22: "0.76", 23: "1"}[index]
        line(f"runs that diverge at γ q = {step} (numpy)", f"{100 * len(lost) / len(runs):.0f} %", theirs)
    row("with phases: loss before learning (numpy)", at("network/begin/q1", "attempt-2"), .032)
    row("with phases: least loss, q = 1, 9 (numpy)",
        [at(f"network/minimum/q{q}", "attempt-2") for q in (1, 9)], [6.1e-4, 4.9e-4])
    naive = [x for q in (1, 3, 9) for x in medians(phase, "naive", "no_noise", q)[3:]]
    row("with phases: last ten updates, γ above 0.06/√q, q = 1, 3, 9, range (notebook's Figure 4)",
        [min(naive), max(naive)], [1.1e-3, 1.4e-3])


def steady(rows, noise, q, index):
    """How many runs count as steady, and the median of the interval's half width over the mean."""
    runs = [r for r in rows if (r["snr"], r["q"], r["index"]) == (noise, q, index)]
    reached = [r["stationary_since"] >= 0 and r["independent"] >= 10 for r in runs]
    return sum(reached), statistics.median(r["stationary_half_width"] / r["stationary_mean"]
                                           for r in runs)


def steadiness():
    print("\n## Which runs have reached their steady state\n")
    print("Stationary, with ten independent samples or more. Of ten seeds each.")
    default, long = table("default"), table("long")
    head("quantity", "ours")
    share = logged("steady_state", "docs-default", "runs/stationary")
    line("400 s from w*, default: share of all runs", f"{100 * share:.0f} %")
    for noise in ("no_noise", "snr3"):
        counts = [str(steady(default, noise, q, 0)[0]) for q in range(1, 10)]
        line(f"the same, smallest γ, {noise}: seeds, q = 1 to 9", " ".join(counts))
    for q in (1, 3):
        found = [steady(long, "snr3", q, index) for index in range(10)]
        line(f"5000 s from the minimum, SNR 3, q = {q}: seeds at each γ",
             " ".join(str(count) for count, _ in found))
        line(f"the same, half width of the 95 % interval over the mean, q = {q}, median",
             " ".join(f"{width:.2f}" for _, width in found))


def pretraining():
    print("\n## Pre-training over 10 000 s\n")
    print("Random phases, q = 1, loss after 100, 400, 1000, 2500, 5000, 10 000 updates: medians of")
    print("ten seeds beside one seed of the numpy simulation. The notebook's Figures 5, 13.")
    head("pre-training", "ours", "numpy, one seed")
    times = [100, 400, 1000, 2500, 5000, 10000]
    others = {"lms-0.1": [.0038, .0050, .0037, .0025, .0018, .0012],
              "lms-0.01": [.0168, .0059, .0035, .0033, .0034, .0032],
              "gd-0.1": [.0042, NAN, .0026, NAN, .0011, .0007]}
    for name, theirs in others.items():
        losses = checkpoint(f"pretrain-{name}")["pretrain.loss"][:, 0, 0, 0, :]
        kind, gamma = name.split("-")
        label = "online LMS" if kind == "lms" else "gradient descent"
        row(f"{label}, γ = {gamma}", [float(np.median(losses[:, t])) for t in times], theirs)
        if name == "lms-0.1":
            low = np.minimum.accumulate(losses, 1)
            rise = (losses / low).max(1)
    print(f"\nOnline LMS may raise the loss for a while, as it follows the current stretch of the")
    print(f"reference: with γ = 0.1 the loss comes back to {np.median(rise):.2f} times what it already")
    print(f"was (median of ten seeds; {rise.min():.2f} to {rise.max():.2f}; one seed of the numpy")
    print("simulation, N = 50: 1.5).")


def originals():
    rows = table("original-notebook")
    print("\n## The authors' notebook on LMS\n")
    print("`--preset original-notebook`: N = 40, cut-off 0.2 rad/s, SNR 2, gains 0.15, 0.15, 0.15, 0;")
    print("medians of ten seeds and their range beside one run. How that run's reference and weights")
    print("were drawn is not known; it begins at a loss ten times ours, and learns faster than any of")
    print("our seeds.")
    head("quantity", "ours", "lowest and highest seed", "theirs")
    at = lambda column, index: over_seeds(rows, column, "snr2", 4, index)
    begin = checkpoint("original-notebook")["train.loss"][:, 0, 0, 0, 0].tolist()
    for name, values, theirs in [
        ("loss before learning", begin, .1528),
        ("fitted speed, γ = 0.01", at("fit_rate", 0), .0581),
        ("last ten updates, γ = 0.01", at("naive", 0), 3.9e-4),
        ("fitted speed, γ = 0.07", at("fit_rate", 1), .263),
    ]:
        cells = [short(x) for x in (statistics.median(values), min(values), max(values), theirs)]
        line(name, cells[0], f"{cells[1]} {cells[2]}", cells[3])


def scaling():
    print("\n## How gradient and curvature grow with the expansion\n")
    print("`steady_state`, before learning, q = 1, 3, 5, 7, 9, medians of ten seeds. All assumptions")
    print("of the theory with ρ = 1 hold.")
    head("quantity", "ours", "numpy, lowest and highest over q")
    tensors = checkpoint("default")
    weights = tensors["initial.weight"]
    found = {name: [] for name in ("gradient", "trace", "spread", "curvature", "cosine")}
    for q in (1, 3, 5, 7, 9):
        n, values = 10 * q, {name: [] for name in found}
        for seed, w in enumerate(weights[:, :n]):
            h, b = tensors["task0.hessian"][seed, :n, :n], tensors["task0.linear"][seed, :n]
            d = tensors["task0.rule"][seed, :n, :n] @ w - tensors["task0.rule_linear"][seed, :n]
            g = h @ w - b
            values["gradient"].append(np.linalg.norm(g) / np.sqrt(q))
            values["trace"].append(np.trace(h) / n)
            values["spread"].append(np.trace(h @ h @ h) / np.trace(h @ h) / q)
            values["curvature"].append(d @ h @ d / (d @ d) / q)
            values["cosine"].append(g @ d / np.linalg.norm(g) / np.linalg.norm(d))
        for name, column in values.items():
            found[name].append(float(np.median(column)))
    row("gradient / √q", found["gradient"], [.050, .055])
    row("Tr H / N", found["trace"], [.0136, .016])
    row("Tr H³ / Tr H² / q", found["spread"], [.129, .141])
    row("d·Hd / d·d / q, d the mean update", found["curvature"], [.123, .138])
    row("cosine of gradient and mean update", found["cosine"], [.978, .983])
    at = lambda tag: [logged("steady_state", "docs-default", f"{tag}/q{q}") for q in (1, 3, 5, 7, 9)]
    row("γ q of the best mean update", at("network/best_gamma_q"), [4.9, 5.8])
    row("share of the loss that it takes", at("network/best_drop"), [.975, .992])


def initialisations():
    print("\n## Good and bad initialisations\n")
    print("`steady_state_init`: 80 seeds, random phases, N = 10, γ = 0.05, 2000 s.")
    head("quantity", "ours", "numpy")
    at = lambda tag: logged("steady_state_init", "docs", f"init/{tag}")
    row("seeds that set off the other way, the same way", [at("seeds/opposite"), at("seeds/same")],
        [28, 52], 1)
    row("their loss before learning", [at("begin/opposite"), at("begin/same")], [.133, .034])
    row("their loss after 2000 s", [at("end/opposite"), at("end/same")], [1.2e-3, 1.1e-3])
    row("rank correlation of mean y r over 5 s with the first loss", at("spearman_begin"), -.977)
    row("the same with the share that is left", at("spearman_share"), .88)


def main():
    print("# steady_state: the numbers\n")
    print("Made by `scripts/docs_steady_state`, with `scripts/steady_state_numbers.py`,")
    print("`scripts/steady_state_questions.py` and `scripts/reference/steady_state_divergence.py`; 2026-11-30, seeds")
    print("0 to 9, one thread of an AMD EPYC. *stored* is the authors' own stored simulation (one seed,")
    print("its w* from gradient descent, not the minimum), *notes* their written notes, *numpy* an")
    print("independent simulation of ten other seeds. Seeds differ, so medians are to be compared")
    print("within the spread of ten seeds, often a factor of two. Speeds are per second; losses are mean")
    print("squared errors, without a unit. What is asked and answered is in [steady_state](steady_state.md).")
    later()
    first_attempts()
    steadiness()
    pretraining()
    originals()
    scaling()
    initialisations()


if __name__ == "__main__":
    main()
