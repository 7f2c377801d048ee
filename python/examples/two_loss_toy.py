"""Goes on climbing the hill of `two_loss_toy` by PyTorch's gradients.

    target/release/two_loss_toy --steps 300 --map-size 0 --print-every 100 --name first
    python python/examples/two_loss_toy.py runs/two_loss_toy/first
"""

# %% Open the run: a point for each method
import sys

import neuron_lab

run = neuron_lab.open(sys.argv[1])
model = run.model("last")
print(f"{run}: heights {dict(zip(model.methods, model().tolist()))}")

# %% A thousand iterations more
for _ in range(1000):
    model.step()
print(f"after 1000 more: heights {dict(zip(model.methods, model().tolist()))},"
      f" off the constraint by {model.excess(model.points[:, :2]).tolist()}")
