//! Where the values of a setting come from that is drawn at random.

use crate::lab::tensor::rng::unit;

/// Significant digits of a drawn number: finer differences between points say nothing.
const DIGITS: i32 = 4;

/// Where the values of a setting come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Numbers whose logarithm is uniform between those of two positive ends.
    Log(f64, f64),
    /// Numbers that are uniform between two ends.
    Lin(f64, f64),
    /// Whole numbers, each as likely, both ends included.
    Int(i64, i64),
    /// Words, each as likely.
    Choice(Vec<String>),
}

impl Distribution {
    /// Reads the ends `A..B` of a range of a kind: `log`, `lin` or `int`.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn parse(kind: &str, ends: &str) -> Result<Self, String> {
        let (low, high) = ends.split_once("..").unwrap_or((ends, ""));
        let number = |text: &str| {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| format!("\"{text}\" is no finite number"))
        };
        let whole = |text: &str| {
            text.trim().parse::<i64>().map_err(|_| format!("\"{text}\" is no whole number"))
        };
        let range = match kind {
            "log" => Self::Log(number(low)?, number(high)?),
            "lin" => Self::Lin(number(low)?, number(high)?),
            "int" => Self::Int(whole(low)?, whole(high)?),
            _ => return Err(format!("there is no {kind}: log, lin and int are ranges")),
        };
        match range {
            Self::Log(low, _) if low <= 0.0 => {
                Err("a logarithm needs ends above 0; lin:A..B takes any".into())
            }
            Self::Log(low, high) | Self::Lin(low, high) if low >= high => {
                Err("expected a range from the lower to the higher".into())
            }
            Self::Lin(low, high) if !(high - low).is_finite() => {
                Err("the range is too long".into())
            }
            Self::Int(low, high) if low >= high => {
                Err("expected a range from the lower to the higher".into())
            }
            _ => Ok(range),
        }
    }

    /// How many values there are; none where they can't be counted.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Log(..) | Self::Lin(..) => None,
            Self::Int(low, high) => high.abs_diff(*low).checked_add(1),
            Self::Choice(values) => Some(values.len() as u64),
        }
    }

    /// The value that a random word stands for.
    pub fn at(&self, word: u64) -> String {
        // The upper half of a product of 128 bits is a whole number below `count`.
        let below = |count: u64| ((u128::from(word) * u128::from(count)) >> 64) as u64;
        match self {
            Self::Log(low, high) => {
                let value = (low.ln() + unit(word) * (high.ln() - low.ln())).exp();
                rounded(value, *low, *high)
            }
            Self::Lin(low, high) => rounded(low + unit(word) * (high - low), *low, *high),
            Self::Int(low, high) => match high.abs_diff(*low).checked_add(1) {
                Some(count) => low.wrapping_add_unsigned(below(count)).to_string(),
                None => (word as i64).to_string(),
            },
            Self::Choice(values) => values[below(values.len() as u64) as usize].clone(),
        }
    }
}

/// A number in as few digits as set it apart within its range, never outside of it.
fn rounded(value: f64, low: f64, high: f64) -> String {
    let exponent = |value: f64| value.abs().max(f64::MIN_POSITIVE).log10().floor() as i32;
    let place = exponent(value).min(exponent(high - low)) + 1 - DIGITS;
    let digits = (exponent(value) - place).clamp(0, 17) as usize;
    let value = format!("{value:.digits$e}").parse::<f64>().unwrap_or(value).clamp(low, high);
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_kept() {
        let lin = Distribution::Lin(1000.0, 1000.5);
        assert_eq!((lin.at(0), lin.at(u64::MAX)), ("1000".into(), "1000.5".into()));
        let log = Distribution::Log(1e-9, 3e8);
        assert_eq!((log.at(0), log.at(u64::MAX)), ("1e-9".into(), "3e8".into()));
        let int = Distribution::Int(-2, 2);
        assert_eq!((int.at(0), int.at(u64::MAX)), ("-2".into(), "2".into()));
        let choice = Distribution::Choice(vec!["a".into(), "b".into()]);
        assert_eq!((choice.at(0), choice.at(u64::MAX)), ("a".into(), "b".into()));
        assert_eq!(Distribution::Lin(0.0, 1.0).at(1 << 63), "0.5");
    }
}
