"""TensorBoard on loopback, asked through its HTTP API what it shows of a log folder.

    with serve("runs/selector_mnist") as base:
        tags = all_tags(base)            # {"scalars": {run: [tag, ...]}, "images": ...}
        read_everything(base, tags)      # fetches the data of every tag, raises where one fails

Needs the package `tensorboard`, and nothing else beyond Python itself.
"""

import contextlib
import json
import pathlib
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

START_SECONDS = 120


@contextlib.contextmanager
def serve(logdir, fast=True):
    """Starts TensorBoard on `logdir`, gives its address once it has loaded, stops it at the end.

    The dashboard names the folder as it was given: by its own name, from the folder above it.
    `fast` chooses between TensorBoard's default loader and the one in Python.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    logdir = pathlib.Path(logdir).resolve()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir.name]
    command += ["--host", "127.0.0.1", "--port", str(port), "--reload_interval", "1"]
    command += ["--load_fast", "true" if fast else "false"]
    process = subprocess.Popen(
        command, cwd=logdir.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        base = f"http://127.0.0.1:{port}"
        _wait(process, base)
        yield base
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()


def _wait(process, base):
    """Waits until runs are there and their set of tags has stopped growing."""
    deadline = time.monotonic() + START_SECONDS
    before = None
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"TensorBoard ended at once: {process.stderr.read()}")
        try:
            now = all_tags(base) if get_json(base, "/data/runs") else None
        except (urllib.error.URLError, ConnectionError):
            now = None
        if now is not None and now == before:
            return
        before = now
        time.sleep(1.5 if now is not None else 0.3)
    raise RuntimeError(f"TensorBoard shows no runs after {START_SECONDS} s")


def get(base, path, body=None, **query):
    """The bytes that the API answers with; an error status raises."""
    url = base + path + ("?" + urllib.parse.urlencode(query) if query else "")
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    request = urllib.request.Request(url, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read()


def get_json(base, path, body=None, **query):
    return json.loads(get(base, path, body, **query))


def all_tags(base):
    """Every tag of each plugin: {plugin: {run: {tag: info}}}, empty plugins left out."""
    plugins = ["scalars", "histograms", "distributions", "images"]
    tags = {plugin: get_json(base, f"/data/plugin/{plugin}/tags") for plugin in plugins}
    text = get_json(base, "/data/plugin/text/tags")
    tags["text"] = {run: {tag: {} for tag in names} for run, names in text.items()}
    return {plugin: runs for plugin, runs in tags.items() if any(runs.values())}


def scalars(base, run, tag):
    """[[wall time, step, value], ...] of one curve."""
    return get_json(base, "/data/plugin/scalars/scalars", run=run, tag=tag)


def histograms(base, run, tag):
    """[[wall time, step, [[left, right, count], ...]], ...]."""
    return get_json(base, "/data/plugin/histograms/histograms", run=run, tag=tag)


def distributions(base, run, tag):
    """[[wall time, step, [[basis point, value], ...]], ...]."""
    return get_json(base, "/data/plugin/distributions/distributions", run=run, tag=tag)


def text(base, run, tag):
    """[{"step", "text" (as HTML), ...}, ...]."""
    return get_json(base, "/data/plugin/text/text", run=run, tag=tag)


def images(base, run, tag):
    """[(what TensorBoard says of the image, its PNG bytes), ...]."""
    listing = get_json(base, "/data/plugin/images/images", run=run, tag=tag, sample=0)
    path = "/data/plugin/images/individualImage?"
    return [(entry, get(base, path + entry["query"])) for entry in listing]


def png_size(data):
    """(width, height) of an 8-bit RGB PNG file, whose pixels are all there."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG file")
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    position, packed = 8, b""
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        if kind == b"IDAT":
            packed += data[position + 8 : position + 8 + length]
        position += 12 + length
    if (depth, colour) != (8, 2) or len(zlib.decompress(packed)) != (3 * width + 1) * height:
        raise ValueError(f"not {width} x {height} pixels of 8-bit RGB")
    return width, height


def hparams(base):
    """The experiment (columns) and the list of its sessions (rows) of the HPARAMS table."""
    experiment = get_json(base, "/data/plugin/hparams/experiment", body={})
    names = [info["name"] for info in experiment.get("metricInfos", [])]
    request = {
        "startIndex": 0,
        "sliceSize": 1000,
        "allowedStatuses": [
            "STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING",
        ],
        "colParams": [{"metric": name, "order": "ORDER_UNSPECIFIED"} for name in names],
    }
    groups = get_json(base, "/data/plugin/hparams/session_groups", body=request)
    return experiment, groups.get("sessionGroups", [])


def layout(base):
    """The CUSTOM SCALARS layout: {"category": [{"title", "chart": [...]}, ...]}, or {}."""
    return get_json(base, "/data/plugin/custom_scalars/layout")


def chart_curves(base, run, pattern):
    """{tag: points} of the curves that a custom chart's `pattern` draws for `run`."""
    answer = get_json(base, "/data/plugin/custom_scalars/scalars", run=run, tag=pattern)
    if not answer["regex_valid"]:
        raise ValueError(f"not a regular expression: {pattern}")
    return answer["tag_to_events"]


def read_everything(base, tags=None):
    """Fetches the data behind every tag; returns {plugin: number of tags that have some}.

    A tag without data, or a picture that isn't a whole PNG, raises.
    """
    tags = all_tags(base) if tags is None else tags
    read = {"scalars": scalars, "histograms": histograms, "distributions": distributions,
            "text": text, "images": images}
    counts = {}
    for plugin, runs in tags.items():
        for run, names in runs.items():
            for tag in names:
                points = read[plugin](base, run, tag)
                if not points:
                    raise ValueError(f"{plugin} of {run} has nothing for {tag}")
                if plugin == "images":
                    for _, png in points:
                        png_size(png)
                counts[plugin] = counts.get(plugin, 0) + 1
    return counts
