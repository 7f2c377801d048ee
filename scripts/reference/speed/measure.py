"""The measurement of a row: our program and all forms of its work, turn about."""

import statistics
import time

from .processes import LEFT_OUT, Ours, Theirs, cores
from .rows import SEEDS

PHASES = ("data", "forward", "backward", "optimizer", "logging", "other")
median = statistics.median


def spread(values):
    """Median, lowest and highest."""
    return median(values), min(values), max(values)


def started(row, names, threads):
    """The forms of a row, built and compiled at the same time on all processors, then put in their place."""
    # XLA makes as many threads as there are processors when it starts; PyTorch does what it is told.
    forms = [Theirs(row, name, threads, cores(threads) if name == "jax" else cores(None)) for name in names]
    try:
        for form in forms:
            form.ready()
            form.pin()
    except BaseException:
        for form in forms:
            form.process.kill()
            form.process.wait()
        raise
    return forms


def phases_of(short, long):
    """The share of each phase in the difference of two runs, in percent."""
    phases = dict.fromkeys(PHASES, 0.0)
    for name in set(long.phases) - set(LEFT_OUT):
        known = name if name in PHASES else "other"
        phases[known] += max(long.phases[name] - short.phases.get(name, 0), 0)
    whole = sum(phases.values()) or 1.0
    return {phase: 100 * seconds / whole for phase, seconds in phases.items()}


def measure(row, program, threads, turns, seconds, names):
    """Turns of a row beside these forms, three where `seconds` are over before; what the table shows."""
    begun = time.monotonic()
    forms = started(row, names, threads)
    ours, memory, shares, theirs = [], [], [], {form.form: [] for form in forms}
    try:
        for turn in range(turns):
            if turn >= 3 and time.monotonic() - begun > seconds:
                break
            short, long = (Ours(program, row.words(amount), threads).wait() for amount in row.work)
            units = row.work[1] - row.work[0]
            # The difference of two short runs may be nothing on a busy machine.
            ours.append(tuple(max(b - a, 1e-12) / units for a, b in ((short.wall, long.wall), (short.cpu, long.cpu))))
            memory.append(long.memory)
            shares.append(phases_of(short, long))
            for form in forms:
                theirs[form.form].append(form.turn())
    finally:
        peaks = {form.form: form.end() for form in forms}
    return {
        "row": row, "threads": threads, "turns": len(ours),
        "ours": [median(each) for each in zip(*ours)],
        "theirs": {form: [median(each) for each in zip(*times)] for form, times in theirs.items()},
        "ratios": {form: [spread([b[i] / a[i] for a, b in zip(ours, times)]) for i in range(2)]
                   for form, times in theirs.items()},
        "memory": {"ours": median(memory)} | peaks,
        "shares": {phase: median(share[phase] for share in shares) for phase in PHASES},
        "versions": [form.version for form in forms],
        "seconds": time.monotonic() - begun,
    }


def eight_seeds(programs, turns):
    """Eight seeds in one process on two threads, and in a process each, two at a time: seconds, and their ratio."""
    program, words = programs / SEEDS[0], SEEDS[1].split()
    together, apart = [], []
    for _ in range(turns):
        together.append(Ours(program, [*words, "--replicates", "8"], 2).wait().whole)
        begun, running = time.perf_counter(), []
        for seed in range(8):
            if len(running) == 2:
                running.pop(0).wait()
            running.append(Ours(program, [*words, "--seed", str(seed)], 1, core=seed % 2))
        for run in running:
            run.wait()
        apart.append(time.perf_counter() - begun)
    return median(together), median(apart), spread([b / a for a, b in zip(together, apart)])
