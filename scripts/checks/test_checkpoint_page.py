"""That scripts/golden would notice where docs/checkpoints.md and a checkpoint disagree.

Usage: pytest scripts/checks/test_checkpoint_page.py
"""

import pathlib
import re

import checkpoint_page

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = {"data": "digits", "hidden": [24], "num_computation": 3, "selector": "softmax", "rank": 16, "replicates": 2}
TENSORS = {
    "layer1.selection.weight": [2, 3, 24, 64], "layer1.selection.bias": [2, 3, 24],
    "layer1.computation.weight": [2, 3, 24, 64], "layer1.computation.bias": [2, 3, 24],
    "output.weight": [2, 10, 24], "output.bias": [2, 10], "optim.momentum_buffer.output.bias": [2, 10],
    "state.tally.layer1": [2, 3, 24],
}
NUMBERS = {"optim.step": 7, "optim.schedule.best": "inf", "state.lab.best.tag": "eval/loss"}


def complaints(changes=(), numbers=NUMBERS, text=None):
    shapes = TENSORS | dict(changes)
    tensors = {name: {"dtype": "F64" if name.startswith("state.") else "F32", "shape": shape}
               for name, shape in shapes.items()}
    table = checkpoint_page.rows(text)
    return checkpoint_page.problems("selector_mnist", CONFIG, tensors, numbers, table)[0]


def test_a_checkpoint_as_the_page_has_it_is_no_problem():
    assert complaints() == []


def test_what_the_page_does_not_say_is_named():
    for name in ("layer1.gate.weight", "state.replies", "optim.exp_avg.layer9.weight"):
        assert len(complaints({name: [2]})) == 1, name
    assert "layer1.gate.weight" in complaints({"layer1.gate.weight": [2]})[0]
    assert len(complaints(numbers={"optim.steps": 7})) == 1
    assert len(complaints(numbers={"optim.step": "seven"})) == 1
    for name in ("points", "encoder.W"):
        assert complaints({name: [1, 3]}) != [], "a line of another experiment is none of this one"


def test_another_shape_or_kind_is_named():
    for name, shape in (("output.bias", [10]), ("layer1.selection.weight", [2, 24, 3, 64]),
                        ("optim.momentum_buffer.output.bias", [2, 9]), ("state.tally.layer1", [2, 3, 23])):
        found = complaints({name: shape})
        assert found and all(name in line for line in found), found
    # A shape that the page has wrong, and a kind.
    page = checkpoint_page.PAGE.read_text(encoding="utf-8")
    for right, wrong in (("| `output.bias` | `[.., C]`", "| `output.bias` | `[.., N]`"),
                         ("`state.tally.layer<i>` | `[.., K, N]` f64", "`state.tally.layer<i>` | `[.., K, N]`")):
        assert right in page
        assert len(complaints(text=page.replace(right, wrong))) > 0, wrong
    gone = re.sub(r"\| `output.weight`.*\n", "", page)
    assert any("output.weight" in line for line in complaints(text=gone))


def test_every_experiment_has_lines_and_sizes():
    binaries = {path.stem for path in (ROOT / "bin").glob("*.rs")} - {"lab"}
    assert {name for row in checkpoint_page.rows() for name in row.experiments} == binaries
    assert set(checkpoint_page.SIZES) == binaries
