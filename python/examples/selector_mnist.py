"""Trains a selector network on from its checkpoint, and brings it back.

    target/release/selector_mnist --data digits --name first
    python python/examples/selector_mnist.py runs/selector_mnist/first
"""

# %% Open the run, and take its best network with the optimizer that it had
import sys

import neuron_lab
import torch
from neuron_lab import data, draws
from safetensors.torch import save_file

run = neuron_lab.open(sys.argv[1])
model = run.model("best")
optimizer = run.optimizer(model, "best")
(images, labels), (test_images, test_labels) = (
    tuple(map(torch.tensor, part)) for part in data.images(run.config["data"]))


def accuracy():
    with torch.no_grad():
        return (model(test_images).argmax(1) == test_labels).double().mean().item()


print(f"{run}: accuracy {accuracy():.4f}, logged {run.checkpoint('best').score['value']:.4f}")

# %% An epoch more, in the order that the run itself would have gone on with
size = run.config["batch_size"]
epoch = run.checkpoint("best").step // -(-len(images) // size)
order = torch.tensor(draws.epoch_order(run.config["seed"], len(images), epoch))
for batch in order.split(size):
    loss = model.loss(images[batch], labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"after one more epoch: accuracy {accuracy():.4f}")

# %% What each neuron of the first layer selects for the test images
print("shares of the computation neurons:", (model.layer1.counts() / len(test_images)).mean(1).tolist())

# %% Back: a state dict that --init-from takes
save_file(model.state_dict(), "trained-on.safetensors")
print("target/release/selector_mnist --data digits --init-from trained-on.safetensors")
