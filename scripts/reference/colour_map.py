"""Prints the coefficients of src/lab/figure/palette.rs: polynomials fitted to matplotlib's viridis."""

import matplotlib
import numpy as np

DEGREE = 8


def main():
    position = np.arange(256) / 255
    colours = np.array(matplotlib.colormaps["viridis"].colors)
    for channel in colours.T:
        fitted = np.polynomial.Polynomial.fit(position, channel, DEGREE, domain=[0, 1], window=[0, 1])
        print(", ".join(f"{c:.6f}" for c in fitted.coef), "largest error", end=" ")
        print(f"{255 * abs(fitted(position) - channel).max():.2f} / 255")


if __name__ == "__main__":
    main()
