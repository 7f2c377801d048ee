"""Reads what `write_events.rs` beside it writes with TensorBoard's own reader, and asks TensorBoard
itself, started on loopback, for every tag.

Usage: pytest scripts/checks/test_tensorboard.py
"""

import math
import pathlib
import re
import subprocess

import board_http
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = "spiral"
CURVES = ["train/loss", "eval/loss (held-out)", "eval/accuracy", "bands/eval/accuracy/lower",
          "bands/eval/accuracy/upper", "odd/nan", "odd/infinity"]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    command = ["cargo", "run", "--quiet", "--release", "--example", "write_events", "--", folder]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def accumulator(logdir):
    everything = {"scalars": 0, "histograms": 0, "images": 0, "tensors": 0}
    reader = event_accumulator.EventAccumulator(str(logdir / RUN), size_guidance=everything)
    reader.Reload()
    return reader


@pytest.fixture(scope="module", params=["fast", "slow"])
def base(request, logdir):
    with board_http.serve(logdir, fast=request.param == "fast") as address:
        yield address


def resumed_loss(step):
    return 1 / (1 + step) + (100 if step >= 12 else 0)


def test_the_reader_finds_every_tag(accumulator):
    tags = accumulator.Tags()
    assert sorted(tags["scalars"]) == sorted(CURVES)
    assert tags["histograms"] == ["weights"]
    assert tags["images"] == ["gradient"]
    assert sorted(tags["tensors"]) == ["_hparams_/experiment", "_hparams_/session_end_info",
                                       "_hparams_/session_start_info", "config",
                                       "custom_scalars__config__"]


def test_resuming_replaces_the_steps_after_the_checkpoint(accumulator):
    points = accumulator.Scalars("train/loss")
    assert [point.step for point in points] == list(range(24))
    for point in points:
        assert point.value == pytest.approx(resumed_loss(point.step), rel=1e-6)


def test_scalars_that_are_not_finite_survive(accumulator):
    assert math.isnan(accumulator.Scalars("odd/nan")[0].value)
    assert accumulator.Scalars("odd/infinity")[0].value == math.inf


def test_histograms_hold_every_value(accumulator):
    for event in accumulator.Histograms("weights"):
        histogram = event.histogram_value
        assert histogram.num == 1000 == sum(histogram.bucket)
        assert len(histogram.bucket) == len(histogram.bucket_limit)
        assert histogram.bucket_limit == sorted(histogram.bucket_limit)
        assert histogram.min == pytest.approx(-event.step)


def test_images_state_their_size(accumulator):
    for event in accumulator.Images("gradient"):
        assert (event.width, event.height) == (40, 20)
        assert board_http.png_size(event.encoded_image_string) == (40, 20)


def test_text_is_there_whole(accumulator):
    page = tensor_util.make_ndarray(accumulator.Tensors("config")[0].tensor_proto)
    assert page[0].decode().startswith("| setting | value |")


def test_the_server_gives_data_for_every_tag(base):
    tags = board_http.all_tags(base)
    assert {plugin: sorted(runs[RUN]) for plugin, runs in tags.items()} == {
        "scalars": sorted(CURVES), "histograms": ["weights"], "distributions": ["weights"],
        "images": ["gradient"], "text": ["config"],
    }
    counts = board_http.read_everything(base, tags)
    assert counts == {"scalars": 7, "histograms": 1, "distributions": 1, "images": 1, "text": 1}


def test_the_server_explains_tags(base):
    tags = board_http.all_tags(base)
    explanations = {("scalars", "train/loss"): "Cross-entropy of the batch, <em>nats</em>.",
                    ("histograms", "weights"): "All weights of the first layer.",
                    ("images", "gradient"): "Black to red, rows are neurons."}
    for (plugin, tag), explanation in explanations.items():
        assert explanation in tags[plugin][RUN][tag]["description"]


def test_the_server_shows_the_values(base):
    points = board_http.scalars(base, RUN, "train/loss")
    assert [step for _, step, _ in points] == list(range(24))
    for _, step, value in points:
        assert value == pytest.approx(resumed_loss(step), rel=1e-6)
    assert board_http.scalars(base, RUN, "odd/nan")[0][2] == "NaN"
    assert board_http.scalars(base, RUN, "odd/infinity")[0][2] == "Infinity"
    for _, step, buckets in board_http.histograms(base, RUN, "weights"):
        assert sum(count for _, _, count in buckets) == pytest.approx(1000)
    pictures = board_http.images(base, RUN, "gradient")
    assert [board_http.png_size(png) for _, png in pictures] == [(40, 20)] * 3
    assert "<td>0.01</td>" in board_http.text(base, RUN, "config")[0]["text"]


def test_the_hparams_table_has_the_run_with_its_results(base):
    experiment, groups = board_http.hparams(base)
    kinds = {info["name"]: info["type"] for info in experiment["hparamInfos"]}
    assert kinds == {"lr": "DATA_TYPE_FLOAT64", "steps": "DATA_TYPE_FLOAT64",
                     "nesterov": "DATA_TYPE_BOOL", "optimizer": "DATA_TYPE_STRING",
                     "layers": "DATA_TYPE_STRING"}
    (group,) = groups
    assert group["hparams"] == {"lr": 0.01, "steps": 20, "nesterov": True,
                                "optimizer": "momentum", "layers": "[64,64]"}
    results = {entry["name"]["tag"]: entry["value"] for entry in group["metricValues"]}
    assert results["train/loss"] == pytest.approx(resumed_loss(23), rel=1e-6)
    assert set(results) == {"train/loss", "eval/accuracy"}
    (session,) = group["sessions"]
    assert session["status"] == "STATUS_SUCCESS"


def test_custom_charts_draw_their_curves(base):
    charts = {entry["title"]: entry["chart"] for entry in board_http.layout(base)["category"]}
    assert list(charts) == ["Training", "Spread"]
    # In the browser the first chart is the last.
    titles = [chart["title"] for chart in charts["Training"]]
    assert titles == ["odd: ◼\u00a0infinity ◆\u00a0nan",
                      "loss: ◼\u00a0train/loss ◆\u00a0eval/loss (held-out)"]
    (spread,) = charts["Spread"]
    assert spread["title"] == "accuracy, mean ± sd of 8"
    assert [series["value"] for series in charts["Training"][1]["margin"]["series"]] == [
        "train/loss", "eval/loss (held-out)"]
    for chart in [*charts["Training"], spread]:
        for series in chart["margin"]["series"]:
            # What TensorBoard's own page asks for: the tags as one regular expression.
            pattern = "|".join(f"({re.escape(tag)})" for tag in series.values())
            drawn = board_http.chart_curves(base, RUN, pattern)
            steps = [[point[1] for point in drawn[series[edge]]]
                     for edge in ("value", "lower", "upper")]
            assert steps[0] and steps[0] == steps[1] == steps[2]
    assert spread["margin"]["series"] == [{"value": "eval/accuracy",
                                           "lower": "bands/eval/accuracy/lower",
                                           "upper": "bands/eval/accuracy/upper"}]
