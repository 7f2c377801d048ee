"""Training goes on in PyTorch as it does here: from the checkpoint of a step, with the modules and the
optimizers of python/neuron_lab and what the run drew, the next checkpoint follows.

Usage: pytest scripts/checks/test_python_steps.py
"""

import numpy as np
import pytest
from python_lab import EACH_STEP, ROOT, assert_next, built_in_text, descend, digits, load_torch, neuron_lab, run

torch = load_torch()
from neuron_lab import NeuronLabError, draws  # noqa: E402
from neuron_lab.models.continual import Penalty  # noqa: E402

DIGITS = f"--data digits --hidden 8,6 --steps 3 {EACH_STEP}"


MNIST = {
    "threshold": "--lr 0.1",
    "as printed": "--lr 0.1 --ste-sign as-printed --optimizer momentum --rule hidden",
    "softmax as printed": "--lr 0.1 --num-computation 3 --ste-sign as-printed",
    "softmax": "--lr 0.01 --num-computation 3 --optimizer adam --replicates 2",
    "low rank": "--lr 0.01 --num-computation 3 --selector low-rank --rank 5 --rule switch --optimizer adamw "
                "--weight-decay 0.1",
    "tree": "--lr 0.1 --num-computation 5 --selector tree --rule selected-only --optimizer nesterov",
    "tree as a mixture": "--lr 0.1 --num-computation 6 --selector tree --rule soft",
    "one": "--lr 0.1 --num-computation 1 --schedule cosine --warmup-steps 2 --warmup-start 0.5",
    "frozen": "--lr 0.1 --num-computation 3 --rule frozen",
    "balance loss": "--lr 0.1 --num-computation 3 --balance loss --balance-rate 0.5",
    "balance bias": "--lr 0.1 --num-computation 3 --balance bias --rule switch",
    "exploring": "--lr 0.1 --num-computation 3 --explore gumbel --explore-scale 0.5",
}


@pytest.mark.parametrize("flags", MNIST.values(), ids=MNIST.keys())
def test_selector_mnist(flags):
    trained = run("selector_mnist", f"{DIGITS} {flags}")
    (images, labels), _ = digits()
    count = trained.config["replicates"]
    for step in (1, 2):
        for index in range(count):
            model = trained.model(step, index)
            optimizer = trained.optimizer(model, step, index)
            batch = draws.epoch_order(index, len(images), 0)[step * 64 :][:64]
            x, y = torch.tensor(images[batch]), torch.tensor(labels[batch])
            noise = [draws_of_noise(trained, step, layer) for layer in (1, 2)] if "explore " in flags else None
            descend(model, optimizer, model.loss(x, y, noise))
            if "bias" in flags:
                for layer in model.layers:
                    layer.update_preference(trained.config["balance_rate"])
            fixed = ["selection"] if "frozen" in flags else []
            assert_next(trained, model, step, index, count, fixed=fixed)


def draws_of_noise(trained, step, layer):
    """The noise on a layer's logits, which falls over the first epoch of 23 steps."""
    neurons = trained.config["hidden"][layer - 1]
    scale = trained.config["explore_scale"] * (1 - step / 23)
    noise = [draws.selector_noise(0, step, f"layer{layer}", k, 64, neurons, "gumbel") for k in range(3)]
    return torch.tensor(np.stack(noise, 1) * np.float32(scale))


def test_a_network_that_grows_keeps_its_optimizer():
    flags = "--batch-size 1437 --selector softmax --grow 2:3@epoch2 --optimizer adam --lr 0.01"
    trained = run("selector_mnist", f"{DIGITS} {flags}")
    assert [trained.model(step).layer1.choices for step in (1, 2, 3)] == [2, 3, 3]
    model, (images, labels) = trained.model(2), digits()[0]
    optimizer = trained.optimizer(model, 2)
    descend(model, optimizer, model.loss(torch.tensor(images), torch.tensor(labels)))
    assert_next(trained, model, 2, tolerance=2e-5)


METHODS = ["--method base --lr 0.01 --optimizer adam",
           "--method ewc --lr 0.01 --optimizer adam --lambda 1e4",
           "--method ewc-online --lr 0.3 --lambda 1e3 --protect computation",
           "--method si --lr 0.3 --lambda 10 --penalty-step gradient --optimizer momentum"]


