"""The pages of a site from docs/, in a folder: what links lead to outside docs/ becomes pages, too.

Usage: site.py FOLDER, by scripts/site, which then has Zensical make the site.
"""

import pathlib
import posixpath
import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A link or picture of Markdown: what is before the address, and the address.
LINK = re.compile(r"(\]\(\s*)<?([^)\s>]+)>?")
FENCE = re.compile(r"^(```.*?^```)|((?<!`)`[^`\n]+`)", re.MULTILINE | re.DOTALL)
# How a file is coloured, by its ending; scripts without one by their first line.
LANGUAGES = {".rs": "rust", ".py": "python", ".toml": "toml", ".json": "json", ".sh": "bash", ".yml": "yaml",
             ".cpp": "cpp", ".c": "c", ".cff": "yaml"}
NAVIGATION = [
    ("Neuron Lab", ["README.md"]),
    ("Where to start", ["docs/README.md", "docs/notebooks.md", "docs/lab.md", "docs/data.md", "docs/troubleshooting.md",
                        "docs/cluster.md"]),
    ("Experiments", ["docs/selector_mnist.md", "docs/selector_transformer.md", "docs/selector_continual.md",
                     "docs/depth_width.md", "docs/efficient_coding.md", "docs/efficient_coding_data.md",
                     "docs/receptive_fields.md", "docs/two_loss_toy.md", "docs/apical.md", "docs/steady_state.md",
                     "docs/steady_state_numbers.md", "docs/one_neuron.md"]),
]
REST = "Reference"
SETTINGS = """site_name: Neuron Lab
use_directory_urls: false
theme:
  name: material
  font: false
  palette:
    - {media: "(prefers-color-scheme: light)", scheme: default, primary: blue grey, toggle: {icon: material/weather-night, name: dark}}
    - {media: "(prefers-color-scheme: dark)", scheme: slate, primary: blue grey, toggle: {icon: material/weather-sunny, name: light}}
  features: [navigation.sections, navigation.top, search.highlight, content.code.copy]
plugins: [search]
markdown_extensions:
  - tables
  - pymdownx.superfences
  - pymdownx.highlight
  - toc: {permalink: true, slugify: !!python/object/apply:pymdownx.slugs.slugify {kwds: {case: lower}}}
"""


def tracked(path):
    """The files of a folder that git knows."""
    listed = subprocess.run(["git", "ls-files", path], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


class Site:
    def __init__(self, folder):
        self.folder = folder
        self.made, self.waiting = set(), ["README.md"]
        self.waiting += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))

    def place(self, name):
        """Where in the site a file or folder of the repository is shown."""
        if name == "README.md":
            return "index.md"
        if name == "docs/README.md":
            return "docs/start.md"
        path = ROOT / name
        if path.is_dir() and (path / "README.md").exists():
            return self.place(posixpath.join(name, "README.md"))
        # Another README would be the index of its folder.
        shown = name.replace("README.md", "readme-page.md")
        return shown if path.suffix in (".md", ".png", ".svg", ".csv") else f"{shown}.md"

    def make(self):
        while self.waiting:
            name = self.waiting.pop()
            target = self.folder / "pages" / self.place(name)
            if target in self.made:
                continue
            self.made.add(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            path = ROOT / name
            if path.is_dir() and (path / "README.md").exists():
                self.made.discard(target)
                self.waiting.append(posixpath.join(name, "README.md"))
            elif path.is_dir():
                target.write_text(self.listing(name), encoding="utf-8")
            elif path.suffix == ".md":
                target.write_text(self.rewritten(name), encoding="utf-8")
            elif target.suffix == ".md":
                target.write_text(code(name, path), encoding="utf-8")
            else:
                shutil.copy(path, target)

    def rewritten(self, name):
        """A page whose links lead to where the site shows what they name."""
        def link(found):
            before, address = found.groups()
            if re.match(r"[a-z][a-z0-9+.-]*:|//|#", address, re.IGNORECASE):
                return found.group(0)
            path, _, anchor = unquote(address).partition("#")
            named = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
            return before + self.address(name, named) + (f"#{anchor}" if anchor else "")

        text = (ROOT / name).read_text(encoding="utf-8")
        parts, at = [], 0
        # Not in code.
        for fenced in FENCE.finditer(text):
            parts += [LINK.sub(link, text[at:fenced.start()]), fenced.group(0)]
            at = fenced.end()
        return "".join(parts) + LINK.sub(link, text[at:])

    def address(self, page, named):
        self.waiting.append(named)
        return posixpath.relpath(self.place(named), posixpath.dirname(self.place(page)) or ".")

    def listing(self, name):
        files = [f"- [`{file}`]({self.address(name, file)})" for file in tracked(name)]
        return f"# {name}\n\n" + "\n".join(files) + "\n"

    def settings(self):
        lines, named = [SETTINGS, "nav:"], set()
        pages = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
        listed = {name for _, names in NAVIGATION for name in names}
        rest = [name for name in pages if name not in listed] + ["CONTRIBUTING.md", "CHANGELOG.md"]
        for title, names in [*NAVIGATION, (REST, rest)]:
            named.update(names)
            lines.append(f"  - {title}:")
            lines += [f"    - {self.place(name)}" for name in names]
        lines += ["docs_dir: pages", ""]
        return "\n".join(lines)


def code(name, path):
    """A file that is no page, as one."""
    text = path.read_text(encoding="utf-8", errors="replace")
    shebang = text.partition("\n")[0]
    language = LANGUAGES.get(path.suffix, "python" if "python" in shebang else "bash" if "bash" in shebang else "text")
    fence = "`" * (3 + max((len(run) for run in re.findall(r"`{3,}", text)), default=0))
    return f"# {name}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


if __name__ == "__main__":
    site = Site(pathlib.Path(sys.argv[1]))
    site.waiting += ["CONTRIBUTING.md", "CHANGELOG.md"]
    site.make()
    (site.folder / "mkdocs.yml").write_text(site.settings(), encoding="utf-8")
