"""Reference numbers of one_neuron, by an implementation of its own in Python and NumPy.

    python one_neuron.py replay     tests/one_neuron_replay.rs (two minutes)
    python one_neuron.py moments    tests/one_neuron_rules.rs

Python's and NumPy's generators are the real ones, drawn in the package's order.
"""

import random
import sys

import numpy as np

STEPS, EVERY, BATCH, PER_CLASS = 40000, 100, 8, 2500


def data():
    classes = [[], []]
    for _ in range(PER_CLASS):
        narrow, wide = np.random.standard_normal(4), np.random.standard_normal(4)
        classes[0].append(narrow + 2.0)
        classes[1].append(wide * 2 + 4.0)
    return [np.array(rows) for rows in classes]


def draw(classes):
    rows, labels = [], []
    for _ in range(BATCH):
        label = random.choice([0, 1])
        rows.append(classes[label][random.choice(range(PER_CLASS))])
        labels.append(label)
    rows = np.array(rows)
    return rows / rows.max(), np.array(labels, float)


def replay(optimizer, correct, factor, lr=1e-3, sign=1.0):
    random.seed(0)
    np.random.seed(0)
    classes = data()
    p = np.array([random.uniform(0, 1) for _ in range(5)])
    m, v, total, records = np.zeros(5), np.zeros(5), 0.0, []
    for i in range(STEPS):
        x, labels = draw(classes)
        y = 1 / (1 + np.exp(-(x @ p[:4] + p[4])))
        e, d, one = labels - y, y * (1 - y), np.c_[x, np.ones(BATCH)]
        total += (e**2).mean()
        if i % EVERY == 0:
            records.append(total / EVERY)
            total = 0.0
        g = (e * d) @ one / BATCH if correct else e.mean() * d.mean() * one.mean(0)
        g *= -factor * sign
        if optimizer == "sgd":
            p -= lr * g
        elif optimizer == "sgd-plus":
            m = 0.9 * m + lr * g
            p -= m
        else:
            m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
            mean, square = m / (1 - 0.9 ** (i + 1)), v / (1 - 0.99 ** (i + 1))
            p -= lr * mean / np.sqrt(square + 1e-4)
    name = f"{optimizer} {'correct' if correct else 'averaged'} x{factor} sign {sign:+.0f}"
    print(f"{name}: records 0, 1, 100, 399", *(f"{records[j]:.10f}" for j in (0, 1, 100, 399)),
          f"last 20 {np.mean(records[-20:]):.8f} parameters", np.array2string(p, precision=8))


def moments():
    """The gradient taken apart at two points, over 4e6 fresh samples in batches of 8."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 4_000_000)
    x = generator.standard_normal((labels.size, 4))
    x = np.where(labels[:, None] == 0, x + 2, 2 * x + 4).reshape(-1, BATCH * 4)
    x = (x / x.max(1, keepdims=True)).reshape(-1, 4)
    for p in ([0.5] * 5, [0.51, 0.43, 0.09, -0.07, -0.36]):
        y = 1 / (1 + np.exp(-(x @ p[:4] + p[4])))
        e, d = labels - y, y * (1 - y)
        ce, cd, cx = e - e.mean(), d - d.mean(), x - x.mean(0)
        terms = {
            "E[e] E[d] E[x]": e.mean() * d.mean() * x.mean(),
            "E[d] cov(e, x)": d.mean() * (ce[:, None] * cx).mean(),
            "E[x] cov(e, d)": x.mean() * (ce * cd).mean(),
            "E[e] cov(d, x)": e.mean() * (cd[:, None] * cx).mean(),
            "third": ((ce * cd)[:, None] * cx).mean(),
            "E[e d x]": ((e * d)[:, None] * x).mean(),
        }
        one = np.c_[x, np.ones(labels.size)]
        mean = lambda a: a.reshape(-1, BATCH, *a.shape[1:]).mean(1)
        correct = mean((e * d)[:, None] * one)
        given = mean(e)[:, None] * mean(d)[:, None] * mean(one)
        norm = lambda a: np.sqrt((a * a).sum(-1))
        cosine = (correct * given).sum(-1) / norm(correct) / norm(given)
        a, b = correct.mean(0), given.mean(0)
        terms |= {
            "cosine": cosine.mean(), "negative": (cosine < 0).mean(),
            "cosine of means": a @ b / norm(a) / norm(b), "length ratio": norm(b) / norm(a),
        }
        print(p, {name: round(float(value), 6) for name, value in terms.items()})


if __name__ == "__main__":
    if sys.argv[1] == "moments":
        moments()
    else:
        replay("sgd", False, 1)
        replay("sgd", True, 2)
        replay("sgd-plus", True, 2)
        replay("adam", True, 2)
        replay("sgd-plus", False, 2)
        replay("adam", False, 2)
        replay("sgd", True, 2, sign=-1.0)
