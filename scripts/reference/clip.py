"""torch.nn.utils' gradient clipping, as the numbers in src/lab/tensor/optim/clip.rs.

    .reference/bin/python scripts/reference/clip.py
"""

import torch

# A gradient for each of three replicates: of norm 13, of norm 0.5, and zero.
GRADIENTS = [[3.0, -4.0, 12.0], [0.3, 0.0, 0.4], [0.0, 0.0, 0.0]]

if __name__ == "__main__":
    for gradient in GRADIENTS:
        p = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
        p.grad = torch.tensor(gradient, dtype=torch.float64)
        norm = torch.nn.utils.clip_grad_norm_([p], max_norm=2.0)
        print(norm.item(), p.grad.tolist())
