"""Small files in the format of the Kyoto Natural Image Dataset, written by SciPy, for the tests.

    pip install scipy==1.17.1; python scripts/reference/kyoto.py
"""

from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse

FOLDER = Path(__file__).resolve().parents[2] / "tests/reference"
ROWS, COLUMNS = np.mgrid[:3, :5]

if __name__ == "__main__":
    classes = {name: (c + 10 * ROWS + COLUMNS) / 64 for c, name in enumerate(["OL", "OM", "OS"])}
    scipy.io.savemat(FOLDER / "kyoto.mat", classes)
    scipy.io.savemat(FOLDER / "kyoto_compressed.mat", classes, do_compression=True)
    # What else people keep in such a file.
    others = {
        "number": np.int32(7),
        "text": "a note",
        "record": {"camera": "D70", "exposure": 0.01},
        "cells": np.array(["a", 1.0], dtype=object),
        "thin": scipy.sparse.csc_array(np.eye(3)),
        "wave": np.array([[1.0 + 2.0j]]),
        "mask": np.array([[True, False]]),
    }
    scipy.io.savemat(FOLDER / "kyoto_mixed.mat", others | classes)
    scipy.io.savemat(FOLDER / "kyoto_mixed_compressed.mat", others | classes, do_compression=True)
