"""Opens the runs and checkpoints of Neuron Lab, with a PyTorch module of every model."""
