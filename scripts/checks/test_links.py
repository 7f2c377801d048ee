"""Links, pictures and paths in the repository's Markdown: what they name must be there. No network.

Usage: pytest scripts/checks/test_links.py
"""

import functools
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures"
FOLDERS = [".github", "benches", "docs", "examples", "python", "scripts", "src", "tests"]
FENCE = re.compile(r"^( {0,3})(```+|~~~+).*?^ {0,3}\2[`~]*\s*?$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
# Inline links and images, definitions of references, and what HTML has of both.
LINKS = [re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)"),
         re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.MULTILINE),
         re.compile(r"<(?:a|img|source)\b[^>]*?(?:href|src|srcset)=\"([^\"\s]+)", re.DOTALL)]
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.+?)(?:\s+#+)?\s*$", re.MULTILINE)
ANCHOR = re.compile(r"<[^>]+\b(?:id|name)=\"([^\"]+)\"")
# A span of code that is a file or a folder of the repository; not a pattern, nor a part of a name.
SPAN = re.compile(rf"(?:{'|'.join(map(re.escape, [*FOLDERS, 'assets', 'bin']))})(?:/[\w.-]+)+/?")


def pages():
    """Every Markdown file of the repository, by its path; not what is built, fetched or left by runs."""
    found = {path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md")}
    found |= {*ROOT.glob("*.md"), ROOT / "runs/README.md", ROOT / "checkpoints/README.md"}
    return sorted(str(path.relative_to(ROOT)) for path in found)


@functools.cache
def prose(path):
    """A page's text without its blocks of code."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def links(path):
    text = CODE.sub("", prose(path))
    return [found for pattern in LINKS for found in pattern.findall(text)]


@functools.cache
def anchors(path):
    """The names that GitHub gives to a page's headings, and those that its HTML has."""
    text, names = prose(path), set()
    for heading in HEADING.findall(text):
        shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        shown = re.sub(r"(?<!\w)[*_]+|[*_]+(?!\w)|[`]", "", shown)
        slug = base = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        number = 0
        while slug in names:
            number += 1
            slug = f"{base}-{number}"
        names.add(slug)
    return names | set(ANCHOR.findall(text))


def is_outside(link):
    return re.match(r"[a-z][a-z0-9+.-]*:|//", link, re.IGNORECASE) is not None


def problem(page, link):
    """What is wrong with a link of a page, or nothing."""
    name, _, anchor = unquote(link).partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_relative_to(ROOT):
        return f"{link}: outside the repository"
    if not target.exists():
        return f"{link}: no such file"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return f"{link}: no such heading; there are {', '.join(sorted(anchors(target)))}"
    return None


@pytest.mark.parametrize("name", pages())
def test_links_and_pictures_lead_somewhere(name):
    page = ROOT / name
    problems = [problem(page, link) for link in links(page) if not is_outside(link)]
    assert [found for found in problems if found] == []


@pytest.mark.parametrize("name", pages())
def test_files_named_in_text_are_there(name):
    spans = [span for _, span in CODE.findall(prose(ROOT / name))]
    paths = [span for span in spans if SPAN.fullmatch(span)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_picture_is_shown_by_a_page():
    shown = {(page.parent / unquote(link.partition("#")[0])).resolve()
             for page in (ROOT / name for name in pages())
             for link in links(page) if not is_outside(link)}
    # The numbers behind a picture and its description lie beside it, under its name.
    beside = {".csv", ".json"}
    pictures = {path for path in FIGURES.rglob("*") if path.is_file() and path.suffix not in beside}
    assert sorted(str(path.relative_to(ROOT)) for path in pictures - shown) == []
    others = {path for path in FIGURES.rglob("*") if path.suffix in beside}
    assert sorted(path.name for path in others
                  if not any(path.with_suffix(suffix) in pictures for suffix in (".png", ".svg"))) == []


def test_a_broken_link_is_found(tmp_path):
    page = ROOT / "docs" / "lab.md"
    assert problem(page, "no_such_page.md") and problem(page, "lab.md#no-such-heading")
    assert problem(page, "../../elsewhere.md") and not problem(page, "../README.md")
    text = tmp_path / "page.md"
    text.write_text("# A `b` c_d, e\n## Same\n## Same\n```\n# no heading\n[x](y)\n```\n`[x](z)` ![p](q.png)\n")
    assert anchors(text) == {"a-b-c_d-e", "same", "same-1"}
    assert links(text) == ["q.png"]
