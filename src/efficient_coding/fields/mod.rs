//! Receptive fields of a trained model: what each filter is, and how filters tile space.
