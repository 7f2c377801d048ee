"""A training step of the efficient-coding model as the original writes it, in PyTorch eager: dense
noise matrices, both covariances of every sample, log-determinants by Cholesky, gradients by autograd
through it. What `cargo bench --bench efficient_coding` is compared with, which also starts it:

    .reference/bin/python scripts/reference/efficient_coding_step.py NEURONS KERNEL COLOURS

It takes as many steps as each line of its standard input says, and prints the seconds of CPU time.
"""

import sys
import time

import torch

BATCH, INPUT_NOISE, OUTPUT_NOISE, RATE, RHO, CLIP = 128, 0.4, 3.0, 1.0, 1.0, 20.0


class Encoder(torch.nn.Module):
    def __init__(self, inputs, neurons):
        super().__init__()
        self.W = torch.nn.Parameter(torch.randn(inputs, neurons))
        self.logA = torch.nn.Parameter(0.02 * torch.randn(neurons))
        self.logB = torch.nn.Parameter(0.02 * torch.randn(neurons) - 1)
        self.Lambda = torch.nn.Parameter(torch.rand(neurons))
        self.normalise()

    def normalise(self):
        with torch.no_grad():
            self.W /= self.W.norm(dim=0, keepdim=True)

    def logdet(self, G, covariance, noise):
        C = G[:, :, None] * (self.W.T @ covariance @ self.W) * G[:, None, :] + noise
        L = torch.linalg.cholesky(C)
        return 2 * L.diagonal(dim1=-2, dim2=-1).log2().sum(-1)

    def forward(self, noisy, C_x, C_nx, C_nr):
        gain = self.logA.exp()
        y = noisy @ self.W - self.logB.exp()
        r = gain * torch.nn.functional.softplus(y, beta=2.5)
        G = gain * torch.sigmoid(2.5 * y)
        KL = self.logdet(G, C_x + C_nx, C_nr) - self.logdet(G, C_nx, C_nr)
        h = r.mean(0) - RATE
        return -0.5 * KL.mean() + (self.Lambda * h).sum() + RHO / 2 * h.square().sum()


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    neurons, kernel, colours = map(int, sys.argv[1:4])
    inputs = kernel * kernel * colours
    root = torch.randn(inputs, inputs) / inputs**0.5 + torch.eye(inputs)
    C_x, C_nx = root @ root.T, INPUT_NOISE**2 * torch.eye(inputs)
    C_nr = OUTPUT_NOISE**2 * torch.eye(neurons)
    model = Encoder(inputs, neurons)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        start = time.process_time()
        for _ in range(int(line)):
            x = torch.randn(BATCH, inputs) @ root.T
            optimizer.zero_grad()
            model(x + INPUT_NOISE * torch.randn_like(x), C_x, C_nx, C_nr).backward()
            model.Lambda.grad.neg_()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            model.normalise()
        print(time.process_time() - start, flush=True)


if __name__ == "__main__":
    main()
