//! The notebook's toy with two losses and two optimizers: docs/two_loss_toy.md.
