//! Which words of a command line are the sweep's own, and which are the experiment's.

/// Flags of `lab sweep` that take a value.
const WITH_VALUE: [&str; 9] = [
    "--grid",
    "--name",
    "--runs",
    "--checkpoints",
    "--jobs",
    "--gpus",
    "--per-gpu",
    "--launcher",
    "--template",
];

/// Flags of `lab sweep` that take none.
const ALONE: [&str; 5] = ["--quiet", "--together", "--dry-run", "--help", "-h"];

/// Takes the experiment's flags out of the words after `lab sweep`: those that are left, and those
/// that were taken. The first word that is no flag is the experiment, and ours.
pub fn split(words: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut own, mut passed) = (Vec::new(), Vec::new());
    let mut words = words.into_iter().peekable();
    // The experiment's name, or status or member.
    if let Some(first) = words.next_if(|word| !word.starts_with('-')) {
        own.push(first);
    }
    while let Some(word) = words.next() {
        let flag = word.split('=').next().unwrap_or_default().to_string();
        if flag == "--resume" {
            own.push(word);
            own.extend(words.next_if(|next| !next.starts_with('-')));
        } else if WITH_VALUE.contains(&flag.as_str()) {
            let whole = word.contains('=') && flag != word;
            own.push(word);
            if !whole {
                own.extend(words.next());
            }
        } else if ALONE.contains(&word.as_str()) {
            own.push(word);
        } else {
            passed.push(word);
        }
    }
    (own, passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_experiments_flags_are_passed_on() {
        let line =
            "selector_mnist --data digits --grid lr=1,2 --epochs=3 --jobs=2 --quiet --hidden 4";
        let (own, passed) = split(line.split(' ').map(String::from).collect());
        assert_eq!(own.join(" "), "selector_mnist --grid lr=1,2 --jobs=2 --quiet");
        assert_eq!(passed.join(" "), "--data digits --epochs=3 --hidden 4");
        let (own, passed) = split(vec!["--resume".into(), "a".into(), "--jobs".into(), "1".into()]);
        assert_eq!(own, ["--resume", "a", "--jobs", "1"]);
        assert!(passed.is_empty());
    }
}
