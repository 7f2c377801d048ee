"""Where a run is, what it left, and in what it differs from another."""

import hashlib
import importlib.machinery
import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def load_golden():
    """The functions of scripts/golden, whose configurations are those that are tried here."""
    loader = importlib.machinery.SourceFileLoader("golden", str(ROOT / "scripts/golden"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("golden", loader))
    loader.exec_module(module)
    return module


golden = load_golden()
RUN = golden.RUN


class Place:
    """Where a run and its checkpoints are."""

    def __init__(self, home, experiment, name=RUN):
        self.run = home / "runs" / experiment / name
        self.checkpoints = home / "checkpoints" / experiment / name

    def summary(self):
        try:
            return json.loads((self.run / "summary.json").read_text())
        except (OSError, ValueError):
            return {}

    def figures(self):
        """The pictures and tables of a run, each with a digest of its bytes."""
        return digests(self.run.glob("figures/*"))

    def newest(self):
        """The step of the newest checkpoint."""
        return max([int(path.stem[5:]) for path in self.checkpoints.glob("step-*.json")] or [0])

    def print(self):
        """Everything that must be the same in two runs: tensors, log, figures."""
        tensors = sorted(self.checkpoints.glob("step-*.safetensors"))[-1:]
        found = {"status": self.summary().get("status"), "figures": self.figures()}
        found["checkpoint"] = tensors[0].name if tensors else None
        found["tensors"] = golden.sha256_of_model(tensors[0]) if tensors else None
        found["log"] = entries(self.run / "metrics.jsonl")
        found["metrics"] = {tag: value for _, values in found["log"] for tag, value in values.items()}
        last = self.summary().get("metrics") or {}
        found["last"] = {tag: value for tag, value in last.items() if not tag.startswith(golden.OF_MACHINE)}
        return found

    def leftovers(self):
        """Temporary files that nobody will finish, and checkpoints beyond those to be kept."""
        found = [path for top in (self.run, self.checkpoints) for path in top.rglob(".tmp-*")]
        lines = [f"{path.name} is left" for path in found]
        # The newest ones that are kept, and the best.
        if len(list(self.checkpoints.glob("step-*.safetensors"))) > 3:
            lines.append("more checkpoints than --keep and the best")
        return lines


def digests(paths):
    """Digests of the bytes of files, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def entries(path):
    """The entries of a log, without what is of the machine."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(errors="replace").splitlines():
        entry = json.loads(line)
        values = {tag: value for tag, value in entry["values"].items() if not tag.startswith(golden.OF_MACHINE)}
        found.append([entry["step"], values])
    return found


def differences(whole, found, parts):
    """A line for each part in which a run differs from an undisturbed one."""
    lines = []
    for part in parts:
        a, b = whole[part], found[part]
        if a == b:
            continue
        if isinstance(a, dict):
            names = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
            what = "differ" if set(a) == set(b) else "lost, more or other"
            lines.append(f"{part}: {', '.join(names[:4])} {what}")
        elif isinstance(a, list):
            lines.append(f"{part}: {len(b)} entries with other values, of {len(a)}")
        else:
            lines.append(f"{part}: {b}, undisturbed {a}")
    return lines