@pytest.mark.parametrize("flags", METHODS)
def test_selector_continual(flags):
    trained = run("selector_continual", "--data digits --hidden 8,6 --scenario task --num-computation 3 "
                  f"--fisher-samples 9 --probe-samples 9 {EACH_STEP} {flags}")
    images, labels = digits()[0]
    steps = trained.checkpoint("last").step // 5
    for step in (1, steps + 1):
        task, within = divmod(step, steps)
        own = np.flatnonzero(labels // 2 == task)
        batch = own[draws.task_order(0, len(own), task, 0)][within * 64 :][:64]
        model = trained.model(step)
        optimizer = trained.optimizer(model, step)
        # Told the task, only its own two outputs count.
        logits = model(torch.tensor(images[batch]))[:, 2 * task : 2 * task + 2]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels[batch] - 2 * task))
        penalty = Penalty(trained.checkpoint(step), model)
        descend(model, optimizer, loss + penalty.loss())
        penalty.after_step(trained.config["lr"])
        assert_next(trained, model, step, tolerance=1e-5)


TRANSFORMERS = ["--lr 0.01 --num-computation 3", "--replace none --num-computation 1 --optimizer momentum --lr 1",
                "--lr 0.01 --replace linear --num-computation 4 --selector tree --rule hidden",
                "--lr 0.01 --replace attention --num-computation 3 --rule soft --embedding-scale one",
                "--lr 0.01 --num-computation 3 --balance bias --balance-rate 0.1 --rule switch",
                "--lr 0.01 --num-computation 3 --balance loss --balance-rate 0.5"]


@pytest.mark.parametrize("flags", TRANSFORMERS)
def test_selector_transformer(flags):
    trained = run("selector_transformer", "--data built-in --layers 1 --d-model 16 --heads 2 --feedforward 24 "
                  "--vocab 150 --sequence 12 --batch-size 4 --eval-sequences 6 --sample-words 0 --steps 3 "
                  f"{EACH_STEP} {flags}")
    tokens = built_in_text(trained)[0]
    for step in (1, 2):
        starts = draws.sequence_starts(0, step, 4, len(tokens), 12)
        places = torch.tensor(starts[:, None] + np.arange(13))
        words = torch.tensor(tokens)[places]
        model = trained.model(step)
        optimizer = trained.optimizer(model, step)
        descend(model, optimizer, model.loss(words[:, :-1], words[:, 1:]))
        if "bias" in flags:
            for layer in model.selectors:
                layer.update_preference(trained.config["balance_rate"])
        # Adam of a gradient that is nearly 0, as that of the keys' bias is, has no certain sign.
        assert_next(trained, model, step, tolerance=2e-5, either=["k_linear"])


def test_the_optimizer_of_a_checkpoint_of_format_1():
    old = neuron_lab.open(ROOT / "tests/golden/format-1/selector_mnist/runs/selector_mnist/golden")
    model = old.model("last", 1)
    state = old.optimizer(model, "last", 1).state[model.output.bias]
    known = old.checkpoint("last").tensors["optim.exp_avg.output.bias"][1]
    assert state["step"].item() == 40 and np.array_equal(state["exp_avg"], known) and known.any()


def test_what_is_not_there_is_one_line():
    trained = run("selector_mnist", f"{DIGITS} {MNIST['softmax']}")
    apical = run("apical_toy", "--trials 5 --steps 2")
    depths = run("depth_width", "--data digits --depths 1 --widths 4 --descent-steps 1")
    for call, expected in [
        (lambda: trained.model(index=2), "index 2: the run has 2 networks"),
        (lambda: apical.model("last", index=1), "index 1: the run has 1 network,"),
        (lambda: depths.model(point=1), "point 1: the run has 1 networks"),
        (lambda: apical.optimizer(apical.model("last"), "last"), "apical_toy has an update rule of its own"),
    ]:
        with pytest.raises(NeuronLabError) as found:
            call()
        assert expected in str(found.value) and "\n" not in str(found.value)
