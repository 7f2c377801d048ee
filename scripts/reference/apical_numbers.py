"""The numbers of docs/apical.md, from the runs that scripts/docs_apical makes.

    python3 scripts/reference/apical_numbers.py [RUNS]
"""

import csv
import json
import math
import statistics
import sys
from pathlib import Path

RUNS = Path(sys.argv[1] if len(sys.argv) > 1 else "runs")


def history(binary, name):
    """What a run that has ended logged, as (step, values), and its configuration."""
    return read(RUNS / binary / name)


def read(folder):
    """The same of a run in a folder."""
    summary = folder / "summary.json"
    if not summary.exists() or json.loads(summary.read_text())["status"] == "running":
        return [], {}
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    entries = [(e["step"], e["values"]) for e in map(json.loads, lines)]
    return entries, json.loads((folder / "config.json").read_text())


def table(*rows):
    for i, row in enumerate(rows):
        print("|", " | ".join(str(cell) for cell in row), "|")
        if i == 0:
            print("|" + "---|" * len(row))
    print()


def column(entries, tag):
    return [(step, values[tag]) for step, values in entries if values.get(tag) is not None]


def pairs(config):
    return [(a, w) for _ in range(config["replicates"]) for a in config["lr_a"]
            for w in config["lr_w"]]


def toy():
    entries, _ = history("apical_toy", "docs-toy")
    if entries:
        last = {}
        for _, values in entries:
            last.update(values)
        rows = [["", "silent", "converged", "grown", "falling", "closed_form_error"]]
        for name in ["relu", "linear", "tanh"]:
            for law in ["uniform", "gaussian"]:
                tags = [f"{what}/{name}/{law}" for what in rows[0][1:]]
                rows.append([f"{name}, a {law}"] + [f"{last.get(tag, 0):.4g}" for tag in tags])
        table(*rows)


def characterize():
    entries, _ = history("apical_characterize", "docs-characterize")
    if not entries:
        return
    last = {tag: value for _, values in entries for tag, value in values.items()}
    rows = [["layer", "sd", "skewness", "negative", "first cosine", "last cosine"]]
    for k in range(4):
        cosines = column(entries, f"rule/cosine/layer{k}")
        rows.append([k] + [f"{last[f'gradient/{w}/layer{k}']:.4f}"
                           for w in ["sd", "skewness", "negative"]]
                    + [f"{cosines[0][1]:.2f}", f"{cosines[-1][1]:.2f}"])
    table(*rows)
    losses = column(entries, "train/loss")
    low = min(losses, key=lambda pair: pair[1])
    print(f"batch loss: first {losses[0][1]:.2f}, least {low[1]:.2f} in batch {low[0]}, mean of",
          f"the last 20 {statistics.mean(v for _, v in losses[-20:]):.2f}; largest drop in the map",
          f"{last['map/largest_drop']:.2f}\n")


def steps():
    """How many networks' losses a step of phase 1 raises, by its length lr N / b."""
    entries, config = history("apical_characterize", "docs-steps")
    if not entries:
        return
    last = {tag: value for _, values in entries for tag, value in values.items()}
    rows = [["lr N / b", "networks", "loss rose", "by more than 1", "by more than 10", "mean drop"]]
    tags = [tag for tag in last if tag.startswith("map/drop/") and tag.endswith("/r0")]
    for tag in sorted(tags, key=lambda tag: float(tag.split("_lr")[1].split("/")[0])):
        each = [last[f"{tag[:-1]}{i}"] for i in range(config["replicates"])]
        rows.append([tag.split("_lr")[1].split("/")[0], len(each)]
                    + [sum(drop < -bound for drop in each) for bound in (0, 1, 10)]
                    + [f"{statistics.mean(each):.2f}"])
    table(*rows)


def uncleared():
    """How many values of gradients that are never cleared lie within the histogram."""
    rows = [["seed", "layer", "within the range", "of them below 0"]]
    for seed in range(3):
        file = RUNS / f"apical_characterize/docs-uncleared-s{seed}/figures/gradient_histogram.csv"
        if not file.exists():
            return
        layers = {}
        for point in csv.DictReader(file.open()):
            layers.setdefault(point["series"].split(":")[0], []).append(
                (float(point["x"]), float(point["y"])))
        for layer, bins in layers.items():
            rows.append([seed, layer, f"{sum(y for _, y in bins):.0f}",
                         f"{sum(y for x, y in bins if x < 0):.0f}"])
    table(*rows)


def spent(passes, config):
    """Passes at the starting rate that so many passes of a schedule add up to."""
    if config["schedule"] == "constant":
        return passes
    whole = int(passes)
    rates = [(1 + math.cos(math.pi * e / config["epochs"])) / 2 for e in range(whole + 1)]
    return sum(rates[:whole]) + (passes - whole) * rates[whole]


