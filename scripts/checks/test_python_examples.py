"""Each program of python/examples trains a tiny run on, as its own first lines say; and a model that was
trained on in PyTorch comes back by --init-from, from a .pt too, by the lines of docs/checkpoints.md.

Usage: pytest scripts/checks/test_python_examples.py
"""

import ast
import re
import runpy
import shlex
import subprocess
import sys

import numpy as np
import pytest
from python_lab import EACH_STEP, HOME, ROOT, TARGET, load_torch, neuron_lab, run

torch = load_torch()
EXAMPLES = sorted((ROOT / "python" / "examples").glob("*.py"))
COMMAND = re.compile(r"^    target/release/(\w+) (.*(?:\\\n.*)*)$", re.MULTILINE)
# "1.234, logged 1.2345": what was found from the checkpoint, and what the run logged.
PAIR = re.compile(r"(-?\d[\d.e+-]*)(?: bits)?, logged (-?\d[\d.e+-]*)")
# Those whose run logs nothing that the example computes again.
WITHOUT = ("one_neuron", "two_loss_toy", "selector_transformer")


def program(name, *arguments):
    return subprocess.run([TARGET / "release" / name, *arguments, "--device", "cpu", "--quiet"], cwd=HOME, check=True,
                          text=True, capture_output=True).stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_trains_on(path, tmp_path, monkeypatch, capsys):
    (experiment, flags), = COMMAND.findall(ast.get_docstring(ast.parse(path.read_text()), clean=False))
    program(experiment, *shlex.split(flags.replace("\\\n", " ")))
    for folder in ("assets", "data"):
        if (ROOT / folder).exists():
            (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), str(HOME / "runs" / experiment / "first")])
    runpy.run_path(str(path), run_name="__main__")
    said = capsys.readouterr().out
    assert len(said.splitlines()) >= 2
    pairs = PAIR.findall(said)
    assert bool(pairs) == (path.stem not in WITHOUT), said
    for found, logged in pairs:
        assert float(found) == pytest.approx(float(logged), rel=2e-3, abs=2e-5), said


def test_a_model_comes_back_by_init_from():
    trained = run("selector_mnist", f"--data digits --hidden 8,6 --steps 3 {EACH_STEP}")
    model = trained.model("last")
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(1.5)
    torch.save(model.state_dict(), HOME / "model.pt")
    page = (ROOT / "docs" / "checkpoints.md").read_text()
    (lines,) = re.findall(r"```python\n((?:(?!```).)*torch\.load.*?)```", page, re.DOTALL)
    assert len(lines.strip().splitlines()) == 3
    exec(lines.replace('"model.', f'"{HOME}/model.'), {})
    # A step so small that nothing moves: what is saved is what was read.
    program("selector_mnist", *"--data digits --hidden 8,6 --steps 1 --lr 1e-30 --name back".split(),
            "--init-from", HOME / "model.safetensors")
    back = neuron_lab.open(HOME / "runs" / "selector_mnist" / "back").checkpoint("last").model_tensors
    assert back.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert np.array_equal(back[name], value.numpy()), name
        assert not np.array_equal(back[name], trained.checkpoint("last").tensors[name]), name
