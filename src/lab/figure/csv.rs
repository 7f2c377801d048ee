//! Cells of the tables behind figures.

/// A number for a CSV cell, in the fewest digits that read back to the same bits.
pub(super) fn number(value: Option<f64>) -> String {
    value.filter(|v| !v.is_nan()).map_or_else(String::new, |v| format!("{v:?}"))
}

/// Text for a CSV cell (RFC 4180). A spreadsheet would compute what begins as a formula does: before
/// that comes an apostrophe, but before numbers, such as `-1`, `-1,2` or `-1 ± 2`.
pub fn quoted(text: &str) -> String {
    let is_number = |part: &str| part.trim().parse::<f64>().is_ok();
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if formula && !text.split([',', '±']).all(is_number) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{guard}{}\"", text.replace('"', "\"\""));
    }
    format!("{guard}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_formula() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("@a,\"b\"", "\"'@a,\"\"b\"\"\""),
            ("-cmd", "'-cmd"),
            ("-1.5", "-1.5"),
            ("-1 ± 0.5", "-1 ± 0.5"),
            ("-1,+2", "\"-1,+2\""),
            ("a=1", "a=1"),
        ] {
            assert_eq!(quoted(text), cell);
        }
    }
}
