"""Training goes on in PyTorch as it does here, for the families whose updates are not gradient descent
alone, or not of one network: see test_python_steps.py.

Usage: pytest scripts/checks/test_python_steps_science.py
"""

import copy

import numpy as np
import pytest
from python_lab import EACH_STEP, assert_next, descend, digits, load_torch, noisy_patches, one_neuron_batches, run

torch = load_torch()
from neuron_lab import draws, draws_steady_state  # noqa: E402
from neuron_lab.models import neuron, plain  # noqa: E402

RETINA = {
    "lagrange": "--constraint lagrange --clip-norm 3",
    "gamma-v1": "--constraint gamma-v1 --shape difference-of-t",
    "gamma-v2": "--constraint gamma-v2 --shape gaussian",
    "none": "--constraint none --shape difference-of-gaussian --colours 3",
    "alternate": "--constraint two-losses --optimizer momentum",
    "leak": "--constraint two-losses --variant leak",
    "clean": "--constraint two-losses --variant clean --rate-lr-multiplier 3 --optimizer adam",
    "project": "--constraint project",
    "total-derivative": "--constraint total-derivative --optimizer adam --centring-stop 9 --centring-weight 3",
    "exact": "--constraint exact --shape single-t --optimizer adam",
    "hexagonal": "--shape difference-of-gaussian --centres hexagonal --mosaics 2 --shared-shape --colours 3",
    "shared": "--shape gaussian --shared-shape --constraint pi --optimizer adam",
    "exact-smoothed": "--constraint exact --gain-smoothing 0.4",
    "exact-smoothed-linear": "--constraint exact --gain-smoothing 0.9 --nonlinearity linear",
    "pi": "--constraint pi --optimizer adamw --weight-decay 0.1",
    "relu": "--nonlinearity relu --constraint exact",
    "linear": "--nonlinearity linear --constraint pi",
    "absolute": "--nonlinearity absolute --mask none",
}


@pytest.mark.parametrize("flags", RETINA.values(), ids=RETINA.keys())
def test_efficient_coding(flags):
    trained = run("efficient_coding", "--kernel-size 5 --neurons 6 --batch-size 32 --eval-patches 64 --image-every 0 "
                  f"--covariance-batches 1 --lr 0.02 --steps 3 {EACH_STEP} {flags}")
    for step in (1, 2):
        model = trained.model(step)
        optimizer = trained.optimizer(model, step)
        model.backward(torch.tensor(noisy_patches(trained.config, 32, "patches", step)), step)
        for group in optimizer.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], trained.config["clip_norm"])
        optimizer.step()
        model.after_step()
        # What alternates stands still at every other step; gains of a formula follow it.
        fixed = []
        if "two-losses" in flags and "variant" not in flags:
            fixed = ["log"] if step % 2 else ["W"]
        if "pi" in flags.split():
            fixed = ["Lambda"]
        if "linear" in flags.split():
            fixed = [*fixed, "logB"]
        if "hexagonal" in flags:
            fixed = [*fixed, "kernel_centers"]
        assert_next(trained, model, step, tolerance=1e-5, fixed=fixed)


def test_depth_width():
    trained = run("depth_width", "--data digits --depths 1,3 --widths 16,24 --inits default,he --lrs 0.01 "
                  "--optimizers adam,nesterov --replicates 2 --seed 4 --descent-steps 4")
    losses = trained.checkpoint("last").tensors["state.losses"]
    images, labels = digits()[0]
    first = [int(np.flatnonzero(labels == label)[0]) for label in range(10)]
    x, y = torch.tensor(images[first]), torch.tensor(labels[first])
    for index in range(2):
        for point in range(len(plain.points(trained.config))):
            model = trained.model(index=index, point=point)
            optimizer = trained.optimizer(model, point=point)
            found = []
            for _ in range(5):
                loss = model.loss(x, y)
                found.append(loss.item())
                descend(model, optimizer, loss)
            assert np.allclose(found, losses[index, point], rtol=2e-6)
            assert not np.allclose(found[:-1], found[1:], rtol=2e-5)


