"""PyTorch's default initialisations, as the numbers in src/lab/init.rs.

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
    "Conv2d(2, 3, 3)": lambda: nn.Conv2d(2, 3, 3),
    "Embedding(6, 4)": lambda: nn.Embedding(6, 4),
    "GRU(3, 4)": lambda: nn.GRU(3, 4),
    "LSTM(3, 4)": lambda: nn.LSTM(3, 4),
    "LayerNorm(4)": lambda: nn.LayerNorm(4),
}

LAWS = {
    "kaiming_uniform_, fan in, relu": lambda t: nn.init.kaiming_uniform_(t, nonlinearity="relu"),
    "kaiming_uniform_, fan out, leaky relu 0.2": lambda t: nn.init.kaiming_uniform_(
        t, a=0.2, mode="fan_out"
    ),
    "kaiming_normal_, fan out, relu": lambda t: nn.init.kaiming_normal_(
        t, mode="fan_out", nonlinearity="relu"
    ),
    "xavier_uniform_, tanh": lambda t: nn.init.xavier_uniform_(
        t, gain=nn.init.calculate_gain("tanh")
    ),
    "xavier_normal_, selu": lambda t: nn.init.xavier_normal_(
        t, gain=nn.init.calculate_gain("selu")
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
