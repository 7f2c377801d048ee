"""The tables of docs/performance.md are read as they are written, and every row has its forms. Measures nothing.

Usage: pytest scripts/checks/test_bench_page.py
"""

import ast
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "reference"))
from speed import page as pages  # noqa: E402
from speed.measure import PHASES  # noqa: E402
from speed.rows import ROWS  # noqa: E402

PAGE = (ROOT / "docs" / "performance.md").read_text()


def result(row, threads, factor):
    """What a measurement of a row gives, each form slower than ours by so much."""
    names = (*row.forms, "limit")
    return {
        "row": row, "threads": threads, "turns": 3, "ours": [1e-3, 2e-3], "versions": ["PyTorch 0"],
        "theirs": {name: [factor * 1e-3, factor * 4e-3] for name in names},
        "ratios": {name: [(factor, 1.0, 9.0), (2 * factor, 1.0, 9.0)] for name in names},
        "memory": dict.fromkeys(("ours", *names), 100.0), "shares": dict.fromkeys(PHASES, 10.0),
    }


def test_the_tables_are_read_as_they_are_written():
    results = [result(row, 1, 1.5) for row in ROWS] + [result(ROWS[0], 2, 0.0014)]
    between = pages.text(results, (1.0, 1.3, (1.3, 1.2, 1.4)), 0.1, ["A note."])
    page = pages.written(PAGE, between)
    for clock, factor in enumerate((1, 2)):
        known = pages.known(page, clock)
        assert len(known) == len(results)
        assert known[ROWS[0].name, 1] == {form: 1.5 * factor for form in ROWS[0].forms}
        assert known[ROWS[0].name, 2] == {form: 0.0014 * factor for form in ROWS[0].forms}
    # What is outside the marks stays.
    assert page.partition(pages.BEGIN)[0] == PAGE.partition(pages.BEGIN)[0]
    assert page.partition(pages.END)[2] == PAGE.partition(pages.END)[2]


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="lacks the marks"):
        pages.written("no table", "here")


def test_every_row_has_its_forms_and_a_name_of_its_own():
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        source = ROOT / f"scripts/reference/speed/{row.module}.py"
        functions = {node.name for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert {"problem", "limit", *row.forms} - {"fused"} <= functions, row.name
        assert (ROOT / f"bin/{row.experiment}.rs").is_file()
