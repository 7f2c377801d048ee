"""Goes on learning online with the plant in the loop, and by gradient descent through the plant.

    target/release/steady_state --replicates 1 --expansions 1,2 --gammas 0.05 --snr none --train-seconds 100 \
        --pretrain-seconds 100 --steady-seconds 100 --steady-window 50 --loss-seconds 60 --name first
    python python/examples/steady_state.py runs/steady_state/first
"""

# %% Open the run: the largest network of its first seed, as it is after learning
import sys

import neuron_lab
import torch

run = neuron_lab.open(sys.argv[1])
checkpoint = run.checkpoint("last")
model = run.model(checkpoint)
weight = torch.tensor(checkpoint.tensors["state.train.weight"][0, -1, 0, 0])
plant = torch.tensor(checkpoint.tensors["state.train.plant"][0, -1, 0, 0])
known = checkpoint.tensors["train.loss"][0, -1, 0, 0]
with torch.no_grad():
    print(f"{run}: task loss {model.task_loss(weight):.3e}, logged {known[-1]:.3e}, at the start {known[0]:.3e}")

# %% Twenty updates more, where plant and feedback stood
gamma = run.config["gammas"][0] / run.config["expansions"][-1] ** run.config["gamma_exponent"]
online, _ = model.learn(weight, gamma, 20, first=run.config["train_seconds"], state=plant)
print(f"after 20 more seconds of online learning: {model.task_loss(online):.3e}")

# %% The same number of steps of gradient descent on the task loss, by autograd
descending = weight.clone().requires_grad_()
optimizer = torch.optim.SGD([descending], lr=gamma)
for _ in range(20):
    optimizer.zero_grad()
    model.task_loss(descending, seconds=20).backward()
    optimizer.step()
print(f"after 20 steps of gradient descent: {model.task_loss(descending):.3e}")
