"""Random numbers from (seed, stream, t): the lab's own words, and libtorch's CPU generator, in NumPy.

    numbers = Generator.of(seed=3, stream="data", t=0)
    order = numbers.permutation(1437)

Whole numbers, uniform numbers and permutations have the program's bits. Normal and exponential ones
differ in their last bits, since libtorch computes logarithms, sines and cosines in its own way, which
depends on the processor. docs/reproducing.md has the formulas and every stream.
"""

import math

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
# Below this libtorch's Box-Muller transform works on single pairs, from here on in groups of as many.
_GROUP = 16


def _mix(word):
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014), of a whole number or an array of them."""
    z = (word + _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def key(seed, stream, t):
    """The 64-bit key of draw t of a named stream. PyTorch takes it: torch.manual_seed(key(...))."""
    name = 0
    for byte in stream.encode():
        name = _mix(name ^ byte)
    return _mix(_mix(_mix(int(seed) & _MASK) ^ name) ^ int(t))


def words(seed, stream, t, count):
    """The first words of draw t of a named stream: [count] uint64."""
    start = key(seed, stream, t)
    # Of arrays of 64 bits what is above them is lost without a word.
    return _mix(np.arange(count, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(start))


def unit(words):
    """Numbers in [0, 1) from the upper 53 bits of words: f64, shaped as they are."""
    return (words >> np.uint64(11)).astype(np.float64) / float(1 << 53)


class Generator:
    """libtorch's CPU generator: the Mersenne Twister MT19937, seeded by 32 bits.

    A tensor takes numbers from where the last one ended, as in PyTorch. Shapes are tuples; the default
    kind is f32.
    """

    def __init__(self, seed):
        self._twister = np.random.RandomState(seed & 0xFFFFFFFF)
        self._kept = None

    @classmethod
    def of(cls, seed, stream, t):
        """The generator as it is seeded for draw t of a named stream."""
        return cls(key(seed, stream, t))

    def _words32(self, count):
        return self._twister.randint(0, 1 << 32, count, np.uint32)

    def _unit64(self, count):
        """53 bits of two words each, the first one on top."""
        pairs = self._words32(2 * count).astype(np.uint64).reshape(-1, 2)
        whole = pairs[:, 0] << np.uint64(32) | pairs[:, 1]
        return (whole & np.uint64((1 << 53) - 1)).astype(np.float64) / float(1 << 53)

    def _unit(self, count, kind):
        if kind == np.float64:
            return self._unit64(count)
        return (self._words32(count) & np.uint32((1 << 24) - 1)).astype(np.float32) / np.float32(1 << 24)

    def uniform(self, shape, low=0.0, high=1.0, kind=np.float32):
        """torch.empty(shape).uniform_(low, high); torch.rand(shape) by default."""
        number = np.dtype(kind).type
        low, width = number(low), number(high) - number(low)
        # In f64, and then rounded: libtorch multiplies and adds in one.
        values = self._unit(math.prod(shape), kind).astype(np.float64) * float(width) + float(low)
        values = values.astype(kind)
        return np.where(values == number(high), low, values).reshape(shape)

    def normal(self, shape, std=1.0, kind=np.float32):
        """torch.empty(shape).normal_(0, std); torch.randn(shape) by default."""
        count = math.prod(shape)
        if count < _GROUP:
            values = np.array([self._one_normal() for _ in range(count)]) * std
        else:
            drawn = self._unit(count, kind)
            values = np.empty(count)
            whole = count - count % _GROUP
            values[:whole] = _box_muller(drawn[:whole])
            if whole < count:
                # The last ones are drawn again, those of the group before among them.
                values[-_GROUP:] = _box_muller(self._unit(_GROUP, kind))
            values *= std
        return values.astype(kind).reshape(shape)

    def _one_normal(self):
        """Of the two normal numbers of a pair the second is kept for the next call."""
        if self._kept is not None:
            value, self._kept = self._kept, None
            return value
        turn, share = self._unit64(2)
        radius, angle = math.sqrt(-2.0 * math.log1p(-share)), 2.0 * math.pi * turn
        self._kept = radius * math.sin(angle)
        return radius * math.cos(angle)

    def exponential(self, shape, kind=np.float32):
        """torch.empty(shape).exponential_(1)."""
        return -np.log1p(-self._unit64(math.prod(shape))).astype(kind).reshape(shape)

    def integers(self, below, shape):
        """torch.randint(below, shape): [*shape] int64, for below < 2**28."""
        if below >= 1 << 28:
            raise ValueError(f"below {below}: libtorch takes other bits from 2**28 on")
        return (self._words32(math.prod(shape)) % np.uint32(below)).astype(np.int64).reshape(shape)

    def permutation(self, count):
        """torch.randperm(count): [count] int64, by Fisher and Yates from the front."""
        order = list(range(count))
        drawn = self._words32(max(count - 1, 0)).tolist()
        for i, word in enumerate(drawn):
            j = i + word % (count - i)
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)


def _box_muller(uniform):
    """Normal numbers, 16 from 16 uniform ones: eight radii from the first, eight angles from the rest."""
    halves = uniform.reshape(-1, 2, _GROUP // 2)
    radius = np.sqrt(-2.0 * np.log(1.0 - halves[:, 0].astype(np.float64)))
    # The angle is rounded to the kind of the numbers, which is what its f32 sine mostly differs by.
    angle = (halves[:, 1] * uniform.dtype.type(2.0 * np.pi)).astype(np.float64)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
