"""What scripts/bench does: measures every experiment's work beside the same work in PyTorch eager, turn
about, and writes one table.

    bench.py PROGRAMS OUT [--turns N] [ROW...]

Our side is the program itself: the time of a long run less that of a short one, evaluations,
checkpoints and figures left out, so that starting up counts for nothing. PyTorch's side is a process
that does as many units of work as it is told (steps.py).
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# No more turns are begun after this time: all rows together end within a quarter of an hour.
ROW_SECONDS = 50
LEFT_OUT = ("evaluation", "checkpoint", "figures")
PHASES = ("data", "forward", "backward", "optimizer", "logging", "other")
# Of the transformer, whose default is for a short run.
EVERY = "--evaluate-every 100 --log-every 20"
MNIST = "mnist" if (ROOT / "data/mnist").is_dir() else "digits"


class Row:
    """One line of the table.

    - flags: of our program, `{n}` is the amount of work, what is before the bar is in the table;
      work: a short and a long amount
    - unit: what one unit of work is; our program does `per` of PyTorch's in one of its own
    - reference: the arguments of steps.py; fused: whether there is an optimizer to fuse
    - script: another program than steps.py that speaks the same way
    - count: units of PyTorch's in a turn
    - limit: what limits the row
    """

    def __init__(self, experiment, flags, work, unit, reference, count, limit, per=1, fused=True,
                 script="steps.py"):
        self.experiment, self.work, self.unit = experiment, work, unit
        self.reference, self.count, self.limit = reference, count, limit
        self.per, self.fused, self.script = per, fused, script
        # What stands before the bar is shown in the table.
        named, _, hidden = flags.partition("|")
        self.name, self.flags = f"{experiment} {named}".strip(), f"{named} {hidden}"


ROWS = [
    Row("selector_mnist", f"--hidden 64,64 | --data {MNIST} --steps {{n}}", (50, 850), "step",
        "selector 64", 400, "calls: three small products a layer, each with a thread's overhead"),
    Row("selector_mnist", f"--hidden 1024,1024 | --data {MNIST} --steps {{n}}", (5, 45), "step",
        "selector 1024", 20, "matrix products"),
    Row("selector_continual", "--method base | --epochs {n}", (1, 2), "epoch of 940 steps",
        "selector 64", 400, "as selector_mnist at 64", per=940),
    Row("selector_transformer", f"--replace none | {EVERY} --steps {{n}}", (5, 45), "step", "transformer 0", 25,
        "the products of the vocabulary, 4000 wide"),
    Row("selector_transformer", f"--replace all | {EVERY} --steps {{n}}", (1, 5), "step", "transformer 5", 3,
        "the products of K = 5 selection and computation neurons in the vocabulary's layer"),
    Row("depth_width", "| --replicates 1 --descent-steps {n}", (2, 8), "step of seven networks", "depth_width", 4,
        "reading and writing weights: ten images a product"),
    Row("one_neuron", "| --steps {n}", (4000, 40000), "step", "neuron", 3000,
        "calls: a few dozen numbers each"),
    Row("one_neuron", "--preset table | --steps {n}", (400, 4000), "step of 360 neurons", "neuron",
        3000, "calls, shared by 360 neurons; PyTorch trains them one at a time", per=360),
    Row("steady_state", "| --pretrain-seconds 400 --train-seconds {n}", (100, 1600),
        "simulated second of 1800 runs", "steady", 100, "matrix products of fifty seconds at once",
        fused=False),
    Row("apical_train", f"--batch-size 30 | --data {MNIST} --lr-a 0.01 --lr-w 1e-6 --epochs {{n}}",
        (1, 3), "epoch", "apical 30", 1, "matrix products of 30 samples", fused=False),
    Row("efficient_coding", "--neurons 50 --kernel-size 12 | --steps {n}", (5, 105), "step", "50 12 1", 8,
        "the covariance of every sample", fused=False, script="efficient_coding_step.py"),
    Row("two_loss_toy", "--methods two-losses | --steps {n}", (1000, 11000), "step", "toy", 1000,
        "calls: two numbers each"),
]


class Ours:
    """A run of our program: seconds of its training, and of each phase, peak memory."""

    def __init__(self, program, row, amount):
        with tempfile.TemporaryDirectory() as home:
            flags = row.flags.format(n=amount).split()
            command = [str(program), *flags, "--device", "cpu", "--threads", "1", "--quiet", "--json"]
            command += ["--runs", f"{home}/runs", "--checkpoints", f"{home}/checkpoints"]
            command += ["--log-every", "1000000", "--name", "bench"]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            said = process.stdout.read()
            wrong = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: {wrong.strip().splitlines()[-1:]}")
        summary = json.loads(said.strip().splitlines()[-1])
        self.phases = summary["phase_seconds"]
        self.seconds = summary["wall_seconds"] - sum(self.phases.get(p, 0) for p in LEFT_OUT)
        self.memory = usage.ru_maxrss / 1024


class Theirs:
    """PyTorch's process, which waits for work."""

    def __init__(self, row, fused):
        words = row.reference.split() + (["--fused"] if fused else [])
        command = [sys.executable, str(HERE / row.script), *words]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.version = self.process.stdout.readline().strip()
        self.turn(max(row.count // 4, 1))

    def turn(self, count):
        """Seconds of so many units, by the clock that our side has too, whatever time it prints."""
        start = time.perf_counter()
        print(count, file=self.process.stdin, flush=True)
        float(self.process.stdout.readline())
        return time.perf_counter() - start

    def end(self):
        """Peak memory in MiB."""
        self.process.stdin.close()
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        return usage.ru_maxrss / 1024


def measure(row, program, turns):
    theirs = [Theirs(row, fused) for fused in ([False, True] if row.fused else [False])]
    ours, others, memory, shares = [], [[] for _ in theirs], [], []
    (short, long), units = row.work, (row.work[1] - row.work[0]) * row.per
    begun = time.monotonic()
    for turn in range(turns):
        if turn >= 2 and time.monotonic() - begun > ROW_SECONDS:
            break
        a, b = Ours(program, row, short), Ours(program, row, long)
        ours.append((b.seconds - a.seconds) / units)
        memory.append(b.memory)
        phases = dict.fromkeys(PHASES, 0.0)
        for name in set(b.phases) - set(LEFT_OUT):
            known = name if name in PHASES else "other"
            phases[known] += max(b.phases[name] - a.phases.get(name, 0), 0)
        whole = sum(phases.values()) or 1.0
        shares.append({p: 100 * time / whole for p, time in phases.items()})
        for process, times in zip(theirs, others):
            times.append(process.turn(row.count) / row.count)
    peaks = [process.end() for process in theirs]
    ratios = [[other / own for own, other in zip(ours, times)] for times in others]
    median = statistics.median
    return {
        "name": row.name, "unit": row.unit, "ours": median(ours) * row.per,
        "theirs": [median(times) * row.per for times in others],
        "ratios": [(median(each), min(each), max(each)) for each in ratios],
        "memory": median(memory), "their_memory": max(peaks), "limit": row.limit,
        "shares": {p: median(share[p] for share in shares) for p in PHASES},
        "torch": theirs[0].version, "turns": len(ours),
    }


def duration(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"


def table(rows):
    head = ["work", "ours", "PyTorch eager", "fused", "eager / ours", "fused / ours", "MiB, ours",
            "MiB, PyTorch", *PHASES]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        ratio = lambda r: f"{r[0]:.2f} ({r[1]:.2f} to {r[2]:.2f})"
        two = lambda items, show: [show(items[0]), show(items[1]) if len(items) > 1 else "–"]
        cells = [f"`{row['name']}`, {row['unit']}", duration(row["ours"])]
        cells += two(row["theirs"], duration) + two(row["ratios"], ratio)
        cells += [f"{row['memory']:.0f}", f"{row['their_memory']:.0f}"]
        cells += [f"{row['shares'][p]:.0f} %" if sum(row["shares"].values()) > 1 else "" for p in PHASES]
        lines.append("| " + " | ".join(cells) + " |")
    limits = [f"- `{row['name']}`: {row['limit']}." for row in rows]
    return "\n".join(lines) + "\n\nWhat limits each row:\n\n" + "\n".join(limits) + "\n"


def machine():
    model = platform.machine()
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("rows", nargs="*", help="only these experiments")
    arguments = parser.parse_intermixed_args()
    done, missing, load = [], [], os.getloadavg()[0]
    for row in ROWS:
        program = arguments.programs / row.experiment
        if arguments.rows and row.experiment not in arguments.rows:
            continue
        if not program.is_file() or not (HERE / row.script).is_file():
            missing.append(row.name)
            continue
        try:
            done.append(measure(row, program, arguments.turns))
        except (RuntimeError, ValueError) as error:
            missing.append(f"{row.name} ({error})")
            continue
        print(table(done[-1:]).splitlines()[2], flush=True)
    if not done:
        sys.exit(f"nothing was measured: {'; '.join(missing)}")
    when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True,
                            capture_output=True, check=False).stdout.strip()
    turns = " to ".join(str(count) for count in sorted({row["turns"] for row in done}))
    head = (f"Measured {when} at commit {commit or 'unknown'} on {machine()}; load {load:.1f} before;\n"
            f"1 thread, PyTorch {done[0]['torch']}; wall time, medians of {turns} turns (in brackets the "
            "lowest and highest ratio of a turn).\n\n")
    tail = f"\nNot measured: {'; '.join(missing)}.\n" if missing else ""
    page = arguments.out.read_text(encoding="utf-8")
    begin, end = "<!-- table: scripts/bench -->", "<!-- end of table -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    arguments.out.write_text(f"{before}{begin}\n{head}{table(done)}{tail}{end}{after}", encoding="utf-8")
    print(f"{arguments.out}: {len(done)} rows" + (f", not measured: {missing}" if missing else ""))


if __name__ == "__main__":
    main()
