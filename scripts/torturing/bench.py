"""What the attempts of scripts/torture share: starting programs, waiting for them, undisturbed runs."""

import contextlib
import os
import resource
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from runs import ROOT, RUN, Place, golden

# Seconds after which a program hangs, and what one may take: of addresses, which libtorch takes in
# gigabytes, and of memory.
PATIENCE, ADDRESSES, MEMORY = 60, 8 << 30, 1536 << 20
# How often a program is looked after, in seconds.
GLANCE = 0.002
# Words of a program that a fault of its own has ended.
INTERNAL = ("internal error", "panicked at", "RUST_BACKTRACE", "terminate called")
# About so many checkpoints are in a run.
CHECKPOINTS = 8


@dataclass
class Ended:
    """How a program ended: the exit code is negative for a signal, None where it had to be stopped."""

    words: list
    code: int | None
    output: str
    errors: str
    memory: int

    def __str__(self):
        how = "no end" if self.code is None else f"exit code {self.code}"
        last = [line for line in self.errors.splitlines() if line.strip()][-1:]
        return f"{how} of `{shlex.join(self.words)}`" + "".join(f": {line[:300]}" for line in last)


@dataclass
class Outcome:
    """What one case tried, by its parts, and what it found, a line for each."""

    tried: Counter = field(default_factory=Counter)
    found: list = field(default_factory=list)


@dataclass
class Whole:
    """A run that nothing disturbed."""

    code: int
    steps: int
    seconds: float
    training: float
    figures: float
    every: int
    print: dict
    operations: dict


class Bench:
    """The programs, and the undisturbed runs that others are compared with."""

    def __init__(self, binaries, names, shim):
        self.binaries = binaries
        self.shim = shim
        table = golden.chosen(golden.configurations(golden.CONFIGURATIONS), names)
        # Of a configuration of several steps, the first is a whole run as well.
        self.table = {key: steps[0] for key, steps in table.items() if steps[0].startswith(key[0])}
        self.wholes, self.locks, self.lock = {}, {}, threading.Lock()
        self.environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
        for name in ("RUST_BACKTRACE", "TORTURE_FAULT", "TORTURE_COUNT"):
            self.environment.pop(name, None)

    def any(self, random):
        """A configuration, each experiment as often as any other."""
        experiment = random.choice(sorted({experiment for experiment, _ in self.table}))
        return random.choice([key for key in self.table if key[0] == experiment])

    @contextlib.contextmanager
    def home(self):
        """An empty folder, in memory where there is such a place."""
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        with tempfile.TemporaryDirectory(prefix="torture-", dir=memory) as folder:
            yield Path(folder)

    def begin(self, key, every=None):
        """The command line that begins a configuration's run."""
        words = shlex.split(self.table[key])
        if every is not None:
            for flag in ("--checkpoint-every", "--keep"):
                if flag in words:
                    at = words.index(flag)
                    del words[at : at + 2]
            words += ["--checkpoint-every", str(every), "--keep", "2"]
        return [*words, "--device", "cpu", "--quiet"]

    def next(self, key, home, every):
        """The command line that begins a run, or goes on with what an earlier one left."""
        if (Place(home, key[0]).run / "config.json").exists():
            return [key[0], "--resume", RUN, "--quiet"]
        return self.begin(key, every)

    def start(self, words, home, environment=None, size=None):
        """Starts a program in a process group of its own, with every signal as a terminal leaves it."""

        def prepare():
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
            if size is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        process = subprocess.Popen(
            [self.binaries / words[0], *words[1:]], cwd=home, env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=prepare,
        )  # fmt: skip
        process.words, process.said, process.begun = words, [[], []], time.monotonic()
        process.readers = [
            threading.Thread(target=drain, args=(stream, said), daemon=True)
            for stream, said in zip((process.stdout, process.stderr), process.said, strict=True)
        ]
        for reader in process.readers:
            reader.start()
        process.memory = 0
        return process

    def finish(self, process):
        """Waits for a program's end, and stops it where there is none."""
        while running(process):
            if time.monotonic() - process.begun > PATIENCE:
                os.killpg(process.pid, signal.SIGKILL)
                while running(process):
                    time.sleep(GLANCE)
                process.returncode = None
                break
            time.sleep(GLANCE)
        code = process.returncode
        process.returncode = 0 if code is None else code
        for reader in process.readers:
            reader.join(5)
        output, errors = (b"".join(said).decode(errors="replace") for said in process.said)
        return Ended([str(word) for word in process.words], code, output, errors, process.memory)

    def call(self, words, home, environment=None, size=None):
        return self.finish(self.start(words, home, environment, size))

    def whole(self, key):
        """The undisturbed run of a configuration, made once."""
        with self.lock:
            lock = self.locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self.wholes:
                self.wholes[key] = self.make_whole(key)
            return self.wholes[key]

    def make_whole(self, key):
        with self.home() as home:
            begun = time.monotonic()
            ended = self.call(self.begin(key), home)
            seconds = time.monotonic() - begun
            if ended.code != 0:
                raise RuntimeError(f"undisturbed: {ended}")
            place = Place(home, key[0])
            summary = place.summary()
            figures = summary["phase_seconds"]["figures"]
            steps = summary["steps"]
            found = place.print()
        every, operations = max(1, steps // CHECKPOINTS), {}
        if self.shim:
            with self.home() as home:
                counted = home / "operations"
                counting = {"LD_PRELOAD": self.shim, "TORTURE_COUNT": str(counted)}
                self.call(self.begin(key, every), home, counting)
                if counted.exists():
                    pairs = [line.split() for line in counted.read_text().splitlines()]
                    operations = {kind: int(number) for kind, number in pairs if int(number) > 0}
        training = max(summary["wall_seconds"], 0.01)
        return Whole(ended.code, steps, seconds, training, figures, every, found, operations)


def drain(stream, said):
    """Keeps the first megabyte of what a program says."""
    kept = 0
    while piece := stream.read1(65536):
        if kept < 1 << 20:
            said.append(piece)
            kept += len(piece)
    stream.close()


def running(process):
    """Whether a process runs; at its end, notes its exit code and the memory that it took."""
    if process.returncode is not None:
        return False
    ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    if ended == 0:
        return True
    process.returncode = os.waitstatus_to_exitcode(status)
    process.memory = usage.ru_maxrss * 1024
    return False


def wrong(ended, codes):
    """What no program may do, whatever happens to it: a line for each."""
    lines = []
    if ended.code is None:
        return [f"no end within {PATIENCE} s: {ended}"]
    if ended.code not in codes:
        lines.append(f"{ended}")
    if any(word in ended.errors for word in INTERNAL):
        lines.append(f"an internal error: {ended}")
    refusals = sum(line.startswith("error:") for line in ended.errors.splitlines())
    # A sweep names each point that failed in a warning.
    names_points = ended.words[:2] == ["lab", "sweep"] and "warning:" in ended.errors
    if ended.code in (1, 2) and refusals != 1 and not names_points:
        lines.append(f"not one line that begins with `error:`: {ended}")
    if ended.memory > MEMORY:
        lines.append(f"{ended.memory >> 20} MiB of memory: {ended}")
    return lines


def compile_shim(folder):
    """The library that makes disk errors; none where there is no C compiler."""
    if shutil.which("cc") is None:
        return None
    library = folder / "faults.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", library, ROOT / "scripts/torturing/faults.c", "-ldl"]
    if subprocess.run(command, capture_output=True).returncode != 0:
        return None
    return str(library)
