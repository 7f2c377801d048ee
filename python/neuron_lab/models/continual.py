"""What `selector_continual` adds to its network's loss against forgetting."""

import torch

from .common import of_index


class Penalty:
    """The quadratic penalty of ewc, ewc-online and si: lambda (A w^2 / 2 - B w) over every weight w.

    A, how important a weight is, and B, its anchors times their importance, are those of the checkpoint:
    `state.importance.*` and `state.pull.*`. They grow at the end of a task, which is not done here.
    checkpoint: of a run with such a method; model: that of the same checkpoint and index.
    """

    def __init__(self, checkpoint, model, index=0):
        config = checkpoint.config
        self.strength, self.implicit = config["lambda"], config["penalty_step"] == "implicit"
        parts = {name: value for name, value in checkpoint.tensors.items()
                 if name.startswith(("state.importance.", "state.pull."))}
        parts = of_index(parts, index, config["replicates"])
        self._terms = [(value, parts[f"state.importance.{name}"], parts[f"state.pull.{name}"])
                       for name, value in model.named_parameters() if f"state.pull.{name}" in parts]

    def loss(self):
        """What is added to the loss of a step: 0 where the penalty is solved for after it."""
        if self.implicit or not self._terms:
            return torch.zeros(())
        return self.strength * sum((a * w.square() / 2 - b * w).sum() for w, a, b in self._terms)

    @torch.no_grad()
    def after_step(self, lr):
        """Solves w = w' - lr lambda (A w - B) for the step that the penalty takes, where it is implicit."""
        if self.implicit:
            rate = lr * self.strength
            for w, a, b in self._terms:
                w.copy_((w + rate * b) / (1 + rate * a))
