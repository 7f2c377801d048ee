"""Small files in the format of the Kyoto Natural Image Dataset, written by SciPy, for the tests.

    pip install scipy==1.17.1; python scripts/reference/kyoto.py
"""

from pathlib import Path

import numpy as np
import scipy.io

FOLDER = Path(__file__).resolve().parents[2] / "tests/reference"
ROWS, COLUMNS = np.mgrid[:3, :5]

if __name__ == "__main__":
    classes = {name: (c + 10 * ROWS + COLUMNS) / 64 for c, name in enumerate(["OL", "OM", "OS"])}
    scipy.io.savemat(FOLDER / "kyoto.mat", classes)
    scipy.io.savemat(FOLDER / "kyoto_compressed.mat", classes, do_compression=True)
