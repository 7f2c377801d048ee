"""Damaged files: of finished and of killed runs, of sweeps, and of data."""

import gzip
import json
import re
import shutil
import threading

from bench import Outcome, wrong
from damage import damage, spoil
from data import make_data, reader
from runs import RUN, Place, golden

# Damaged files of one case.
BATCH = 20
# 2 and 3 are refused settings and numbers that are not finite, which damage can make.
CODES = {0, 1, 2, 3}
# Without MNIST and its like, so that a case needs no data but the project's own.
SWEEP = ["sweep", "selector_mnist", "--data", "digits", "--hidden", "8", "--epochs", "1", "--device", "cpu",
         "--jobs", "1", "--grid", "lr=0.02,0.2", "--name", "four"]  # fmt: skip
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
                place.mkdir(parents=True, exist_ok=True)
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
                with self.bench.home() as home:
                    self.call([*reader(path), "--name", RUN], home)

        return self.get("data", make)

    def call(self, words, place):
        ended = self.bench.call(words, place)
        if ended.code != 0:
            raise RuntimeError(f"undisturbed: {ended}")


def files(bench, random, templates):
    """A batch of damaged files of one kind."""
    case = random.choices((of_runs, of_sweeps, of_data), (6, 1, 2))[0]
    outcome = Outcome()
    with bench.home() as home:
        case(bench, random, templates, home, outcome)
    return outcome


def kind_of(path):
    """What a file is, in a word for the table."""
    if path.suffix in (".safetensors", ".jsonl", ".png", ".csv", ".gz", ".mat", ".jpg", ".txt"):
        return path.suffix[1:]
    return "manifest" if path.name.startswith("step-") else path.name.split(".out")[0].removesuffix(".json")


def judge(ended, codes=CODES):
    """What is wrong with a program's end, with control characters that would reach a terminal."""
    found = wrong(ended, codes)
    if CONTROL.search(ended.output + ended.errors):
        found.append(f"a control character on the terminal: {ended}")
    return found


def of_runs(bench, random, templates, home, outcome):
    """Copies of a finished or a killed run, each with a damaged file."""
    key = bench.any(random)
    template, experiment = templates.run(key), key[0]
    whole, said = bench.whole(key), {}
    for name in (f"r{number}" for number in range(BATCH)):
        place, source = Place(home, experiment, name), Place(template, experiment)
        shutil.copytree(source.run, place.run)
        shutil.copytree(source.checkpoints, place.checkpoints)
        steps = sorted(int(path.stem[5:]) for path in place.checkpoints.glob("step-*.json"))
        if random.random() < 0.6 and len(steps) > 1:
            golden.cut(place.run, place.checkpoints, steps[-2])
        groups = {}
        for path in [*place.run.rglob("*"), *place.checkpoints.rglob("step-*")]:
            if path.is_file() and path.name != ".lock":
                groups.setdefault(kind_of(path), []).append(path)
        kind = random.choice(sorted(groups))
        path = random.choice(sorted(groups[kind]))
        log, newest = place.run / "metrics.jsonl", place.newest()
        before = lines(log)
        text = f"{'/'.join(key)}, {spoil(random, path)}"
        # Entries after the newest checkpoint are made again.
        intact = {line for line in lines(log) & before if json.loads(line)["step"] <= newest}
        said[name] = (kind, text, intact if kind == "jsonl" else set())
        outcome.tried[kind] += 1
    for words in (["lab", "runs"], ["lab", "report", "--out", PAGE[0]]):
        ended = bench.call(words, home)
        # A damaged run costs its own row and never the others'.
        all_of_them = "; ".join(text for _, text, _ in said.values())
        outcome.found += [f"{line} (one of: {all_of_them})" for line in judge(ended, {0})]
    for name, (kind, text, intact) in said.items():
        place = Place(home, experiment, name)
        choice = random.choice(("show", "eval", "resume", "resume"))
        if choice == "show":
            ended = bench.call(["lab", "show", f"runs/{experiment}/{name}"], home)
        elif choice == "eval":
            checkpoints = f"checkpoints/{experiment}/{name}"
            ended = bench.call([experiment, "--eval", checkpoints, "--device", "cpu"], home)
        else:
            ended = bench.call([experiment, "--resume", name, "--quiet"], home)
        found = judge(ended)
        if choice == "resume" and not found:
            found = after_resume(kind, ended, place, intact, whole)
        outcome.found += [f"{line} ({text})" for line in found]


def lines(path):
    """The lines of a log, and none where there is no log."""
    return set(path.read_bytes().split(b"\n")) - {b""} if path.is_file() else set()


def after_resume(kind, ended, place, intact, whole):
    """What a resumed run may not have lost, or changed."""
    found = []
    kept = set().union(*(lines(path) for path in place.run.glob("*metrics*")))
    if lost := intact - kept:
        found.append(f"{len(lost)} of {len(intact)} sound lines of the log are lost after {ended}")
    if kind in ("safetensors", "manifest") and ended.code == 0:
        now = sorted(path for path in place.checkpoints.glob("step-*.safetensors") if path.is_file())
        if not now or golden.sha256_of_model(now[-1]) != whole.print["tensors"]:
            found.append(f"other tensors after {ended}")
    return found


def of_sweeps(bench, random, templates, home, outcome):
    """A damaged file of a sweep, and what is done with sweeps; several, one after another."""
    before = contents(templates.sweep())
    for number in range(BATCH // 4):
        top = home / str(number)
        shutil.copytree(templates.sweep(), top)
        sweep = top / "runs/sweeps/four"
        paths = [path for path in sorted(sweep.rglob("*.json*")) if path.is_file()]
        paths += [sweep / "sweep.json"] * 5
        path = random.choice(paths)
        text = f"sweep, {spoil(random, path)}"
        outcome.tried[kind_of(path)] += 1
        for words in (["sweep", "status", "four"], ["report", "four", "--out", PAGE[0]],
                      ["sweep", "--resume", "four"]):  # fmt: skip
            ended = bench.call(["lab", *words], top)
            outcome.found += [f"{line} ({text})" for line in judge(ended)]
        # As copied and reported on; a sweep's name and flags may lead nowhere else.
        strange = sorted({path.name for path in top.iterdir()} - {"runs", "checkpoints", *PAGE})
        strange += sorted({path.name for path in home.iterdir()} - {str(number) for number in range(BATCH)})
        # Its old place, which sweep.json names, is not its own any more.
        strange += sorted(str(path) for path, _ in contents(templates.sweep()) ^ before)
        if strange:
            outcome.found.append(f"{', '.join(strange[:4])} outside of the sweep's folder ({text})")


def contents(folder):
    """The files below a folder with their lengths."""
    return {(path, path.stat().st_size) for path in folder.rglob("*") if path.is_file()}


def of_data(bench, random, templates, home, outcome):
    """Damaged data, each begun with by the experiment that reads it."""
    names = sorted(path.name for path in templates.data().iterdir())
    for number in range(BATCH):
        name = random.choice(names)
        path = home / f"{number}" / name
        if name == "idx":
            shutil.copytree(templates.data() / name, path)
            victim = random.choice(sorted(path.iterdir()))
            if random.random() < 0.5:
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
        outcome.tried[kind_of(victim)] += 1
        words = [*reader(path), "--name", f"{RUN}{number}"]
        outcome.found += [f"{line} ({said})" for line in judge(bench.call(words, home))]


