"""Writes tests/reference/histogram.json: what PyTorch's SummaryWriter makes of some values.

With PyTorch and tensorboard installed its own `make_histogram` is asked, without PyTorch the same
rule on `numpy.histogram`; the file says which, and both must agree where both are there.
Usage: histogram.py > tests/reference/histogram.json
"""

import json

import numpy as np


def bucket_edges():
    """The edges that torch.utils.tensorboard.SummaryWriter makes when it is created."""
    positive, value = [], 1e-12
    while value < 1e20:
        positive.append(value)
        value *= 1.1
    return [-edge for edge in reversed(positive)] + [0] + positive


def numpy_histogram(values):
    """numpy.histogram over all edges, cut to the support, with an empty bucket on the left."""
    counts, edges = np.histogram(values, bins=bucket_edges())
    held = np.nonzero(counts)[0]
    start, end = held[0], held[-1] + 1
    return {
        "min": values.min(), "max": values.max(), "num": len(values), "sum": values.sum(),
        "sum_squares": values.dot(values), "limits": edges[start : end + 1].tolist(),
        "counts": [0] + counts[start:end].tolist(),
    }


def torch_histogram(values):
    from torch.utils.tensorboard.summary import make_histogram

    proto = make_histogram(values, bucket_edges())
    return {
        "min": proto.min, "max": proto.max, "num": proto.num, "sum": proto.sum,
        "sum_squares": proto.sum_squares, "limits": list(proto.bucket_limit),
        "counts": list(proto.bucket),
    }


def cases():
    """Values that are exact in single precision."""
    edges = np.array(bucket_edges())
    rank = (np.arange(1000) * 7919) % 1000
    return {
        "spread over both signs": (rank - 499.5) / 64,
        "all zero": np.zeros(5),
        "positive": 1 + rank / 1024,
        "tiny and negative": -(2.0 ** -np.arange(95, 100)),
        "below the first edge": np.array([2.0**-99, 2.0**-60, 2.0**-41]),
        "one value": np.array([1.5]),
        "beside the edges": edges[[0, 1, 700, 774, 775, 900, -1]].astype(np.float32),
        "beyond the edges": np.array([3e20, -2e20, 1, 2]).astype(np.float32),
    }


def main():
    try:
        import torch

        source, reference = f"torch {torch.__version__}", torch_histogram
    except ImportError:
        source, reference = f"numpy {np.__version__}", numpy_histogram
    answers = []
    for name, values in cases().items():
        values = np.asarray(values, dtype=np.float64)
        assert (values == values.astype(np.float32)).all(), name
        expected, own = reference(values), numpy_histogram(values)
        assert (own["limits"], own["counts"]) == (expected["limits"], expected["counts"]), name
        answers.append({"name": name, "values": values.tolist(), **expected})
    lines = ",\n".join(json.dumps(answer, default=float) for answer in answers)
    print(f'{{"source": "{source}", "cases": [\n{lines}\n]}}')


if __name__ == "__main__":
    main()