@pytest.mark.parametrize("flags", ["", "--constraint sum --tilt -0.4"])
def test_two_loss_toy(flags):
    trained = run("two_loss_toy", f"--map-size 0 --steps 20 --print-every 1 {flags} {EACH_STEP}")
    model = trained.model(5)
    for _ in range(15):
        model.step()
    assert np.allclose(model.points.detach(), trained.checkpoint(20).tensors["points"], rtol=0, atol=1e-13)
    assert np.allclose(model.before, trained.checkpoint(19).tensors["points"], rtol=0, atol=1e-13)
    assert not np.allclose(model.points.detach(), trained.checkpoint(19).tensors["points"], atol=1e-4)


def test_apical_toy():
    trained = run("apical_toy", f"--trials 20 --eta 0.1 --steps 5 {EACH_STEP}")
    model = trained.model(3)
    model.learn(trained.config["eta"])
    assert_next(trained, model, 3, tolerance=1e-12, fixed=["input", "apical"])


APICAL = {
    "moving": "--lr-a 0.1,0.3 --replicates 2",
    "baseline": "--pre baseline --a-reduce sum --a-update accumulate --lr-a 0.003 --loss ce --activation tanh",
    "momentum": "--a-update momentum:0.9 --activation linear",
    "bounds": "--a-update momentum:0.9 --a-min 0.98 --a-max 1",
    "bias": "--bias --lr-a 0.1,0.3", "frozen bias": "--bias --target frozen --activation tanh",
    "frozen": "--target frozen --activation tanh", "frozen baseline": "--target frozen --pre baseline",
}


