"""Repeats the early descents of a run in PyTorch, and goes on with one of them.

    target/release/depth_width --data digits --depths 1,8 --widths 32 --descent-steps 5 --name first
    python python/examples/depth_width.py runs/depth_width/first
"""

# %% Open the run; its networks are drawn again from the seed, since no checkpoint holds them
import sys

import neuron_lab
import numpy as np
import torch
from neuron_lab import data
from neuron_lab.models import plain

run = neuron_lab.open(sys.argv[1])
losses = run.checkpoint("last").tensors["state.losses"]
(images, labels), _ = data.images(run.config["data"])
first = [int(np.flatnonzero(labels == label)[0]) for label in range(10)]
x, y = torch.tensor(images[first]), torch.tensor(labels[first])
print(f"{run}: {len(plain.points(run.config))} networks of the first seed")

# %% The descent of each, beside what the run found
known = losses if run.config["replicates"] == 1 else losses[0]
for point, (kind, lr, init, depth, width) in enumerate(plain.points(run.config)):
    model = run.model(point=point)
    optimizer = run.optimizer(model, point=point)
    for step in range(run.config["descent_steps"] + 20):
        loss = model.loss(x, y)
        if step == run.config["descent_steps"]:
            print(f"{kind} {lr} {init} depth {depth} width {width}: loss {loss:.5f}, logged {known[point, -1]:.5f}",
                  end="")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f", and {model.loss(x, y):.5f} after 20 more steps")
