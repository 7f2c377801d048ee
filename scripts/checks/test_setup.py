"""scripts/setup in a copy of the repository, with stand-ins for pip, nvidia-smi and libtorch; the real
pip is there for the build that comes from an index, which is a folder here.

The libraries are small ones that need one another as the real ones do, and the crate is a small
one that finds them as torch-sys does; setup, build.rs and .cargo/config.toml are the real ones. So
what a program links after a change of kind is checked in seconds, with nothing downloaded.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REAL = ["build.rs", ".cargo/config.toml", "scripts/setup", "scripts/lib.sh", "scripts/check_libtorch.py"]
BINARY = "target/release/neuron_lab"

CRATE = {
    "Cargo.toml": """
        [package]
        name = "neuron_lab"
        version = "0.1.0"
        edition = "2024"
        [dependencies]
        torch-sys = { path = "torch-sys" }
        [workspace]
    """,
    "src/main.rs": 'fn main() { println!("{}", torch_sys::call()); }',
    "torch-sys/Cargo.toml": """
        [package]
        name = "torch-sys"
        version = "0.26.0"
        edition = "2024"
        links = "tch"
    """,
    "torch-sys/src/lib.rs": """
        unsafe extern "C" { fn torch_cpu() -> i32; }
        pub fn call() -> i32 { unsafe { torch_cpu() } }
    """,
    # What torch-sys 0.26's build script tells Cargo; like it, it doesn't watch the libraries.
    "torch-sys/build.rs": """
        fn main() {
            println!("cargo:rerun-if-env-changed=LIBTORCH");
            let lib = std::path::PathBuf::from(std::env::var("LIBTORCH").unwrap()).join("lib");
            println!("cargo:libtorch_lib={}", lib.display());
            println!("cargo:rustc-link-search=native={}", lib.display());
            if lib.join("libtorch_cuda.so").exists() { println!("cargo:rustc-link-lib=torch_cuda"); }
            for name in ["torch_cpu", "torch", "c10"] { println!("cargo:rustc-link-lib={name}"); }
        }
    """,
}

# Unpacks the wheels when setup calls pip to install, and is Python otherwise.
PYTHON = """#!/bin/sh
case "$*" in
  *"--index-url "*) echo "$@" >> "{log}"; exec "{python}" "$@" --no-deps ;;
  "-m pip install --target "*)
    echo "$@" >> "{log}"
    if [ -e "{log}.fail" ]; then mkdir -p "$5/torch"; echo "no network" >&2; exit 1; fi
    cp -r "{wheels}" "$5" ;;
  *) exec "{python}" "$@" ;;
