//! Measured numbers as text.

/// A measured number in at most five digits; a whole one below ten million in all of its digits.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == value.trunc() && size < 1e7 {
        format!("{value:.0}")
    } else if (1e-3..1e5).contains(&size) {
        let digits = (4 - size.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{value:.digits$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').into(),
            false => text,
        }
    } else {
        format!("{value:.3e}")
    }
}

/// Mean and standard deviation in as many digits as the second says anything about: two of the
/// deviation's own, and the mean to the same place.
pub fn with_spread(mean: f64, sd: f64) -> String {
    if !(mean.is_finite() && sd.is_finite()) || sd <= 0.0 {
        return format!("{} ± {}", number(mean), number(sd));
    }
    let exponent = |value: f64| value.abs().log10().floor() as i32;
    // Rounded first, since 0.0999 has its first digit where 0.10 has.
    let sd: f64 = format!("{sd:.1e}").parse().unwrap_or(sd);
    let place = exponent(sd) - 1;
    let largest = mean.abs().max(sd);
    if (1e-3..1e5).contains(&largest) && place >= -6 {
        let (unit, decimals) = (10f64.powi(place), (-place).max(0) as usize);
        let round = |value: f64| if place > 0 { (value / unit).round() * unit } else { value };
        let text = |value: f64| format!("{:.decimals$}", round(value));
        return format!("{} ± {}", text(mean), text(sd));
    }
    let digits = (exponent(largest) - place).clamp(1, 12) as usize;
    let mean = if mean == 0.0 { "0".into() } else { format!("{mean:.digits$e}") };
    format!("{mean} ± {sd:.1e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        for (value, text) in [
            (0.123456, "0.12346"),
            (0.5, "0.5"),
            (1234.5678, "1234.6"),
            (12340.4, "12340"),
            (1e-7, "1.000e-7"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(120.0), "120");
        for (mean, sd, text) in [
            (0.72667, 0.043815, "0.727 ± 0.044"),
            (0.9731, 0.0996, "0.97 ± 0.10"),
            (0.0012, 0.5, "0.00 ± 0.50"),
            (-12345.6, 678.9, "-12350 ± 680"),
            (93.0, 12.0, "93 ± 12"),
            (1.234e-7, 4.4e-9, "1.234e-7 ± 4.4e-9"),
            (1.5e6, 2.5e4, "1.500e6 ± 2.5e4"),
            (0.5, 0.0, "0.5 ± 0"),
            (f64::NAN, 1.0, "NaN ± 1"),
        ] {
            assert_eq!(with_spread(mean, sd), text);
        }
    }
}
