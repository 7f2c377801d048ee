//! Cells of the tables behind figures.

/// A number for a CSV cell, in the fewest digits that read back to the same bits.
pub(super) fn number(value: Option<f64>) -> String {
    value.filter(|v| !v.is_nan()).map_or_else(String::new, |v| format!("{v:?}"))
}

/// Text for a CSV cell (RFC 4180).
pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
