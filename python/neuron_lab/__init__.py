"""Opens the runs and checkpoints of Neuron Lab, with a PyTorch module of every model.

    run = neuron_lab.open("runs/selector_mnist/my-run")
    run.metrics("train/loss", "eval/accuracy")      # a table
    model = run.model("best")                       # a torch.nn.Module, trainable

docs/python.md shows all of it. Only NumPy and safetensors are needed; PyTorch and pandas where they
are used.
"""

from .checkpoints import Checkpoint
from .errors import NeuronLabError
from .run import Run, open

__all__ = ["Checkpoint", "NeuronLabError", "Run", "open"]
__version__ = "0.1.0"
