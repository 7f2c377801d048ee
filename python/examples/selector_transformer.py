"""Trains a language model with computation neurons on from its checkpoint.

    target/release/selector_transformer --data built-in --layers 1 --d-model 32 --num-computation 3 \
        --vocab 500 --sequence 16 --steps 40 --sample-words 0 --lr 0.003 --name first
    python python/examples/selector_transformer.py runs/selector_transformer/first
"""

# %% Open the run, and its text as numbers of its words
import sys

import neuron_lab
import numpy as np
import torch
from neuron_lab import data, draws

run = neuron_lab.open(sys.argv[1])
checkpoint = run.checkpoint("last")
model = run.model(checkpoint)
optimizer = run.optimizer(model, checkpoint)
train, held_out = (torch.tensor(part) for part in data.built_in_text(run.provenance["data"]["vocabulary"]))
length, batch = run.config["sequence"], run.config["batch_size"]


def sequences(tokens, starts):
    """Words and those that follow them, [sequence, time] each."""
    words = tokens[torch.tensor(np.asarray(starts)[:, None] + np.arange(length + 1))]
    return words[:, :-1], words[:, 1:]


# %% The batches that the run itself would have gone on with
evaluated = sequences(held_out, range(0, len(held_out) - length, length))
with torch.no_grad():
    print(f"{run}: {model.loss(*evaluated):.4f} nats a held-out word")
for step in range(checkpoint.step, checkpoint.step + 20):
    starts = draws.sequence_starts(run.config["seed"], step, batch, len(train), length)
    loss = model.loss(*sequences(train, starts))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print(f"after 20 more steps: {model.loss(*evaluated):.4f}")
