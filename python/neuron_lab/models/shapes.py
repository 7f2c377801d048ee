"""Filters that are functions of a few parameters, as `--shape` of `efficient_coding` has them.

Axes: s, the squared distance of a pixel from a filter's centre in pixels^2, [1, pixel, neuron]; the
parameters A, B and C of a profile, [colour, 1, neuron] each.
"""

import torch


def _centre(s, a):
    return torch.exp(-a.exp() * s)


def _difference_of_gaussian(s, side, a, b, c):
    surround = b.exp()
    return torch.exp(-(a.exp() + surround) * s) - c.sigmoid() * torch.exp(-surround * s)


def _difference_of_t(s, side, a, b, c):
    scale, surround = a.exp(), b.exp()
    share = torch.exp(-scale * c.sigmoid() * (side // 4) ** 2)
    return 1 / ((scale + surround) * s + 1) - share / (surround * s + 1)


# Of each shape its profile, and how many parameters that has.
PROFILES = {
    "difference-of-gaussian": (_difference_of_gaussian, 3),
    "gaussian": (lambda s, side, a: _centre(s, a), 1),
    "difference-of-t": (_difference_of_t, 3),
    "single-t": (lambda s, side, a: (a.exp() * s * 0.5 + 1) ** -1.5, 1),
}


def radial(shape, centres, parameters, kernel, colours, signs=None):
    """Filters [input, neuron], each of norm 1: a profile around a centre in every colour.

    centres: row and column in pixels, [neuron, 2].
    parameters: of each colour those of the profile and then the weight of the colour,
    [colour * (profile's + 1), neuron], or one column that all neurons share.
    signs: of filters that share a shape, [neuron].
    """
    profile, count = PROFILES[shape]
    own = parameters.reshape(colours, count + 1, 1, -1)
    weights = own[:, count]
    along = torch.arange(kernel, dtype=centres.dtype, device=centres.device).unsqueeze(1)
    rows, columns = (along - centres[:, 0]) ** 2, (along - centres[:, 1]) ** 2
    s = (rows.unsqueeze(1) + columns.unsqueeze(0)).reshape(1, kernel * kernel, -1)
    values = profile(s, kernel, *(own[:, i] for i in range(count)))
    flat = (values * (weights / weights.square().sum(0, keepdim=True).sqrt())).flatten(0, 1)
    flat = flat if signs is None else flat * signs
    return flat / flat.square().sum(0, keepdim=True).sqrt()