esac
"""


def library(lib, name, code, *needs):
    source = lib / f"{name}.c"
    source.write_text(code)
    linked = [f"-l{need}" for need in needs]
    command = ["cc", "-shared", "-fPIC", "-o", f"lib{name}.so", source.name, "-Wl,-rpath,$ORIGIN", "-L."]
    subprocess.run([*command, f"-Wl,-soname,lib{name}.so", "-Wl,--no-as-needed", *linked], cwd=lib, check=True)
    source.unlink()


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """What pip would unpack from the wheel of PyTorch with CUDA."""
    folder = tmp_path_factory.mktemp("wheels") / "unpacked"
    lib = folder / "torch" / "lib"
    lib.mkdir(parents=True)
    library(lib, "c10", "int c10(void) { return 1; }")
    library(lib, "torch_cpu", "int c10(void); int torch_cpu(void) { return 41 + c10(); }", "c10")
    library(lib, "c10_cuda", "int c10_cuda(void) { return 2; }", "c10")
    library(lib, "torch_cuda", "int torch_cuda(void) { return 3; }", "torch_cpu", "c10_cuda")
    library(lib, "torch", "", "torch_cpu", "torch_cuda")
    header = folder / "torch/include/torch/csrc/api/include/torch/torch.h"
    header.parent.mkdir(parents=True)
    header.touch()
    (folder / "torch/version.py").write_text(VERSION_FILE.format("130", "13.0"))
    record(folder, "2.13.0")
    return folder


VERSION_FILE = "__version__ = '2.13.0+cu{}'\ncuda: Optional[str] = '{}'\n"


def record(folder, version):
    """Writes what pip keeps of a wheel: the digests of its libraries."""
    lib = folder / "torch/lib"
    record = folder / f"torch-{version}.dist-info" / "RECORD"
    record.parent.mkdir()
    lines = []
    for path in sorted(lib.iterdir()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        lines.append(f"torch/lib/{path.name},sha256={digest},{path.stat().st_size}\n")
    record.write_text("".join(lines))


@pytest.fixture(scope="session")
def index(wheels, tmp_path_factory):
    """A package index in a folder, as file:// takes it, with the build for CUDA 12.6 and a wrong one."""
    folder = tmp_path_factory.mktemp("index")
    unpacked, version = folder / "unpacked", "2.13.0+cu126"
    shutil.copytree(wheels, unpacked)
    shutil.rmtree(unpacked / "torch-2.13.0.dist-info")
    (unpacked / "torch/version.py").write_text(VERSION_FILE.format("126", "12.6"))
    record(unpacked, version)
    about = unpacked / f"torch-{version}.dist-info"
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
    (about / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    with open(about / "RECORD", "a") as file:
        # pip keeps these lines as they are, and installs what is in the archive.
        file.write("torch/version.py,,\n")
    page = folder / "simple/torch/index.html"
    page.parent.mkdir(parents=True)
    name = f"torch-{version}-py3-none-any.whl"
    with zipfile.ZipFile(page.parent / name, "w") as wheel:
        for path in sorted(unpacked.rglob("*")):
            wheel.write(path, path.relative_to(unpacked))
    page.write_text(f'<a href="{name.replace("+", "%2B")}">{name}</a>')
    return (folder / "simple").as_uri()


class Repository:
    """A copy of the repository's set-up with a path that finds the stand-ins first."""

    def __init__(self, folder, wheels):
        self.folder, self.log, self.wheels = folder / "a folder", folder / "pip.log", folder / "wheels"
        self.tools = folder / "tools"
        shutil.copytree(wheels, self.wheels)
        for name in REAL:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)
        for name, text in CRATE.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        self.tools.mkdir()
        self.tool("python3", PYTHON.format(log=self.log, wheels=self.wheels, python=sys.executable))
        self.gpu(None)
        kept = {key: value for key, value in os.environ.items() if "TORCH" not in key and key != "CARGO_TARGET_DIR"}
        self.environment = kept | {"PATH": f"{self.tools}:{kept['PATH']}"}

    def tool(self, name, text):
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def gpu(self, driver, *capabilities):
        """GPUs of some compute capabilities. A driver before 470 doesn't know what that is."""
        rows = [(f"{driver}.65.06", capability) for capability in capabilities or ["8.6"]]
        both = "\n".join(", ".join(row) for row in rows) if driver and driver >= 470 else None
        answers = {
            "-L": "\n".join(f"GPU {n}: one" for n in range(len(rows))),
            "--query-gpu=driver_version": "\n".join(driver for driver, _ in rows),
            "--query-gpu=driver_version,compute_cap": both if both else 'Field "compute_cap" is not a valid field to query.',
        }
        cases = "\n".join(f"  {option}) echo '{answer}' ;;" for option, answer in answers.items())
        known = f'case "$1" in\n{cases}\n  *) exit 2 ;;\nesac' if driver else "exit 9"
        self.tool("nvidia-smi", f"#!/bin/sh\n{known}\n")

    def setup(self, *options, fails=False, **environment):
        command = [self.folder / "scripts/setup", *options]
        done = subprocess.run(command, env=self.environment | environment, cwd="/", capture_output=True, text=True)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def installs(self):
        return self.log.read_text().count("\n") if self.log.exists() else 0

    def needed(self):
        """Builds the program, runs it, and gives the names of all libraries that it loads."""
        build = ["cargo", "build", "--release", "--offline", "--quiet"]
        subprocess.run(build, env=self.environment, cwd=self.folder, check=True)
        binary = self.folder / BINARY
        assert subprocess.run([binary], capture_output=True, text=True, check=True).stdout == "42\n"
        loaded = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
        assert "not found" not in loaded
        return {line.split()[0] for line in loaded.splitlines()}


