"""Trains `selector_mnist` on the digits, interrupted and killed and resumed too, and asks
TensorBoard on loopback whether it shows what the run folders say.

Usage: pytest scripts/checks/test_run.py
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import board_http
import numpy as np
import pytest
from safetensors.numpy import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = TARGET / "release" / "selector_mnist"
PAGE = ROOT / "docs" / "selector_mnist.md"
# A log entry at every checkpoint, and entries after it.
TRAIN = ["--data", "digits", "--hidden", "16,8", "--lr", "0.3", "--replicates", "2",
         "--log-every", "5", "--checkpoint-every", "50"]
EPOCH = -(-1437 // 64)
RUNS = ["whole", "single", "stopped", "killed"]


class Folders:
    """The run and checkpoint folders of a few runs."""

    def __init__(self, top):
        self.runs = top / "runs" / "selector_mnist"
        self.checkpoints = top / "checkpoints" / "selector_mnist"
        self.options = ["--quiet", "--device", "cpu", "--runs", top / "runs",
                        "--checkpoints", top / "checkpoints"]

    def start(self, *arguments):
        return subprocess.Popen([PROGRAM, *arguments, *self.options], cwd=ROOT,
                                stderr=subprocess.PIPE, text=True)

    def train(self, *arguments):
        process = self.start(*arguments)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    def lines(self, run):
        """The lines of metrics.jsonl that are whole."""
        path = self.runs / run / "metrics.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def read(self, run, name):
        return json.loads((self.runs / run / name).read_text())

    def newest(self, run):
        """The step of the newest checkpoint."""
        return max([int(path.stem[5:]) for path in (self.checkpoints / run).glob("*.json")] or [0])

    def curves(self, run):
        """{tag: [[step, value], ...]} of metrics.jsonl; the board has no tags of one replicate."""
        curves = {}
        for line in self.lines(run):
            for tag, value in line["values"].items():
                if not re.search(r"/r\d+$", tag):
                    curves.setdefault(tag, []).append([line["step"], value])
        return curves

    def end(self, run, sign, code):
        """Starts a run without an end in sight, ends it by a signal, gives its last logged step."""
        process = self.start(*TRAIN, "--epochs", "100000", "--name", run)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            lines = self.lines(run)
            if len(lines) > 20 and lines[-1]["step"] % 50 in range(15, 45):
                break
            time.sleep(0.002)
        process.send_signal(sign)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == code, errors
        return self.lines(run)[-1]["step"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folders = Folders(tmp_path_factory.mktemp("run"))
    reached = folders.end("stopped", signal.SIGTERM, 143)
    assert folders.read("stopped", "summary.json")["status"] == "interrupted"
    for _ in range(10):
        killed = folders.end("killed", signal.SIGKILL, -signal.SIGKILL)
        if killed > folders.newest("killed"):
            break
        for home in (folders.runs, folders.checkpoints):
            shutil.rmtree(home / "killed")
    else:
        pytest.fail("killed ten times, and never with log entries beyond the last checkpoint")
    epochs = str(max(reached, killed) // EPOCH + 4)
    for run in ("stopped", "killed"):
        folders.train("--resume", run, "--epochs", epochs)
    folders.train(*TRAIN, "--epochs", epochs, "--name", "whole")
    folders.train("--data", "digits", "--preset", "k5", "--epochs", "2", "--name", "single")
    return folders


@pytest.fixture(scope="module", params=["fast", "slow"])
def base(request, folders):
    with board_http.serve(folders.runs, fast=request.param == "fast") as address:
        yield address


def test_a_resumed_run_logs_what_one_in_one_go_does(folders):
    whole = folders.curves("whole")
    for run in ("stopped", "killed"):
        resumed = folders.curves(run)
        assert set(resumed) == set(whole)
        for tag, points in whole.items():
            if tag.startswith("time/"):
                assert [step for step, _ in resumed[tag]] == [step for step, _ in points], tag
            # What the run used of the machine is logged by the clock, at most once a second.
            elif not tag.startswith("system/"):
                assert resumed[tag] == points, tag
        ends = [folders.read(name, "summary.json") for name in (run, "whole")]
        for key in ("status", "steps", "best", "exit_code"):
            assert ends[0][key] == ends[1][key]
        name = f"step-{folders.newest('whole'):08}.safetensors"
        expected = load_file(folders.checkpoints / "whole" / name)
        found = load_file(folders.checkpoints / run / name)
        assert set(found) == set(expected)
        for tensor, value in expected.items():
            assert np.array_equal(found[tensor], value), tensor


@pytest.mark.parametrize("run", RUNS)
def test_the_summary_has_the_last_values(folders, run):
    last = {tag: points[-1][1] for tag, points in folders.curves(run).items()}
    assert folders.read(run, "summary.json")["metrics"] == last


@pytest.mark.parametrize("run", RUNS)
def test_the_board_shows_every_value_once(folders, base, run):
    curves = folders.curves(run)
    shown = board_http.all_tags(base)["scalars"][run]
    # The edges of bands are of the charts alone.
    assert {tag for tag in shown if not tag.startswith("bands/")} == set(curves)
    for tag, points in curves.items():
        steps = [step for step, _ in points]
        assert steps == sorted(set(steps)), tag
        shown = [[step, value] for _, step, value in board_http.scalars(base, run, tag)]
        assert shown == [[step, float(np.float32(value))] for step, value in points], tag


@pytest.mark.parametrize("run", RUNS)
def test_the_board_shows_the_weights(folders, base, run):
    evaluations = [step for step, _ in folders.curves(run)["eval/loss"]]
    assert evaluations[-1] == folders.newest(run)
    tensors = load_file(max((folders.checkpoints / run).glob("*.safetensors")))
    layers = range(1, 1 + len(folders.read(run, "config.json")["hidden"]))
    assert set(board_http.all_tags(base)["histograms"][run]) == {
        f"{what}/layer{number}" for number in layers for what in ("weights", "gradients")}
    for number in layers:
        weights = tensors[f"layer{number}.computation.weight"]
        for what in ("weights", "gradients"):
            shown = board_http.histograms(base, run, f"{what}/layer{number}")
            assert [step for _, step, _ in shown] == evaluations
            for _, _, buckets in shown:
                assert sum(count for _, _, count in buckets) == pytest.approx(weights.size)
            # The last ones are those of the newest checkpoint.
            if what == "weights":
                buckets[-1][1] += 1e-6  # the last bucket has its right end too
                for left, right, count in buckets:
                    # The fast loader rounds the edges to f32.
                    inside = ((left <= weights) & (weights < right)).sum()
                    assert count == pytest.approx(inside, abs=1)


@pytest.mark.parametrize("run", RUNS)
def test_the_board_shows_the_figures(folders, base, run):
    figures = sorted((folders.runs / run / "figures").glob("*.png"))
    assert figures, "the run has no figures"
    for path in figures:
        assert path.with_suffix(".csv").stat().st_size > 0
        (_, png), = board_http.images(base, run, f"figures/{path.stem}")[-1:]
        assert png == path.read_bytes()
    for tag in board_http.all_tags(base)["images"][run]:
        for _, png in board_http.images(base, run, tag):
            board_http.png_size(png)


@pytest.mark.parametrize("run", RUNS)
def test_the_board_has_the_texts(folders, base, run):
    def cells(tag):
        (page,) = board_http.text(base, run, tag)
        cells = re.findall(r"<td>(?:<code>)?([^<]*)", page["text"].replace("&quot;", '"'))
        return dict(zip(cells[1::2], cells[2::2]))  # the first cell holds the whole page

    config = {key: json.loads(value) for key, value in cells("config").items()}
    # A resumed run may have more epochs than the text says that it began with.
    expected = folders.read(run, "config.json")
    assert {**config, "epochs": expected["epochs"]} == expected
    assert_documented(folders.curves(run), cells("tags"))


def assert_documented(tags, patterns):
    rows = [re.compile(re.escape(row).replace(r"\*", ".*")) for row in patterns]
    for tag in tags:
        assert any(row.fullmatch(tag.removesuffix("/sd")) for row in rows), f"no row for {tag}"


@pytest.mark.parametrize("run", RUNS)
def test_the_page_explains_every_tag(folders, base, run):
    _, found, table = PAGE.read_text().partition("| tag | meaning |\n")
    assert found, "docs/selector_mnist.md has no table that begins with | tag | meaning |"
    # One row may name several tags.
    first = re.findall(r"^\| (`[^|]+) \|", table.split("\n\n")[0], re.MULTILINE)
    rows = [name for cell in first for name in re.findall(r"`([^`]+)`", cell)]
    shown = board_http.all_tags(base)
    others = [shown.get(plugin, {}).get(run, {}) for plugin in ("histograms", "images")]
    assert_documented(set(folders.curves(run)).union(*others), rows)


def test_the_hparams_table_has_every_run(folders, base):
    experiment, groups = board_http.hparams(base)
    metrics = {info["name"]["tag"] for info in experiment["metricInfos"]}
    assert {"eval/accuracy", "eval/loss"} <= metrics
    sessions = {session["name"]: (group, session)
                for group in groups for session in group["sessions"]}
    assert set(sessions) == set(RUNS)
    for run, (group, session) in sessions.items():
        config, summary = folders.read(run, "config.json"), folders.read(run, "summary.json")
        for key, value in group["hparams"].items():
            expected = value if isinstance(config[key], list) else config[key]
            assert value == expected or (key == "epochs" and run in ("stopped", "killed")), key
        assert {"lr", "selector", "num_computation", "hidden", "seed"} <= set(group["hparams"])
        assert not {"name", "runs", "checkpoints", "device", "keep"} & set(group["hparams"])
        values = {entry["name"]["tag"]: entry["value"] for entry in session["metricValues"]}
        assert values == {tag: float(np.float32(summary["metrics"][tag])) for tag in metrics}
        assert session["status"] == "STATUS_SUCCESS", run


@pytest.mark.parametrize("run", RUNS)
def test_every_custom_chart_draws_curves(folders, base, run):
    curves = folders.curves(run)
    for category in board_http.layout(base)["category"]:
        for chart in category["chart"]:
            for series in chart["margin"]["series"]:
                tag = series["value"]
                assert not tag.endswith("/sd"), chart["title"]
                # The layout is that of all runs together.
                assert any(tag in folders.curves(other) for other in RUNS), tag
                if tag not in curves:
                    continue
                steps = [step for step, _ in curves[tag]]
                assert [step for _, step, _ in board_http.scalars(base, run, tag)] == steps, tag
                if f"{tag}/sd" not in curves:
                    continue
                mean, spread = dict(curves[tag]), dict(curves[f"{tag}/sd"])
                for edge, sign in (("lower", -1), ("upper", 1)):
                    drawn = board_http.scalars(base, run, f"bands/{tag}/{edge}")
                    assert [step for _, step, _ in drawn] == steps, f"{edge} {tag}"
                    for _, step, value in drawn:
                        expected = mean[step] + sign * spread[step]
                        assert value == pytest.approx(expected, rel=1e-5, abs=1e-6), tag
