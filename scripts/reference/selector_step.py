"""CPU time of a training step of the K = 2 selector network in PyTorch eager, as one vectorised layer
and with the fused optimizer: what `cargo bench --bench selector` is compared with.

    scripts/reference/setup && .reference/bin/python scripts/reference/selector_step.py
"""

import time

import torch

from steps import selector

TURNS = 7


def microseconds(hidden, steps):
    torch.manual_seed(0)
    step = selector(True, hidden)

    def run(count):
        for _ in range(count):
            step()

    run(steps // 4 + 1)
    turns = []
    for _ in range(TURNS):
        start = time.process_time()
        run(steps)
        turns.append((time.process_time() - start) / steps * 1e6)
    return sorted(turns)[TURNS // 2]


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}, eager, SGD fused, batch 64, 1 thread; median of {TURNS}")
    for hidden, steps in [(64, 400), (128, 300), (1024, 20)]:
        print(f"{hidden},{hidden}: {microseconds(hidden, steps):.0f} us of CPU time a step")
