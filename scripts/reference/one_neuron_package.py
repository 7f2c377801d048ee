"""The package's own steps on one small batch, and the time of its training loop.

    python one_neuron_package.py steps VERSION     numbers of tests/one_neuron_rules.rs
    python one_neuron_package.py time              seconds of 40000 iterations, seed 0

The package has to be on PYTHONPATH; scripts/reference/one_neuron puts it there. PYTHONHASHSEED
decides which column meets which variable.
"""

import contextlib
import io
import os
import random
import sys
import time

import numpy

os.environ["MPLBACKEND"] = "Agg"
from ComputationalGraphPrimer import ComputationalGraphPrimer  # noqa: E402

ONE = ["xw=ab*xa+bc*xb+cd*xc+ac*xd"]
MULTI = [
    "xw=ap*xp+aq*xq+ar*xr+as*xs",
    "xz=bp*xp+bq*xq+br*xr+bs*xs",
    "xo=cp*xw+cq*xz",
]
# Four samples (fewer than inputs, and the package's averages lose some) of xa, xb, xc, xd and their classes; the weights in the order of their names.
INPUTS = [[0.3, -0.1, 0.5, 0.2], [1.0, 0.4, 0.6, 0.7], [0.2, 0.9, -0.3, 0.8],
          [-0.5, 0.1, 0.6, 0.4]]
LABELS = [0, 1, 1, 0]
WEIGHTS = {"ab": 0.8, "bc": -0.4, "cd": 0.3, "ac": 0.6}
NETWORK = dict(zip(["ap", "aq", "ar", "as", "bp", "bq", "br", "bs", "cp", "cq"],
                   [0.5, -0.2, 0.7, 0.1, -0.6, 0.4, 0.3, 0.9, 0.8, -0.5]))


def quietly(work, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return work(*arguments)


def one(version):
    cgp = ComputationalGraphPrimer(one_neuron_model=True, expressions=ONE, output_vars=["xw"],
                                   dataset_size=10, learning_rate=1.0, batch_size=4)
    quietly(cgp.parse_expressions)
    order = ["xa", "xb", "xc", "xd"]
    cgp.independent_vars = order
    cgp.vals_for_learnable_params, cgp.bias = dict(WEIGHTS), 0.25
    rows = [numpy.array(row) for row in INPUTS]
    answers, slopes = cgp.forward_prop_one_neuron_model(rows)
    errors = [label - answer for label, answer in zip(LABELS, answers)]
    if version == "1.1.2":
        mean = [sum(column) / 4 for column in zip(*rows)]
        cgp.backprop_and_update_params_one_neuron_model(sum(errors) / 4, mean, sum(slopes) / 4)
    else:
        cgp.backprop_and_update_params_one_neuron_model(rows, answers, errors, slopes)
    moved = [cgp.vals_for_learnable_params[name] - WEIGHTS[name] for name in WEIGHTS]
    print(f"one neuron, {version}:", [float(step) for step in moved + [cgp.bias - 0.25]])


def multi(version):
    cgp = ComputationalGraphPrimer(num_layers=3, layers_config=[4, 2, 1], expressions=MULTI,
                                   output_vars=["xo"], dataset_size=10, learning_rate=1.0,
                                   batch_size=4)
    quietly(cgp.parse_multi_layer_expressions)
    cgp.layer_vars[0] = ["xp", "xq", "xr", "xs"]
    cgp.vals_for_learnable_params = dict(NETWORK)
    shared = version == "1.1.2"
    cgp.bias = [0.15, -0.35] if shared else {1: [0.15, 0.15], 2: [-0.35]}
    quietly(cgp.forward_prop_multi_neuron_model, [numpy.array(row) for row in INPUTS])
    answers = [row[0] for row in cgp.forw_prop_vals_at_layers[2]]
    errors = [label - answer for label, answer in zip(LABELS, answers)]
    if shared:
        cgp.backprop_and_update_params_multi_neuron_model(sum(errors) / 4, LABELS)
        biases = [cgp.bias[0] - 0.15, cgp.bias[0] - 0.15, cgp.bias[1] + 0.35]
    else:
        cgp.all_params = sorted(NETWORK) if not hasattr(cgp, "all_params") else cgp.all_params
        cgp.backprop_and_update_params_multi_neuron_model(errors)
        biases = [cgp.bias[1][0] - 0.15, cgp.bias[1][1] - 0.15, cgp.bias[2][0] + 0.35]
    moved = [cgp.vals_for_learnable_params[name] - NETWORK[name] for name in NETWORK]
    print(f"network, {version}:", [float(step) for step in moved + biases])


def curve():
    random.seed(0)
    numpy.random.seed(0)
    cgp = ComputationalGraphPrimer(one_neuron_model=True, expressions=ONE, output_vars=["xw"],
                                   dataset_size=5000, learning_rate=1e-3, batch_size=8,
                                   training_iterations=40000, display_loss_how_often=100)
    quietly(cgp.parse_expressions)
    data = quietly(cgp.gen_training_data)
    start = time.perf_counter()
    quietly(cgp.run_training_loop_one_neuron_model, data)
    seconds = time.perf_counter() - start
    print(f"{seconds:.3f}")
    weights = [round(float(value), 5) for value in cgp.vals_for_learnable_params.values()]
    print("weights and bias:", weights, round(float(cgp.bias), 5), file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1] == "time":
        curve()
    else:
        one(sys.argv[2])
        if sys.argv[2] != "1.1.3":
            multi(sys.argv[2])
