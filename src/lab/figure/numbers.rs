//! Numbers in JSON, which read back to the same bits: whole numbers without a point, and what is not
//! finite, which JSON has no number for, as null (NaN), `"inf"` and `"-inf"`.
//!
//! For fields: `#[serde(with = "super::numbers")]`.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whole numbers up to here are written as such: an `f64` has each of them.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// What holds numbers, in the form that it is written in.
pub(super) trait Numbers: Sized {
    /// That form.
    type Form: Serialize + for<'a> Deserialize<'a>;

    fn to_form(&self) -> Self::Form;

    fn of_form(form: Self::Form) -> Self;
}

pub(super) fn serialize<N: Numbers, S: Serializer>(
    numbers: &N,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    numbers.to_form().serialize(serializer)
}

pub(super) fn deserialize<'a, N: Numbers, D: Deserializer<'a>>(
    deserializer: D,
) -> Result<N, D::Error> {
    N::Form::deserialize(deserializer).map(N::of_form)
}

impl Numbers for f64 {
    type Form = Number;

    fn to_form(&self) -> Number {
        Number(*self)
    }

    fn of_form(form: Number) -> Self {
        form.0
    }
}

impl<N: Numbers> Numbers for Vec<N> {
    type Form = Vec<N::Form>;

    fn to_form(&self) -> Self::Form {
        self.iter().map(N::to_form).collect()
    }

    fn of_form(form: Self::Form) -> Self {
        form.into_iter().map(N::of_form).collect()
    }
}

impl<N: Numbers> Numbers for Option<N> {
    type Form = Option<N::Form>;

    fn to_form(&self) -> Self::Form {
        self.as_ref().map(N::to_form)
    }

    fn of_form(form: Self::Form) -> Self {
        form.map(N::of_form)
    }
}

impl<N: Numbers> Numbers for (N, N) {
    type Form = (N::Form, N::Form);

    fn to_form(&self) -> Self::Form {
        (self.0.to_form(), self.1.to_form())
    }

    fn of_form(form: Self::Form) -> Self {
        (N::of_form(form.0), N::of_form(form.1))
    }
}

/// One number.
pub(super) struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.0;
        let is_whole = value.fract() == 0.0 && value.abs() <= LARGEST_WHOLE;
        if value.is_nan() {
            serializer.serialize_unit()
        } else if value.is_infinite() {
            serializer.serialize_str(if value > 0.0 { "inf" } else { "-inf" })
        } else if is_whole && !(value == 0.0 && value.is_sign_negative()) {
            serializer.serialize_i64(value as i64)
        } else {
            serializer.serialize_f64(value)
        }
    }
}

impl<'a> Deserialize<'a> for Number {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, null, \"inf\" or \"-inf\"")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
        Ok(Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }

    fn visit_unit<E>(self) -> Result<Number, E> {
        Ok(Number(f64::NAN))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
        match text {
            "inf" => Ok(Number(f64::INFINITY)),
            "-inf" => Ok(Number(f64::NEG_INFINITY)),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Values(#[serde(with = "super")] Vec<f64>);

    #[test]
    fn numbers_read_back_to_the_same_bits() {
        let values = vec![
            0.1,
            -0.0,
            0.0,
            3.0,
            -469.0,
            9e15,
            1e300,
            5e-324,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::from(0.1_f32),
        ];
        let text = serde_json::to_string(&Values(values.clone())).unwrap();
        assert!(text.starts_with("[0.1,-0.0,0,3,-469,"), "{text}");
        assert!(text.contains("null,\"inf\",\"-inf\""), "{text}");
        let Values(read) = serde_json::from_str(&text).unwrap();
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&read), bits(&values));
        assert!(serde_json::from_str::<Values>("[\"many\"]").is_err());
    }
}
