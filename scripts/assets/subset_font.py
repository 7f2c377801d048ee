"""Makes assets/fonts/: the part of DejaVu Sans that figures need, from matplotlib's copy.

Needs `pip install fonttools matplotlib`; run again only to add characters.
"""

import pathlib
import shutil

import matplotlib
from fontTools import subset

SOURCE = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf"
TARGET = pathlib.Path(__file__).resolve().parents[2] / "assets" / "fonts"
RANGES = [
    (0x20, 0x7E), (0xA0, 0x17F),  # Latin
    (0x391, 0x3A9), (0x3B1, 0x3C9), (0x3D1, 0x3D6), (0x3F5, 0x3F5),  # Greek
    (0x2009, 0x2009), (0x2010, 0x2027), (0x2030, 0x2037), (0x1D62, 0x1D6A), (0x2070, 0x209C),  # marks, scripts
    (0x2102, 0x2102), (0x2113, 0x2113), (0x2115, 0x2115), (0x211D, 0x211D),  # letterlike
    (0x2190, 0x2199), (0x21A6, 0x21A6), (0x21D0, 0x21D4),  # arrows
    (0x2200, 0x222E), (0x2234, 0x2235), (0x223C, 0x223D), (0x2243, 0x2248), (0x2260, 0x226B),
    (0x2282, 0x2287), (0x2295, 0x2299), (0x22A5, 0x22A5), (0x22C5, 0x22C6), (0x2308, 0x230B),
    (0x27E8, 0x27E9), (0x25A0, 0x25A1), (0x25B2, 0x25B2), (0x25CB, 0x25CF), (0x2713, 0x2717),
]


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    options = subset.Options()
    options.hinting = False
    options.legacy_kern = True
    options.layout_features = []
    options.name_IDs = ["*"]
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "MATH"]
    for name in ["DejaVuSans", "DejaVuSans-Bold"]:
        font = subset.load_font(str(SOURCE / f"{name}.ttf"), options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=[c for first, last in RANGES for c in range(first, last + 1)])
        subsetter.subset(font)
        subset.save_font(font, str(TARGET / f"{name}.ttf"), options)
    shutil.copy(SOURCE / "LICENSE_DEJAVU", TARGET / "LICENSE_DEJAVU")


if __name__ == "__main__":
    main()
