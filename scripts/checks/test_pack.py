"""scripts/pack and the recipes for containers. The packed programs are run where the checkout can't be
seen; of the recipes it is checked what can be without the programs that build them: their shell is
sound, what they call is there, and their versions are the project's.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAMS = sorted(path.stem for path in (ROOT / "bin").glob("*.rs"))
BUILT = all((TARGET / "release" / name).exists() for name in PROGRAMS)
DOCKERFILE = ROOT / "scripts/containers/Dockerfile"
DEFINITION = ROOT / "scripts/containers/neuron_lab.def"


def pack(*arguments, **environment):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LIBTORCH")}
    command = [ROOT / "scripts/pack", *arguments]
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True)


def hidden(command, checkout):
    """The command in a name space of its own in which a folder is empty."""
    inside = 'mount -t tmpfs none "$0" && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, checkout, *command]


def can_hide(folder):
    try:
        return subprocess.run(hidden(["true"], folder), capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(
    not BUILT or not (ROOT / ".libtorch/torch/lib/libtorch.so").exists() or "LIBTORCH" in os.environ,
    reason="the programs are not built with the libtorch in .libtorch",
)
def test_packed_programs_run_without_the_checkout(tmp_path):
    if tmp_path.is_relative_to(ROOT) or not can_hide(ROOT):
        pytest.skip("no name spaces here to hide the checkout in")
    folder = tmp_path / "a folder"
    done = pack(folder)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "bin").iterdir()) == PROGRAMS
    assert not list(tmp_path.glob("*.new"))
    assert pack(folder).stderr == f"error: {folder} is there already: give a folder that is not\n"

    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    train = [folder / "bin/selector_mnist", "--data", "digits", "--steps", "2", "--device", "cpu", "--quiet"]
    for command in [train, [folder / "bin/lab", "runs"]]:
        command = hidden(command, ROOT)
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "done" in done.stdout


def test_pack_wants_one_folder():
    assert pack().stderr == "error: give one folder: scripts/pack FOLDER\n"
    assert pack("a", "b").returncode == 1
    assert "unset it and build anew" in pack("a", LIBTORCH="/elsewhere").stderr


def docker_instructions():
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", "")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]


def sections():
    """The sections of Apptainer's recipe by name, several of a name one after another."""
    found = {}
    for name, body in re.findall(r"^%(\w+).*\n((?:(?:    .*)?\n)*)", DEFINITION.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(body)
    return found


def shell():
    runs = [rest for word, rest in docker_instructions() if word == "RUN"]
    return [*runs, *sections()["post"], *sections()["environment"], *sections()["runscript"]]


@pytest.mark.parametrize("text", shell())
def test_the_shell_of_a_recipe_is_sound(text):
    checked = subprocess.run(["sh", "-n"], input=re.sub(r"\{\{ \w+ \}\}", "x", text), text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    for name in re.findall(r"scripts/[\w.-]+", text):
        assert os.access(ROOT / name, os.X_OK), name


def test_the_recipes_have_the_words_of_their_programs():
    known = {"FROM", "ARG", "RUN", "COPY", "WORKDIR", "ENV", "CMD"}
    assert {word for word, _ in docker_instructions()} == known
    assert set(sections()) == {"arguments", "files", "post", "environment", "runscript"}


def test_both_recipes_do_the_same():
    docker = DOCKERFILE.read_text()
    apptainer = DEFINITION.read_text()
    for words in [
        r"(?:FROM|From:) (rust:\S+)",
        r"(?:FROM|From:) (debian:\S+)",
        r"install --yes --no-install-recommends ([^\\\n]+?) *(?:\\|\n)",
        r"(git config .*?'\*')",
        r"(git clone .*)",
        r"(cargo build .*?)(?: \\|\n)",
        r"(scripts/pack \S+)",
        r"(/packed /opt/neuron_lab)",
    ]:
        assert re.findall(words, docker) == re.findall(words, apptainer) != [], words


def test_rust_is_the_version_that_the_package_asks_for():
    wanted = re.search(r'^rust-version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    for recipe in (DOCKERFILE, DEFINITION):
        assert re.findall(r"rust:([\d.]+)-", recipe.read_text()) == [wanted]
