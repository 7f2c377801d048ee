"""Goes on with a network of apical multipliers: a phase 1, then a pass of phase 2.

    target/release/apical_train --data digits --hidden 32,32 --epochs 3 --lr-w 0.01 --name first
    python python/examples/apical.py runs/apical_train/first
"""

# %% Open the run, and divide the training images as it did
import sys

import neuron_lab
import torch
from neuron_lab import data, draws

run = neuron_lab.open(sys.argv[1])
config = run.config
model = run.model("last")
train, test = ([torch.tensor(part) for part in of] for of in data.images(config["data"]))
halves = draws.apical_split(config["seed"], len(train[0]), config["samples_a"] or len(train[0]) // 2)
of_a, of_w = ([part[torch.tensor(half)] for part in train] for half in halves)


def loss():
    with torch.no_grad():
        return model.loss(*test).item()


tag = "run0/loss" if "run0/loss" in run.log.tags() else "eval/loss"
print(f"{run}: test loss {loss():.5f}, logged {run.series(tag)[1][-1]:.5f}")

# %% Phase 1: the multipliers follow the gradient of the loss, from 1
with torch.no_grad():
    for layer in model.layers:
        layer.apical.fill_(1.0)
gradient = model.multiplier_gradient(*of_a, config["batch_size"], config["a_reduce"])
velocity = [torch.zeros_like(g) for g in gradient]
model.move_multipliers(gradient, velocity, config["lr_a"][0])
print(f"after phase 1: {loss():.5f}")

# %% Phase 2: a local rule moves the weights, and no gradient is taken
for batch in torch.randperm(len(of_w[0])).split(config["batch_size"]):
    model.learn_weights(of_w[0][batch], config["lr_w"][0], config["pre"])
print(f"after phase 2: {loss():.5f}")
