"""The log of a run as tables.

A line of `metrics.jsonl` is a log entry: a step, the seconds since the run began, and values by tag. A
value that is not finite is null there and NaN here, as is what an entry has no value of.
"""

import difflib
import fnmatch
import json
import re
import warnings

import numpy as np

from .errors import NeuronLabError, read_bytes

_REPLICATE = re.compile(r"(.+)/r(\d+)")


class Log:
    """The log entries of a run, in their order."""

    def __init__(self, path):
        self.path = path
        lines = read_bytes(path, "the log of a run").splitlines()
        self.entries = [entry for number, line in enumerate(lines, 1)
                        if (entry := self._entry(number, line)) is not None]

    def _entry(self, number, line):
        """A line; one that is damaged costs itself alone."""
        try:
            entry = json.loads(line)
            return int(entry["step"]), float(entry["time"]), dict(entry["values"])
        except (ValueError, KeyError, TypeError):
            warnings.warn(f"{self.path}: line {number} is damaged and left out", stacklevel=5)
            return None

    def tags(self):
        """Every tag that was logged, sorted."""
        return sorted({tag for _, _, values in self.entries for tag in values})

    def chosen(self, patterns):
        """The tags that fit any of some patterns such as `eval/*`."""
        tags = self.tags()
        chosen = []
        for pattern in patterns:
            fitting = fnmatch.filter(tags, pattern)
            if not fitting:
                close = difflib.get_close_matches(pattern, tags, 1)
                hint = f": did you mean {close[0]}?" if close else " (run.log.tags() lists them)"
                raise NeuronLabError(f"{self.path}: no tag {pattern}{hint}")
            chosen += [tag for tag in fitting if tag not in chosen]
        return chosen

    def table(self, patterns):
        """Columns `step`, `time` and a tag each; a row for each log entry that has any of these tags."""
        tags = self.chosen(patterns) if patterns else self.tags()
        rows = [(step, time, values) for step, time, values in self.entries
                if any(tag in values for tag in tags)]
        table = {"step": np.array([row[0] for row in rows], np.int64),
                 "time": np.array([row[1] for row in rows], np.float64)}
        for tag in tags:
            table[tag] = np.array([number(row[2].get(tag)) for row in rows], np.float64)
        return table

    def series(self, tag):
        """Steps [entry] and values [entry] of the entries that have this tag."""
        self.chosen([tag])
        found = [(step, number(values[tag])) for step, _, values in self.entries if tag in values]
        return np.array([step for step, _ in found]), np.array([value for _, value in found])

    def replicates(self, tag):
        """Steps [entry] and the values of each network that was trained together [entry, replicate]."""
        count = {found[1]: 0 for known in self.tags() if (found := _REPLICATE.fullmatch(known))}
        if tag not in count:
            steps, values = self.series(tag)
            return steps, values[:, None]
        own = [known for known in self.tags() if (found := _REPLICATE.fullmatch(known)) and found[1] == tag]
        own.sort(key=lambda known: int(_REPLICATE.fullmatch(known)[2]))
        columns = [self.series(name) for name in own]
        return columns[0][0], np.stack([values for _, values in columns], 1)


def number(value):
    """A value of a log entry: NaN where there is none, or where it is not finite."""
    return np.nan if value is None else float(value)


def as_frame(table):
    """A pandas DataFrame where pandas is there, else the table itself."""
    try:
        import pandas
    except ImportError:
        return table
    return pandas.DataFrame(table)