def sweep(name):
    entries, config = history("apical_train", name)
    if not entries:
        return
    rows = [["lr_a", "lr_w", "loss at start", "best loss", "last loss", "accuracy then",
             "largest rise", "exploded after passes", "at the starting rate",
             "phases 1 that lowered it"]]
    for i, (lr_a, lr_w) in enumerate(pairs(config)):
        losses = column(entries, f"run{i}/loss")
        start = column(entries, f"run{i}/phase1/loss_before")[0][1]
        drops = [drop for _, drop in column(entries, f"run{i}/phase1/drop")]
        exploded = column(entries, f"run{i}/exploded_at")
        at = exploded[-1][1] if exploded else None
        # From the lowest loss so far, of a curve that goes on.
        values = [v for _, v in losses]
        rise = max(v - min(values[:n + 1]) for n, v in enumerate(values))
        rows.append([lr_a, lr_w, f"{start:.2f}", f"{min(v for _, v in losses):.3f}",
                     f"{losses[-1][1]:.3f}", f"{column(entries, f'run{i}/accuracy')[-1][1]:.3f}",
                     f"{rise:.2f}", f"{at:.2f}" if exploded else "",
                     f"{spent(at, config):.2f}" if exploded else "",
                     f"{sum(drop > 0 for drop in drops)} of {len(drops)}"])
    print(name)
    table(*rows)
    accuracies = [v for i in range(len(pairs(config)))
                  for _, v in column(entries, f"run{i}/accuracy")]
    drops = [drop for i in range(len(pairs(config)))
             for _, drop in column(entries, f"run{i}/phase1/drop")]
    print(f"accuracy over all curves: {min(accuracies):.3f} to {max(accuracies):.3f};",
          f"{sum(drop > 0 for drop in drops)} of {len(drops)} phases 1 lowered the loss\n")


def variance():
    for name in ["docs-variance", "docs-variance-multi"]:
        entries, config = history("apical_train", name)
        if not entries:
            continue
        steps = config["steps_per_phase"] * (1 + config["phase2_per_phase1"])
        rows = [["phases 1 done", "loss", "layer 0", "layer 1", "layer 2", "layer 3", "3 to 0"]]
        networks = range(config["replicates"])
        for epoch in [3, 5, 10, 12, 23]:
            # Just after this phase 1; the multipliers stay as they are in phase 2.
            at = (epoch - 1) * steps + config["steps_per_phase"]
            values = dict(entries_at(entries, at))
            if not values:
                continue
            row = [epoch, ", ".join(f"{values[f'run{i}/loss']:.3f}" for i in networks)]
            for k in range(4):
                each = [values[f"run{i}/apical/layer{k}/variance"] for i in networks]
                row.append(", ".join(f"{value:.2e}" for value in each))
            first, last = ([values[f"run{i}/apical/layer{k}/variance"] for i in networks] for k in (0, 3))
            rows.append(row + [", ".join(f"{b / a:.0f}" for a, b in zip(first, last))])
        print(name)
        table(*rows)


def spreads():
    """Mean and standard deviation of 1 - a over the neurons of each layer, and its relative spread."""
    entries, config = history("apical_train", "docs-variance")
    if not entries:
        return
    per_epoch = config["steps_per_phase"] * (1 + config["phase2_per_phase1"])
    rows = [["phases 1 done", "network", "1 - mean", "sd", "sd over 1 - mean", "above 1",
             "mean, 3 to 0", "variance, 3 to 0"]]
    for epoch in [1, 10, 23]:
        values = dict(entries_at(entries, (epoch - 1) * per_epoch + config["steps_per_phase"]))
        for i in range(config["replicates"]):
            of = [{what: values[f"run{i}/apical/layer{k}/{what}"]
                   for what in ("mean", "variance", "above_one")} for k in range(4)]
            moved, sd = [1 - one["mean"] for one in of], [one["variance"] ** 0.5 for one in of]
            rows.append([epoch, i, ", ".join(f"{m:.2e}" for m in moved),
                         ", ".join(f"{s:.2e}" for s in sd),
                         ", ".join(f"{s / m:.2f}" for m, s in zip(moved, sd)),
                         ", ".join(f"{one['above_one']:.2f}" for one in of),
                         f"{moved[3] / moved[0]:.1f}", f"{(sd[3] / sd[0]) ** 2:.0f}"])
    table(*rows)


