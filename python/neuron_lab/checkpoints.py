"""Checkpoints: nothing is taken from a file that is not exactly what its manifest says."""

import hashlib
import math
import pathlib
import re

from safetensors import SafetensorError
from safetensors.numpy import load

from .errors import NeuronLabError, read_bytes, read_json

# The newest format that this package reads.
FORMAT = 2
# What the names of tensors begin with that are not of the model.
AUXILIARY = ("optim.", "state.")
_BLANKS = re.compile(r'("(?:\\.|[^"\\])*")|\s+')


class Checkpoint:
    """The tensors of a step, with what its manifest says of them."""

    def __init__(self, manifest_path):
        self.manifest_path = pathlib.Path(manifest_path)
        self.manifest = self._read_manifest()
        self.path = self.manifest_path.with_name(str(self.manifest["file"]))
        self._tensors = None

    def _read_manifest(self):
        path = self.manifest_path
        manifest = read_json(path, "the manifest of a checkpoint")
        found = manifest.get("format")
        if not isinstance(found, int):
            raise NeuronLabError(f"{path} is not the manifest of a checkpoint")
        if found > FORMAT:
            raise NeuronLabError(f"{path}: format {found} is newer than this package's {FORMAT}: update it")
        missing = {"experiment", "run", "step", "file", "bytes", "sha256", "config"} - manifest.keys()
        if missing:
            raise NeuronLabError(f"{path} is damaged: it lacks {', '.join(sorted(missing))}")
        if found > 1:
            # Its own sum is over the text without blanks, in which the sum is empty.
            own = str(manifest.get("manifest_sha256", ""))
            text = _BLANKS.sub(lambda part: part[1] or "", path.read_text()).replace(own, "")
            if hashlib.sha256(text.encode()).hexdigest() != own:
                raise NeuronLabError(f"{path} is damaged: it is not what its own SHA-256 says")
        return manifest

    @property
    def step(self):
        """Steps done."""
        return self.manifest["step"]

    @property
    def config(self):
        """Every setting."""
        return self.manifest["config"]

    @property
    def best(self):
        """Whether it has the best score of the run."""
        return bool(self.manifest.get("best"))

    @property
    def score(self):
        """`tag`, `value` and `higher_is_better` of the evaluation at this step, where there was one."""
        return self.manifest.get("score")

    @property
    def numbers(self):
        """The plain numbers of the state by name; what is not finite is a float such as `inf`."""
        numbers = {name: _plain(value) for name, value in self.manifest.get("numbers", {}).items()}
        if self.manifest["format"] == 1:  # They were tensors.
            numbers |= {name: value.item() for name, value in self.tensors.items()
                        if name.startswith("optim.") and value.ndim == 0}
        return numbers

    @property
    def tensors(self):
        """Every tensor by name, as NumPy arrays; read and compared with its checksum at the first use."""
        if self._tensors is None:
            self._tensors = self._read_tensors()
        return self._tensors

    @property
    def model_tensors(self):
        """The tensors of the model alone."""
        return {name: value for name, value in self.tensors.items() if not name.startswith(AUXILIARY)}

    def _read_tensors(self):
        data = read_bytes(self.path, "the tensors of a checkpoint")
        if len(data) != self.manifest["bytes"]:
            raise NeuronLabError(f"{self.path} has {len(data)} bytes where its manifest says "
                                 f"{self.manifest['bytes']}: it was cut or replaced")
        if hashlib.sha256(data).hexdigest() != self.manifest["sha256"]:
            raise NeuronLabError(f"{self.path} is damaged: its SHA-256 is not what its manifest says")
        try:
            return load(data)
        except SafetensorError as error:
            raise NeuronLabError(f"{self.path} is not a safetensors file: {error}") from None

    def __repr__(self):
        marks = " best" if self.best else ""
        return f"<Checkpoint {self.manifest['experiment']}/{self.manifest['run']} step {self.step}{marks}>"


class Checkpoints:
    """The checkpoints of a run, the oldest first. Those whose manifest is damaged are in `damaged`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.damaged = {}
        self._all = []
        for path in sorted(self.folder.glob("step-*.json")):
            try:
                self._all.append(Checkpoint(path))
            except NeuronLabError as error:
                self.damaged[path] = str(error)
        self._all.sort(key=lambda checkpoint: checkpoint.step)

    def __len__(self):
        return len(self._all)

    def __iter__(self):
        return iter(self._all)

    def __getitem__(self, index):
        return self._all[index]

    def find(self, which):
        """The one that is meant by "best", "last", or a step.

        "best" is the newest where none is marked, as in runs that were not evaluated.
        """
        if not self._all:
            why = f": {'; '.join(self.damaged.values())}" if self.damaged else ": it is gone or was never saved"
            raise NeuronLabError(f"no checkpoint in {self.folder}{why}")
        if which == "last":
            return self._all[-1]
        if which == "best":
            return next((found for found in self._all if found.best), self._all[-1])
        for found in self._all:
            if found.step == which:
                return found
        steps = ", ".join(str(found.step) for found in self._all)
        raise NeuronLabError(f"{self.folder} has no checkpoint {which!r}: ask for best, last, or a step of {steps}")

    def __repr__(self):
        return f"<Checkpoints of {self.folder}: steps {[found.step for found in self._all]}>"


def _plain(value):
    """A number of a manifest, in which what is not finite is a text."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if value in ("inf", "-inf", "NaN"):
        return math.nan if value == "NaN" else float(value)
    return value
