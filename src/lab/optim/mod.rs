//! Optimizers over one flat parameter buffer, in PyTorch's definitions.
