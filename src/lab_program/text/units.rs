//! Times and sizes as a person reads them.

use jiff::Timestamp;

const UNITS: [(char, f64); 4] = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86_400.0)];

/// Seconds since a time as `provenance.json` has it.
pub fn since(time: &str) -> Option<f64> {
    let time: Timestamp = time.parse().ok()?;
    Some(Timestamp::now().as_second() as f64 - time.as_second() as f64)
}

/// A duration in its largest whole unit: `42s`, `7m`, `3h`, `12d`; one of less than ten seconds with
/// their tenths, `0.4s`.
pub fn short(seconds: f64) -> String {
    if (0.0..9.95).contains(&seconds) && seconds.fract() != 0.0 {
        return format!("{seconds:.1}s");
    }
    let (unit, length) =
        UNITS.iter().rev().find(|(_, length)| seconds >= *length).unwrap_or(&UNITS[0]);
    format!("{:.0}{unit}", (seconds / length).floor().max(0.0))
}

/// Reads what [`short`] writes; none for anything else.
pub fn parse(text: &str) -> Option<f64> {
    UNITS.iter().find_map(|(unit, length)| {
        let number: f64 = text.strip_suffix(*unit)?.parse().ok()?;
        Some(number * length).filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
    })
}

/// A number of bytes: `812 B`, `3.4 MB`.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            let digits = usize::from(value < 10.0 && unit != "B");
            return format!("{value:.digits$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        for (seconds, text) in [
            (0.0, "0s"),
            (0.4, "0.4s"),
            (3.0, "3s"),
            (9.96, "9s"),
            (59.9, "59s"),
            (60.0, "1m"),
            (7300.0, "2h"),
        ] {
            assert_eq!(short(seconds), text);
        }
        assert_eq!(short(86_400.0 * 12.5), "12d");
        assert_eq!(parse("90s").unwrap(), 90.0);
        assert_eq!(parse("1.5h").unwrap(), 5400.0);
        for wrong in ["", "h", "3", "3hh", "-1d", "infs", "3 weeks"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(3400), "3.4 kB");
        assert_eq!(bytes(56_000_000), "56 MB");
        assert_eq!(bytes(u64::MAX), "18446744.1 TB");
    }
}
