"""The numbers of docs/apical.md, from the runs that scripts/docs_apical makes.

    python3 scripts/reference/apical_numbers.py [RUNS]
"""

import json
import statistics
import sys
from pathlib import Path

RUNS = Path(sys.argv[1] if len(sys.argv) > 1 else "runs")


def history(binary, name):
    """What a run logged at its evaluations, as (step, values), and its configuration."""
    folder = RUNS / binary / name
    if not (folder / "metrics.jsonl").exists():
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


def sweep(name):
    entries, config = history("apical_train", name)
    if not entries:
        return
    rows = [["lr_a", "lr_w", "loss at start", "best loss", "last loss", "accuracy then",
             "exploded after passes", "phases 1 that lowered it"]]
    for i, (lr_a, lr_w) in enumerate(pairs(config)):
        losses = column(entries, f"run{i}/loss")
        start = column(entries, f"run{i}/phase1/loss_before")[0][1]
        drops = [drop for _, drop in column(entries, f"run{i}/phase1/drop")]
        exploded = column(entries, f"run{i}/exploded_at")
        rows.append([lr_a, lr_w, f"{start:.2f}", f"{min(v for _, v in losses):.3f}",
                     f"{losses[-1][1]:.3f}", f"{column(entries, f'run{i}/accuracy')[-1][1]:.3f}",
                     f"{exploded[-1][1]:.2f}" if exploded else "",
                     f"{sum(drop > 0 for drop in drops)} of {len(drops)}"])
    print(name)
    table(*rows)


def variance():
    for name in ["docs-variance", "docs-variance-multi"]:
        entries, config = history("apical_train", name)
        if not entries:
            continue
        steps = config["steps_per_phase"] * (1 + config["phase2_per_phase1"])
        rows = [["phases 1 done", "loss", "layer 0", "layer 1", "layer 2", "layer 3", "3 to 0"]]
        for epoch in [2, 5, 8, 10]:
            # Just after this phase 1; the multipliers stay as they are in phase 2.
            at = (epoch - 1) * steps + config["steps_per_phase"]
            values = dict(entries_at(entries, at))
            if not values:
                continue
            row = [epoch, f"{values['eval/loss']:.3f}"]
            for k in range(4):
                each = [values[f"run{i}/apical/layer{k}/variance"]
                        for i in range(config["replicates"])]
                row.append(f"{statistics.mean(each):.2e} ({min(each):.2e} to {max(each):.2e})")
            ratio = values["apical/layer3/variance"] / values["apical/layer0/variance"]
            rows.append(row + [f"{ratio:.0f}"])
        print(name)
        table(*rows)


def entries_at(entries, step):
    for at, values in entries:
        if at == step:
            yield from values.items()


def single():
    entries, config = history("apical_train", "docs-single")
    for i in range(config.get("replicates", 0)):
        losses = [(step / config["steps_per_phase"] - 1, value)
                  for step, value in column(entries, f"run{i}/loss")]
        start = column(entries, f"run{i}/phase1/loss_before")[0][1]
        shown = ", ".join(f"{int(p)}: {v:.2f}" for p, v in losses if p % 5 == 0)
        at = column(entries, f"run{i}/exploded_at")
        print(f"single, network {i}: start {start:.2f}; after passes {shown};",
              f"exploded after {at[-1][1]:.2f}" if at else "not exploded")
        for k in range(4):
            share = column(entries, f"run{i}/rates/layer{k}/power_above_one")
            power = column(entries, f"run{i}/rates/layer{k}/power")
            print(f"  layer {k}: share of power above 1: first {share[0][1]:.2f}, last",
                  f"{share[-1][1]:.2f}; power first {power[0][1]:.3g}, least",
                  f"{min(v for _, v in power):.3g}, last {power[-1][1]:.3g}")
    print()


def multi():
    entries, _ = history("apical_train", "docs-multi")
    befores, drops = column(entries, "phase1/loss_before"), column(entries, "phase1/drop")
    shown = ", ".join(f"{b:.2f} -> {b - d:.2f}" for (_, b), (_, d) in zip(befores, drops))
    losses = column(entries, "eval/loss")
    if losses:
        print(f"one to six, batch size 1: before and after each phase 1: {shown}; at the end",
              f"{losses[-1][1]:.2f}\n")


toy()
characterize()
for each in ["docs-sweep", "docs-sweep-cosine", "docs-sweep-bs1"]:
    sweep(each)
variance()
single()
multi()
