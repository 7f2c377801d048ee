"""The tables of docs/performance.md: how they are written, and how they are read again."""

import datetime
import os
import platform
import re
import subprocess

from .measure import PHASES
from .rows import ROOT, SEEDS

BEGIN, END = "<!-- table: scripts/bench -->", "<!-- end of table -->"
FORMS = {"eager": "PyTorch eager", "fused": "fused optimizer", "best": "best PyTorch", "jax": "JAX"}
CLOCKS = ("Wall time", "CPU time")


def duration(seconds):
    """Seconds in a unit in which they read well."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def ratio(number):
    """A ratio, to two places or three digits."""
    return f"{number:.2f}" if 0.1 <= number < 100 else f"{number:.3g}"


def first_cells(result):
    """The cells that every table begins with."""
    return [f"`{result['row'].name}`, {result['row'].unit}", str(result["threads"])]


def lines(head, rows):
    """A table in Markdown."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def times(results, clock):
    """The table of one clock: our time, and of each form its ratio to ours and its time."""
    def cell(result, form):
        """A form's ratio and time."""
        if form not in result["ratios"]:
            return "–"
        middle, low, high = (ratio(number) for number in result["ratios"][form][clock])
        return f"{middle} ({low} to {high}), {duration(result['theirs'][form][clock])}"

    head = ["work", "threads", "ours", *FORMS.values(), "share of the limit"]
    rows = []
    for result in results:
        share = result["ratios"].get("limit", [(0,)] * 2)[clock][0]
        cells = [duration(result["ours"][clock]), *(cell(result, form) for form in FORMS)]
        rows.append(first_cells(result) + cells + [f"{100 * share:.0f} %" if share >= 0.005 else "0 %"])
    return lines(head, rows)


def memory(results):
    """The table of peak memory, and of our phases."""
    head = ["work", "threads", "MiB, ours", *FORMS.values(), *PHASES]
    rows = []
    for result in results:
        cells = [f"{result['memory'][form]:.0f}" if form in result["memory"] else "–" for form in ("ours", *FORMS)]
        shares = result["shares"]
        cells += [f"{shares[phase]:.0f} %" if any(shares.values()) else "" for phase in PHASES]
        rows.append(first_cells(result) + cells)
    return lines(head, rows)


def machine():
    """Processor, cores and system."""
    model = platform.machine()
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def text(results, seeds, load, notes):
    """All that stands between the marks."""
    when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True, capture_output=True,
                            check=False).stdout.strip()
    versions = ", ".join(sorted({version for result in results for version in result["versions"]}))
    turns = " to ".join(str(count) for count in sorted({result["turns"] for result in results}))
    out = [f"Measured {when} at commit {commit or 'unknown'} on {machine()};",
           f"load {load:.1f} before; {versions}; medians of {turns} turns. A cell has the ratio of its time to ours",
           "(in brackets the lowest and highest of a turn; above 1 we are faster), and the time."]
    for clock, name in enumerate(CLOCKS):
        out += ["", f"{name}:", "", *times(results, clock)]
    peak = "Peak memory of the whole process, libraries and compilation included, and the shares of our phases:"
    out += ["", peak, "", *memory(results), ""]
    if seeds:
        together, apart, (middle, low, high) = seeds
        out += [f"Eight seeds of `{' '.join(SEEDS)}`, from start to end: {duration(together)} as `--replicates 8",
                f"--threads 2`, {duration(apart)} as eight processes, two at a time: {middle:.2f} times "
                f"({low:.2f} to {high:.2f}).", ""]
    limits = dict.fromkeys((result["row"].name, result["row"].limit) for result in results)
    out += ["What limits each row:", "", *(f"- `{name}`: {limit}." for name, limit in limits)]
    return "\n".join(out + (["", *notes] if notes else [])) + "\n"


def written(page, between):
    """A page with this between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the marks {BEGIN} and {END}")
    return f"{before}{begin}\n{between}{end}{after}"


def known(page, clock):
    """The ratios of a page's table of one clock: by work and threads, then by form."""
    found, head = {}, None
    part = page.partition(BEGIN)[2].partition(END)[0].partition(f"\n{CLOCKS[clock]}:\n")[2]
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if found and not line.startswith("|"):
            break
        if cells[0] == "work":
            head = cells
        elif head and line.startswith("| `"):
            ratios = {form: re.match(r"[\d.e+-]+", dict(zip(head, cells))[name]) for form, name in FORMS.items()}
            name = cells[0].rsplit("`", 1)[0].strip("`")
            found[name, int(cells[1])] = {form: float(match.group()) for form, match in ratios.items() if match}
    return found
