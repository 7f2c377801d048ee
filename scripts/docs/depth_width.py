"""The explosion boundary of Adam by finer widths, from the run docs-boundary of scripts/docs_depth_width: a table in
Markdown, and how the boundary of a seed falls with the rate.

Usage: depth_width.py
"""

import json
import pathlib
import re

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Of Student's t with nine degrees of freedom, for a two-sided interval of 95 %.
T_OF_TEN = 2.262
TAG = re.compile(r"exploded/adam/lr([\d.]+)/default/d2/w(\d+)/r(\d+)")


def boundary(flags):
    """The narrowest width from which on all explode, of {width: whether}; NaN where that is an end of the widths."""
    widths = sorted(flags)
    wide = len(widths)
    while wide > 0 and flags[widths[wide - 1]]:
        wide -= 1
    return widths[wide] if 0 < wide < len(widths) else np.nan


def main():
    """Prints the table and the slope."""
    lines = (ROOT / "runs/depth_width/docs-boundary/metrics.jsonl").read_text().splitlines()
    exploded = {}
    for key, value in json.loads(lines[-1])["values"].items():
        if found := TAG.fullmatch(key):
            rate, width, seed = float(found[1]), int(found[2]), int(found[3])
            exploded.setdefault((rate, seed), {})[width] = value > 0.5
    rates, seeds = (sorted(set(axis)) for axis in zip(*exploded))
    widths = np.array([[boundary(exploded[rate, seed]) for rate in rates] for seed in seeds])
    print("| learning rate | narrowest exploding width, median over seeds | of the seeds |\n|---|---|---|")
    for rate, column in zip(rates, widths.T):
        print(f"| {rate} | {np.median(column):.0f} | {column.min():.0f} to {column.max():.0f} |")
    slopes = np.array([np.polyfit(np.log(rates), np.log(row), 1)[0] for row in widths])
    error = T_OF_TEN * slopes.std(ddof=1) / len(slopes) ** 0.5
    print(f"\nwidth ~ rate^{slopes.mean():.2f} ± {error:.2f}, 95 % of {len(slopes)} seeds")


main()
