"""PyTorch's default initialisations, as the numbers in src/lab/tensor/init.rs.

    .reference/bin/python scripts/reference/init.py

Of every tensor, in the order of drawing, the first two values and the last.
"""

import torch
from torch import nn


def show(name, tensor):
    flat = tensor.detach().flatten()
    print(f"{name} {list(tensor.shape)}:", *(v.item() for v in (flat[0], flat[1], flat[-1])))


MODULES = {
    "Linear(7, 5)": lambda: nn.Linear(7, 5),
    "Linear(7, 5), f64": lambda: nn.Linear(7, 5, dtype=torch.float64),
    "Embedding(6, 4)": lambda: nn.Embedding(6, 4),
    "LayerNorm(4)": lambda: nn.LayerNorm(4),
}

LAWS = {
    "kaiming_normal_, fan out, relu": lambda t: nn.init.kaiming_normal_(
        t, mode="fan_out", nonlinearity="relu"
    ),
}

if __name__ == "__main__":
    for name, make in MODULES.items():
        torch.manual_seed(0)
        print(name)
        for tensor_name, tensor in make().named_parameters():
            show(f"  {tensor_name}", tensor)
    for name, fill in LAWS.items():
        torch.manual_seed(0)
        show(name, fill(torch.empty(3, 2, 3, 3)))
