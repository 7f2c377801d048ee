"""Damaged files: of finished and of killed runs, of sweeps, and of data."""

import gzip
import json
import os
import re
import shutil
import threading
from pathlib import Path

from bench import new_folder
from damage import damage, spoil
from data import make_data, reader
from ended import Outcome, wrong
from runs import RUN, Place, golden

# Damaged files of one case.
BATCH = 40
# How often a case is about runs, sweeps and data.
CASES = (95, 1, 4)
# Runs that were cut off, of all; sweeps that are resumed.
CUT_OFF, SWEEPS_RESUMED = 0.2, 0.05
# What is done with a damaged run by itself, in hundreds. Those whose checkpoint is damaged are mostly
# loaded; for the others it is often enough that they were in a list and in a report.
STEPS = ("show", "eval", "resume", None)
OF_CHECKPOINTS, OF_OTHERS = (10, 30, 20, 40), (20, 6, 8, 66)
# Experiments whose figures take long come a third as often.
SLOW = ("apical_toy", "steady_state")
# 2 and 3 are refused settings and numbers that are not finite, which damage can make.
CODES = {0, 1, 2, 3}
SWEEP = ["sweep", "selector_mnist", "--data", "digits", "--hidden", "8", "--epochs", "1", "--device", "cpu",
         "--jobs", "1", "--grid", "lr=0.02,0.2", "--name", "four"]  # fmt: skip
# The files of a checkpoint.
CHECKPOINT = ("safetensors", "manifest")
# What a report writes.
PAGE = ["page.html", "page.md", "page-figures"]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Templates:
    """Runs and data that are whole, made once, of which copies are damaged."""

    def __init__(self, bench, folder):
        self.bench, self.folder, self.lock, self.made = bench, folder, threading.Lock(), set()

    def get(self, name, make):
        with self.lock:
            place = self.folder / name.replace("/", "+")
            if name not in self.made:
                # An attempt before may have failed half-way.
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                make(place)
                self.made.add(name)
            return place

    def run(self, key):
        words = self.bench.begin(key, self.bench.whole(key).every)
        return self.get("/".join(key), lambda place: self.call(words, place))

    def sweep(self):
        return self.get("a sweep", lambda place: self.call(["lab", *SWEEP], place))

    def data(self):
        def make(place):
            make_data(place)
            for path in sorted(place.iterdir()):
                with new_folder() as home:
                    self.call([*reader(path), "--name", RUN], home)

        return self.get("data", make)

    def call(self, words, place):
        ended = self.bench.fork(words, place)
        if ended.code != 0:
            raise RuntimeError(f"undisturbed: {ended}")


def files(bench, random, templates):
    """A batch of damaged files of one kind."""
    case = random.choices((of_runs, of_sweeps, of_data), CASES)[0]
    outcome = Outcome()
    call = bench.either(random, outcome)
    with new_folder() as home:
        case(bench, call, random, templates, home, outcome)
    return outcome


def kind_of(name):
    """What a file is, in a word for the table."""
    suffix = name.rpartition(".")[2]
    if suffix in ("safetensors", "jsonl", "png", "csv", "gz", "mat", "jpg", "txt"):
        return suffix
    return "manifest" if name.startswith("step-") else name.split(".out")[0].removesuffix(".json")


def judge(ended, codes=CODES):
    """What is wrong with a program's end, with control characters that would reach a terminal."""
    found = wrong(ended, codes)
    if CONTROL.search(ended.output + ended.errors):
        found.append(f"a control character on the terminal: {ended}")
    return found


def of_runs(bench, call, random, templates, home, outcome):
    """Copies of a finished or a killed run, each with a damaged file."""
    key = bench.any(random)
    while key[0] in SLOW and len(bench.table) > 1 and random.random() < 2 / 3:
        key = bench.any(random)
    template, experiment = templates.run(key), key[0]
    source, before, said = Place(template, experiment), contents(template), {}
    for name in (f"r{number}" for number in range(BATCH)):
        place = Place(home, experiment, name)
        copy(source.run, place.run)
        copy(source.checkpoints, place.checkpoints)
        kind, text, intact = damaged(random, place)
        said[name] = kind, f"{'/'.join(key)}, {text}", intact
        outcome.tried[kind] += 1
    # A damaged run costs its own row and never the others'.
    every_text = "; ".join(text for _, text, _ in said.values())
    for words in (["lab", "runs"], ["lab", "report", "--out", PAGE[0]]):
        outcome.found += [f"{line} (one of: {every_text})" for line in judge(call(words, home), {0})]
    for name, (kind, text, intact) in said.items():
        weights = OF_CHECKPOINTS if kind in CHECKPOINT else OF_OTHERS
        step = random.choices(STEPS, weights)[0]
        if step is None:
            continue
        words = {
            "show": ["lab", "show", f"runs/{experiment}/{name}"],
            "eval": [experiment, "--eval", f"checkpoints/{experiment}/{name}", "--device", "cpu"],
            "resume": [experiment, "--resume", name, "--quiet"],
        }[step]
        ended = call(words, home)
        found = judge(ended)
        if step == "resume" and not found:
            found = after_resume(kind, ended, Place(home, experiment, name), intact, bench.whole(key))
        outcome.found += [f"{line} ({text})" for line in found]
    if contents(template) != before:
        outcome.found.append(f"{'/'.join(key)}: a file was changed where it lies, not replaced")