def common(name):
    """Passes until the explosion of each pair of learning rates, over networks that all pairs share."""
    entries, config = history("apical_train", name)
    if not entries:
        return
    each = {}
    for i, pair in enumerate(pairs(config)):
        at = column(entries, f"run{i}/exploded_at")
        each.setdefault(pair, []).append(at[-1][1] if at else math.inf)
    rows = [["lr_a", "lr_w", "exploded after", "mean", "sd", "last over first"]]
    for (lr_a, lr_w), at in each.items():
        ended = [value for value in at if value < math.inf]
        rows.append([lr_a, lr_w, ", ".join(f"{v:.2f}" if v < math.inf else "-" for v in at),
                     f"{statistics.mean(ended):.2f}" if ended else "",
                     f"{statistics.stdev(ended):.2f}" if len(ended) > 1 else "",
                     f"{max(ended) / min(ended):.2f}" if len(ended) > 1 else ""])
    total = sum(value < math.inf for at in each.values() for value in at)
    print(f"{name}: the same initial weights for every pair, {config['replicates']} seeds, {total} explosions")
    table(*rows)


def bounds():
    """Losses at the end with multipliers of at most 1 and without a bound, over the pairs of learning rates
    that live under both."""
    free, config = history("apical_train", "docs-bound-free")
    bounded, _ = history("apical_train", "docs-bound-1")
    if not free or not bounded:
        return
    count = len(config["lr_a"]) * len(config["lr_w"])
    rows = [["seed", "pairs", "median without a bound", "with it", "lower with it"]]
    medians = []
    for seed in range(config["replicates"]):
        live = [i for i in range(seed * count, (seed + 1) * count)
                if not any(column(entries, f"run{i}/exploded_at") for entries in (free, bounded))]
        losses = [[column(entries, f"run{i}/loss")[-1][1] for i in live] for entries in (free, bounded)]
        medians.append([statistics.median(of) for of in losses])
        rows.append([config["seed"] + seed, len(live), *(f"{m:.4f}" for m in medians[-1]),
                     f"{sum(b < a for a, b in zip(*losses))} of {len(live)}"])
    means = [statistics.mean(of) for of in zip(*medians)]
    rows.append(["mean", "", *(f"{m:.4f}" for m in means), ""])
    print("losses at the end, of the pairs that live without a bound and with one of 1")
    table(*rows)


def map_of_settings():
    """The best cells of the map, with the pair of learning rates they are at, over all rates and at each lr_w.
    Folders are those of `lab sweep`."""
    rows = [["sweep", "loss", "activation", "phases 1, 2", "a", "best", "lr_a", "lr_w", "best at each lr_w"]]
    for folder in sorted((RUNS / "sweeps").glob("docs-map-*/apical_train/*")):
        entries, config = read(folder)
        if not entries:
            continue
        length = config["steps_per_phase"] * (config.get("phase1_per_epoch", 1) + config["phase2_per_phase1"])
        cells = {}
        for i, pair in enumerate(pairs(config)):
            ends = [v for step, v in column(entries, f"run{i}/accuracy") if step % length == 0]
            if ends and not column(entries, f"run{i}/exploded_at"):
                cells[pair] = ends[-1]
        best = max(cells, key=cells.get)
        each = [max((v for (_, w), v in cells.items() if w == rate), default=None) for rate in config["lr_w"]]
        kind = " ".join(str(config[key]) for key in ("target", "a_update", "a_max"))
        rows.append([folder.parent.parent.name, config["loss"], config["activation"],
                     f"{config.get('phase1_per_epoch', 1)}, {config['phase2_per_phase1']}", kind,
                     f"{cells[best]:.3f}", *best, ", ".join("-" if v is None else f"{v:.3f}" for v in each)])
    if len(rows) > 1:
        table(*rows)


def text():
    """The printed algorithm: loss on D_test and accuracy of each network after some epochs."""
    entries, config = history("apical_train", "docs-text")
    if not entries:
        return
    networks = range(config["replicates"])
    rows = [["epoch", "loss before phase 1", "after phase 1", "after phase 2", "accuracy"]]
    for epoch in range(1, config["epochs"] + 1):
        middle, end = [dict(entries_at(entries, (2 * epoch - back) * config["steps_per_phase"]))
                       for back in (1, 0)]
        row = [epoch]
        for values, what in [(middle, "phase1/loss_before"), (middle, "loss"), (end, "loss"),
                             (end, "accuracy")]:
            tags = [f"run{i}/{what}" for i in networks]
            row.append(", ".join(f"{values[t]:.3f}" if t in values else "-" for t in tags))
        rows.append(row)
    print("the printed algorithm")
    table(*rows)
    each = [v for i in networks for tag in ("accuracy", "phase1/accuracy_before")
            for _, v in column(entries, f"run{i}/{tag}")]
    print(f"accuracy over all curves: {min(each):.3f} to {max(each):.3f}\n")


def learning():
    """Accuracy at the end of each network, or where it exploded, in the runs of five seeds."""
    for name in ["docs-learn-multipliers", "docs-learn-rule", "docs-learn-frozen"]:
        entries, config = history("apical_train", name)
        if not entries:
            continue
        each = {}
        for i, (_, lr_w) in enumerate(pairs(config)):
            each.setdefault(lr_w, []).append(column(entries, f"run{i}/accuracy")[-1][1])
        rows = [["lr_w", "accuracy"]]
        rows += [[lr_w, ", ".join(f"{a:.2f}" for a in all_of)] for lr_w, all_of in each.items()]
        print(name)
        table(*rows)


