"""The tables of docs/receptive_fields.md and docs/efficient_coding_data.md, from the runs that
scripts/docs_receptive_fields makes. Prints them as Markdown; runs that are not there are left out."""

import csv
import json
from pathlib import Path

RUNS = Path("runs/efficient_coding")
FIELDS = [("shape", "difference-of-gaussian"), ("free", "free, centred and sharpened"), ("plain", "free, neither")]
DATA = ["gaussian", "contrast", "dead-leaves", "photos", "photos-8", "colour"]
INPUT_NOISE = 0.4**2


def last(run, tag):
    """The last value of a tag, and its standard deviation over seeds."""
    found = None
    with (RUNS / run / "metrics.jsonl").open() as lines:
        for line in lines:
            values = json.loads(line)["values"]
            if tag in values:
                found = values[tag], values.get(f"{tag}/sd", 0.0)
    return found


def spread(mean, sd, decimals=2):
    """A mean with its standard deviation, in a cell."""
    return f"{mean:.{decimals}f} ± {sd:.{decimals}f}"


def fields():
    """What the analysis found of each kind of filter."""
    found = []
    for name, label in FIELDS:
        path = RUNS / f"docs-fields-{name}" / "receptive_fields/receptive_fields.json"
        if path.exists():
            found.append((name, label, json.loads(path.read_text())))
    if not found:
        return
    print("\n| |", " | ".join(label for _, label, _ in found), "|\n|" + "---|" * (len(found) + 1))
    info = [spread(*last(f"docs-fields-{name}", "eval/MI")) for name, _, _ in found]
    print("| information, bits |", " | ".join(info), "|")
    keys = list(dict.fromkeys(key for _, _, numbers in found for key in numbers["mean"]))
    for key in keys:
        cells = [spread(numbers["mean"][key], numbers["sd"][key], 3) if key in numbers["mean"] else "-"
                 for _, _, numbers in found]
        print(f"| {key} |", " | ".join(cells), "|")
    for sign in ("ON", "OFF"):
        cells = []
        for _, _, numbers in found:
            types = [kind for each in numbers["replicates"] for kind in each["cell_types"]
                     if kind["type"].startswith(sign + " ") and kind["regularity"] is not None]
            regular = sum(kind["regularity_p"] < 0.05 for kind in types)
            cells.append(f"{regular} of {len(types)}")
        print(f"| {sign} types more regular than chance (p < 0.05), of those that can be tested |", " | ".join(cells), "|")


def spectra():
    """The eigenvalues of the patches' covariances."""
    print("\n| ensemble | variance in all | largest eigenvalue's share | ten largest | eigenvalues above the noise |")
    print("|---|---|---|---|---|")
    for name in DATA:
        path = RUNS / f"docs-data-{name}" / "figures/input_spectrum.csv"
        if not path.exists():
            continue
        with path.open() as lines:
            rows = list(csv.DictReader(lines))
        values = [float(row["y"]) for row in rows]
        total = sum(values)
        above = sum(value > INPUT_NOISE for value in values)
        print(f"| {name} | {total:.1f} | {100 * values[0] / total:.0f} % | {100 * sum(values[:10]) / total:.0f} %"
              f" | {above} of {len(values)} |")


fields()
spectra()
