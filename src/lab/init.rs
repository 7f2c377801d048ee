//! Initialisations with PyTorch's default laws.
