"""A form of an experiment's work that waits for orders:

    python -m speed.serve THREADS EXPERIMENT FORM [VALUE...]

It prints its version; then, for each number that its standard input gives, it does so many units of work
and prints the seconds that they took, by the clock and of CPU time.
"""

import importlib
import sys
import time

from . import forms


def version(form):
    """The version of what the form is computed with."""
    if form == "jax":
        import jax

        return f"JAX {jax.__version__}"
    import torch

    return f"PyTorch {torch.__version__}"


def build(experiment, form, values):
    """The form of an experiment's work."""
    module = importlib.import_module(f"speed.{experiment}")
    if form == "limit":
        return forms.LimitForm(module.limit(*values))
    problem = module.problem(*values)
    if form == "fused":
        return module.eager(problem, fused=True)
    return getattr(module, form)(problem)


def main():
    """Builds the form and obeys."""
    threads, experiment, form, *values = sys.argv[1:]
    if form != "jax":
        import torch

        torch.set_num_threads(int(threads))
        torch.manual_seed(0)
    work = build(experiment, form, [int(value) for value in values])
    print(version(form), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        # A limit may have taken another time than its units would have.
        scale = work.run(int(line)) or 1.0
        print(scale * (time.perf_counter() - wall), scale * (time.process_time() - cpu), flush=True)


if __name__ == "__main__":
    main()
