"""Small JPEGs as cameras and the web have them, written by Pillow, for the tests.

    pip install pillow==13.0.0 numpy==2.4.6; python scripts/reference/pictures.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "tests/reference"
ROWS, COLUMNS = np.mgrid[:32, :48]
ORIENTATION = 0x0112

if __name__ == "__main__":
    slope = np.stack([4 * COLUMNS + 40, 5 * ROWS + 60, 2 * (ROWS + COLUMNS) + 50], axis=-1)
    slope[:16, :24] //= 4
    picture = Image.fromarray(slope.astype(np.uint8))
    picture.save(FOLDER / "baseline.jpg", quality=95)
    picture.save(FOLDER / "progressive.jpg", quality=95, progressive=True)
    # A camera that was held upright: its rows are columns, and the orientation says so.
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(FOLDER / "turned.jpg", quality=95, exif=exif)
