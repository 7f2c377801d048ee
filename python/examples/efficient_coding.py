"""Trains a retina on from its checkpoint, under the constraint of its run.

    target/release/efficient_coding --kernel-size 6 --neurons 10 --steps 100 --eval-patches 500 \
        --covariance-batches 5 --image-every 0 --lr 0.01 --name first
    python python/examples/efficient_coding.py runs/efficient_coding/first
"""

# %% Open the run, and draw the patches of the ensemble `gaussian` again
import sys

import neuron_lab
import numpy as np
import torch
from neuron_lab import draws_efficient_coding as draws

run = neuron_lab.open(sys.argv[1])
config, checkpoint = run.config, run.checkpoint("last")
model = run.model(checkpoint)
optimizer = run.optimizer(model, checkpoint)
root = draws.gaussian_root(config["kernel_size"], config["colours"], config["mask"] == "circle",
                           config["image_size"] or 64, config["slope"])


def noisy(count, stream, t):
    patches = draws.gaussian_patches(root, count, config["seed"], stream, t)
    noise = draws.pixel_noise(patches.shape, config["seed"], stream, t)
    return torch.tensor((patches + noise * config["input_noise"]).astype(np.float32))


def information(patches):
    """Bits a patch, every neuron at its budget; and how far the rates are off it."""
    with torch.no_grad():
        off = model.excess(patches).square().mean().sqrt()
        return model.kl(patches, eliminate=True).mean().item() / 2, off.item()


# %% What the run logged of its held-out patches, and that again
held_out = noisy(config["eval_patches"], "held-out", 0)
bits, off = information(held_out)
print(f"{run}: {bits:.4f} bits, logged {run.series('eval/MI')[1][-1]:.4f}; rates off by {off:.4f} (rms)")

# %% The steps that the run itself would have gone on with
for step in range(checkpoint.step, checkpoint.step + 100):
    model.backward(noisy(config["batch_size"], "patches", step), step)
    for group in optimizer.param_groups:
        torch.nn.utils.clip_grad_norm_(group["params"], config["clip_norm"])
    optimizer.step()
    model.after_step()
bits, off = information(held_out)
print(f"after 100 more steps: {bits:.4f} bits, rates off by {off:.4f} (rms)")
