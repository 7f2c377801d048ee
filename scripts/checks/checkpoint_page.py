"""The tables of docs/checkpoints.md, and what of a checkpoint is not in them.

A section's lines are for the experiments that its heading names; those of "What is in a checkpoint" are
for all. `problems` says which tensors and numbers of a checkpoint have no line, or one of another kind or
shape; scripts/golden asks it for every checkpoint that it makes.
"""

import json
import math
import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs/checkpoints.md"
COMMON = "## What is in a checkpoint"
# What the parts of a name in angle brackets are, where not anything.
LAWS = {"i": r"\d+", "k": r"\d+", "buffer": r"\w+", "linear": r"(?!optim\.|state\.).+"}
KINDS = {"f32": "F32", "f64": "F64", "i64": "I64", "bool": "BOOL"}
# How many kinds of parameters a filter's profile has.
PROFILE = {"difference-of-gaussian": 3, "gaussian": 1, "difference-of-t": 3, "single-t": 1}
PIXELS = {"digits": 64, "mnist": 784}
CLASSES = 10
# Of steady_state: updates in a step, seconds between two knots, and cells at expansion 1.
SEGMENT, KNOT, CELLS = 50, 0.05, 10


class Row(NamedTuple):
    """A name in a line of a table, with what the line says of its shape."""

    experiments: tuple
    name: str
    shape: str

    def match(self, name):
        """The parts that vary in a name of this line, or none."""
        law = lambda part: f"(?P<{part[1]}>{LAWS.get(part[1], '.+')})"
        # The only point of a grid has no name.
        name_of_point, rest = re.fullmatch(r"(<point>\.)?(.*)", self.name).groups()
        expression = re.sub(r"<(\w+)>", law, re.escape(rest))
        if name_of_point:
            expression = r"(?!optim\.|state\.)(.+\.)?" + expression
        found = re.fullmatch(expression, name)
        return found and found.groupdict()

    def is_number(self):
        return self.shape in ("number", "list", "word")


def rows(text=None):
    """Every name of the page's tables of tensors and numbers."""
    found, experiments = [], ()
    text = PAGE.read_text(encoding="utf-8") if text is None else text
    for line in text[text.index(COMMON) :].splitlines():
        if line.startswith("## "):
            experiments = tuple(re.findall(r"`(\w+)`", line))
        cells = re.split(r"(?<!\\)\| ?", line)
        if len(cells) == 5 and re.match(r"`[^`]+` ?(,|$)|`[^`]+` $", cells[1]):
            shape = cells[2].strip()
            if shape.startswith(("`[", "as `", "number", "list", "word")):
                found += [Row(experiments, name, shape) for name in re.findall("`([^`]+)`", cells[1])]
    return found


