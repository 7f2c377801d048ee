//! What each tag means.

/// What the tags of the edges of bands begin with.
const BANDS: &str = "bands/";

/// What the lab itself logs of every run, about once a second.
pub const SYSTEM: [(&str, &str); 6] = [
    ("system/process_memory_gb", "resident memory of the process, in GB of 10^9 bytes"),
    (
        "system/gpu_process_memory_gb",
        "GPU memory of the process, by the driver, in GB: what libtorch has reserved, and CUDA itself",
    ),
    ("system/gpu_memory_gb", "memory of the GPU in use by all processes, by the driver, in GB"),
    (
        "system/gpu_utilization_percent",
        "share of the last second, or less, in which the GPU computed at all, by the driver",
    ),
    ("system/gpu_temperature_c", "temperature of the GPU, in degrees Celsius"),
    ("system/gpu_power_w", "electric power that the GPU takes, in watts"),
];

/// The meaning of a tag by a list of patterns, in which `*` stands for any part, and by [`SYSTEM`]; the
/// first pattern that fits counts. The spread of a tag over replicates, `<tag>/sd`, means what the tag
/// does, and so do the edges of its band.
pub fn meaning<'a>(patterns: &[(&str, &'a str)], tag: &str) -> Option<&'a str> {
    let tag = match tag.strip_prefix(BANDS).and_then(|edge| edge.rsplit_once('/')) {
        Some((banded, _)) => banded,
        None => tag.strip_suffix("/sd").unwrap_or(tag),
    };
    let mut all = patterns.iter().copied().chain(SYSTEM);
    all.find(|(pattern, _)| fits(pattern, tag)).map(|(_, meaning)| meaning)
}

/// The tags of the lower and the upper edge of the band that a chart shows around a tag's curve.
pub fn edges(tag: &str) -> [String; 2] {
    ["lower", "upper"].map(|edge| format!("{BANDS}{tag}/{edge}"))
}

/// Whether a tag is one of the machine: what the clock says (`time/`), and what the run used
/// (`system/`). Their values are others each time that a run is made again, and are no results.
pub fn is_of_machine(tag: &str) -> bool {
    ["time/", "system/"].iter().any(|kind| tag.starts_with(kind))
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
        assert_eq!(meaning(&patterns, "bands/eval/loss/lower"), Some("a"));
        assert_eq!(meaning(&patterns, "selection/test/layer1/A"), Some("b"));
        assert_eq!(meaning(&patterns, "selection/test/layer1/B"), None);
        assert_eq!(meaning(&patterns, "time/data_ms"), Some("c"));
        assert_eq!(meaning(&patterns, "eval/losses"), None);
        assert_eq!(meaning(&patterns, "system/gpu_power_w"), Some(SYSTEM[5].1));
    }

    #[test]
    fn what_the_machine_says_is_no_result() {
        assert!(SYSTEM.iter().all(|(tag, _)| is_of_machine(tag)) && is_of_machine("time/data_ms"));
        assert!(!is_of_machine("eval/time/x") && !is_of_machine("systems"));
    }
}
