"""Sweeps of which something is killed: every point is run once, and the results are the same."""

import contextlib
import os
import random
import signal
import time
from dataclasses import dataclass

from bench import GLANCE, Once, new_folder, running
from ended import Outcome, children, wrong
from runs import Place, differences, digests

NAME, EXPERIMENT = "four", "selector_mnist"
BEGIN = ["lab", "sweep", EXPERIMENT, "--data", "digits", "--hidden", "8", "--epochs", "3", "--device", "cpu",
         "--log-every", "10", "--checkpoint-every", "15", "--jobs", "2",
         "--grid", "lr=0.02,0.2", "--grid", "seed=0,1", "--name", NAME]  # fmt: skip
RESUME = ["lab", "sweep", "--resume", NAME, "--jobs", "2"]
# What is killed, and how often of twelve times.
VICTIMS = {"the sweep": 5, "the sweep and its points": 4, "a point": 3}
PARTS = ("status", "checkpoint", "tensors", "log", "figures")


@dataclass
class WholeSweep:
    """A sweep that nothing disturbed."""

    seconds: float
    points: dict
    results: dict


def results(home):
    """Digests of the table and the figures of a sweep."""
    folder = home / "runs/sweeps" / NAME
    return digests([folder / "table.csv", *folder.glob("figures/*")])


def points(home):
    """The runs of a sweep by their names."""
    above = f"sweeps/{NAME}/{EXPERIMENT}"
    return {path.name: Place(home, above, path.name) for path in (home / "runs" / above).glob("*")}


def make_whole(bench):
    with new_folder() as home:
        begun = time.monotonic()
        ended = bench.call(BEGIN, home)
        seconds = time.monotonic() - begun
        if ended.code != 0:
            raise RuntimeError(f"undisturbed: {ended}")
        return WholeSweep(seconds, {name: place.print() for name, place in points(home).items()}, results(home))


WHOLE = Once(make_whole)


def members(process):
    """The process ids of the points that a sweep runs, each in a group of its own."""
    return [number for number in children(process.pid) if os.getpgid(number) == number]


def strike(stream, process, seconds):
    """Kills something of a sweep at a random moment; gives what, or None after the end."""
    until = time.monotonic() + stream.random() * seconds
    victim = stream.choices(list(VICTIMS), VICTIMS.values())[0]
    while running(process) and time.monotonic() < until:
        time.sleep(GLANCE)
    # A point is killed when there is one.
    while running(process) and victim == "a point" and not members(process):
        time.sleep(GLANCE)
    if not running(process):
        return None
    found = members(process) if victim != "the sweep" else []
    for number in found[:1] if victim == "a point" else found:
        # It may have ended just now.
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    if victim != "a point":
        os.killpg(process.pid, signal.SIGKILL)
    return victim


def sweeps(bench, stream: random.Random):
    """Something of a sweep is killed up to three times, then the end."""
    outcome, whole = Outcome(), WHOLE.get(bench)
    with new_folder() as home:
        finished = {}

        def words():
            return RESUME if (home / f"runs/sweeps/{NAME}/sweep.json").exists() else BEGIN

        for _ in range(stream.randint(1, 3)):
            process = bench.start(words(), home)
            victim = strike(stream, process, whole.seconds)
            ended = bench.finish(process)
            finished |= {name: at for name, at in done(home).items() if name not in finished}
            if victim is not None:
                outcome.tried[victim] += 1
            if victim in (None, "a point"):
                outcome.found += wrong(ended, {0})
                break
        outcome.found += wrong(bench.call(words(), home), {0})
        again = sorted(name for name, at in finished.items() if done(home).get(name) != at)
        if again:
            outcome.found.append(f"{', '.join(again)}: run again")
        if not outcome.found:
            outcome.found = compare(whole, home)
    return outcome


def done(home):
    """When each point that is done was done."""
    return {name: (place.run / "summary.json").stat().st_mtime_ns for name, place in points(home).items()
            if place.summary().get("status") == "done"}  # fmt: skip


def compare(whole, home):
    """What differs from a sweep that nothing disturbed."""
    now, found = points(home), []
    if set(now) != set(whole.points):
        found.append(f"points {', '.join(sorted(now))}, undisturbed {', '.join(sorted(whole.points))}")
    for name in sorted(set(now) & set(whole.points)):
        lines = differences(whole.points[name], now[name].print(), PARTS) + now[name].leftovers()
        found += [f"{name}: {line}" for line in lines]
    return found + differences({"results": whole.results}, {"results": results(home)}, ["results"])
