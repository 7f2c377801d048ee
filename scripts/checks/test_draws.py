"""What runs draw, drawn again in Python (python/neuron_lab/draws.py) and compared with what they logged
and saved: orders, batches, permuted pixels, memories, noise, text, initial weights.

Usage: pytest scripts/checks/test_draws.py
"""

import itertools
import re

import numpy as np
import pytest
import selector_numpy
from draw_runs import ROOT, STILL, cross_entropy, digits, run

from neuron_lab import draws

TRAIN, TEST = digits()


def selector_loss(weights, hidden, selector, images, labels, noise=lambda layer: 0.0):
    """The loss of a selector network on a batch, with noise on the logits that choose."""
    x = images
    for i in range(1, hidden + 1):
        part = {name.split(".", 1)[1]: value.astype(np.float64) for name, value in weights.items()
                if name.startswith(f"layer{i}.")}
        every = selector_numpy.apply(x, part["computation.weight"], part["computation.bias"])
        if selector == "none":
            chosen = np.zeros(every.shape[::2], int)
        elif selector == "threshold":
            chosen = (x @ part["selection.weight"].T + part["selection.bias"] + noise(i) >= 0).astype(int)
        else:
            logits = selector_numpy.apply(x, part["selection.weight"], part["selection.bias"])
            chosen = (logits + noise(i)).argmax(1)
        x = np.maximum(np.take_along_axis(every, chosen[:, None], 1)[:, 0], 0)
    return cross_entropy(x @ weights["output.weight"].T.astype(np.float64) + weights["output.bias"], labels)


# Those of the others are held to the losses of the runs below.
@pytest.mark.parametrize("selector", ["low-rank", "tree"])
def test_initial_weights(tmp_path, selector):
    found = run(tmp_path, "selector_mnist", f"--data digits --hidden 9,7 --selector {selector} --rank 3 "
                f"--seed 11 --num-computation 5 --lr {STILL} --steps 1").tensors
    for name, value in draws.selector_network(11, 64, [9, 7], 10, 5, selector, 3).items():
        assert value.dtype == np.float32 and np.array_equal(value, found[name]), name


