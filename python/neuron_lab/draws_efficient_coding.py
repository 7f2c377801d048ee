"""What a run of efficient_coding draws at random, drawn again from its seed in NumPy.

    root = gaussian_root(kernel=18)
    patches = gaussian_patches(root, 128, seed=0, stream="patches", t=step)
    batch = patches + 0.4 * pixel_noise(patches.shape, seed=0, stream="patches", t=step)

docs/reproducing.md has the streams. Inputs of a patch are colour-major, each colour row-major. Normal
numbers, and what is computed from them, differ from the program's in the last bits.
"""

import math

import numpy as np

from .generator import Generator, unit, words

# Correlations between long, middle and short wavelengths at one place.
COLOURS = np.array([[1.0, 0.98, 0.85], [0.98, 1.0, 0.9], [0.85, 0.9, 1.0]])
# Radius of the smallest leaf in pixels, and leaves that are drawn at once.
SMALLEST, LEAVES = 1.5, 1024
# The parameters that every shape's profile begins with.
PROFILES = {
    "difference-of-gaussian": (-3.0, -3.0, 0.0),
    "gaussian": (-0.75,),
    "difference-of-t": (-3.0, -0.9, 0.0),
    "single-t": (-3.0,),
}
# Tries of a centre to stay in the patch's disc.
TRIES = 10


