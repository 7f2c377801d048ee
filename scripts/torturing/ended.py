"""How programs ended, what a case found, and what no program may do."""

import contextlib
import shlex
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

# Seconds after which a program hangs, without those in which it waited for a processor, and the memory
# that one may take.
PATIENCE, MEMORY = 60, 1536 << 20
# Seconds between two looks at what it waits for.
LOOK = 1
# Words of a program that a fault of its own has ended.
INTERNAL = ("internal error", "panicked at", "RUST_BACKTRACE", "terminate called")


@dataclass
class Ended:
    """How a program ended: the exit code is negative for a signal, None where it had to be stopped."""

    words: list
    code: int | None
    output: str
    errors: str
    memory: int

    def __str__(self):
        how = "no end" if self.code is None else f"exit code {self.code}"
        last = [line for line in self.errors.splitlines() if line.strip()][-1:]
        return f"{how} of `{shlex.join(self.words)}`" + "".join(f": {line[:300]}" for line in last)


@dataclass
class Outcome:
    """What one case tried, by its parts, how it started programs, and what it found, a line for each."""

    tried: Counter = field(default_factory=Counter)
    starts: Counter = field(default_factory=Counter)
    found: list = field(default_factory=list)


def children(number):
    """The process ids of a process's children, where the system tells them."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{number}/task/{number}/children").read_text().split()]
    return []


def starved(number):
    """Seconds in which a process could compute and had no processor, where the system tells them."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{number}/schedstat").read_text().split()[1]) / 1e9
    return 0


class Patience:
    """How long a process may still take: while it or a child of it starves, no time passes."""

    def __init__(self, number):
        self.number, self.begun, self.looked = number, time.monotonic(), 0
        self.before, self.starved = starved(number), {}

    def is_over(self):
        now = time.monotonic()
        if now - self.looked > LOOK:
            self.looked = now
            # Of a child that has ended since, the last number counts.
            self.starved |= {one: starved(one) for one in [self.number, *children(self.number)]}
        return now - self.begun - sum(self.starved.values()) + self.before > PATIENCE


def wrong(ended, codes):
    """What no program may do, whatever happens to it: a line for each."""
    lines = []
    if ended.code is None:
        return [f"no end within {PATIENCE} s: {ended}"]
    if ended.code not in codes:
        lines.append(f"{ended}")
    if any(word in ended.errors for word in INTERNAL):
        lines.append(f"an internal error: {ended}")
    refusals = sum(line.startswith("error:") for line in ended.errors.splitlines())
    # A sweep names each point that failed in a warning.
    names_points = ended.words[:2] == ["lab", "sweep"] and "warning:" in ended.errors
    if ended.code in (1, 2) and refusals != 1 and not names_points:
        lines.append(f"not one line that begins with `error:`: {ended}")
    if ended.memory > MEMORY:
        lines.append(f"{ended.memory >> 20} MiB of memory: {ended}")
    return lines
