"""The data sets that runs are of, as their models see them. Files are those of the repository."""

import gzip
import pathlib
import re

import numpy as np

from .errors import NeuronLabError

# Mean and standard deviation by which pixels from 0 to 1 are normalised.
_SCALES = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}


def images(name, repository="."):
    """Training and test set of `digits`, `mnist` or `fashion-mnist`: ((images, labels), (images, labels)).

    Images are [image, pixel] f32, in row-major order and normalised; labels are [image] i64.
    """
    home = pathlib.Path(repository)
    try:
        if name == "digits":
            return _digits(home / "assets" / "digits.csv.gz")
        if name in _SCALES:
            return tuple(_idx(home / "data" / name, part, *_SCALES[name]) for part in ("train", "t10k"))
    except OSError as error:
        raise NeuronLabError(f"{error.filename}: {error.strerror}: give the repository, and run scripts/data "
                             f"{name}") from None
    raise NeuronLabError(f"data {name}: there are digits, {', '.join(_SCALES)}")


def _digits(path):
    with gzip.open(path) as file:
        table = np.loadtxt(file, delimiter=",")
    pixels, labels = table[:, :-1] / 16, table[:, -1].astype(np.int64)
    train = pixels[:1437]
    normal = ((pixels - train.mean()) / train.std()).astype(np.float32)
    return (normal[:1437], labels[:1437]), (normal[-360:], labels[-360:])


def _idx(folder, part, mean, std):
    pixels = np.frombuffer((folder / f"{part}-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((folder / f"{part}-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    normal = (pixels.reshape(len(labels), -1) / np.float32(255) - np.float32(mean)) / np.float32(std)
    return normal, labels.astype(np.int64)


def built_in_text(vocabulary, repository="."):
    """The text `built-in` as numbers of words: the tokens to learn from, and those held out.

    vocabulary: `run.provenance["data"]["vocabulary"]`; 0 is the unknown word.
    """
    text = (pathlib.Path(repository) / "assets" / "built_in_text.txt").read_text().lower()
    tokens = re.findall(r"[a-z]+(?:'[a-z]+)*|\d+|[.,;:!?]", text)
    number = {word: i for i, word in enumerate(vocabulary)}
    # Of a hundred pieces every tenth is held out.
    parts = [], []
    for piece in range(100):
        part = tokens[piece * len(tokens) // 100 : (piece + 1) * len(tokens) // 100]
        parts[piece % 10 == 9].extend(number.get(token, 0) for token in part)
    return tuple(np.array(part, np.int64) for part in parts)
