"""Checks a libtorch that pip has just unpacked. Used by scripts/setup.

    check_libtorch.py files FOLDER VERSION   every library is complete, by the wheels' own record
    check_libtorch.py loads LIBRARY          the library and all that it needs can be loaded
"""

import base64
import csv
import ctypes
import hashlib
import sys
from pathlib import Path


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def check_files(folder, version):
    if not (folder / f"torch-{version}.dist-info").is_dir():
        found = [path.name for path in folder.glob("torch-*.dist-info")]
        sys.exit(f"error: expected torch {version} in {folder}, found {found or 'none'}")
    seen = set()
    for record in folder.glob("*.dist-info/RECORD"):
        for name, digest, size in csv.reader(record.read_text().splitlines()):
            if ".so" not in Path(name).name or not digest:
                continue
            path = folder / name
            if not path.is_file():
                sys.exit(f"error: {path} is missing, expected {size} bytes")
            if path.stat().st_size != int(size):
                sys.exit(f"error: {path} has {path.stat().st_size} bytes, expected {size}")
            if f"sha256={sha256(path)}" != digest:
                sys.exit(f"error: {path} is damaged: its SHA-256 is not the one of the wheel's record")
            seen.add(path.name)
    missing = {"libtorch.so", "libtorch_cpu.so", "libc10.so"} - seen
    if missing:
        sys.exit(f"error: the wheels in {folder} hold no {', '.join(sorted(missing))}")


def check_loads(library):
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        sys.exit(f"error: {library} can't be loaded: {error}")


if __name__ == "__main__":
    if sys.argv[1] == "files":
        check_files(Path(sys.argv[2]), sys.argv[3])
    else:
        check_loads(Path(sys.argv[2]))
