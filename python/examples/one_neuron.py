"""Trains a sigmoid neuron on by the rule of its run, and by the gradient.

    target/release/one_neuron --gradient correct,averaged --lr 0.05 --steps 2000 --name first
    python python/examples/one_neuron.py runs/one_neuron/first
"""

# %% Open the run, and draw its samples again
import sys

import neuron_lab
import torch
from neuron_lab import draws
from neuron_lab.models import neuron

run = neuron_lab.open(sys.argv[1])
checkpoint, seed = run.checkpoint("last"), run.config["seed"]
samples = draws.neuron_samples(seed)


def batch(step, size):
    """Inputs divided by the largest of their batch, and classes."""
    items = draws.neuron_batch(seed, step, size)
    x = torch.tensor(samples[items])
    return x / x.max(), torch.tensor(items >= draws.PER_CLASS, dtype=torch.float64)


# %% The steps that the run itself would have gone on with, for each point of its grid
for point, own in enumerate(neuron.points(run.config)):
    model = run.model(checkpoint, point=point)
    optimizer = run.optimizer(model, checkpoint, point=point)
    losses = []
    for step in range(checkpoint.step, checkpoint.step + 1000):
        losses.append(model.backward(*batch(step, own["batch_size"])).item())
        optimizer.step()
    print(f"{run} {own['gradient']}: mean loss {sum(losses[:200]) / 200:.5f} in the first 200 steps,"
          f" {sum(losses[-200:]) / 200:.5f} in the last")
