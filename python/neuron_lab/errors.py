"""What can be wrong, as one line."""

import json


class NeuronLabError(Exception):
    """One line that says what was wrong, where, and what to do."""


def read_bytes(path, what):
    """The bytes of a regular file, which is `what` of a run. A pipe would wait for its other end."""
    if path.exists() and not path.is_file():
        raise NeuronLabError(f"{path} is not a regular file: {what} can't be read")
    try:
        return path.read_bytes()
    except OSError as error:
        raise NeuronLabError(f"{path}: {error.strerror or error}: {what} can't be read") from None


def read_json(path, what):
    """The object in a JSON file, which is `what` of a run."""
    try:
        found = json.loads(read_bytes(path, what))
    except ValueError:
        raise NeuronLabError(f"{path} is damaged: {what} is not JSON") from None
    if not isinstance(found, dict):
        raise NeuronLabError(f"{path} is damaged: {what} is not a JSON object")
    return found


def import_torch():
    """PyTorch, where a module is asked for."""
    try:
        import torch
    except ImportError as error:
        raise NeuronLabError(
            f"PyTorch is needed for a model and can't be imported ({error}): pip install torch"
        ) from None
    return torch
