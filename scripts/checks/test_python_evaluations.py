"""What a run logged is computed again from its checkpoints, by the modules of python/neuron_lab.

Usage: pytest scripts/checks/test_python_evaluations.py
"""

import numpy as np
import pytest
from python_lab import built_in_text, digits, load_torch, logged, noisy_patches, one_neuron_batches, run

torch = load_torch()
from neuron_lab import draws  # noqa: E402
from neuron_lab.models import neuron  # noqa: E402

SELECTORS = ["", "--num-computation 3 --rule switch --replicates 2", "--num-computation 3 --balance bias --rule soft",
             "--num-computation 4 --selector low-rank --rank 5 --rule frozen", "--num-computation 5 --selector tree",
             "--num-computation 6 --selector tree --rule soft", "--num-computation 1"]


@pytest.mark.parametrize("flags", SELECTORS)
@torch.no_grad()
def test_selector_mnist(flags):
    trained = run("selector_mnist", f"--data digits --hidden 16,12 --lr 0.3 --epochs 4 {flags}")
    images, labels = (torch.tensor(part) for part in digits()[1])
    count, best = trained.config["replicates"], trained.checkpoint("best")
    known = logged(trained, best.step)
    for index in range(count):
        end = f"/r{index}" if count > 1 else ""
        model = trained.model(best, index)
        logits = model(images)
        assert (logits.argmax(1) == labels).double().mean() == pytest.approx(known["eval/accuracy" + end], abs=1e-9)
        loss = torch.nn.functional.cross_entropy(logits, labels).item()
        assert loss == pytest.approx(known["eval/loss" + end], rel=1e-5)
        assert loss < 2.2
        for number, layer in enumerate(model.layers, 1):
            shares = layer.counts().sum(1) / layer.counts().sum()
            for letter, share in zip("ABCDEF", shares.tolist()):
                assert share == pytest.approx(known[f"selection/test/layer{number}/{letter}{end}"], abs=1e-6)
    assert trained.summary["best"]["value"] == trained.series("eval/accuracy")[1].max() == best.score["value"]


@torch.no_grad()
def test_selector_continual():
    trained = run("selector_continual", "--data digits --hidden 12,8 --lr 0.3 --num-computation 3 "
                  "--benchmark permuted --seed 2")
    images, labels = digits()[1]
    model, known = trained.model("last"), logged(trained, trained.checkpoint("last").step)
    found = []
    for task in range(5):
        seen = images[:, draws.task_pixels(2, 64, task)]
        found.append((model(torch.tensor(seen)).argmax(1).numpy() == labels).mean())
        assert found[-1] == pytest.approx(known[f"eval/accuracy/task{task + 1}"], abs=1e-9)
    assert np.mean(found) == pytest.approx(known["eval/average_accuracy"], abs=1e-9)
    assert np.ptp(found) > 0.02 and found[-1] > 0.3
    table = trained.checkpoint("last").tensors["state.accuracy"]
    assert np.allclose(table[-1], found)


@pytest.mark.parametrize("flags", ["--num-computation 3", "--replace none --num-computation 1",
                                   "--replace attention --num-computation 2 --selector threshold --layers 2"])
