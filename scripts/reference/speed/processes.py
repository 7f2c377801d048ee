"""Processes that are measured: a run of our program, and a form that waits for orders."""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from .rows import ROOT

HERE = pathlib.Path(__file__).resolve().parent.parent
LEFT_OUT = ("evaluation", "checkpoint", "figures")
# How long a form works in a turn, about, in seconds.
TURN = 0.4
# Units that take longer than this are measured by themselves, without a shorter amount taken off.
LONG = 0.3


def cores(threads):
    """The processors that so many threads may use: the last ones, since the first serve interrupts; or all."""
    every = sorted(os.sched_getaffinity(0))
    return set(every if threads is None else every[-threads:])


def environment(threads):
    """The variables under which every process has so many threads and no more."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    variables = dict(os.environ) | dict.fromkeys(names, str(threads))
    if threads == 1:
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    variables |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(HERE), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    return variables | {"TORCHINDUCTOR_CACHE_DIR": str(ROOT / ".reference/inductor")}


class Ours:
    """A run of our program: seconds of its training by the clock and of CPU time, of each phase, and its memory."""

    def __init__(self, program, words, threads, core=None):
        """Starts it, on the processors of all measurements or on the one of this number of them."""
        on = cores(threads) if core is None else {sorted(cores(2))[core % len(cores(2))]}
        self.home = tempfile.TemporaryDirectory()
        command = [str(program), *words, "--device", "cpu", "--threads", str(threads), "--quiet", "--json"]
        command += ["--runs", f"{self.home.name}/runs", "--checkpoints", f"{self.home.name}/checkpoints"]
        self.command = [*command, "--log-every", "1000000", "--name", "bench"]
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=environment(threads),
                                        preexec_fn=lambda: os.sched_setaffinity(0, on))

    def wait(self):
        """Waits for its end and reads what it says."""
        said, wrong = self.process.stdout.read(), self.process.stderr.read()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.whole = time.perf_counter() - self.begun
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.home.cleanup()
        if self.process.returncode:
            raise RuntimeError(f"{' '.join(self.command)}: {wrong.strip().splitlines()[-1:]}")
        summary = json.loads(said.strip().splitlines()[-1])
        self.phases = summary["phase_seconds"]
        left_out = sum(self.phases.get(phase, 0) for phase in LEFT_OUT)
        self.wall = summary["wall_seconds"] - left_out
        used = usage.ru_utime + usage.ru_stime
        # The CPU time of what is left out is its share of the clock's.
        self.cpu = used - left_out * min(used / self.whole, 1.0)
        self.memory = usage.ru_maxrss / 1024
        return self


class Theirs:
    """A form in a process of its own, which waits for work."""

    def __init__(self, row, form, threads, on):
        """Starts it on these processors; `ready` waits until it is built and compiled."""
        self.row, self.form, self.threads = row, form, threads
        values = [str(value) for value in row.values]
        command = [sys.executable, "-B", "-m", "speed.serve", str(threads), row.module, form, *values]
        # A pipe that nobody reads would stop a process that warns a lot.
        self.wrong = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.wrong, text=True, env=environment(threads),
                                        preexec_fn=lambda: os.sched_setaffinity(0, on))
        self.short = self.long = row.short
        self.unit = row.units.get(form, 1)
        self.order(self.short)

    def order(self, count):
        """Tells it to do so many units."""
        print(count, file=self.process.stdin, flush=True)

    def answer(self):
        """The seconds that the units took, by the clock and of CPU time."""
        line = self.process.stdout.readline()
        if not line:
            self.wrong.seek(0)
            wrong = self.wrong.read().strip().splitlines()[-1:]
            raise RuntimeError(f"{self.form} of {self.row.name}: {wrong}")
        return line

    def ready(self):
        """Waits for its first units, in which it compiles, and finds how many make a turn."""
        self.version = self.answer().strip()
        self.answer()
        for _ in range(3):
            wall, _ = self.timed(self.long)
            if wall > TURN / 2 or wall / self.long > LONG:
                break
            more = max(self.row.short, round((TURN - wall) * self.long / wall))
            self.long += math.ceil(more / self.row.short) * self.row.short
            self.timed(self.long)
        if self.long == self.short:
            wall, _ = self.timed(self.long)
            self.long += 0 if wall / self.long > LONG else self.row.short
            self.timed(self.long)

    def timed(self, count):
        """Seconds of so many units, by the clock and of CPU time."""
        self.order(count)
        wall, cpu = map(float, self.answer().split())
        if cpu > 1.1 * self.threads * wall + 0.02:
            raise RuntimeError(f"{self.form} of {self.row.name}: {cpu:.2f} s of CPU time in {wall:.2f} s, which "
                               f"are more than {self.threads} threads")
        return wall, cpu

    def pin(self):
        """Puts all of its threads on the processors on which everything is measured."""
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            os.sched_setaffinity(int(thread), cores(self.threads))

    def turn(self):
        """Seconds of one of our units, by the clock and of CPU time: of a long amount less a short one."""
        long, units = self.timed(self.long), self.long
        if self.long > self.short:
            short, units = self.timed(self.short), self.long - self.short
            long = tuple(a - b for a, b in zip(long, short))
        return tuple(max(seconds, 1e-12) / units * self.unit for seconds in long)

    def end(self):
        """Ends it; peak memory in MiB."""
        self.process.stdin.close()
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        return usage.ru_maxrss / 1024
