"""Kills, signals and disk errors: a run that is disturbed ends, resumed, as an undisturbed one."""

import errno
import os
import signal
import time

from bench import GLANCE, SIGNALS, new_folder, running
from ended import Outcome, wrong
from runs import Place, differences

# All that a killed run must have in the end.
ALL = ("status", "checkpoint", "tensors", "log", "figures")
STAGES = ("at the start", "in training", "while figures are drawn")
# What a program says that is to go on with a run that is finished.
OVER = "is finished"
# Errors of a disk: full, broken, over the quota.
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT)


def reached(stage, place, steps):
    """Whether a run has come to a stage."""
    if stage == 0:
        return True
    if stage == 1:
        return (place.run / "config.json").exists()
    return place.newest() >= steps


def strike(bench, random, key, home, process, number):
    """Sends a signal at a random moment of a random stage; gives the stage, or None after the end."""
    whole, place = bench.whole(key), Place(home, key[0])
    stage = random.choices((0, 1, 2), (1, 5, 4))[0]
    span = (whole.seconds, max(whole.training - whole.figures, 0.005), whole.figures + 0.01)[stage]
    wait = random.random() * span
    while running(process) and not reached(stage, place, whole.steps):
        if process.patience.is_over():
            return None
        time.sleep(GLANCE)
    until = time.monotonic() + wait
    while running(process) and time.monotonic() < until:
        time.sleep(min(GLANCE, max(until - time.monotonic(), 0)))
    if not running(process):
        return None
    if not (place.run / "config.json").exists():
        stage = 0
    else:
        stage = 2 if place.newest() >= whole.steps else 1
    os.killpg(process.pid, number)
    return STAGES[stage]


def end(bench, key, home, parts=ALL):
    """Takes a disturbed run to its end; gives what is wrong with it then."""
    whole, place = bench.whole(key), Place(home, key[0])
    ended = bench.call(bench.next(key, home, whole.every), home)
    found = wrong(ended, {whole.code})
    if found:
        return found
    try:
        now = place.print()
    except (OSError, ValueError, KeyError) as error:
        return [f"what the run left can't be read: {error!r}"]
    return differences(whole.print, now, parts) + place.leftovers()


def kills(bench, random):
    """SIGKILL up to four times, then the end."""
    key, outcome = bench.any(random), Outcome()
    with new_folder() as home:
        whole = bench.whole(key)
        for _ in range(random.randint(1, 4)):
            process = bench.start(bench.next(key, home, whole.every), home)
            stage = strike(bench, random, key, home, process, signal.SIGKILL)
            ended = bench.finish(process)
            if stage is None or ended.code == 0:
                outcome.found += wrong(ended, {whole.code})
                break
            outcome.tried[stage] += 1
        outcome.found += end(bench, key, home)
    outcome.found = [f"{'/'.join(key)}: {line}" for line in outcome.found]
    return outcome


def signals(bench, random):
    """A signal that asks a run to save and end, then the end."""
    key, outcome = bench.any(random), Outcome()
    number = random.choice(sorted(SIGNALS))
    with new_folder() as home:
        place = Place(home, key[0])
        process = bench.start(bench.begin(key, bench.whole(key).every), home)
        stage = strike(bench, random, key, home, process, number)
        ended = bench.finish(process)
        if stage == STAGES[0]:
            # Nothing was there to be saved yet, and the handlers need not have been.
            outcome.found += wrong(ended, {0, -number, 128 + number})
        elif stage is not None:
            outcome.found += wrong(ended, {0, 128 + number})
            expected = "done" if ended.code == 0 else "interrupted"
            if place.summary().get("status") != expected:
                outcome.found.append(f"summary.json does not say `{expected}`: {ended}")
        if stage is not None:
            outcome.tried[f"{number.name} {stage}"] += 1
        outcome.found += end(bench, key, home)
    outcome.found = [f"{'/'.join(key)}: {line}" for line in outcome.found]
    return outcome


def errors(bench, random):
    """A disk error somewhere in a run, for once or for good, then the end without it."""
    key, outcome = bench.any(random), Outcome()
    whole = bench.whole(key)
    fault, size = {}, None
    operations = bench.operations(key)
    if operations and random.random() < 0.8:
        kind = random.choice(sorted(operations))
        number = random.randint(1, operations[kind])
        error, times = random.choice(ERRORS), random.choice((1, 1, 3, 0))
        text = f"{kind} {number} {error} {times}"
        fault = {"LD_PRELOAD": bench.shim, "TORTURE_FAULT": text}
        name = f"{errno.errorcode[error]} of {kind}"
        text = f"{name} number {number}, {f'{times} times' if times else 'for good'}"
    else:
        size = int(10 ** random.uniform(1, 5.5))
        name, text = "limit of a file's size", f"files of at most {size} bytes"
    with new_folder() as home:
        place = Place(home, key[0])
        ended = bench.call(bench.begin(key, whole.every), home, fault, size)
        outcome.tried[name] += 1
        found = wrong(ended, {0, 1})
        # What the disk did not take of the log is lost; the numbers and the set of figures are not.
        found += end(bench, key, home, ("status", "checkpoint", "tensors", "last"))
        if not found and set(place.figures()) != set(whole.print["figures"]):
            lost = sorted(set(whole.print["figures"]) ^ set(place.figures()))
            found.append(f"figures lost or more: {', '.join(lost[:4])}")
        outcome.found += [f"{line} ({text})" for line in found]
    outcome.found = [f"{'/'.join(key)}: {line}" for line in outcome.found]
    return outcome


def races(bench, random):
    """Two processes that begin a run, or go on with a killed one, at once: one of them is refused."""
    key, outcome = bench.any(random), Outcome()
    with new_folder() as home:
        whole, begins = bench.whole(key), random.random() < 0.5
        if not begins:
            process = bench.start(bench.begin(key, whole.every), home)
            strike(bench, random, key, home, process, signal.SIGKILL)
            bench.finish(process)
        words = [word for word in bench.next(key, home, whole.every) if word != "--quiet"]
        first = bench.start(words, home)
        time.sleep(random.random() * 0.03)
        both = [bench.finish(process) for process in (first, bench.start(words, home))]
        outcome.tried["begun" if begins else "resumed"] += 1
        for ended in both:
            outcome.found += wrong(ended, {whole.code, 1, 2})
        # Whoever comes when a run is over is told so.
        ran = [ended for ended in both if ended.code == whole.code and OVER not in ended.output]
        if len(ran) != 1 and not all(OVER in ended.output for ended in both):
            outcome.found.append(f"{len(ran)} of two ran: {both[0]}; {both[1]}")
        outcome.found += end(bench, key, home)
    outcome.found = [f"{'/'.join(key)}: {line}" for line in outcome.found]
    return outcome