@pytest.mark.parametrize("flags", APICAL.values(), ids=APICAL.keys())
def test_apical_train(flags):
    trained = run("apical_train", "--data digits --hidden 12,8 --steps-per-phase 2 --batch-size 100 --lr-w 0.01 "
                  f"--steps 8 {EACH_STEP} {flags}")
    config = trained.config
    images, labels = digits()[0]
    halves = draws.apical_split(0, len(images), len(images) // 2)
    (xa, ya), (xw, yw) = ((torch.tensor(images[of]), torch.tensor(labels[of])) for of in halves)
    count = len(config["lr_a"]) * config["replicates"]
    for index in range(count):
        # Phase 1 from its beginning, step 4, to its end: the multipliers of step 6.
        model, last = trained.model(4, index), trained.checkpoint(4).tensors
        if config["a_update"] == "reset":
            with torch.no_grad():
                for layer in model.layers:
                    layer.apical.fill_(1.0)
        gradient = model.multiplier_gradient(xa, ya, 100, config["a_reduce"])
        velocity = [last[f"state.velocity.layer{k}"] for k in range(3)]
        velocity = [torch.tensor(v if count == 1 else v[index]) for v in velocity]
        lr_a = config["lr_a"][index % len(config["lr_a"])]
        bounds = {bound: config[bound] for bound in ("a_min", "a_max")}
        model.move_multipliers(gradient, velocity, lr_a, config["a_update"], **bounds)
        if config["target"] == "frozen":
            expected = trained.checkpoint(6).tensors
            for k, layer in enumerate(model.layers):
                assert np.allclose(layer.apical.detach(), expected[f"layer{k}.apical"], rtol=0, atol=1e-6)
        else:
            assert_phase_1(trained, model, index, count)
        # A step of phase 2 after its first: half of the 8 batches of D_W.
        model, order = trained.model(7, index), draws.apical_order(0, len(xw), 1)
        teacher = began(trained, model, 7) if config["target"] == "frozen" else None
        for start in range(4 * 100, len(xw), 100):
            model.learn_weights(xw[order[start : start + 100]], 0.01, config["pre"], teacher)
        assert_next(trained, model, 7, index, count, tolerance=2e-5, fixed=["apical"])


def began(trained, model, step):
    """The network with the weights and biases with which the phase 2 of a step began."""
    tensors, teacher = trained.checkpoint(step).tensors, copy.deepcopy(model)
    for k, layer in enumerate(teacher.layers):
        layer.weight.data = torch.tensor(tensors[f"state.initial.layer{k}"])
        if layer.bias is not None:
            layer.bias.data = torch.tensor(tensors[f"state.initial_bias.layer{k}"])
    return teacher


def assert_phase_1(trained, model, index, count):
    for k, layer in enumerate(model.layers):
        old, new = (trained.checkpoint(step).tensors[f"layer{k}.apical"] for step in (4, 6))
        old, new = (old, new) if count == 1 else (old[index], new[index])
        assert np.allclose(layer.apical.detach(), new, rtol=0, atol=1e-6)
        assert not np.allclose(old, new, rtol=0, atol=1e-5)


def test_apical_characterize():
    trained = run("apical_characterize", "--data digits --hidden 12,8 --grid-batch 60 --grid-lr 0.1 --steps 3 --lr-w "
                  f"0.01 --batch-size 60 {EACH_STEP}")
    images = digits()[0][0]
    own = draws.apical_split(0, len(images), len(images) // 2)[1]
    batch = own[draws.apical_order(0, len(own), 0)][60:120]
    model = trained.model(1)
    model.learn_weights(torch.tensor(images[batch]), 0.01, trained.config["pre"])
    assert_next(trained, model, 1, tolerance=1e-5, fixed=["apical"])


def test_steady_state():
    flags = ("--expansions 1,2 --gammas 0.05,0.1 --loss-seconds 20 --steady-seconds 50 --steady-window 20 "
             f"--pretrain-seconds 50 --pretrain-mean 1 --train-seconds 50 --seed 3 {EACH_STEP}")
    noisy = run("steady_state", f"--replicates 2 --snr none,3 {flags}")
    tensors = noisy.checkpoint("last").tensors
    for index in range(2):
        model = noisy.model("last", index)
        for size, cells in enumerate((10, 20)):
            start = model.initial.weight[:cells]
            noise = torch.tensor(draws_steady_state.update_noise(3 + index, "train", 0, 0, 50, cells))
            for rule, (eta, gamma) in enumerate([(0, 0.05), (0, 0.1), (1 / 3, 0.05), (1 / 3, 0.1)]):
                gamma = gamma / (size + 1) ** noisy.config["gamma_exponent"]
                weight, state = model.learn(start, gamma, 50, noise=noise, eta=eta * gamma)
                known = tensors["state.train.weight"][index, size, 0, rule, :cells]
                assert np.allclose(weight, known, rtol=0, atol=1e-9)
                assert not np.allclose(start.detach(), known, atol=1e-3)
                assert np.allclose(state, tensors["state.train.plant"][index, size, 0, rule], rtol=0, atol=1e-9)
    # Gradient descent on the task loss, by autograd through the plant.
    exact = run("steady_state", f"--replicates 1 --snr none --reference ou --pretrain gd-iterated {flags}")
    model, known = exact.model("last"), exact.checkpoint("last").tensors["pretrain.loss"][0, 1, 0, 0]
    weight = model.initial.weight.detach()[:20].clone().requires_grad_()
    gamma = exact.config["pretrain_gamma"] / 2 ** exact.config["gamma_exponent"]
    optimizer = torch.optim.SGD([weight], lr=gamma)
    for expected in known[:3]:
        loss = model.task_loss(weight)
        assert loss.item() == pytest.approx(expected, rel=1e-9)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert known[0] > known[2] * (1 + 1e-4)


@pytest.mark.parametrize("flags", ["--optimizer sgd,sgd-plus,adam --lr 0.001,0.02 --replicates 2 "
                                   "--gradient correct,averaged,averaged-x2,per-sample-1.1.3,package-1.1.5",
                                   "--model multi --optimizer sgd,adam --adam-eps-place outside-root "
                                   "--gradient correct,averaged,package-1.1.5 --sign ascend --factor 2"])
def test_one_neuron(flags):
    trained = run("one_neuron", f"--steps 4 --record-every 1 {EACH_STEP} {flags}")
    config, before, after = trained.config, trained.checkpoint(2), trained.checkpoint(3)
    for index in range(config["replicates"]):
        samples = draws.neuron_samples(index)
        chosen = draws.neuron_batch(index, 2, 8)
        x, y = one_neuron_batches(samples[chosen], chosen >= 2500, 8)
        for point in range(len(neuron.points(config))):
            model = trained.model(before, index, point=point)
            optimizer = trained.optimizer(model, before, index, point=point)
            model.backward(torch.tensor(x[0]), torch.tensor(y[0]))
            optimizer.step()
            own, prefix = neuron.point_of(config, point)
            for name, value in model.state_dict().items():
                old, new = (found.tensors[prefix + name] for found in (before, after))
                old, new = (old, new) if config["replicates"] == 1 else (old[index], new[index])
                assert np.allclose(value, new, rtol=0, atol=1e-13), (prefix, name)
                still = own["gradient"] == "package-1.1.5" and name == "output.bias"
                assert still or not np.allclose(old, new, rtol=0, atol=1e-10), (prefix, name)
