"""Runs test programs side by side, one for each core, and prints what each says when it has ended.

    in_parallel.py cargo OPTION... -- FLAG...   builds the tests of this package with `cargo OPTION...
                                                test --release`, runs each program with FLAG..., and
                                                the examples of the documentation
    in_parallel.py pytest FILE...               runs pytest on each file

The tests of one program share libtorch's random numbers and run one after another; programs share
nothing. What is said of each is what cargo and pytest say, with the seconds that it took. The exit code
is 1 where any failed.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Started first, since they take longest, so that none is left to run alone at the end.
LONGEST = ("simulated_cuda", "golden", "lab_sweep", "torture", "cuda", "lab")


def programs(options):
    """Builds the tests, and returns a title and the path of each program."""
    command = ["cargo", *options, "test", "--release", "--no-run", "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE)
    if built.returncode != 0:
        sys.exit(built.returncode)
    found = []
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["profile"]["test"]:
            source = Path(message["target"]["src_path"]).relative_to(ROOT)
            found.append((f"     Running {source}", [message["executable"]]))
    return found


def late(item):
    """Where a program comes in the order of starts."""
    title = item[0]
    return next((place for place, name in enumerate(LONGEST) if name in title), len(LONGEST))


def run(item):
    title, command = item
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    seconds = time.monotonic() - begun
    return done.returncode, f"{title} ({seconds:.0f} s)\n".encode() + done.stdout


def main():
    kind, *words = sys.argv[1:]
    if kind == "cargo":
        options, flags = words[: words.index("--")], words[words.index("--") + 1 :]
        items = [(title, [*path, *flags]) for title, path in programs(options)]
        examples = ["cargo", *options, "test", "--release", "--doc", "--", "--test-threads=1"]
        items.append(("     Doc-tests neuron_lab", examples))
    else:
        pytest = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider"]
        items = [(f"     Running {file}", [*pytest, file]) for file in words]
    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for job in concurrent.futures.as_completed(pool.submit(run, item) for item in sorted(items, key=late)):
            status, said = job.result()
            failed |= status != 0
            sys.stdout.buffer.write(said)
            sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