def entries_at(entries, step):
    for at, values in entries:
        if at == step:
            yield from values.items()


def single(name):
    entries, config = history("apical_train", name)
    if not entries:
        return
    losses = [(step / config["steps_per_phase"] - 1, value)
              for step, value in column(entries, "eval/loss")]
    start = column(entries, "phase1/loss_before")[0][1]
    shown = ", ".join(f"{int(p)}: {v:.2f}" for p, v in losses if p % 5 == 0)
    at = column(entries, "run0/exploded_at")
    print(f"{name}: start {start:.2f}; after passes {shown};",
          f"exploded after {at[-1][1]:.2f}" if at else "not exploded")
    for k in range(4):
        share = column(entries, f"rates/layer{k}/power_above_one")
        power = column(entries, f"rates/layer{k}/power")
        above = column(entries, f"apical/layer{k}/above_one")[0][1]
        # The pass from which on the share is above a bound to the end.
        since = []
        for bound in (0.5, 0.95):
            below = [i for i, (_, v) in enumerate(share) if v < bound]
            first = below[-1] + 1 if below else 0
            since.append(f"from pass {first} on" if first < len(share) else "not at the end")
        print(f"  layer {k}: neurons above 1: {above:.2f}; their share of the power: first",
              f"{share[0][1]:.2f}, last {share[-1][1]:.2f}, above 0.5 {since[0]}, above 0.95",
              f"{since[1]}; power: first {power[0][1]:.3g}, least",
              f"{min(v for _, v in power):.3g}, last {power[-1][1]:.3g}")
    print()


def seeds():
    entries, config = history("apical_train", "docs-single-seeds")
    if not entries:
        return
    rows = [["seed", "start", "after phase 1", "5 passes", "20", "40", "lowest", "after pass",
             "largest rise", "exploded after"]]
    for i in range(config["replicates"]):
        losses = [v for _, v in column(entries, f"run{i}/loss")]
        low = min(range(len(losses)), key=losses.__getitem__)
        at = column(entries, f"run{i}/exploded_at")
        start = column(entries, f"run{i}/phase1/loss_before")[0][1]
        shown = [f"{losses[p]:.2f}" if p < len(losses) else "-" for p in (0, 5, 20, 40)]
        dip = max(range(len(losses)), key=lambda n: losses[n] - min(losses[:n + 1]))
        rows.append([config["seed"] + i, f"{start:.2f}", *shown, f"{losses[low]:.2f}", low,
                     f"{losses[dip] - min(losses[:dip + 1]):.2f}",
                     f"{at[-1][1]:.2f}" if at else ""])
    print("one phase 1, other networks")
    table(*rows)


def multi():
    entries, _ = history("apical_train", "docs-multi")
    starts, drops = column(entries, "phase1/loss_before"), column(entries, "phase1/drop")
    shown = ", ".join(f"{b:.2f} -> {b - d:.2f}" for (_, b), (_, d) in zip(starts, drops))
    losses = column(entries, "eval/loss")
    if losses:
        print(f"one to six, batch size 1: before and after each phase 1: {shown}; at the end",
              f"{losses[-1][1]:.2f}\n")


def batch_sizes():
    rows = [["batch size", "lr_w", "loss after 5", "10", "15", "20 epochs", "exploded after"]]
    for pair in ["30-3e-4", "1-1e-5", "1-3e-4"]:
        batch, lr_w = pair.split("-", 1)
        entries, config = history("apical_train", f"docs-batch-{pair}")
        if not entries:
            continue
        row = [batch, lr_w]
        for epoch in [5, 10, 15, 20]:
            at = dict(entries_at(entries, epoch * 2 * config["steps_per_phase"]))
            row.append(", ".join(f"{at[f'run{i}/loss']:.3f}" if f"run{i}/loss" in at else "-"
                                 for i in range(config["replicates"])))
        exploded = [column(entries, f"run{i}/exploded_at") for i in range(config["replicates"])]
        row.append(", ".join(f"{at[-1][1]:.1f}" if at else "-" for at in exploded))
        rows.append(row)
    print("digits")
    table(*rows)


toy()
characterize()
steps()
uncleared()
batch_sizes()
for each in ["docs-sweep", "docs-sweep-cosine", "docs-sweep-bs1", "docs-sweep-amax1",
             "docs-sweep-bs1-lr"]:
    sweep(each)
for each in ["docs-bound-free", "docs-common"]:
    common(each)
bounds()
map_of_settings()
text()
learning()
variance()
spreads()
single("docs-single")
single("docs-single-half")
seeds()
multi()
