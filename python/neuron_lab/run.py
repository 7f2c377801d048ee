"""A run: its folder, and the folder of its checkpoints."""

import builtins
import csv
import pathlib

import numpy as np

from .checkpoints import Checkpoint, Checkpoints
from .errors import NeuronLabError, read_json
from .metrics import Log, as_frame


def open(path, checkpoints=None):
    """Opens a run.

    path: its folder, `runs/<experiment>/<name>`.
    checkpoints: the folder of its checkpoints; by default `checkpoints/<experiment>/<name>` beside
    `runs`, or where the run itself wrote them.
    """
    return Run(path, checkpoints)


class Run:
    """A finished or a running run. Files are read when they are asked for."""

    def __init__(self, path, checkpoints=None):
        self.path = pathlib.Path(path)
        if not self.path.is_dir():
            raise NeuronLabError(f"{self.path} is not there: give the folder of a run, runs/EXPERIMENT/NAME")
        if not (self.path / "config.json").is_file():
            raise NeuronLabError(f"{self.path} is not the folder of a run: it has no config.json")
        self.config = read_json(self.path / "config.json", "the settings of a run")
        self.name = self.path.resolve().name
        self.experiment = self.path.resolve().parent.name
        self._checkpoints = pathlib.Path(checkpoints) if checkpoints else self._find_checkpoints()

    def _find_checkpoints(self):
        """Where the checkpoints are: beside the folder of runs, or where the run wrote them."""
        home = self.path.resolve()
        beside = home.parents[2] / "checkpoints" / self.experiment / self.name
        asked = pathlib.Path(str(self.config.get("checkpoints", "checkpoints")))
        try:
            began_in = pathlib.Path(str(self.provenance.get("folder", ".")))
        except NeuronLabError:
            began_in = pathlib.Path(".")
        written = began_in / asked / self.experiment / self.name
        return next((folder for folder in (beside, written) if folder.is_dir()), beside)

    @property
    def provenance(self):
        """What is needed to make the run again besides its settings: commit, versions, device, data."""
        return read_json(self.path / "provenance.json", "the provenance of a run")

    @property
    def summary(self):
        """How the run stands or ended, its last and best metrics, and where its time went."""
        return read_json(self.path / "summary.json", "the summary of a run")

    @property
    def log(self):
        """The log entries."""
        return Log(self.path / "metrics.jsonl")

    def metrics(self, *tags, frame=None):
        """A table of the log: a column for `step`, `time` and each tag that fits, such as `eval/*`.

        frame: True for a pandas DataFrame, False for a dict of NumPy arrays; by default a DataFrame
        where pandas is there.
        """
        table = self.log.table(tags)
        return table if frame is False else as_frame(table)

    def series(self, tag):
        """Steps and values of one tag, where it was logged."""
        return self.log.series(tag)

    def replicates(self, tag):
        """Steps, and values [entry, replicate] of each network that was trained together."""
        return self.log.replicates(tag)

    @property
    def figures(self):
        """The figures of the run's end by name."""
        files = sorted((self.path / "figures").glob("*"))
        named = {}
        for file in files:
            named.setdefault(file.stem, []).append(file)
        return Figures({name: Figure(name, paths) for name, paths in named.items()})

    @property
    def checkpoints(self):
        """The checkpoints, the oldest first."""
        return Checkpoints(self._checkpoints)

    def checkpoint(self, which="best"):
        """One checkpoint: "best", "last", a step, or one itself."""
        if isinstance(which, Checkpoint):
            return which
        if isinstance(which, int) and (path := self._checkpoints / f"step-{which:08}.json").is_file():
            return Checkpoint(path)
        return self.checkpoints.find(which)

    def model(self, checkpoint="best", index=0, **options):
        """The model of a checkpoint as a `torch.nn.Module` that computes what the experiment's does.

        checkpoint: "best", "last", a step, or a Checkpoint.
        index: which of the networks that the run trained together, from 0.
        options: what some experiments have besides; docs/python.md has them.
        """
        from . import models

        if self.experiment in models.DRAWN:
            return models.build(self.experiment, self.config, None, index, **options)
        found = self.checkpoint(checkpoint)
        return models.build(self.experiment, found.config, found, index, **options)

    def optimizer(self, model, checkpoint="best", index=0, **options):
        """The experiment's own optimizer of a model, with its state at a checkpoint."""
        from . import models, optim

        found = None if self.experiment in models.DRAWN else self.checkpoint(checkpoint)
        return optim.build(self.experiment, self.config, model, found, index, **options)

    def __repr__(self):
        return f"<Run {self.experiment}/{self.name}>"


class Figures(dict):
    """Figures by name."""

    def __missing__(self, name):
        raise NeuronLabError(f"no figure {name}: there are {', '.join(self) or 'none yet'}")


class Figure:
    """A figure: its pictures, and the data behind them."""

    def __init__(self, name, paths):
        self.name = name
        self.paths = {path.suffix[1:]: path for path in paths}

    @property
    def image(self):
        """The path of the picture."""
        return self.paths.get("png") or next(iter(self.paths.values()))

    def data(self):
        """The figure's data: columns by name, numbers where all of a column are."""
        if "csv" in self.paths:
            with builtins.open(self.paths["csv"], newline="") as file:
                rows = list(csv.DictReader(file))
            return {name: _column([row[name] for row in rows]) for name in (rows[0] if rows else {})}
        if "json" in self.paths:
            return read_json(self.paths["json"], "the data of a figure")
        raise NeuronLabError(f"figure {self.name} has no data beside it")

    def __repr__(self):
        return f"<Figure {self.name}: {', '.join(sorted(self.paths))}>"


def _column(texts):
    try:
        return np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return np.array(texts)
