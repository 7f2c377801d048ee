//! Numbers as a reader expects them on an axis.

/// `digits` as superscripts.
pub(super) fn superscript(exponent: i32) -> String {
    let raise = |digit: char| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => digit.to_digit(10).and_then(|d| char::from_u32(0x2070 + d)).unwrap_or(digit),
    };
    exponent.to_string().chars().map(raise).collect()
}

/// A power of ten: 1, 10, then 10², and 10⁻¹.
pub(super) fn power_of_ten(exponent: i32) -> String {
    match exponent {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        exponent => format!("10{}", superscript(exponent)),
    }
}

/// `value` with `decimals` digits after the point, a true minus sign, and thin spaces between
/// thousands from 10 000 on.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let negative = value < 0.0 && text.chars().any(|c| ('1'..='9').contains(&c));
    let mut out = String::from(if negative { "−" } else { "" });
    for (index, digit) in whole.chars().enumerate() {
        if whole.len() > 4 && index > 0 && (whole.len() - index) % 3 == 0 {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// `value` with about three significant digits: fixed where that is short, else with a power of
/// ten. Trailing zeros are left out.
pub(super) fn short(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let exponent = magnitude(value);
    if value == 0.0 || (-3..5).contains(&exponent) {
        return trimmed(&fixed(value, (2 - exponent).clamp(0, 5) as usize));
    }
    scientific(value)
}

/// `value` with about three significant digits and a power of ten.
pub(super) fn scientific(value: f64) -> String {
    let exponent = magnitude(value);
    let mantissa = trimmed(&fixed(value / 10f64.powi(exponent), 2));
    format!("{mantissa}×10{}", superscript(exponent))
}

/// `value` as the name of a tick or a cell: a power of ten as such where it isn't short in full.
pub(super) fn named(value: f64) -> String {
    let exponent = value.abs().log10().round();
    let is_power = (value.abs().log10() - exponent).abs() < 1e-9;
    if !is_power || (-3.0..5.0).contains(&exponent) {
        return short(value);
    }
    format!("{}{}", if value < 0.0 { "−" } else { "" }, power_of_ten(exponent as i32))
}

/// The exponent of ten in front of the first of three significant digits of `value`.
pub(super) fn magnitude(value: f64) -> i32 {
    if value == 0.0 {
        return 0;
    }
    let text = format!("{:.2e}", value.abs());
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// `text` without the zeros that end its fraction.
pub(super) fn trimmed(text: &str) -> String {
    if !text.contains('.') {
        return text.to_owned();
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact() {
        assert_eq!(short(0.1 + 0.2), "0.3");
        assert_eq!(short(0.0), "0");
        assert_eq!(short(-0.0), "0");
        assert_eq!(short(-12.5), "−12.5");
        assert_eq!(short(0.9996), "1");
        assert_eq!(short(12345.0), "12\u{2009}345");
        assert_eq!(short(1.5e-7), "1.5×10⁻⁷");
        assert_eq!(short(-2e23), "−2×10²³");
        assert_eq!(short(f64::NAN), "NaN");
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(1234567.5, 1), "1\u{2009}234\u{2009}567.5");
        assert_eq!(power_of_ten(-3), "10⁻³");
        let names = [0.001, 1e-4, -1e6, 3e-6, 0.0].map(named);
        assert_eq!(names, ["0.001", "10⁻⁴", "−10⁶", "3×10⁻⁶", "0"]);
    }
}
