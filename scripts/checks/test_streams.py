"""docs/reproducing.md held to the code: every stream that src/ draws from has a line there with its file, every
line is a stream, and the Python functions that it names exist.

Usage: pytest scripts/checks/test_streams.py
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
# Which argument of a function of rng.rs is the stream.
DRAWS = {"words": 1, "seed_torch": 1, "key": 1, "permutation": 2}


def sources():
    """The code of src/ without comments and tests, by path; not the file that defines the functions."""
    for path in sorted((ROOT / "src").rglob("*.rs")):
        if path.name not in ("rng.rs", "tests.rs"):
            text = re.sub(r"(?m)^\s*//.*$| // .*$", "", path.read_text(encoding="utf-8"))
            yield str(path.relative_to(ROOT)), re.split(r"#\[cfg\(test\)\]\s*(?:pub(?:\(\w+\))? )?mod ", text)[0]


def arguments(text, start):
    """The arguments of a call whose opening bracket is before `start`."""
    depth, begin, found, quoted = 0, start, [], False
    for i in range(start, len(text)):
        quoted ^= text[i] == '"'
        if quoted:
            continue
        if depth == 0 and text[i] in ",)":
            found.append(text[begin:i].strip())
            begin = i + 1
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth < 0:
                return found
    raise ValueError("a call without an end")


def normal(stream):
    return re.sub(r"\{[^}]*\}|<[^>]*>", "<>", stream)


def drawn(files):
    """(stream, file) of every draw."""
    found = set()
    # Functions that are told their stream: whoever calls them with a name draws from it.
    told = {name for text in files.values() for name in re.findall(r"fn (\w+)\((?:[^{;]*?)\bstream: &str", text)}
    for path, text in files.items():
        for call in re.finditer(r"\brng::(\w+)\(", text):
            if call[1] not in DRAWS:
                continue
            stream = arguments(text, call.end())[DRAWS[call[1]]]
            literal = re.match(r'(?:&format!\()?"([^"]*)"', stream)
            if literal:
                found.add((normal(literal[1]), path))
            elif stream == "&stream":
                (name,) = re.findall(r'let stream = format!\("([^"]*)"', text)
                found.add((normal(name), path))
            else:
                assert stream == "stream", f"{path}: what is the stream {stream}?"
                assert "stream: &str" in text, f"{path}: who says which stream it is?"
        for call in re.finditer(rf"\b({'|'.join(told)})\((?=[^)])", text):
            for argument in arguments(text, call.end()):
                if re.fullmatch(r'"[^"]*"', argument):
                    found.add((normal(argument[1:-1]), path))
    return found


def lines():
    """(stream, t, from, what, Python, file) of every line of the page."""
    page = (ROOT / "docs/reproducing.md").read_text(encoding="utf-8").split("## The streams")[1]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in page.splitlines()
            if line.startswith("| `")]
    assert all(len(row) == 6 for row in rows), rows
    return rows


def test_every_stream_has_a_line_and_every_line_a_stream():
    listed = {(normal(row[0].strip("`")), row[5].strip("`")) for row in lines()}
    assert drawn(dict(sources())) == listed


def test_a_new_stream_would_be_noticed():
    code = {
        "a.rs": 'rng::seed_torch(seed, "init", 0); rng::permutation(n, seed.wrapping_add(1), "data", t)',
        "b.rs": 'fn sample(seed: u64, stream: &str) { rng::words(seed, stream, 0) } sample(f(1, 2), "new")',
        "c.rs": 'rng::seed_torch(seed, &format!("grow.{name}"), t)',
        "d.rs": 'let stream = format!("noise.{}.{k}", x); rng::seed_torch(seed, &stream, t)',
    }
    assert drawn(code) == {("init", "a.rs"), ("data", "a.rs"), ("new", "b.rs"), ("grow.<>", "c.rs"),
                           ("noise.<>.<>", "d.rs")}


def test_nothing_is_random_but_by_streams():
    for path, text in sources():
        assert "manual_seed" not in text and "thread_rng" not in text, path


def test_the_functions_exist():
    from neuron_lab import draws, draws_efficient_coding, draws_steady_state

    for row in lines():
        for name in re.findall(r"`(\w+)`", row[4]):
            assert any(hasattr(module, name) for module in (draws, draws_efficient_coding, draws_steady_state)), name
        assert row[2].split(", ")[0] in ("words", "libtorch", "see below"), row
