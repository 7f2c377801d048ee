"""The package python/neuron_lab without PyTorch: runs, their tables, figures and checkpoints; and the one
line that each wrong input gets.

Usage: pytest scripts/checks/test_python.py
"""

import json
import os
import re
import shutil
import sys
import types

import numpy as np
import pytest
import selector_numpy
from python_lab import HOME, ROOT, neuron_lab, run
from neuron_lab import NeuronLabError, data

RUN = "--data digits --hidden 8,6 --lr 0.3 --epochs 3 --keep 9 --checkpoint-every 23 --replicates 2 --optimizer adam --schedule plateau"


@pytest.fixture
def trained():
    return run("selector_mnist", RUN)


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of the run and its checkpoints, to be damaged."""
    for folder in ("runs", "checkpoints"):
        shutil.copytree(HOME / folder / "selector_mnist" / trained.name, tmp_path / folder / "selector_mnist" / "a")
    return tmp_path


def opened(home):
    return neuron_lab.open(home / "runs" / "selector_mnist" / "a")


def said(call):
    """The one line that a call is refused with."""
    with pytest.raises(NeuronLabError) as found:
        call()
    line = str(found.value)
    assert "\n" not in line and len(line) > 20
    return line


def test_a_run_says_what_it_is(trained):
    assert (trained.experiment, trained.config["hidden"]) == ("selector_mnist", [8, 6])
    assert trained.provenance["data"]["name"] == "digits" and trained.summary["status"] == "done"
    assert neuron_lab.__version__ == trained.provenance["neuron_lab"]
    assert repr(trained) == f"<Run selector_mnist/{trained.name}>"


def test_metrics_are_a_table(trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = trained.metrics("train/loss", "eval/acc*")
    assert list(table)[:3] == ["step", "time", "train/loss"]
    assert {"eval/accuracy", "eval/accuracy/sd", "eval/accuracy/r0", "eval/accuracy/r1"} <= set(table)
    assert len({len(column) for column in table.values()}) == 1
    steps, values = trained.series("eval/accuracy")
    assert steps.tolist() == [23, 46, 69] and np.isfinite(values).all()
    rows = ~np.isnan(table["eval/accuracy"])
    assert (table["step"][rows] == steps).all() and (table["eval/accuracy"][rows] == values).all()
    steps, each = trained.replicates("eval/accuracy")
    assert each.shape == (3, 2) and np.allclose(each.mean(1), values)
    spread = trained.series("eval/accuracy/sd")[1]
    assert np.allclose(each.std(1, ddof=1), spread)
    assert trained.replicates("optim/lr")[1].shape[1] == 1


def test_pandas_makes_it_a_frame_where_it_is(trained, monkeypatch):
    frame = types.SimpleNamespace(DataFrame=lambda table: ("frame", sorted(table)))
    monkeypatch.setitem(sys.modules, "pandas", frame)
    assert trained.metrics("train/loss") == ("frame", ["step", "time", "train/loss"])
    assert isinstance(trained.metrics("train/loss", frame=False), dict)


def test_what_is_not_finite_or_damaged_costs_itself(copy):
    log = copy / "runs" / "selector_mnist" / "a" / "metrics.jsonl"
    with open(log, "a") as file:
        file.write('{"step": 70, "time": 9.5, "values": {"train/loss": null}}\n{"step": 71, "ti\n')
    with pytest.warns(UserWarning, match="line .* is damaged"):
        steps, values = opened(copy).series("train/loss")
    assert steps[-1] == 70 and np.isnan(values[-1]) and np.isfinite(values[:-1]).all()


def test_figures_and_their_data(trained):
    assert {"learning", "selection_layer1", "weights"} <= set(trained.figures)
    figure = trained.figures["learning"]
    assert figure.image.read_bytes().startswith(b"\x89PNG")
    assert said(lambda: trained.figures["curves"]).startswith("no figure curves: there are learning, ")
    data = figure.data()
    assert set(data["panel"]) >= {"Loss"} and data["y"].dtype == float
    test = data["y"][(data["panel"] == "Loss") & (data["series"] == "test")]
    assert np.allclose(test, trained.series("eval/loss")[1])


def test_checkpoints_best_and_last(trained):
    found = trained.checkpoints
    assert [each.step for each in found] == [23, 46, 69] and len(found) == 3 and not found.damaged
    best = trained.checkpoint("best")
    assert best.score["value"] == trained.series("eval/accuracy")[1].max() and best.best
    assert trained.checkpoint("last").step == 69 == found[-1].step and trained.checkpoint(46).step == 46
    assert best.numbers["optim.step"] == best.step
    assert trained.checkpoint(23).tensors["layer1.computation.weight"].shape == (2, 2, 8, 64)
    names = {name.split(".")[0] for name in best.model_tensors}
    assert names == {"layer1", "layer2", "output"} and "optim.exp_avg.output.bias" in best.tensors


def test_numbers_that_are_not_finite(copy):
    trained = opened(copy)
    manifest = trained.checkpoint("last").manifest
    manifest["numbers"] |= {"a": "inf", "b": ["-inf", 2], "c": "NaN"}
    checkpoint = trained.checkpoint("last")
    checkpoint.manifest = manifest
    assert checkpoint.numbers["a"] == np.inf and checkpoint.numbers["b"] == [-np.inf, 2]
    assert np.isnan(checkpoint.numbers["c"])


def test_damaged_checkpoints_are_not_loaded(copy):
    folder = copy / "checkpoints" / "selector_mnist" / "a"
    tensors = folder / "step-00000069.safetensors"
    data = bytearray(tensors.read_bytes())
    data[-1] ^= 1
    tensors.write_bytes(data)
    assert "is damaged: its SHA-256" in said(lambda: opened(copy).checkpoint("last").tensors)
    tensors.write_bytes(data[:-5])
    assert "it was cut or replaced" in said(lambda: opened(copy).checkpoint("last").tensors)
    tensors.unlink()
    assert "step-00000069.safetensors" in said(lambda: opened(copy).checkpoint("last").tensors)
    manifest = folder / "step-00000046.json"
    manifest.write_text(manifest.read_text().replace('"step": 46', '"step": 45'))
    found = opened(copy).checkpoints
    assert [each.step for each in found] == [23, 69] and list(found.damaged) == [manifest]
    assert "is not what its own SHA-256 says" in found.damaged[manifest]
    text = (folder / "step-00000023.json").read_text()
    (folder / "step-00000023.json").write_text(text.replace('"format": 2', '"format": 9'))
    assert "format 9 is newer" in opened(copy).checkpoints.damaged[folder / "step-00000023.json"]


def test_the_checkpoints_of_format_1_open():
    home = ROOT / "tests" / "golden" / "format-1" / "selector_mnist"
    trained = neuron_lab.open(home / "runs" / "selector_mnist" / "golden")
    assert trained.checkpoint("last").step == 40 and "output.weight" in trained.checkpoint("last").model_tensors


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_images_are_those_that_networks_see(name):
    if name == "mnist" and not (ROOT / "data" / "mnist").is_dir():
        pytest.skip("no data/mnist")
    _, (images, labels) = data.images(name, ROOT)
    known, answers = selector_numpy.load_test_set(name)
    assert np.allclose(images, known, rtol=0, atol=1e-6) and (labels == answers).all()
    assert images.dtype == np.float32 and data.images(name, ROOT)[0][0].std() == pytest.approx(1, abs=1e-3)


def test_each_wrong_input_gets_one_line(copy, trained, monkeypatch):
    assert "give the folder of a run" in said(lambda: neuron_lab.open(copy / "nothing"))
    assert "it has no config.json" in said(lambda: neuron_lab.open(copy / "runs"))
    assert "did you mean eval/accuracy?" in said(lambda: trained.metrics("eval/accurac"))
    assert "ask for best, last, or a step of 23, 46, 69" in said(lambda: trained.checkpoint(50))
    assert "there are digits, mnist" in said(lambda: data.images("cifar"))
    assert "run scripts/data mnist" in said(lambda: data.images("mnist", copy))
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "pip install torch" in said(trained.model)
    config = copy / "runs" / "selector_mnist" / "a" / "config.json"
    other = copy / "runs" / "my_experiment" / "a"
    other.mkdir(parents=True)
    shutil.copy(config, other)
    checkpoints = copy / "checkpoints" / "selector_mnist" / "a"
    mine = neuron_lab.open(other, checkpoints)
    assert "my_experiment has no model here" in said(lambda: mine.model("last"))
    assert "the log of a run can't be read" in said(mine.metrics)
    os.mkfifo(other / "metrics.jsonl")
    assert "is not a regular file" in said(mine.metrics)
    shutil.rmtree(checkpoints)
    assert "it is gone or was never saved" in said(opened(copy).model)
    config.write_text(config.read_text()[:50])
    assert "is damaged" in said(lambda: opened(copy))


def test_the_package_installs_all_of_itself():
    project = (ROOT / "python" / "pyproject.toml").read_text()
    listed = json.loads(re.search(r"^packages = (\[.*\])", project, re.M)[1])
    home = ROOT / "python"
    folders = {str(path.parent.relative_to(home)).replace("/", ".") for path in home.glob("neuron_lab/**/*.py")}
    assert set(listed) == folders
    assert re.search(r'^version = "(.*)"', project, re.M)[1] == neuron_lab.__version__
    assert re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1] == neuron_lab.__version__