def parameters(seed, inputs, neurons, shape="free", kernel=None, colours=1, mosaics=None, shared=False):
    """The initial filters, gains, thresholds and multipliers, by name; a model has some of them.

    Stream `init`: free filters t = 0, shapes t = 2, the others t = 1. `mosaics` are those of
    --centres hexagonal; `shared` is --shared-shape.
    """
    if shape == "free":
        filters = Generator.of(seed, "init", 0).normal((inputs, neurons))
        found = {"encoder.W": filters / np.linalg.norm(filters, axis=0)}
    else:
        generator, middle = Generator.of(seed, "init", 2), (kernel - 1) / 2
        centres, rows = generator.uniform((neurons, 2)) * middle + middle / 2, []
        columns = 1 if shared else neurons
        if mosaics is not None:
            centres = np.tile(hexagonal(neurons // mosaics, kernel), (mosaics, 1))
        for _ in range(colours):
            rows += [np.full((1, columns), value) for value in PROFILES[shape]]
            rows.append(generator.normal((1, columns)))
        found = {"encoder.kernel_centers": centres,
                 "encoder.shape_function.shape_params": np.concatenate(rows)}
    generator = Generator.of(seed, "init", 1)
    found["encoder.logA"] = generator.normal((neurons,)) * 0.02
    found["encoder.logB"] = generator.normal((neurons,)) * 0.02 - 1.0
    found["Lambda"] = generator.uniform((neurons,))
    return found


def hexagonal(count, kernel):
    """The centres [count, 2] of one mosaic of --centres hexagonal."""
    reach = math.ceil(math.sqrt(count)) + 2
    points = sorted((3 * row**2 + twice**2, row, twice) for row in range(-reach, reach + 1)
                    for twice in range(-2 * reach + row % 2, 2 * reach + row % 2 + 1, 2))[:count]
    square, row, twice = np.array(points).T
    spacing, middle = kernel / 2 * math.sqrt(2 * math.pi / (math.sqrt(3) * count)), (kernel - 1) / 2
    if count > 1:
        spacing = min(spacing, middle / (math.sqrt(square[-1]) / 2))
    return middle + spacing * np.stack([math.sqrt(3) / 2 * row, twice / 2], 1)


def jittered(centres, power, kernel, seed, step):
    """Centres [neuron, 2] after the jitter of a step of this power, in pixels. Stream `jitter`, t = step."""
    drawn = Generator.of(seed, "jitter", step).normal((TRIES + 1, *centres.shape))
    middle = (kernel - 1) / 2
    moved = drawn[TRIES] + middle
    # The first try that stays in the disc counts, so it is written last.
    for tried in reversed(centres + drawn[:TRIES] * np.float32(power)):
        inside = ((tried - middle) ** 2).sum(1) <= middle**2
        moved = np.where(inside[:, None], tried, moved)
    return moved


def mask(kernel, colours=1):
    """The circular mask of a patch: [input]."""
    along = np.arange(kernel) - (kernel - 1) / 2
    distance = np.hypot(along[:, None], along[None, :])
    return np.tile(np.clip((kernel - 1) / 2 + 1 - distance, 1e-4, 1.0).ravel(), colours)


def gaussian_root(kernel, colours=1, masked=True, image_size=64, slope=2.0):
    """R of the patches x = R n of periodic Gaussian images of power 1/f^slope: [input, input] f32."""
    across, along = np.fft.fftfreq(image_size), np.fft.rfftfreq(image_size)
    squares = across[:, None] ** 2 + along[None, :] ** 2
    power = np.where(squares > 0, squares, 1.0) ** (-slope / 2) * (squares > 0)
    correlation = np.fft.irfft2(power, (image_size, image_size))
    row, column = np.divmod(np.arange(kernel * kernel), kernel)
    lag = [(at[:, None] - at[None, :]) % image_size for at in (row, column)]
    space = (correlation / correlation[0, 0])[lag[0], lag[1]]
    root = np.linalg.cholesky(np.kron(COLOURS[:colours, :colours], space))
    seen = mask(kernel, colours) if masked else np.ones(len(root))
    return (root * seen[:, None]).astype(np.float32)


def gaussian_patches(root, count, seed, stream, t, contrast_spread=None):
    """--data gaussian, or contrast with its spread: [count, input] f32.

    Streams `patches` (t = step), `held-out` and `shown` (t = 0), `covariance` (t = batch).
    """
    generator = Generator.of(seed, stream, t)
    patches = generator.normal((count, len(root))) @ root.T
    if contrast_spread is None:
        return patches
    normal = generator.normal((count, 1))
    return patches * np.exp(normal * contrast_spread - contrast_spread**2)


def pixel_noise(shape, seed, stream, t):
    """Noise of the pixels before its scale: [patch, input] f32. Stream `<stream>-noise`, t as there."""
    return Generator.of(seed, f"{stream}-noise", t).normal(shape)


def output_noise(shape, seed, step):
    """Noise in `terms/z` before its scale: [patch, neuron] f32. Stream `output-noise`, t = step."""
    return Generator.of(seed, "output-noise", step).normal(shape)


def patch_places(count, sizes, kernel, seed, stream, t):
    """Image, row and column of each patch of images of these (height, width): [count, 3].

    Streams as of `gaussian_patches`; those of `held-out` and `covariance` are of the images that are held
    out, the others of those to learn from.
    """
    share = unit(words(seed, stream, t, 3 * count)).reshape(-1, 3)
    image = (share[:, 0] * len(sizes)).astype(np.int64)
    free = np.array(sizes)[image] + 1 - kernel
    return np.concatenate([image[:, None], (share[:, 1:] * free).astype(np.int64)], 1)


def held_out(count):
    """Which of `count` images in the order of their names are held out: the last, and every fourth before it."""
    return [index for index in range(count) if (count - 1 - index) % 4 == 0]


def image_patches(images, places, kernel, masked=True, learnt_from=None):
    """The patches at `places` of images [colour, height, width]: [patch, input].

    Every image gets mean 0 and variance 1; a patch is less the mean of all patches of the images to learn
    from, under the mask. `learnt_from` are these images where `images` are held out.
    """
    windows = _windows(images, kernel)
    learnt_from = windows if learnt_from is None else _windows(learnt_from, kernel)
    mean = np.mean([window.mean((1, 2)) for window in learnt_from], 0)
    seen = mask(kernel, len(mean)) if masked else 1.0
    cut = [(windows[image][:, row, column] - mean).ravel() for image, row, column in places]
    return np.array(cut) * seen


def _windows(images, kernel):
    """All patches of images of mean 0 and variance 1: for each [colour, row, column, kernel, kernel]."""
    images = [(image - image.mean()) / image.std() for image in images]
    return [np.lib.stride_tricks.sliding_window_view(image, (kernel, kernel), (1, 2)) for image in images]


def dead_leaves(seed, index, size=256, colours=1):
    """One image of --data dead-leaves: [colour, size, size]. Stream `dead-leaves`, t = its number.

    `leaf_images` are learnt from, and the next max(1, leaf_images // 4) are held out.
    """
    generator = Generator.of(seed, "dead-leaves", index)
    root = np.linalg.cholesky(COLOURS[:colours, :colours])
    planes, bare = np.zeros((colours, size, size)), np.ones((size, size), bool)
    small, large = SMALLEST**-2, max(size / 4, 2 * SMALLEST) ** -2
    while bare.any():
        places = generator.uniform((LEAVES, 3), kind=np.float64)
        paints = generator.normal((LEAVES, colours), kind=np.float64) @ root.T
        for (y, x, share), paint in zip(places, paints):
            shown = _disc(y * size, x * size, (small - share * (small - large)) ** -0.5, size) & bare
            planes[:, shown] = paint[:, None]
            bare &= ~shown
    return planes


def _disc(y, x, radius, size):
    """The pixels of a disc on a torus: [size, size] bool."""
    inside = np.zeros((size, size), bool)
    for row in range(math.ceil(y - radius), math.floor(y + radius) + 1):
        half = math.sqrt(max(radius * radius - (row - y) ** 2, 0.0))
        columns = np.arange(math.ceil(x - half), math.floor(x + half) + 1)
        inside[row % size, columns % size] = True
    return inside


def random_mosaic(seed, shuffle, count, kernel):
    """Centres over the patch's disc that a mosaic is compared with: [count, 2]. Stream `mosaic`, t = shuffle."""
    drawn = unit(words(seed, "mosaic", shuffle, 2 * count)).reshape(-1, 2)
    radius, angle = kernel / 2 * np.sqrt(drawn[:, 0]), 2 * np.pi * drawn[:, 1]
    middle = (kernel - 1) / 2
    return middle + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)


def turned_mosaic(centres, seed, shuffle, kernel):
    """Centres [neuron, 2] turned about the patch's middle, mirrored or not. Stream `alignment`, t = shuffle."""
    turn, side = unit(words(seed, "alignment", shuffle, 2))
    angle, middle = 2 * np.pi * turn, (kernel - 1) / 2
    y, x = (centres - middle).T
    x = x if side >= 0.5 else -x
    c, s = np.cos(angle), np.sin(angle)
    return middle + np.stack([c * y - s * x, s * y + c * x], 1)