@pytest.fixture
def repository(tmp_path, wheels):
    return Repository(tmp_path, wheels)


def test_a_change_of_kind_changes_what_the_program_links(repository):
    cuda = {"libtorch_cuda.so", "libc10_cuda.so"}
    assert "libtorch: cpu" in repository.setup()
    assert not repository.needed() & cuda
    assert "cleaning" not in repository.setup()

    said = repository.setup("--cuda")
    assert "libtorch: cuda" in said and "was 'cpu' and is 'cuda': cleaning torch-sys" in said
    assert not (repository.folder / BINARY).exists()
    assert cuda < repository.needed()

    assert "libtorch: cuda" in repository.setup(), "CUDA must stay until --cpu is asked for"
    assert "was 'cuda' and is 'cpu': cleaning torch-sys" in repository.setup("--cpu")
    assert not repository.needed() & cuda
    assert repository.installs() == 3


def test_build_rs_alone_links_another_kind_at_the_same_place_anew(repository):
    repository.setup()
    assert "libtorch_cuda.so" not in repository.needed()
    lib = repository.folder / ".libtorch/torch/lib"
    (lib / "libtorch.so").unlink()
    for path in (repository.wheels / "torch/lib").iterdir():
        shutil.copy(path, lib)
    assert "libtorch_cuda.so" in repository.needed()


def test_a_second_call_installs_nothing_and_a_damaged_one_is_repaired(repository):
    repository.setup()
    repository.setup()
    assert repository.installs() == 1
    library_file = repository.folder / ".libtorch/torch/lib/libtorch_cpu.so"
    library_file.write_bytes(library_file.read_bytes()[:-1])
    repository.setup()
    assert repository.installs() == 2
    (repository.folder / ".libtorch/torch/lib/libtorch.so").unlink()
    repository.setup()
    assert repository.installs() == 3


def test_a_gpu_chooses_cuda_and_an_old_driver_is_named(repository):
    repository.gpu(590)
    said = repository.setup()
    assert "taking libtorch with CUDA 13: driver 590.65.06, compute capability 8.6, and CUDA 13 can use 1" in said
    assert "libtorch: cuda 13.0" in said and "driver 590.65.06 found, 580 or newer needed (CUDA 13.0)" in said
    assert "too old" not in said
    repository.gpu(570)
    said = repository.setup()
    assert "this driver is too old" in said and "or: scripts/setup --cuda 12.6" in said
    assert repository.installs() == 1, "what with CUDA is there stays until another is asked for"
    repository.gpu(590)
    assert "run scripts/setup --cuda" in repository.setup("--cpu")


@pytest.mark.parametrize(
    ("driver", "capabilities", "words"),
    [
        (580, ["7.5"], "CUDA 13: driver 580.65.06, compute capability 7.5, and CUDA 13 can use 1 of 1"),
        (590, ["12.0"], "CUDA 13: "),
        (579, ["8.0"], "CUDA 12.6: driver 579.65.06, compute capability 8.0, of which CUDA 12.6 can use 1 of 1"),
        (525, ["6.1"], "CUDA 12.6: "),
        (590, ["7.0"], "and CUDA 13 0"),
        (590, ["7.0", "9.0", "8.6"], "capability 7.0 8.6 9.0, of which CUDA 12.6 can use 3 of 3 GPUs, and CUDA 13 2"),
        (590, ["7.0", "12.0"], "CUDA 13: driver 590.65.06, compute capability 7.0 12.0, and CUDA 13 can use 1 of 2"),
        (535, ["[N/A]"], "CUDA 12.6: driver 535.65.06; nvidia-smi tells no compute capability"),
    ],
)
def test_the_build_is_chosen_by_driver_and_compute_capability(repository, index, driver, capabilities, words):
    repository.gpu(driver, *capabilities)
    said = repository.setup("--cuda", NEURON_LAB_TORCH_INDEX=index)
    assert words in said and "too old" not in said and "no code" not in said


