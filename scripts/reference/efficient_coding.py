"""The numbers of tests/efficient_coding_facts.rs by another way: float64, dense matrices, autograd and
finite differences where the library has formulas, Gauss-Legendre where the tests have midpoints.

    scripts/reference/setup && .reference/bin/python scripts/reference/efficient_coding.py
"""

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
SIN, SOUT, BETA = 0.4, 3.0, 2.5

i = torch.arange(4.0)
C = 0.9 ** (i[:, None] - i).abs() * ((i[:, None] + 1) * (i + 1)).sqrt()
W = torch.tensor([[1.0, 2, 0, -1], [0, 1, 2, 1], [1, 0, -1, 2]]).T
W = W / W.norm(dim=0)


def logdets(W, g, sigma_in=SIN, sigma_out=SOUT, C=C):
    """log2 det C_z and C_zx, [sample] each."""
    eye, noise = torch.eye(len(C)), sigma_out**2 * torch.eye(W.shape[1])
    G = torch.diag_embed(g)
    both = (G @ W.T @ A @ W @ G + noise for A in (C + sigma_in**2 * eye, sigma_in**2 * eye))
    return [torch.linalg.slogdet(A).logabsdet / np.log(2) for A in both]


def slopes():
    for g in ([1, 0.5, 2], [0.1, 1.5, 0]):
        a, b = logdets(W, torch.tensor(g, dtype=torch.float64))
        print(f"g {g}: numerator {a:.12f} denominator {b:.12f} KL {a - b:.12f}")
    log_g = torch.tensor([1, 0.5, 2]).log().requires_grad_()
    w = W.clone().requires_grad_()
    a, b = logdets(w, log_g.exp())
    (a - b).backward()
    print("dKL/dlog g", log_g.grad, "dKL/dW[0]", w.grad[0], "dKL/dW[3]", w.grad[3])
    for out in range(3):
        keep = [n for n in range(3) if n != out]
        x, y = logdets(W[:, keep], log_g.exp()[keep].detach())
        print(f"without neuron {out}: {(a - b - x + y).item():.12f} bits less")


def batch():
    x = torch.tensor([[1, -1, 0.5, 2], [0, 0.3, -0.7, 1]])
    gain, theta = torch.tensor([0.1, -0.2, 0.3]).exp(), torch.tensor([-1, -0.5, -2]).exp()
    u = x @ W - theta
    r, g = gain * torch.nn.functional.softplus(u, BETA), gain * torch.sigmoid(BETA * u)
    a, b = logdets(W, g)
    h, KL = r.mean(0) - 1, a - b
    lagrange = (torch.tensor([0.1, 0.2, 0.3]) * h).sum(), (h**2).sum() / 2
    print("r", r, "g", g[0], "h", h, "KL", KL)
    print("loss", -KL.mean() / 2, "linear", lagrange[0], "quadratic", lagrange[1])
    print("total", -KL.mean() / 2 + sum(lagrange), "FR loss", (h**2).sum())


def single(variance, theta):
    """gain and KL of one neuron at rate 1, by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(2000)
    z, weights = 12 * nodes, 12 * weights * np.exp(-72 * nodes**2) / np.sqrt(2 * np.pi)
    u = z * np.sqrt(variance + SIN**2) - theta
    gain = 1 / (weights * np.logaddexp(0, BETA * u) / BETA).sum()
    g2 = (gain / (1 + np.exp(-BETA * u))) ** 2
    bits = np.log2((g2 * (variance + SIN**2) + SOUT**2) / (g2 * SIN**2 + SOUT**2))
    return gain, (weights * bits).sum()


if __name__ == "__main__":
    torch.set_printoptions(precision=12)
    slopes()
    batch()
    for variance, thetas in ((1, (np.exp(-1), 1, 1.5, 2, 1.389)), (4.093, (np.exp(-1), 2, 2.05))):
        for theta in thetas:
            gain, bits = single(variance, theta)
            print(f"variance {variance} threshold {theta:.4f}: gain {gain:.5f} KL {bits:.7f}")
