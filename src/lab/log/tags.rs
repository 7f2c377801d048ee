//! What each tag means.

/// The meaning of a tag by a list of patterns, in which `*` stands for any part; the first pattern
/// that fits counts. The spread of a tag over replicates, `<tag>/sd`, means what the tag does.
pub fn meaning<'a>(patterns: &[(&str, &'a str)], tag: &str) -> Option<&'a str> {
    let tag = tag.strip_suffix("/sd").unwrap_or(tag);
    patterns.iter().find(|(pattern, _)| fits(pattern, tag)).map(|(_, meaning)| *meaning)
}

fn fits(pattern: &str, tag: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == tag,
        Some((before, after)) => tag.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|i| rest.is_char_boundary(i) && fits(after, &rest[i..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_any_part() {
        let patterns = [("eval/loss", "a"), ("selection/*/A", "b"), ("time/*", "c")];
        assert_eq!(meaning(&patterns, "eval/loss"), Some("a"));
        assert_eq!(meaning(&patterns, "eval/loss/sd"), Some("a"));
        assert_eq!(meaning(&patterns, "selection/test/layer1/A"), Some("b"));
        assert_eq!(meaning(&patterns, "selection/test/layer1/B"), None);
        assert_eq!(meaning(&patterns, "time/data_ms"), Some("c"));
        assert_eq!(meaning(&patterns, "eval/losses"), None);
    }
}