@pytest.mark.parametrize(
    ("driver", "capability", "words"),
    [
        (390, "6.1", "driver 390.65.06 is too old: CUDA 12.6 needs 525 or newer, CUDA 13 580"),
        (520, "8.6", "driver 520.65.06 is too old: CUDA 12.6 needs 525 or newer, CUDA 13 580"),
        (570, "12.0", "compute capability 12.0: CUDA 13 needs driver 580 or newer and 7.5 or newer"),
        (590, "3.7", "compute capability 3.7: CUDA 13 needs driver 580 or newer and 7.5 or newer"),
    ],
)
def test_a_gpu_that_no_build_can_use_is_one_line(repository, driver, capability, words):
    repository.gpu(driver, capability)
    said = repository.setup("--cuda", fails=True)
    assert said.startswith("error: no libtorch with CUDA for this machine: ") and words in said
    assert said.count("\n") == 1
    said = repository.setup()
    assert "libtorch: cpu" in said and words in said, "without an option the CPU's is taken, and why is said"


def test_the_build_for_cuda_12_6_comes_from_its_index_and_stays(repository, index):
    where = {"NEURON_LAB_TORCH_INDEX": index}
    said = repository.setup("--cuda", "12.6", **where)
    assert "libtorch: cuda 12.6, version 2.13.0" in said
    assert "2.13.0+cu126" in repository.log.read_text()
    assert {"libtorch_cuda.so", "libc10_cuda.so"} < repository.needed()
    repository.setup(**where)
    repository.setup("--cuda", "12.6", **where)
    repository.gpu(535, "7.0")
    said = repository.setup("--cuda", **where)
    assert "525 or newer needed (CUDA 12.6)" in said and "too old" not in said
    assert repository.installs() == 1
    assert "libtorch: cuda 13.0" in repository.setup("--cuda", "13", **where)
    said = repository.setup("--cuda=13", **where)
    assert "this driver is too old" in said and "or: scripts/setup --cuda 12.6" in said
    assert repository.installs() == 2


def test_a_build_without_code_for_the_gpu_is_named(repository):
    repository.setup("--cuda", "13")
    repository.gpu(590, "7.0")
    assert "no code for these GPUs, or: scripts/setup --cuda 12.6" in repository.setup()


def test_an_index_without_the_build_is_one_line_after_pip_has_spoken(repository, tmp_path):
    (tmp_path / "empty").mkdir()
    where = (tmp_path / "empty").as_uri()
    said = repository.setup("--cuda", "12.6", NEURON_LAB_TORCH_INDEX=where, PIP_FIND_LINKS="", fails=True)
    assert "error: pip couldn't install" in said.splitlines()[-1] and where in said
    assert not (repository.folder / ".libtorch").exists()


WRONG = [["--cuda", "11"], ["--cuda=11"], ["--cuda", "--cpu"], ["--cuda", "13", "more"], ["--cpu", "13"], ["x"]]


@pytest.mark.parametrize("options", WRONG, ids=" ".join)
def test_a_wrong_option_is_one_line(repository, options):
    said = repository.setup(*options, fails=True)
    assert said.startswith("error: ") and said.count("\n") == 1
    assert "scripts/setup [--cpu | --cuda [13 | 12.6 | auto]]" in said
    assert repository.installs() == 0


def test_a_failed_install_leaves_what_was_there(repository):
    Path(f"{repository.log}.fail").touch()
    assert "error: pip couldn't install" in repository.setup(fails=True)
    assert not (repository.folder / ".libtorch").exists()
    Path(f"{repository.log}.fail").unlink()
    repository.setup()
    Path(f"{repository.log}.fail").touch()
    assert "no network" in repository.setup("--cuda", fails=True)
    assert "libtorch: cpu" in repository.setup()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "bytes, expected"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1] + b"?"), "is damaged"),
        (lambda file: file.unlink(), "is missing"),
        (lambda file: shutil.rmtree(file.parents[2] / "torch-2.13.0.dist-info"), "expected torch 2.13.0"),
    ],
    ids=["truncated", "altered", "missing", "other-version"],
)
def test_a_damaged_wheel_is_refused(repository, damage, words):
    damage(repository.wheels / "torch/lib/libtorch_cpu.so")
    said = repository.setup(fails=True)
    assert words in said and "Traceback" not in said
    assert not (repository.folder / ".libtorch").exists()


