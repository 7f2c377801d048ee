"""The experiments' optimizers: PyTorch's own, with their state from a checkpoint.

Clipping is not in them: `torch.nn.utils.clip_grad_norm_` and `clip_grad_value_` are the experiment's
`clip_norm` and `clip_value`.
"""

import math

from .errors import NeuronLabError, import_torch

_LEARNERS = ("selector_mnist", "selector_continual", "selector_transformer", "efficient_coding")
_OF_RATES = ("encoder.logA", "encoder.logB")


def build(experiment, config, model, checkpoint, index=0, point=0, steps=None):
    """The optimizer of a model that `Run.model` made of the same checkpoint, index and point.

    steps: the length of the run, for a learning rate that falls till its end by `--epochs`.
    """
    torch = import_torch()
    if experiment in _LEARNERS:
        return _learner(torch, experiment, model, checkpoint, index, steps)
    if experiment == "one_neuron":
        return _one_neuron(torch, model, checkpoint, checkpoint.config, index, point)
    if experiment == "depth_width":
        from .models.plain import points

        kind, lr, *_ = points(config)[point]
        return make(torch, kind, model.parameters(), lr, {})
    raise NeuronLabError(f"{experiment} has an update rule of its own, which its model has as a method")


def make(torch, kind, params, lr, config):
    """A torch.optim optimizer of a kind, with the constants that a configuration has."""
    decay = config.get("weight_decay", 0.0)
    if kind in ("adam", "adamw"):
        maker = torch.optim.Adam if kind == "adam" else torch.optim.AdamW
        betas = config.get("beta1", 0.9), config.get("beta2", 0.999)
        return maker(params, lr=lr, betas=betas, eps=config.get("eps", 1e-8), weight_decay=decay)
    momentum = {"sgd": 0.0}.get(kind, config.get("momentum", 0.9))
    dampening = config.get("dampening", 0.0) if kind == "momentum" else 0.0
    return torch.optim.SGD(params, lr=lr, momentum=momentum, dampening=dampening,
                           weight_decay=decay, nesterov=kind == "nesterov")


def learning_rate(config, step, numbers=None, steps=None):
    """The learning rate of a step, counted from 0, by the schedule of a configuration.

    numbers: those of a checkpoint, for the schedule `plateau`.
    steps: the length of the run, for a cosine that ends with it.
    """
    top = (numbers or {}).get("optim.schedule.lr", config["lr"])
    warmup = config.get("warmup_steps", 0)
    if step < warmup:
        start = config["warmup_start"]
        return top * (start + (1 - start) * step / warmup)
    kind = config.get("schedule", "constant")
    if kind in ("constant", "plateau"):
        return top
    length = config.get("decay_steps") or (max(steps - warmup, 1) if steps else None)
    if length is None:
        raise NeuronLabError(f"schedule {kind} ends with the run: give its length, steps=...")
    progress = (step - warmup) / length
    if kind == "cosine":
        low = config["lr_min"]
        return low + (top - low) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2
    return top * config["decay_factor"] ** (math.floor(progress) if kind == "step" else progress)


def _learner(torch, experiment, model, checkpoint, index, steps):
    config, count = checkpoint.config, checkpoint.config.get("replicates", 1) or 1
    lr = learning_rate(config, checkpoint.step, checkpoint.numbers, steps or config.get("steps"))
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    separate = experiment == "efficient_coding" and model.constraint in ("two-losses", "project", "total-derivative")
    rates = [name for name in trained if separate and name in _OF_RATES]
    groups = [{"params": [value for name, value in trained.items() if name not in rates]}]
    if rates:
        groups.append({"params": [trained[name] for name in rates], "lr": lr * config["rate_lr_multiplier"]})
    optimizer = make(torch, config["optimizer"], groups, lr, config)
    for name, value in trained.items():
        prefix = "optim.rate" if name in rates else "optim"
        updates = checkpoint.numbers.get(f"{prefix}.step", 0)
        _load(torch, optimizer, value, checkpoint, f"{prefix}.{{}}.{name}", updates, index, count)
    return optimizer


def _one_neuron(torch, model, checkpoint, config, index, point):
    from .models.neuron import AdamInsideRoot, point_of

    own, prefix = point_of(config, point)
    params, kind, lr = list(model.parameters()), own["optimizer"], own["lr"]
    if kind == "adam":
        maker = AdamInsideRoot if config["adam_eps_place"] == "inside-root" else torch.optim.Adam
        optimizer = maker(params, lr=lr, betas=(config["beta1"], config["beta2"]), eps=config["adam_eps"])
    else:
        optimizer = torch.optim.SGD(params, lr=lr, momentum=config["momentum"] if kind == "sgd-plus" else 0.0)
    for name, value in model.named_parameters():
        # Its momentum has the learning rate inside, PyTorch's has it outside.
        _load(torch, optimizer, value, checkpoint, f"optim.{{}}.{prefix}{name}", checkpoint.step, index,
              config["replicates"], scale=1 / lr if kind == "sgd-plus" else 1.0)
    return optimizer


def _load(torch, optimizer, value, checkpoint, pattern, updates, index, count, scale=1.0):
    """Gives a parameter the optimizer's state that the checkpoint has of it, once there were updates."""
    state = {}
    for buffer in ("momentum_buffer", "exp_avg", "exp_avg_sq"):
        kept = checkpoint.tensors.get(pattern.format(buffer))
        if kept is not None and updates:
            own = torch.tensor(kept if count == 1 else kept[index])
            state[buffer] = own.reshape(value.shape) * scale
    if "exp_avg" in state:
        state["step"] = torch.tensor(float(updates))
    if state:
        optimizer.state[value] = state
