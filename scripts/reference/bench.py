"""What scripts/bench does: measures every experiment's work beside the same work in PyTorch and in JAX, turn
about, and writes its tables.

Our side is the program itself: the time of a long run less that of a short one, evaluations, checkpoints and
figures left out, so that starting up counts for nothing. The other side are processes that do as many units
of work as they are told (speed/), a long amount less a short one too, after they have compiled.
"""

import argparse
import os
import pathlib
import shutil
import sys
import time

from speed import page as pages
from speed.forms import compiler
from speed.measure import eight_seeds, measure
from speed.rows import ROOT, ROWS, SEEDS

# A row has fallen where its ratio is less than this share of the table's.
FALLEN = 0.9
# Turns and the seconds of a row in --quick.
QUICK_TURNS, QUICK_SECONDS = 3, 12
# On two threads there are fewer turns, and the forms alone that were written to win.
TWO_TURNS, TWO_FORMS = 3, ("best", "jax", "limit")


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures our programs beside PyTorch and JAX.")
    parser.add_argument("programs", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("out", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("rows", nargs="*", metavar="WORD", help="only rows whose name has one of these words")
    parser.add_argument("--turns", type=int, default=5, help="most turns of a row")
    parser.add_argument("--threads", default="1,2", help="thread counts, separated by commas; 2 for some rows")
    parser.add_argument("--minutes", type=float, default=21, help="when no more than three turns of a row begin")
    parser.add_argument("--quick", action="store_true", help="a few rows beside eager PyTorch, against the table")
    parser.add_argument("--check", action="store_true", help="only compare the forms' numbers with each other")
    parser.add_argument("--page", type=pathlib.Path, help="write to a copy of the page instead")
    return parser.parse_intermixed_args()


def chosen(words, threads):
    """The rows and threads that are measured, in the order of the table."""
    named = [row for row in ROWS if not words or any(word in row.name for word in words)]
    return [(row, count) for row in named for count in threads if count == 1 or row.two]


def full(options):
    """Measures all rows and writes the page."""
    threads = [int(count) for count in options.threads.split(",")]
    load, results, missing = os.getloadavg()[0], [], []
    work = chosen(options.rows, threads)
    # A run that was stopped while it compiled leaves half a library there.
    shutil.rmtree(ROOT / ".reference/inductor", ignore_errors=True)
    end = time.monotonic() + 60 * options.minutes
    for number, (row, count) in enumerate(work):
        share = max(end - time.monotonic(), 0) / (len(work) - number)
        turns = options.turns if count == 1 else min(options.turns, TWO_TURNS)
        forms = (*row.forms, "limit") if count == 1 else TWO_FORMS
        try:
            result = measure(row, options.programs / row.experiment, count, turns, share, forms)
        except (OSError, RuntimeError, ValueError) as error:
            missing.append(f"`{row.name}` on {count} threads ({error})")
            print(f"not measured: {missing[-1]}", flush=True)
            continue
        results.append(result)
        print(f"{pages.times([result], 0)[2]} {result['turns']} turns in {result['seconds']:.0f} s", flush=True)
    if not results:
        sys.exit(f"nothing was measured: {'; '.join(missing)}")
    seeds = None
    if 2 in threads and (not options.rows or any(word in " ".join(SEEDS) for word in options.rows)):
        seeds = eight_seeds(options.programs, min(options.turns, 3))
    notes = [f"{note}." for note in (compiler(), f"Not measured: {'; '.join(missing)}" if missing else "") if note]
    between = pages.text(results, seeds, load, notes)
    target = options.page or options.out
    target.write_text(pages.written(options.out.read_text(encoding="utf-8"), between), encoding="utf-8")
    print(f"{target}: {len(results)} rows" + (f", not measured: {len(missing)}" if missing else ""))


def quick(options):
    """Measures a few rows beside eager PyTorch and says which of them fell; gives the exit code."""
    table = pages.known((options.page or options.out).read_text(encoding="utf-8"), clock=1)
    fallen = unknown = 0
    for row, threads in chosen(options.rows, [1]):
        if not row.quick:
            continue
        expected = table.get((row.name, threads), {}).get("eager")
        if expected is None:
            unknown += 1
            print(f"not in the table: {row.name}", flush=True)
            continue
        result = measure(row, options.programs / row.experiment, threads, QUICK_TURNS, QUICK_SECONDS, ["eager"])
        middle, low, high = result["ratios"]["eager"][1]
        fell = middle < FALLEN * expected
        fallen += fell
        print(f"{'FELL' if fell else 'held'}  {row.name}: {pages.ratio(middle)} ({pages.ratio(low)} to "
              f"{pages.ratio(high)}), {pages.ratio(expected)} in the table", flush=True)
    print(f"{fallen} rows fell by more than {100 * (1 - FALLEN):.0f} %" + (f", {unknown} unknown" if unknown else ""))
    return 1 if fallen else 0


def main():
    """Does what the command line says."""
    options = arguments()
    if options.check:
        from speed.agree import check

        sys.exit(1 if check() else 0)
    if options.quick:
        sys.exit(quick(options))
    full(options)


if __name__ == "__main__":
    main()