def test_epochs_of_replicates(tmp_path):
    found = run(tmp_path, "selector_mnist", "--data digits --hidden 12 --num-computation 3 --seed 5 "
                f"--replicates 2 --lr {STILL} --batch-size 400 --log-every 1 --steps 6")
    for r in range(2):
        weights = draws.selector_network(5 + r, 64, [12], 10, 3, "softmax")
        for step in range(6):
            order = draws.epoch_order(5 + r, 1437, step // 4)[step % 4 * 400 :][:400]
            loss = selector_loss(weights, 1, "softmax", TRAIN[0][order], TRAIN[1][order])
            assert found.logged[f"train/loss/r{r}"][step + 1] == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("selector, law", [("softmax", "gaussian"), ("threshold", "gumbel")])
def test_exploration(tmp_path, selector, law):
    found = run(tmp_path, "selector_mnist", f"--data digits --hidden 12,8 --selector {selector} --seed 2 "
                f"--explore {law} --explore-scale 0.7 --explore-epochs 3 --num-computation 2 --lr "
                f"{STILL} --batch-size 500 --log-every 1 --steps 4")
    weights, widths = draws.selector_network(2, 64, [12, 8], 10, 2, selector), [12, 8]
    for step in range(4):
        order = draws.epoch_order(2, 1437, step // 3)[step % 3 * 500 :][:500]
        logits, half_spaces = (1, True) if selector == "threshold" else (2, False)

        def noise(layer):
            drawn = [draws.selector_noise(2, step, f"layer{layer}", k, len(order), widths[layer - 1], law, half_spaces)
                     for k in range(logits)]
            return 0.7 * (1 - step / 9) * (drawn[0] if half_spaces else np.stack(drawn, 1))

        loss = selector_loss(weights, 2, selector, TRAIN[0][order], TRAIN[1][order], noise)
        # An image whose choice hangs on a rounding may count either way.
        assert found.logged["train/loss"][step + 1] == pytest.approx(loss, rel=1e-5)


def test_growth(tmp_path):
    found = run(tmp_path, "selector_mnist", "--data digits --hidden 12 --selector softmax "
                f"--num-computation 2 --grow 2:3@epoch2 --grow-noise 0.1 --seed 4 --lr {STILL} "
                "--batch-size 500 --steps 4")
    weights = draws.selector_network(4, 64, [12], 10, 2, "softmax")
    for name in ("layer1.selection.weight", "layer1.computation.bias"):
        grown = weights[name][[0, 1, 0]]
        grown = grown + draws.growth_noise(4, 3, name, grown.shape, 0.1, 2)
        np.testing.assert_allclose(found.tensors[name], grown, atol=1e-6)


def continual(tmp_path, flags):
    flags = f"--data digits --hidden 8 --num-computation 1 --batch-size 200 --lr {STILL} --log-every 1 {flags}"
    return run(tmp_path, "selector_continual", flags)


def test_permuted_pixels_and_replay(tmp_path):
    found = continual(tmp_path, "--benchmark permuted --method replay --memory 20 --seed 3 --probe-samples 50")
    weights = draws.selector_network(3, 64, [8], 10, 1, "none")
    sources = [draws.task_pixels(3, 64, task) for task in range(5)]
    memory = [draws.task_images(3, 1437, task, 20, "memory") for task in range(5)]
    loss = lambda images, tasks: selector_loss(weights, 1, "none", np.array(
        [TRAIN[0][image][sources[task]] for image, task in zip(images, tasks)]), TRAIN[1][images])
    for step in range(40):
        task, within = divmod(step, 8)
        order = draws.task_order(3, 1437, task, 0)[within * 200 :][:200]
        expected = loss(order, [task] * len(order))
        if task > 0:
            tasks, places = draws.replay(3, step, task, 20, 200)
            kept = np.array([memory[t][p] for t, p in zip(tasks, places)])
            expected = expected / (task + 1) + loss(kept, tasks) * task / (task + 1)
        assert found.logged["train/loss"][step + 1] == pytest.approx(expected, rel=1e-6), step
    # within/* is over the first images of the test set.
    images = TEST[0][:50][:, sources[3]]
    hidden = np.maximum(images @ weights["layer1.computation.weight"][0].T + weights["layer1.computation.bias"][0], 0)
    answers = (hidden @ weights["output.weight"].T + weights["output.bias"]).argmax(1)
    assert found.logged["within/task4"][7] == pytest.approx((answers == TEST[1][:50]).mean())


def test_joint_batches_and_fisher_images(tmp_path):
    found = continual(tmp_path, "--benchmark permuted --method joint --seed 6")
    weights = draws.selector_network(6, 64, [8], 10, 1, "none")
    order = draws.task_order(6, 5 * 1437, 5, 0)[200:400]
    images = np.array([TRAIN[0][at % 1437][draws.task_pixels(6, 64, at // 1437)] for at in order])
    expected = selector_loss(weights, 1, "none", images, TRAIN[1][order % 1437])
    assert found.logged["train/loss"][2] == pytest.approx(expected, rel=1e-6)

    found = continual(tmp_path / "ewc", "--method ewc --scenario class --fisher-samples 30 --seed 6")
    weights, fisher = draws.selector_network(6, 64, [8], 10, 1, "none"), np.zeros(10)
    for task in range(5):
        own = np.flatnonzero(TRAIN[1] // 2 == task)
        images = own[draws.task_images(6, len(own), task, 30, "fisher")]
        layer = [weights[f"layer1.computation.{part}"][0].astype(np.float64) for part in ("weight", "bias")]
        logits = np.maximum(TRAIN[0][images] @ layer[0].T + layer[1], 0) @ weights["output.weight"].T
        p = np.exp(logits + weights["output.bias"])
        gradient = p / p.sum(1, keepdims=True) - np.eye(10)[TRAIN[1][images]]
        fisher += (gradient**2).mean(0)
    np.testing.assert_allclose(found.tensors["state.importance.output.bias"], fisher, rtol=1e-5)


def plain_transformer(weights, tokens, heads):
    """Logits of the base model of one layer: [batch, time, word]."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    width, time = w["embedding.weight"].shape[1], tokens.shape[1]
    linear = lambda x, name: x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    channel = np.arange(width)
    angle = np.arange(time)[:, None] * 10_000.0 ** (-2 * (channel // 2) / width)
    x = w["embedding.weight"][tokens] * np.sqrt(width) + np.where(channel % 2 == 0, np.sin(angle), np.cos(angle))
    q, k, v = (linear(x, f"layers.0.self_attn.{part}_linear").reshape(len(x), time, heads, -1).swapaxes(1, 2)
               for part in "qkv")
    scores = q @ k.swapaxes(2, 3) / np.sqrt(width / heads) + np.where(np.tri(time), 0.0, -np.inf)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (shares / shares.sum(-1, keepdims=True) @ v).swapaxes(1, 2).reshape(len(x), time, width)
    x = norm(x + linear(mixed, "layers.0.self_attn.out_proj"), "layers.0.norm1")
    x = norm(x + linear(np.maximum(linear(x, "layers.0.linear1"), 0), "layers.0.linear2"), "layers.0.norm2")
    return linear(x, "linear_out")


def text(size):
    """The built-in text as numbers: the words, those to learn from, those held out."""
    plain = (ROOT / "assets/built_in_text.txt").read_text(encoding="utf-8").lower()
    tokens = re.findall(r"[a-z]+(?:'[a-z]+)*|\d+|[.,;:!?]", plain)
    pieces = [tokens[i * len(tokens) // 100 : (i + 1) * len(tokens) // 100] for i in range(100)]
    train = [word for i, piece in enumerate(pieces) if i % 10 != 9 for word in piece]
    held_out = [word for piece in pieces[9::10] for word in piece]
    ordered = sorted(set(train), key=lambda word: (-train.count(word), word))
    words = ["<unk>", *ordered[: size - 1]]
    number = {word: i for i, word in enumerate(words)}
    return words, *(np.array([number.get(word, 0) for word in part]) for part in (train, held_out))


def test_sequences_and_written_words(tmp_path):
    found = run(tmp_path, "selector_transformer", "--data built-in --layers 1 --d-model 16 --heads 2 "
                "--feedforward 24 --vocab 150 --sequence 12 --batch-size 4 --evaluate-every 3 "
                "--eval-sequences 6 --sample-words 9 --seed 8 --log-every 1 --replace none "
                f"--num-computation 1 --steps 3 --lr {STILL}", quiet=False)
    words, train, held_out = text(150)
    weights = draws.transformer(8, 150, 16, 24, 1, "none", 1, "none")
    for name, value in weights.items():
        np.testing.assert_allclose(found.tensors[name], value, atol=3e-6)
    loss = lambda part, starts: cross_entropy(
        plain_transformer(weights, part[starts[:, None] + np.arange(12)], 2), part[starts[:, None] + np.arange(1, 13)])
    for step in range(3):
        starts = draws.sequence_starts(8, step, 4, len(train), 12)
        assert found.logged["train/loss"][step + 1] == pytest.approx(loss(train, starts), rel=1e-5)

    # What is evaluated: at most so many sequences of the held-out text, as far apart as can be.
    count = min(6, (len(held_out) - 1) // 12)
    evaluated = loss(held_out, np.arange(count) * ((len(held_out) - 1) // count))
    assert found.logged["eval/loss"][3] == pytest.approx(evaluated, rel=1e-5)
    # Unigrams, each count one larger, on the whole held-out text.
    counts = np.bincount(train, minlength=150) + 1
    unigram = -np.log(counts / counts.sum())[held_out].mean()
    assert found.logged["eval/below_unigram"][3] == pytest.approx(unigram - evaluated, abs=1e-5)

    written = list(held_out[:8])
    for share in draws.written_words(8, 3, 9):
        logits = plain_transformer(weights, np.array([written[-12:]]), 2)[0, -1] / 0.8
        logits[0] = -np.inf
        p = np.exp(logits - logits.max())
        written.append(int((p.cumsum() / p.sum() <= share).sum()))
    assert found.said.rstrip().count(" | " + " ".join(words[word] for word in written[8:])) == 1, found.said


def test_plain_networks(tmp_path):
    found = run(tmp_path, "depth_width", "--data digits --depths 1,3 --widths 16 --inits default,he "
                "--descent-steps 1 --replicates 2 --seed 9")
    first = [np.flatnonzero(TRAIN[1] == digit)[0] for digit in range(10)]
    points = [("default", 1), ("default", 3), ("he", 1), ("he", 3)]
    for r, (point, (init, depth)) in itertools.product(range(2), enumerate(points)):
        x = TRAIN[0][first]
        *hidden, last = draws.plain_network(9 + r, 64, depth, 16, 10, init)
        for weight, bias in hidden:
            x = np.maximum(x @ weight.T.astype(np.float64) + bias, 0)
        expected = cross_entropy(x @ last[0].T.astype(np.float64) + last[1], np.arange(10))
        assert found.tensors["state.losses"][r, point, 0] == pytest.approx(expected, rel=1e-5)


def apical_loss(weights, images):
    """The mean squared error over outputs, for each of these training images."""
    x = TRAIN[0][images]
    for weight in weights[:-1]:
        x = np.maximum(x @ weight.T.astype(np.float64), 0)
    return ((x @ weights[-1].T.astype(np.float64) - np.eye(10)[TRAIN[1][images]]) ** 2).mean(1)


def test_split_and_passes_of_apical_learning(tmp_path):
    found = run(tmp_path, "apical_train", "--data digits --hidden 12 --epochs 2 --steps-per-phase 4 "
                f"--batch-size 50 --seed 7 --samples-a 900 --replicates 2 --lr-a {STILL} --lr-w {STILL} "
                "--log-every 1")
    d_a, d_w = draws.apical_split(7, 1437, 900)
    networks = [draws.apical_network(7 + r, [64, 12, 10]) for r in range(2)]
    for r, network in enumerate(networks):
        for k, weight in enumerate(network):
            np.testing.assert_allclose(found.tensors[f"layer{k}.weight"][r], weight, atol=3e-6)
        assert found.logged[f"run{r}/phase1/loss_a"][4] == pytest.approx(apical_loss(network, d_a).mean(), rel=1e-5)
    for step in range(16):
        phase, within = divmod(step, 4)
        if phase % 2 == 1:
            order = d_w[draws.apical_order(7, 537, phase // 2)]
            # Eleven batches over four steps, the last of which is smaller.
            batches = [order[b * 50 : (b + 1) * 50] for b in range(within * 11 // 4, (within + 1) * 11 // 4)]
            expected = np.mean([apical_loss(network, batch).mean() for network in networks for batch in batches])
            assert found.logged["train/loss"][step + 1] == pytest.approx(expected, rel=1e-5), step

    found = run(tmp_path, "apical_characterize", f"--data digits --hidden 12 --lr-a {STILL} --lr-w "
                f"{STILL} --batch-size 100 --seed 7 --grid-batch 60 --grid-lr 0.1")
    order = draws.apical_split(7, 1437, 718)[1][draws.apical_order(7, 719, 0)]
    for step in range(8):
        expected = apical_loss(networks[0], order[step * 100 :][:100]).mean()
        assert found.logged["train/loss"][step + 1] == pytest.approx(expected, rel=1e-5)


def test_the_step_by_hand_of_the_page(tmp_path, monkeypatch):
    page = (ROOT / "docs/reproducing.md").read_text(encoding="utf-8").split("## A step by hand")[1]
    flags = re.search(r"one_neuron -- --name hand (.*)", page)[1]
    run(tmp_path, "one_neuron", f"{flags}", "hand")
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], {})


def test_layers_of_the_toy(tmp_path):
    found = run(tmp_path, "apical_toy", "--trials 3 --neurons 5 --inputs 4 --steps 1 --eta 1e-30 "
                "--seed 12").tensors
    weight, x, apical = draws.apical_layers(12, 3, 5, 4)
    for name, value in (("weight", weight), ("input", x), ("apical", apical)):
        for law in range(2):
            expected = value[law] if name == "apical" else value
            np.testing.assert_allclose(found[f"state.tanh.{name}"][law], expected, atol=1e-14)


# Nothing fixes in which order the package draws the network's parameters.
@pytest.mark.parametrize("generators, model", [("native", "one"), ("native", "multi"), ("package", "one")])
def test_samples_and_batches_of_one_neuron(tmp_path, generators, model):
    package = generators == "package"
    found = run(tmp_path, "one_neuron", f"--rng {generators} --model {model} --steps 20 --record-every 1 "
                "--evaluate-every 20 --batch-size 8 --lr 1e-300 --seed 3 --log-every 5 "
                "--gradient correct,averaged")
    params = draws.neuron_parameters(3, model, package=package)
    names = ["weight", "bias"] if model == "one" else ["hidden.weight", "output.weight", "hidden.bias", "output.bias"]
    for point, shared in (("correct", False), ("averaged", True)):
        flat = np.concatenate([found.tensors[f"{point}.{name}"].ravel() for name in names])
        assert np.array_equal(flat, draws.neuron_parameters(3, model, shared and model == "multi", package)), point
    sigmoid = lambda x: 1 / (1 + np.exp(-x))

    def loss(samples, classes):
        x = samples / samples.max()
        if model == "multi":
            hidden = sigmoid(x @ params[:8].reshape(2, 4).T + params[10:12])
            return ((sigmoid(hidden @ params[8:10] + params[12]) - classes) ** 2).mean()
        return ((sigmoid(x @ params[:4] + params[4]) - classes) ** 2).mean()

    data = draws.package_samples(3) if package else draws.neuron_samples(3)
    stream = draws.package_stream(3)
    _ = [stream.random() for _ in params]
    for step in range(20):
        items = draws.neuron_batch(3, step, 8)
        if package:
            items = np.array([stream.randrange(2) * 2500 + stream.randrange(2500) for _ in range(8)])
        expected = loss(data[items], items // 2500)
        assert found.tensors["state.records"][0, 0, step] == pytest.approx(expected, rel=1e-10)
    samples, classes = draws.neuron_held_out(3, 8)
    expected = np.mean([loss(samples[i : i + 8], classes[i : i + 8]) for i in range(0, 8192, 8)])
    assert found.logged["eval/loss/correct"][20] == pytest.approx(expected, rel=1e-10)
