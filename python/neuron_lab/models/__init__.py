"""A `torch.nn.Module` for the model of every experiment.

`build` makes the module of a checkpoint. The classes can be used without a run too, with PyTorch's
default initial weights.
"""

import importlib

from ..errors import NeuronLabError, import_torch

# The file of each experiment's model, which has a function `build`.
_HOMES = {
    "selector_mnist": "selector",
    "selector_continual": "selector",
    "selector_transformer": "transformer",
    "depth_width": "plain",
    "efficient_coding": "retina",
    "two_loss_toy": "hill",
    "apical_train": "apical",
    "apical_characterize": "apical",
    "apical_toy": "apical_toy",
    "steady_state": "steady_state",
    "steady_state_init": "steady_state",
    "steady_state_theory": "steady_state",
    "one_neuron": "neuron",
}

# Those whose checkpoints hold no weights: their networks are drawn again.
DRAWN = ("depth_width",)


def build(experiment, config, checkpoint, index=0, **options):
    """The model of an experiment.

    config: every setting.
    checkpoint: where its weights are; None where the experiment saves none.
    index: which of the networks that were trained together.
    """
    home = _HOMES.get(experiment)
    if home is None:
        raise NeuronLabError(f"{experiment} has no model here (there are {', '.join(sorted(_HOMES))})")
    import_torch()
    return importlib.import_module(f".{home}", __name__).build(config, checkpoint, index, **options)