@torch.no_grad()
def test_selector_transformer(flags):
    trained = run("selector_transformer", "--data built-in --d-model 16 --heads 2 --feedforward 24 --vocab 150 "
                  "--sequence 12 --batch-size 4 --evaluate-every 20 --eval-sequences 6 --sample-words 0 --steps 40 "
                  f"--lr 0.01 {'' if '--layers' in flags else '--layers 1'} {flags}")
    tokens = built_in_text(trained)[1]
    free = len(tokens) - 1
    count = min(6, free // 12)
    places = np.arange(count)[:, None] * (free // count) + np.arange(13)
    words = torch.tensor(tokens[places])
    for step, _, values in trained.log.entries:
        if "eval/loss" in values and step == trained.checkpoint("best").step:
            loss = trained.model("best").loss(words[:, :-1], words[:, 1:]).item()
            assert loss == pytest.approx(values["eval/loss"], rel=1e-5)
            assert loss < np.log(150)


@pytest.mark.parametrize("flags", ["", "--constraint pi --shape difference-of-gaussian --colours 3",
                                   "--constraint two-losses --variant leak --centring-start 0 --centring-stop 99",
                                   "--nonlinearity linear --constraint exact", "--nonlinearity absolute"])
@torch.no_grad()
def test_efficient_coding(flags):
    trained = run("efficient_coding", "--kernel-size 5 --neurons 6 --batch-size 32 --eval-patches 200 --image-every 0 "
                  "--covariance-batches 1 --lr 0.02 --steps 40 --evaluate-every 40 --log-every 10 "
                  f"--checkpoint-every 39 {flags}")
    model, known = trained.model("last"), logged(trained, 40)
    held_out = torch.tensor(noisy_patches(trained.config, 200, "held-out", 0))
    kl, own = model.kl(held_out, eliminate=True).mean().item(), model.kl(held_out).mean().item()
    assert kl == pytest.approx(known["eval/KL"], rel=1e-4) and own == pytest.approx(known["eval/own_KL"], rel=1e-4)
    assert kl / 2 == pytest.approx(known["eval/MI"], rel=1e-4)
    h = model.excess(held_out)
    assert h.square().mean().sqrt().item() == pytest.approx(known["eval/rate_rms"], rel=1e-3, abs=1e-5)
    # What the last step descended, by the model as it was before.
    batch = torch.tensor(noisy_patches(trained.config, 32, "patches", 39))
    assert trained.model(39).loss(batch, 39).item() == pytest.approx(known["train/final_loss"], rel=1e-4)


@torch.no_grad()
def test_replicates_of_efficient_coding():
    trained = run("efficient_coding", "--kernel-size 5 --neurons 6 --batch-size 32 --eval-patches 200 --image-every 0 "
                  "--covariance-batches 1 --lr 0.02 --steps 20 --evaluate-every 20 --constraint pi --replicates 2")
    known = logged(trained, 20)
    for index in range(2):
        own = {**trained.config, "seed": trained.config["seed"] + index}
        held_out = torch.tensor(noisy_patches(own, 200, "held-out", 0))
        kl = trained.model("last", index=index).kl(held_out, eliminate=True).mean().item()
        assert kl == pytest.approx(known[f"eval/KL/r{index}"], rel=1e-4)


@torch.no_grad()
def test_two_loss_toy():
    trained = run("two_loss_toy", "--map-size 0 --steps 60 --print-every 20")
    model, known = trained.model("last"), logged(trained, 60)
    excess = model.excess(model.points[:, :2])
    for method, height, h in zip(model.methods, model().tolist(), excess.tolist()):
        assert height == pytest.approx(known[f"f/{method}"], rel=1e-12)
        assert h == pytest.approx(known[f"excess/{method}"], abs=1e-12)


@pytest.mark.parametrize("flags", ["", "--loss ce --activation tanh", "--target frozen --activation linear", "--bias"])
@torch.no_grad()
def test_apical_train(flags):
    trained = run("apical_train", "--data digits --hidden 12,8 --steps-per-phase 3 --batch-size 50 --lr-a 0.1,0.3 "
                  f"--lr-w 0.01 --epochs 3 {flags}")
    (images, labels), test = digits()
    own = draws.apical_split(0, len(images), len(images) // 2)[1]
    known = logged(trained, trained.checkpoint("last").step)
    modulated = trained.config["target"] == "moving"
    for index in range(2):
        model = trained.model("last", index)
        for (x, y), end in ((test, ""), ((images[own], labels[own]), "_w")):
            x, y = torch.tensor(x), torch.tensor(y)
            output = model(x, modulated)
            assert model.each_loss(output, y).mean().item() == pytest.approx(known[f"run{index}/loss{end}"], rel=1e-5)
            accuracy = (output.argmax(1) == y).double().mean().item()
            assert accuracy == pytest.approx(known[f"run{index}/accuracy{end}"], abs=1e-9)
    assert known["run0/loss"] != known["run1/loss"]


@torch.no_grad()
def test_apical_characterize():
    trained = run("apical_characterize", "--data digits --hidden 12,8 --grid-batch 60 --grid-lr 0.1 --steps 4 --lr-w "
                  "0.01")
    x, y = (torch.tensor(part) for part in digits()[1])
    known = logged(trained, 4)["eval/loss"]
    assert trained.model("last").loss(x, y).item() == pytest.approx(known, rel=1e-5)


@torch.no_grad()
def test_apical_toy():
    trained = run("apical_toy", "--trials 60 --steps 100")
    found, known = trained.model("last")(), logged(trained, 100)
    tensors = trained.checkpoint("last").tensors
    for activation, rates in found.items():
        for law, name in enumerate(("uniform", "gaussian")):
            # A rectified neuron that is below threshold at the start stays there.
            silent = (rates[law] == 0).all(-1).double().mean().item()
            assert silent == pytest.approx(known[f"silent/{activation}/{name}"], abs=1e-9)
    assert known["silent/relu/uniform"] > 0.1 and tensors["state.relu.weight"].shape[1] == 60


@pytest.mark.parametrize("experiment", ["steady_state", "steady_state_init", "steady_state_theory"])
@torch.no_grad()
def test_steady_state(experiment):
    flags = ("--replicates 2 --pretrain-seconds 50 --loss-seconds 30 --train-seconds 50 --steady-seconds 50 "
             "--steady-window 20")
    alone = experiment == "steady_state_init"
    more = "" if alone else "--expansions 1,2 --gammas 0.02,0.1 --snr none"
    trained = run(experiment, f"{flags} {more} --reference {'ou' if alone else 'sines-zero'}")
    tensors = trained.checkpoint("last").tensors
    for index in range(2):
        model = trained.model("last", index)
        for size in range(len(trained.config["expansions"])):
            weight = torch.tensor(tensors["state.train.weight"][index, size, 0, 0])
            known = tensors["train.loss"][index, size, 0, 0]
            assert model.task_loss(weight).item() == pytest.approx(known[-1], rel=1e-8)
            assert model.task_loss(model.initial.weight).item() == pytest.approx(known[0], rel=1e-8)
            known = tensors["steady.loss"][index, size, 0, 0, 0]
            assert model.task_loss(model.optimum.weight[size]).item() == pytest.approx(known, rel=1e-8)
            assert abs(tensors["train.loss"][index, size, 0, 0, -1] / known - 1) > 1e-6


@pytest.mark.parametrize("flags", ["--lr 0.01,0.05 --gradient correct,averaged --replicates 2",
                                   "--model multi --lr 0.05"])
@torch.no_grad()
def test_one_neuron(flags):
    trained = run("one_neuron", f"--steps 400 --optimizer sgd-plus --batch-size 8 {flags}")
    config, known = trained.config, logged(trained, 400)
    for index in range(config["replicates"]):
        x, y = (torch.tensor(part) for part in one_neuron_batches(*draws.neuron_held_out(index, 8), 8))
        for point in range(len(neuron.points(config))):
            model = trained.model("last", index, point=point)
            answers = model(x.flatten(0, 1))
            end = "/" + neuron.point_of(config, point)[1].rstrip(".") if config["replicates"] > 1 else ""
            end += f"/r{index}" if config["replicates"] > 1 else ""
            assert (y.flatten() - answers).square().mean().item() == pytest.approx(known["eval/loss" + end], rel=1e-9)
            hits = ((answers > 0.5) == (y.flatten() > 0.5)).double().mean().item()
            assert hits == pytest.approx(known["eval/accuracy" + end], abs=1e-12) and hits > 0.4
