"""What may import what: the rules of docs/architecture.md, held to every file of src/."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
FAMILIES = ["apical", "depth_width", "efficient_coding", "one_neuron", "selector", "steady_state"]
# The rooms of an experiment; every other folder of a family is science.
ROOMS = {"config", "presets", "state", "experiment", "report", "figures"}
USE = re.compile(r"^\s*(pub(?:\([a-z ]+\))?\s+)?use\s+([^;]+);", re.M)
INLINE = re.compile(r"\b(?:crate|super)(?:::\w+)+")


def module(path):
    """The module that a file is, as a tuple of names."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return parts[:-1] if parts[-1] in ("mod", "lib") else parts


def leaves(tree):
    """The paths of a use tree, each with the name that it is known by."""
    tree = tree.strip()
    if "{" not in tree:
        path, _, alias = tree.partition(" as ")
        yield path.strip(), alias.strip() or path.strip().rsplit("::", 1)[-1]
        return
    head, inner = tree[: tree.index("{")], tree[tree.index("{") + 1 : tree.rindex("}")]
    depth, start = 0, 0
    for i, char in enumerate(inner + ","):
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            if inner[start:i].strip():
                yield from ((head.strip() + path, name) for path, name in leaves(inner[start:i]))
            start = i + 1


class House:
    """Every file of src/, what it imports, and what it gives on under another path."""

    def __init__(self, root=SRC):
        self.root = root
        self.files = {module(path): path for path in sorted(root.rglob("*.rs"))}
        self.text = {name: path.read_text() for name, path in self.files.items()}
        self.text = {name: re.sub(r"//[^\n]*", "", text) for name, text in self.text.items()}
        self.given = {name: {} for name in self.files}
        for name, text in self.text.items():
            for public, tree in USE.findall(text):
                if public:
                    for path, alias in leaves(tree):
                        self.given[name][alias] = self.absolute(name, path)
        self.imports = {name: self.imports_of(name) for name in self.files}

    def absolute(self, name, path):
        """A path as it is written in a module, from the crate's root; none for other crates."""
        parts = [part for part in path.split("::") if part]
        if parts[0] == "crate":
            return tuple(parts[1:])
        if parts[0] in ("self", "super"):
            base = list(name)
            for part in parts:
                if part == "super":
                    base.pop()
            return tuple(base) + tuple(part for part in parts if part not in ("self", "super"))
        return name + tuple(parts) if name + (parts[0],) in self.files else None

    def file_of(self, path, seen=()):
        """The module that an item is really in."""
        for length in range(len(path), -1, -1):
            here = path[:length]
            if here not in self.files:
                continue
            if length < len(path) and path not in seen:
                target = self.given[here].get(path[length])
                if target is not None:
                    return self.file_of(target + path[length + 1 :], (*seen, path))
            return here
        return None

    def imports_of(self, name):
        text = self.text[name]
        # Tests within a file may use what they like; a module `tests` is left out likewise.
        text = text.split("#[cfg(test)]\nmod tests {")[0]
        paths = [path for _, tree in USE.findall(text) for path, _ in leaves(tree)]
        paths += INLINE.findall(USE.sub("", text))
        found = {self.file_of(path) for path in (self.absolute(name, p) for p in paths) if path is not None}
        related = lambda other: other == name[: len(other)] or name == other[: len(name)]
        return {other for other in found if other is not None and not related(other)}


def circles(imports):
    """The sets of files that import one another, directly or round about (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in imports[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in imports:
        if name not in index:
            visit(name)
    return found


HOUSE = House()


def test_no_file_imports_a_file_that_imports_it():
    assert circles(HOUSE.imports) == []


def test_a_circle_would_be_found():
    imports = {("a",): {("b",)}, ("b",): {("c",)}, ("c",): {("a",)}, ("d",): {("a",)}}
    assert circles(imports) == [[("a",), ("b",), ("c",)]]


def test_imports_go_one_way():
    allowed = {"lab": {"lab"}, "data": {"data", "lab"}, "lab_program": {"lab_program", "lab"}}
    allowed |= {family: {family, "lab", "data"} for family in FAMILIES}
    assert {name[0] for name in HOUSE.files if name} == set(allowed)
    wrong = [
        ("::".join(name), "::".join(other))
        for name, imports in HOUSE.imports.items()
        for other in imports
        if name and other and other[0] not in allowed[name[0]]
    ]
    assert wrong == []


def test_the_lab_names_no_experiment():
    words = [word for word in FAMILIES] + [path.stem for path in (ROOT / "bin").glob("*.rs")]
    words = [word for word in words if word != "lab"] + ["mnist"]
    pattern = re.compile(r"\b(" + "|".join(words) + r")\b", re.I)
    wrong = []
    for name, path in HOUSE.files.items():
        code = HOUSE.text[name].split("#[cfg(test)]")[0]
        if name[:1] == ("lab",) and name[-1] != "tests" and pattern.search(code):
            wrong.append(("::".join(name), pattern.search(code).group(0)))
    assert wrong == []


def experiments():
    """The folders that hold an experiment."""
    return sorted({name[:-1] for name in HOUSE.files if name and name[-1] == "experiment" and name[0] != "lab"})


def test_every_experiment_has_the_same_rooms():
    for folder in experiments():
        rooms = {name[len(folder)] for name in HOUSE.files if name[: len(folder)] == folder and len(name) > len(folder)}
        shared = folder[0] == "steady_state" and {"config"} or set()
        assert ROOMS - rooms - shared == set(), folder


def test_science_knows_no_flags_files_or_log():
    homes = experiments()
    wrong = []
    for name, imports in HOUSE.imports.items():
        in_family = name and name[0] in FAMILIES and len(name) > 2
        if not in_family or any(name[: len(home)] == home for home in homes) or name[1] == "data":
            continue
        for other in imports:
            # How state goes out and in is no file.
            state = other[:2] == ("lab", "store") and other[2] in ("persist", "state_reader", "state_writer")
            rooms = [("lab", room) for room in ("cli", "figure", "log", "store", "train")]
            if other[:2] in rooms and not state:
                wrong.append(("::".join(name), "::".join(other)))
        if re.search(r"\bclap::(?!ValueEnum|\{ValueEnum\})", HOUSE.text[name]):
            wrong.append(("::".join(name), "clap"))
    assert wrong == []
