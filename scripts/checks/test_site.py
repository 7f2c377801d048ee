"""The pages of scripts/site, before they are made into a site: what they link to is there. No network."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from test_links import ROOT, is_outside, links


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-B", ROOT / "scripts/docs/site.py", folder], check=True)
    return folder / "pages"


def test_every_link_leads_to_a_page_of_the_site(pages):
    broken = []
    for page in sorted(pages.rglob("*.md")):
        for link in links(page):
            path = unquote(link).partition("#")[0]
            if path and not is_outside(link) and not (page.parent / path).is_file():
                broken.append(f"{page.relative_to(pages)}: {link}")
    assert broken == []


def test_what_is_outside_docs_is_shown_too(pages):
    assert "](docs/start.md)" in (pages / "index.md").read_text()
    assert (pages / "docs/selector_mnist.md").read_text().startswith("# selector_mnist")
    shown = (pages / "examples/external.md").read_text()
    assert "](external/src/main.rs.md)" in shown
    assert "```rust\n" in (pages / "examples/external/src/main.rs.md").read_text()


def test_every_page_of_docs_is_in_the_navigation(pages):
    settings = (pages.parent / "mkdocs.yml").read_text()
    listed = [line.strip()[2:] for line in settings.splitlines() if line.strip().endswith(".md")]
    made = {path.relative_to(pages).as_posix() for path in (pages / "docs").glob("*.md")}
    assert made - set(listed) == set() and len(listed) == len(set(listed))
    assert {Path(name).name for name in listed} >= {"index.md", "start.md", "CHANGELOG.md", "CONTRIBUTING.md"}
