//! How the experiments of this family name computation neurons.

/// Computation neurons up to which each has a letter and curves of its own; of more, only the
/// layer's measures are logged.
pub const LETTERS: i64 = 26;

/// The letter of a computation neuron: A, B, ...
pub fn letter(k: i64) -> char {
    char::from(b'A' + k.clamp(0, LETTERS - 1) as u8)
}