def test_an_own_libtorch_is_respected_and_checked(repository):
    own = repository.wheels / "torch"
    assert f"libtorch: cuda 13.0, version 2.13.0, in {own}" in repository.setup(LIBTORCH=str(own))
    assert "unset it first" in repository.setup("--cpu", LIBTORCH=str(own), fails=True)
    (own / "version.py").write_text("__version__ = '2.9.1'\n")
    assert "is version 2.9.1, needed 2.13.0" in repository.setup(LIBTORCH=str(own), fails=True)
    repository.setup(LIBTORCH=str(own), LIBTORCH_BYPASS_VERSION_CHECK="1")
    assert "no libtorch at /nowhere" in repository.setup(LIBTORCH="/nowhere", fails=True)
    assert "absolute path" in repository.setup(LIBTORCH="here", fails=True)
    assert repository.installs() == 0


def test_an_own_libtorch_of_cuda_12_needs_its_own_driver(repository):
    own = repository.wheels / "torch"
    repository.gpu(535)
    assert "too old" in repository.setup(LIBTORCH=str(own))
    (own / "version.py").unlink()
    for build, words in [
        ("2.13.0+cu126", "525 or newer needed (CUDA 12.6)"),
        ("2.13.0", "doesn't say which CUDA it is for"),
    ]:
        (own / "build-version").write_text(build + "\n")
        said = repository.setup(LIBTORCH=str(own))
        assert words in said and "too old" not in said
    repository.gpu(520)
    (own / "build-version").write_text("2.13.0+cu126\n")
    assert "this driver is too old" in repository.setup(LIBTORCH=str(own))


def test_a_missing_tool_is_named_with_how_to_get_it(repository):
    everything = {path.name: path for folder in ["/usr/bin", "/bin"] for path in Path(folder).iterdir()}
    cargo = shutil.which("cargo")
    for missing, words in [("cargo", "https://rustup.rs"), ("c++", "apt install g++"), ("python3", "python3-pip")]:
        tools = repository.tools.parent / f"without-{missing}"
        tools.mkdir()
        for name, path in (everything | {"cargo": Path(cargo)}).items():
            if name != missing:
                (tools / name).symlink_to(path)
        said = repository.setup(PATH=str(tools), CXX="", fails=True)
        assert f"error: no '{missing}' found" in said and words in said


def test_a_rust_that_is_too_old_is_told_before_anything_is_downloaded(repository):
    manifest = repository.folder / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace("[dependencies]", '\nrust-version = "1.95"\n[dependencies]'))
    for version, fails in [("1.94.9", True), ("1.95.0", False), ("2.0.0-nightly", False)]:
        repository.tool("cargo", f"#!/bin/sh\necho 'cargo {version} (0 2026-01-01)'\n")
        said = repository.setup(fails=fails)
        assert ("error: Rust 1.94.9 is too old, 1.95 or newer is needed: rustup update" in said) == fails
        assert repository.log.exists() != fails


@pytest.mark.skipif(not (ROOT / "target/release/selector_mnist").exists(), reason="selector_mnist is not built")
def test_the_real_program_finds_the_libtorch_it_was_linked_with():
    binary = ROOT / "target/release/selector_mnist"
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    loaded = subprocess.run(["ldd", binary], env=environment, capture_output=True, text=True, check=True).stdout
    assert "not found" not in loaded.replace("libcuda.so.1 => not found", "")
    folder = next(Path(line.split()[2]).parent for line in loaded.splitlines() if "libtorch_cpu.so" in line)
    assert ("libtorch_cuda.so" in loaded) == (folder / "libtorch_cuda.so").exists()
