//! How state goes out: named tensors and plain numbers, for a checkpoint.

use serde_json::{Map, Value};
use tch::Tensor;

/// Tensors by name, in the order in which they were given.
pub type NamedTensors = Vec<(String, Tensor)>;

/// The beginnings of the names of auxiliary tensors.
const AUXILIARY: [&str; 2] = ["optim.", "state."];

/// Whether the tensor of this name belongs to the model itself, and not to what its training or
/// its evaluation needs besides: those begin with `optim.` and `state.`.
pub fn is_model(name: &str) -> bool {
    !AUXILIARY.iter().any(|beginning| name.starts_with(beginning))
}

/// A number that a checkpoint's manifest holds as JSON, to the last bit.
///
/// JSON has no word for what is not finite: such an `f64` is written as the text `inf`, `-inf` or
/// `NaN`.
pub trait Plain: Sized {
    /// The number in JSON.
    fn to_json(&self) -> Value;
    /// The number that a JSON value stands for, where it is one of this kind.
    fn from_json(value: &Value) -> Option<Self>;
}

impl Plain for f64 {
    fn to_json(&self) -> Value {
        if self.is_finite() { Value::from(*self) } else { Value::from(self.to_string()) }
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok().filter(|number: &f64| !number.is_finite()),
            _ => None,
        }
    }
}

/// Implements [`Plain`] for a type that `serde_json` holds as it is.
macro_rules! plain {
    ($type:ty, $read:expr) => {
        impl Plain for $type {
            fn to_json(&self) -> Value {
                Value::from(self.clone())
            }

            fn from_json(value: &Value) -> Option<Self> {
                #[allow(clippy::redundant_closure_call)]
                $read(value)
            }
        }
    };
}

plain!(u64, Value::as_u64);
plain!(i64, Value::as_i64);
plain!(bool, Value::as_bool);
plain!(String, |value: &Value| value.as_str().map(str::to_string));

impl<T: Plain> Plain for Vec<T> {
    fn to_json(&self) -> Value {
        self.iter().map(Plain::to_json).collect()
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::from_json).collect()
    }
}

/// Takes the state of an experiment, part by part, by name.
///
/// Tensors are kept as aliases: they are read when the checkpoint is written, which is before the
/// next step.
#[derive(Debug, Default)]
pub struct StateWriter {
    model: NamedTensors,
    auxiliary: NamedTensors,
    numbers: Map<String, Value>,
}

impl StateWriter {
    /// Takes a tensor of the model, under the name that a PyTorch user would give it.
    ///
    /// # Panics
    /// In builds with debug assertions, where the name is one of an auxiliary tensor.
    pub fn model(&mut self, name: impl Into<String>, tensor: &Tensor) {
        let name = name.into();
        debug_assert!(is_model(&name), "{name} is the name of an auxiliary tensor");
        self.model.push((name, tensor.shallow_clone()));
    }

    /// Takes a tensor that training or evaluation needs beside the model: `optim.…` or `state.…`.
    ///
    /// # Panics
    /// In builds with debug assertions, where the name does not begin so.
    pub fn auxiliary(&mut self, name: impl Into<String>, tensor: &Tensor) {
        let name = name.into();
        debug_assert!(!is_model(&name), "{name} must begin with optim. or state.");
        self.auxiliary.push((name, tensor.shallow_clone()));
    }

    /// Takes a plain number (or a list of them, or a word), which the manifest holds.
    pub fn number(&mut self, name: impl Into<String>, value: &impl Plain) {
        self.numbers.insert(name.into(), value.to_json());
    }

    /// The tensors of the model.
    pub fn model_tensors(&self) -> &NamedTensors {
        &self.model
    }

    /// Every tensor, those of the model first.
    pub fn tensors(&self) -> impl Iterator<Item = &(String, Tensor)> {
        self.model.iter().chain(&self.auxiliary)
    }

    /// Every plain number.
    pub fn numbers(&self) -> &Map<String, Value> {
        &self.numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_json_to_the_last_bit() {
        for value in [0.1, f64::MIN_POSITIVE, -1.0 / 3.0, f64::INFINITY, f64::NEG_INFINITY] {
            let text = serde_json::to_string(&value.to_json()).unwrap();
            let back = f64::from_json(&serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(back.to_bits(), value.to_bits(), "{text}");
        }
        assert!(f64::from_json(&f64::NAN.to_json()).unwrap().is_nan());
        assert_eq!(u64::from_json(&u64::MAX.to_json()), Some(u64::MAX));
        let list = vec![1.5, f64::INFINITY];
        assert_eq!(Vec::from_json(&list.to_json()), Some(list));
        assert_eq!(u64::from_json(&Value::from(-1)), None);
        assert_eq!(f64::from_json(&Value::from("one")), None);
    }
}
