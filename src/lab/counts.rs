//! Counts in words: one seed, two seeds.

use std::fmt::Display;

/// A count with its noun: `1 network`, `3 networks`, `0 batches`.
pub fn counted<N: Display + Copy + TryInto<i64>>(count: N, noun: &str) -> String {
    format!("{count} {}", if is_one(count) { noun.to_owned() } else { plural(noun) })
}

/// What a summary is of: `mean of 3 networks`; of a single one there is nothing to summarise, and it
/// says `one network`.
pub fn summary_of<N: Display + Copy + TryInto<i64>>(summary: &str, count: N, noun: &str) -> String {
    match is_one(count) {
        true => format!("one {noun}"),
        false => format!("{summary} of {count} {}", plural(noun)),
    }
}

fn is_one<N: TryInto<i64>>(count: N) -> bool {
    count.try_into().is_ok_and(|count: i64| count == 1)
}

fn plural(noun: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    match noun.strip_suffix('y') {
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        _ if ends(&["s", "x", "ch", "sh"]) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(counted(1, "network"), "1 network");
        assert_eq!(counted(0, "network"), "0 networks");
        assert_eq!(counted(2usize, "batch"), "2 batches");
        assert_eq!(counted(1u64, "batch"), "1 batch");
        assert_eq!(counted(3i64, "boundary"), "3 boundaries");
        assert_eq!(counted(3, "day"), "3 days");
        assert_eq!(counted(u64::MAX, "held-out word"), "18446744073709551615 held-out words");
    }

    #[test]
    fn one_has_no_mean() {
        assert_eq!(summary_of("mean", 1, "network"), "one network");
        assert_eq!(summary_of("median", 10usize, "seed"), "median of 10 seeds");
    }
}
