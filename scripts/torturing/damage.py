"""Damages files, in the ways in which they are damaged: by disks, by transfers, and by people."""

import os
import re

NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
VALUES = [b"1e308", b"-1", b"0", b"99999999999999999999", b"null", b'"x"', b"[]", b"1e-320", b"4294967296",
          b'"<script>"', b'"\\u001b[2J"', b'"../../x"', b"[" * 300]  # fmt: skip
WAYS = ["flip", "flip", "flips", "cut", "zero", "twice", "lost", "byte", "number", "number", "swap"]


def damage(random, data):
    """Damages bytes; gives them with what was done."""
    if not data:
        return b"\xff\x00", "bytes in an empty file"
    at = random.randrange(len(data))
    # Much of what matters is near the start.
    if random.random() < 0.4:
        at = min(at, random.randrange(512))
    length = min(len(data) - at, int(2 ** random.uniform(0, 12)))
    kind = random.choice(WAYS)
    if kind == "number" and (numbers := list(NUMBER.finditer(data, max(at - 200, 0), at + 200))):
        found, value = random.choice(numbers), random.choice(VALUES)
        data = data[: found.start()] + value + data[found.end() :]
        return data, f"{value[:20].decode()} at {found.start()}"
    if kind == "cut":
        return data[:at], f"cut at {at}"
    if kind == "zero":
        return data[:at] + bytes(length) + data[at + length :], f"{length} zeros at {at}"
    if kind == "twice":
        return data[: at + length] + data[at:], f"{length} bytes twice at {at}"
    if kind == "lost":
        return data[:at] + data[at + length :], f"{length} bytes lost at {at}"
    if kind == "byte":
        return data[:at] + b"\xff" + data[at:], f"a byte more at {at}"
    if kind == "swap":
        to = random.randrange(len(data))
        piece = data[to : to + length]
        return data[:at] + piece + data[at + len(piece) :], f"{len(piece)} bytes of {to} at {at}"
    changed = bytearray(data)
    bits = 1 if kind != "flips" else random.randint(2, 40)
    for _ in range(bits):
        changed[at] ^= 1 << random.randrange(8)
        at = random.randrange(len(data))
    return bytes(changed), f"{bits} bits from {at} on" if bits > 1 else f"a bit at {at}"


def spoil(random, path):
    """Damages a file in its place; gives what was done."""
    if random.random() < 0.05:
        path.unlink()
        return f"{path.name}: {stranger(random, path)}"
    data, said = damage(random, path.read_bytes())
    # Elsewhere the same bytes may have another name.
    path.unlink()
    path.write_bytes(data)
    return f"{path.name}: {said}"


def stranger(random, path):
    """What may lie where a file should; gives what it is."""
    kind = random.choice(("removed", "a pipe", "a folder", "a link to a device", "a link to itself"))
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "a link to itself":
        path.symlink_to(path.name)
    return kind
