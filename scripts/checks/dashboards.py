"""What scripts/dashboard-shots does: opens the dashboards of real runs in a browser, checks that
each plugin shows what was written, and saves pictures of them.

    dashboards.py OUT NAME=RUN_FOLDER ...
"""

import json
import os
import pathlib
import sys
import tempfile

import board_http
from browser import open_browser

SIZE = (1500, 1150)
# Pixels of the longest picture of charts; what is further down is left out.
TALLEST = 1800
ROOT = pathlib.Path(__file__).resolve().parents[2]


def written(run):
    """The tags that a run wrote: curves by metrics.jsonl, pictures by their files."""
    curves = set()
    with open(run / "metrics.jsonl") as lines:
        for line in lines:
            curves |= set(json.loads(line)["values"])
    last = lambda tag: tag.rsplit("/", 1)[-1]
    curves = {tag for tag in curves if not (last(tag)[:1] == "r" and last(tag)[1:].isdigit())}
    return curves, {f"figures/{path.stem}" for path in (run / "figures").glob("*.png")}


def check_data(base, name, run):
    """What TensorBoard's server has of a run is what the run wrote."""
    tags = board_http.all_tags(base)
    board_http.read_everything(base, tags)
    curves, pictures = written(run)
    shown = {plugin: runs.get(name, {}) for plugin, runs in tags.items()}
    missing = curves - set(shown.get("scalars", {}))
    missing |= pictures - set(shown.get("images", {}))
    missing |= {"tags", "config"} - set(shown.get("text", {}))
    assert not missing, f"{name}: TensorBoard lacks {sorted(missing)}"
    plain = [tag for plugin in ("scalars", "images", "histograms")
             for tag, info in shown.get(plugin, {}).items() if not info.get("description")]
    # What every experiment has is explained once, in the text panel of tags or here.
    plain = [tag for tag in plain if not tag.startswith(("time/", "system/", "figures/"))]
    assert not plain, f"{name}: nothing explains {plain[:5]}"
    charts = [chart for section in board_http.layout(base).get("category", [])
              for chart in section["chart"]]
    assert charts, f"{name}: no chart of related curves"
    curves = {series[edge] for chart in charts for series in chart["margin"]["series"]
              for edge in ("value", "lower", "upper")}
    missing = curves - set(shown["scalars"])
    assert not missing, f"{name}: charts without {sorted(missing)}"
    _, rows = board_http.hparams(base)
    assert len(rows) == 1 and rows[0]["hparams"], f"{name}: not in the table of hyper-parameters"
    counts = {plugin: len(known) for plugin, known in shown.items()}
    print(f"{name}: {counts}, {len(charts)} charts")
    return shown


def check_legends(page, base, name):
    """The browser shows the charts in order, and each title says which mark is which curve."""
    expected = [chart for section in board_http.layout(base)["category"]
                for chart in reversed(section["chart"])]
    found = page.charts()
    titles = [[chart["title"] for chart in charts] for charts in (found, expected)]
    assert titles[0] == titles[1], f"{name}: charts in another order: {titles[0]}"
    for chart, laid_out in zip(found, expected):
        tags = [series["value"] for series in laid_out["margin"]["series"]]
        # An entry is a mark, a tag, and the run in brackets.
        marks = {entry.split()[1]: entry.split()[0] for entry in chart["curves"]}
        assert set(marks) == set(tags), f"{name}: {chart['title']} lists {chart['curves']}"
        words = chart["title"].split()
        for tag in tags if len(tags) > 1 else []:
            explained = words[words.index(marks[tag]) + 1]
            assert explained in tag, f"{name}: {chart['title']}: {marks[tag]} is {tag}"


def shoot(page, base, name, shown, out):
    """The browser shows the plugins; pictures of those that tell how a run goes."""
    page.go(f"{base}/#custom_scalars&_smoothingWeight=0")
    page.wait("charts", lambda counts, _: counts.get("canvas", 0) + counts.get("svg", 0) > 8)
    # Otherwise TensorBoard cuts off the ends of curves.
    page.click("Ignore outliers")
    page.wait("charts", lambda counts, _: counts.get("canvas", 0) + counts.get("svg", 0) > 8)
    check_legends(page, base, name)
    end = max(chart["bottom"] for chart in page.charts())
    page.resize(SIZE[0], min(int(end) + SIZE[1] // 5, TALLEST))
    page.wait("charts", lambda counts, _: counts.get("canvas", 0) + counts.get("svg", 0) > 8)
    page.shot(out / f"dashboard_{name}.png")
    page.resize(*SIZE)
    if shown.get("images"):
        page.go(f"{base}/#images")
        page.wait("pictures", lambda counts, _: counts.get("img", 0) >= 1)
        page.shot(out / f"dashboard_{name}_images.png")
    page.go(f"{base}/#text")
    # Only the first panels are open at first: the table of tags may be closed, that of the
    # configuration never is.
    page.wait("the text panels", lambda _, text: "value" in text and "tags" in text)
    page.go(f"{base}/#hparams")
    # The table is drawn once its frame has loaded.
    page.wait("hyper-parameters", lambda counts, text: counts.get("canvas", 0) + len(text) > 100)


def list_pictures(out, page):
    """Puts every picture of a dashboard in `out` into the page, between its two marks."""
    begin, end = "<!-- pictures: scripts/dashboard-shots -->", "<!-- end of pictures -->"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    names = sorted(path.stem.removeprefix("dashboard_") for path in out.glob("dashboard_*.png"))
    words = lambda name: f"the pictures of {name[:-7]}" if name.endswith("_images") else name
    where = pathlib.Path(os.path.relpath(out, page.parent))
    lines = [f"![{words(name)}]({where}/dashboard_{name}.png)\n" for name in names]
    body = "\n".join(lines)
    page.write_text(f"{before}{begin}\n{body}{end}{after}", encoding="utf-8")


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    for argument in sys.argv[2:]:
        name, _, folder = argument.partition("=")
        run = pathlib.Path(folder).resolve()
        with tempfile.TemporaryDirectory() as home, open_browser(SIZE) as page:
            logdir = pathlib.Path(home) / "runs"
            logdir.mkdir()
            os.symlink(run, logdir / name)
            try:
                with board_http.serve(logdir) as base:
                    shown = check_data(base, name, run)
                    shoot(page, base, name, shown, out)
            except (AssertionError, RuntimeError) as error:
                failed.append(f"{error}")
                print(f"FAILED {error}")
    if out.resolve() == ROOT / "docs/figures":
        list_pictures(out.resolve(), ROOT / "docs/lab.md")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