def tensors_in(path):
    """The header of a safetensors file: kind, shape and place of every tensor by its name."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    return header


def problems(experiment, config, tensors, numbers, table):
    """What of a checkpoint the page does not say, a line each, and the rows that it used.

    - tensors: the header of the safetensors file, {name: {"dtype": ..., "shape": [...]}}
    - numbers: those of the manifest
    - table: what `rows` gives
    """
    lines, used = [], set()
    table = [row for row in table if not row.experiments or experiment in row.experiments]
    for name, tensor in tensors.items():
        found = [(row, row.match(name)) for row in table if not row.is_number()]
        found = [(row, parts) for row, parts in found if parts is not None]
        right = [row for row, parts in found if _fits(row, parts, experiment, config, tensor, tensors)]
        used.update(right)
        if not found:
            lines.append(f"docs/checkpoints.md has no line for {name}")
        elif not right:
            said = " or ".join(row.shape for row, _ in found)
            lines.append(f"{name} is {tensor['dtype']} {tensor['shape']}, docs/checkpoints.md has {said}")
    for name, value in numbers.items():
        kind = {str: "word", list: "list"}.get(type(value), "number")
        # What is not finite is a word in JSON.
        kind = "number" if value in ("inf", "-inf", "NaN") else kind
        right = [row for row in table if row.shape == kind and row.match(name) is not None]
        used.update(right)
        if not right:
            lines.append(f"docs/checkpoints.md has no line for the {kind} {name}")
    return lines, used


def _fits(row, parts, experiment, config, tensor, tensors):
    """Whether a tensor has the shape and the kind of a line."""
    if row.shape.startswith("as "):
        model = tensors.get(parts["tensor"])
        return model is not None and all(model[key] == tensor[key] for key in ("shape", "dtype"))
    listed, kind = re.fullmatch(r"`\[(.*)\]`(.*)", row.shape).groups()
    if tensor["dtype"] not in [KINDS[word] for word in kind.split() if word != "or"] and kind:
        return False
    if not kind and tensor["dtype"] != "F32":
        return False
    sizes = SIZES[experiment](config, parts)
    shape = []
    for part in filter(None, listed.split(", ")):
        if part == "..":
            shape += [sizes[".."]] if sizes[".."] > 1 else []
        elif part.isdigit():
            shape.append(int(part))
        else:
            symbol, _, more = part.partition(" + ")
            shape.append(sizes.get(symbol, math.nan) + int(more or 0))
    return tensor["shape"] == shape


def _selection(config, inputs, neurons):
    """Sizes of a selector layer."""
    choices = config["num_computation"]
    changes = [re.fullmatch(r"\d+:(\d+)@epoch(\d+)", text) for text in
               config.get("grow", []) + config.get("shrink", [])]
    for change in sorted(changes, key=lambda change: int(change[2])):
        choices = int(change[1])
    levels = (choices - 1).bit_length()
    return {"D": inputs, "N": neurons, "K": choices, "levels": levels, "rank": config["rank"]}


def _networks(config, parts):
    widths = [PIXELS[config["data"]], *config["hidden"]]
    layer = int(parts.get("i") or len(widths) - 1)
    domain = config.get("scenario") == "domain" and config["benchmark"] == "split"
    return {"..": config["replicates"], "C": 2 if domain else CLASSES,
            **_selection(config, widths[layer - 1], widths[layer])}


def _transformer(config, parts):
    width, inner, words = config["d_model"], config["feedforward"], config["vocab"]
    linear = parts.get("linear") or ""
    inputs, neurons = {"linear1": (width, inner), "linear2": (inner, width), "linear_out": (width, words)}.get(
        linear.rpartition(".")[2], (width, width))
    choices = config["num_computation"]
    attention = choices if config["replace"] in ("attention", "all") else 1
    linears = choices if config["replace"] in ("linear", "all") else 1
    return {"..": 1, "V": words, "d": width, "F": inner, **_selection(config, inputs, neurons),
            "all K": config["layers"] * (4 * attention + 2 * linears) + linears}


def _depth_width(config, _):
    lists = [config[name] for name in ("depths", "widths", "inits", "optimizers", "lrs")]
    return {"..": config["replicates"], "points": math.prod(map(len, lists)), "steps": config["descent_steps"]}


def _efficient_coding(config, _):
    parameters = PROFILE.get(config["shape"], 0)
    return {"..": config.get("replicates") or 1, "J": config["neurons"], "D": config["colours"] * config["kernel_size"] ** 2,
            "P": config["colours"] * (parameters + 1)}


def _apical(config, parts):
    pairs = len(config["lr_a"]) * len(config["lr_w"]) if isinstance(config["lr_a"], list) else 1
    runs, widths = pairs * config["replicates"], [PIXELS[config["data"]], *config["hidden"], CLASSES]
    layer = int(parts.get("k") or 0)
    return {"..": runs, "R": runs, "D": widths[layer], "N": widths[layer + 1]}


def _one_neuron(config, _):
    points = math.prod(len(config[name]) for name in ("optimizer", "gradient", "lr", "batch_size"))
    return {"..": config["replicates"], "R": config["replicates"], "P": points}


def _steady_state(config, parts):
    seeds, sizes, stage = config["replicates"], len(config["expansions"]), parts.get("stage")
    repeats, rules = config["repeats"], len(config["snr"]) * len(config["gammas"])
    group = max(min(config["batch_runs"] // (sizes * repeats * rules), seeds), 1)
    seconds = {name: config[f"{name}_seconds"] for name in ("pretrain", "train", "steady")}
    longest = max(seconds["train"], seconds["steady"], seconds["pretrain"], config["loss_seconds"])
    return {
        "..": 1, "S": seeds, "Q": sizes, "cells": CELLS * config["expansions"][-1],
        "G": min(group, seeds - group * int(parts.get("i") or 0)),
        "sinusoids": 4 if config["reference"].startswith("sines") else 101,
        "knots": math.ceil((longest + config["lookahead"]) / KNOT) + 2,
        "segments": -(-seconds["pretrain"] // SEGMENT), "seconds": seconds.get(stage),
        "stage repeats": 1 if stage == "pretrain" else repeats, "stage rules": 1 if stage == "pretrain" else rules,
    }


# What the page's letters stand for, of a configuration and the parts of a name.
SIZES = {
    "selector_mnist": _networks,
    "selector_continual": _networks,
    "selector_transformer": _transformer,
    "depth_width": _depth_width,
    "efficient_coding": _efficient_coding,
    "two_loss_toy": lambda config, _: {"..": 1, "M": len(config["methods"])},
    "apical_train": _apical,
    "apical_characterize": _apical,
    "apical_toy": lambda config, _: {"..": 1, "T": config["trials"], "N": config["neurons"], "D": config["inputs"]},
    "one_neuron": _one_neuron,
    "steady_state": _steady_state,
    "steady_state_init": _steady_state,
    "steady_state_theory": _steady_state,
}