def damaged(random, place):
    """Cuts some runs off and damages a file: its kind, what was done, and the entries of the log that are
    still sound."""
    steps = sorted(int(path.stem[5:]) for path in place.checkpoints.glob("step-*.json"))
    if random.random() < CUT_OFF and len(steps) > 1:
        golden.cut(place.run, place.checkpoints, steps[-2])
    groups = {}
    for folder in (place.run, place.run / "figures", place.checkpoints):
        for entry in os.scandir(folder) if folder.is_dir() else ():
            if entry.name != ".lock" and entry.is_file():
                groups.setdefault(kind_of(entry.name), []).append(entry.path)
    kind = random.choice(sorted(groups))
    path = Path(random.choice(sorted(groups[kind])))
    if kind != "jsonl":
        return kind, spoil(random, path), set()
    before, newest = lines(path), place.newest()
    text = spoil(random, path)
    # Entries after the newest checkpoint are made again.
    return kind, text, {line for line in lines(path) & before if json.loads(line)["step"] <= newest}


def copy(source, to):
    """Copies a folder. What is only ever replaced as a whole is a link to the same bytes."""
    os.makedirs(to)
    for entry in os.scandir(source):
        path = os.path.join(to, entry.name)
        if entry.is_dir():
            copy(entry.path, path)
        elif entry.name.endswith((".jsonl", ".txt", ".lock")) or ".tfevents." in entry.name:
            shutil.copyfile(entry.path, path)
        else:
            os.link(entry.path, path)


def lines(path):
    """The lines of a log, and none where there is no log."""
    return set(path.read_bytes().split(b"\n")) - {b""} if path.is_file() else set()


def after_resume(kind, ended, place, intact, whole):
    """What a resumed run may not have lost, or changed."""
    found = []
    kept = set().union(*(lines(path) for path in place.run.glob("*metrics*")))
    if lost := intact - kept:
        found.append(f"{len(lost)} of {len(intact)} sound lines of the log are lost after {ended}")
    if kind in CHECKPOINT and ended.code == 0:
        now = sorted(path for path in place.checkpoints.glob("step-*.safetensors") if path.is_file())
        if not now or golden.sha256_of_model(now[-1]) != whole.print["tensors"]:
            found.append(f"other tensors after {ended}")
    return found


def of_sweeps(bench, call, random, templates, home, outcome):
    """A damaged file of a sweep, and what is done with sweeps; several, one after another."""
    before = contents(templates.sweep())
    for number in range(BATCH):
        top = home / str(number)
        copy(templates.sweep(), top)
        sweep = top / "runs/sweeps/four"
        paths = [path for path in sorted(sweep.rglob("*.json*")) if path.is_file()]
        paths += [sweep / "sweep.json"] * 5
        path = random.choice(paths)
        text = f"sweep, {spoil(random, path)}"
        outcome.tried[kind_of(path.name)] += 1
        steps = [["sweep", "status", "four"], ["report", "four", "--out", PAGE[0]]]
        if random.random() < SWEEPS_RESUMED:
            steps.append(["sweep", "--resume", "four"])
        for words in steps:
            outcome.found += [f"{line} ({text})" for line in judge(call(["lab", *words], top))]
        # As copied and reported on; a sweep's name and flags may lead nowhere else.
        strange = sorted({path.name for path in top.iterdir()} - {"runs", "checkpoints", *PAGE})
        strange += sorted({path.name for path in home.iterdir()} - {str(number) for number in range(BATCH)})
        # Its old place, which sweep.json names, is not its own any more.
        strange += sorted(str(path) for path, *_ in contents(templates.sweep()) ^ before)
        if strange:
            outcome.found.append(f"{', '.join(strange[:4])} outside of the sweep's folder ({text})")


def contents(folder):
    """The files below a folder with their lengths and times."""
    found = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return {(path, about.st_size, about.st_mtime_ns) for path, about in found}


def of_data(bench, call, random, templates, home, outcome):
    """Damaged data, each begun with by the experiment that reads it."""
    names = sorted(path.name for path in templates.data().iterdir())
    for number in range(BATCH):
        name = random.choice(names)
        path = home / f"{number}" / name
        if (templates.data() / name).is_dir():
            shutil.copytree(templates.data() / name, path)
            victim = random.choice(sorted(path.iterdir()))
            if name == "idx" and random.random() < 0.5:
                # What is damaged before it is packed passes the checksum of gzip.
                data, said = damage(random, gzip.decompress(victim.read_bytes()))
                victim.write_bytes(gzip.compress(data))
                said = f"{victim.name}: {said} before packing"
            else:
                said = spoil(random, victim)
        else:
            path.parent.mkdir()
            victim = shutil.copy(templates.data() / name, path)
            said = spoil(random, victim)
        outcome.tried[kind_of(os.path.basename(victim))] += 1
        words = [*reader(path), "--name", f"{RUN}{number}"]
        outcome.found += [f"{line} ({said})" for line in judge(call(words, home))]


