"""Small data of each kind that the experiments read, made of the project's own files."""

import csv
import gzip
import math
import random
import struct
import zlib

from runs import ROOT

# The experiments that read data, at their smallest.
READERS = {
    "idx": ["selector_mnist", "--hidden", "8", "--steps", "2"],
    "txt": ["selector_transformer", "--layers", "1", "--d-model", "8", "--heads", "2", "--feedforward", "8",
            "--vocab", "60", "--sequence", "8", "--batch-size", "2", "--steps", "2", "--eval-sequences", "2"],
    "picture": ["efficient_coding", "--kernel-size", "2", "--neurons", "2", "--batch-size", "4",
                "--eval-patches", "16", "--covariance-batches", "1", "--steps", "2", "--image-every", "0"],
}  # fmt: skip
# JPEGs of tests/reference/.
PICTURES = ["baseline.jpg", "progressive.jpg", "turned.jpg"]


def make_data(folder):
    """A few small files of each kind that the experiments read."""
    with gzip.open(ROOT / "assets/digits.csv.gz", "rt") as digits:
        rows = list(csv.reader(digits))
    rows = [[int(value) for value in row if value.strip().isdigit()] for row in rows]
    rows = [row for row in rows if len(row) >= 65][:120]
    (folder / "idx").mkdir()
    for name, part in (("train", rows[:80]), ("t10k", rows[80:])):
        images = b"".join(bytes(min(value * 15, 255) for value in row[-64:]) for row in part)
        images = struct.pack(">IIII", 0x803, len(part), 8, 8) + images
        labels = struct.pack(">II", 0x801, len(part)) + bytes(number % 10 for number in range(len(part)))
        (folder / f"idx/{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"idx/{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    for name in PICTURES:
        pair(folder, name, (ROOT / "tests/reference" / name).read_bytes())
    image = matrix("OM", noise(32), 6, 9, "d")
    # Beside the image a variable of integers, as others' files have them.
    mixed = matrix("count", list(range(6)), 12, 5, "i") + image
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    pair(folder, "plain.mat", head + mixed)
    packed = zlib.compress(image)
    pair(folder, "packed.mat", head + struct.pack("<II", 15, len(packed)) + packed)
    pair(folder, "picture.png", png(48))
    text = (ROOT / "assets/built_in_text.txt").read_bytes()[:20000]
    (folder / "words.txt").write_bytes(text)


def pair(folder, name, data):
    """A folder of two pictures: one to learn from, and one that is held out."""
    (folder / name).mkdir()
    for picture in (name, f"z-{name}"):
        (folder / name / picture).write_bytes(data)


def noise(size):
    """Numbers from 0 to 1, a square of them, always the same."""
    stream = random.Random(0)
    return [stream.random() for _ in range(size * size)]


def matrix(name, values, kind, storage, letter):
    """A variable of a MATLAB 5 file: one column, or a square."""

    def element(number, data):
        return struct.pack("<II", number, len(data)) + data + bytes(-len(data) % 8)

    side = math.isqrt(len(values))
    shape = (side, side) if side * side == len(values) else (len(values), 1)
    parts = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack("<ii", *shape))
    parts += element(1, name.encode()) + element(storage, struct.pack(f"<{len(values)}{letter}", *values))
    return element(14, parts)


def png(size):
    """A grey picture of some contrast."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    values = [int(255 * value) for value in noise(size)]
    rows = b"".join(b"\0" + bytes(values[y * size : (y + 1) * size]) for y in range(size))
    head = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def reader(path):
    """The command line of the experiment that reads data."""
    words = READERS.get(path.suffix.lstrip(".") or path.name, READERS["picture"])
    return [*words, "--data", str(path), "--device", "cpu", "--quiet"]
