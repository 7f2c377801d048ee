"""What the attempts of scripts/torture share: starting programs, waiting for them, undisturbed runs."""

import contextlib
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ended import Ended, Patience
from runs import ROOT, RUN, Place, golden
from served import Server

# What a program may take of addresses, which libtorch takes in gigabytes.
ADDRESSES = 8 << 30
# Those that ask a run to save and end.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
# How often a program is looked after, in seconds.
GLANCE = 0.002
# About so many checkpoints are in a run.
CHECKPOINTS = 8


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


class Once:
    """What is made once for each key, by whoever asks first."""

    def __init__(self, make):
        self.make, self.made, self.locks, self.lock = make, {}, defaultdict(threading.Lock), threading.Lock()

    def get(self, key):
        with self.lock:
            lock = self.locks[key]
        with lock:
            if key not in self.made:
                self.made[key] = self.make(key)
            return self.made[key]


class Bench:
    """The programs, and the undisturbed runs that others are compared with."""

    def __init__(self, binaries, names, shim, server, plain):
        self.binaries = binaries
        self.shim, self.server, self.plain = shim, server, plain
        self.idle = defaultdict(list)
        table = golden.chosen(golden.configurations(golden.CONFIGURATIONS), names)
        # Of a configuration of several steps, the first is a whole run as well.
        self.table = {key: steps[0] for key, steps in table.items() if steps[0].startswith(key[0])}
        self.wholes, self.counts = Once(self.make_whole), Once(self.count)
        self.lock = threading.Lock()
        self.environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
        for name in ("RUST_BACKTRACE", "TORTURE_FAULT", "TORTURE_COUNT"):
            self.environment.pop(name, None)

    def any(self, random):
        """A configuration, each experiment as often as any other."""
        experiment = random.choice(sorted({experiment for experiment, _ in self.table}))
        return random.choice([key for key in self.table if key[0] == experiment])

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
        process = subprocess.Popen(
            [self.binaries / words[0], *words[1:]], cwd=home, env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=lambda: prepare(size),
        )  # fmt: skip
        process.words, process.said, process.patience = words, [[], []], Patience(process.pid)
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
            if process.patience.is_over():
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

    def fork(self, words, home):
        """As `call`, in a child of a process that has loaded the program's libraries before."""
        if self.server is None:
            return self.call(words, home)
        name, *rest = [str(word) for word in words]
        with self.lock:
            server = self.idle[name].pop() if self.idle[name] else None
        if server is None:
            server = Server(self.binaries / name, self.server, self.environment, prepare)
        code, said, memory = server.call(rest, home)
        # One that has failed is not asked again.
        with self.lock:
            self.idle[name].append(server)
        return Ended([name, *rest], code, *(text.decode(errors="replace") for text in said), memory)

    def either(self, random, outcome):
        """A way to call programs that forks them, or now and then starts them anew, and counts both."""

        def call(words, home):
            plain = random.random() < self.plain or self.server is None
            outcome.starts["plain" if plain else "forked"] += 1
            return (self.call if plain else self.fork)(words, home)

        return call

    def whole(self, key):
        """The undisturbed run of a configuration, made once."""
        return self.wholes.get(key)

    def operations(self, key):
        """How many writes, syncs, renames and new files such a run makes, counted once."""
        return self.counts.get(key) if self.shim else {}

    def make_whole(self, key):
        with new_folder() as home:
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
        every = max(1, steps // CHECKPOINTS)
        training = max(summary["wall_seconds"], 0.01)
        return Whole(ended.code, steps, seconds, training, figures, every, found)

    def count(self, key):
        with new_folder() as home:
            counted = home / "operations"
            self.call(self.begin(key, self.whole(key).every), home,
                      {"LD_PRELOAD": self.shim, "TORTURE_COUNT": str(counted)})  # fmt: skip
            lines = counted.read_text().splitlines() if counted.exists() else []
        pairs = [line.split() for line in lines]
        return {kind: int(number) for kind, number in pairs if int(number) > 0}


@contextlib.contextmanager
def new_folder():
    """An empty folder, in memory where there is such a place; it is gone afterwards."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="torture-", dir=memory) as folder:
        yield Path(folder)


def prepare(size=None):
    """What a new process does before it becomes a program: signals and limits."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    if size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


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


def compile_library(name, folder):
    """A library to be preloaded; none where there is no C compiler, or another system than Linux."""
    if shutil.which("cc") is None or sys.platform != "linux":
        return None
    library, source = folder / f"{name}.so", ROOT / f"scripts/torturing/{name}.c"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"]
    if subprocess.run(command, capture_output=True).returncode != 0:
        return None
    return str(library)
