//! The package that a binary was built from.

/// Name, version and commit of the package whose binary computes a run: see
/// [`package!`](crate::package).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Its name in `Cargo.toml`.
    pub name: &'static str,
    /// Its version in `Cargo.toml`.
    pub version: &'static str,
    /// The git commit of its sources when the binary was built, where that is known.
    pub git_commit: Option<&'static str>,
    /// `true` or `false`: whether the sources differed from that commit.
    pub git_dirty: Option<&'static str>,
    /// How they differed, for `git apply`, on one line: a line's end is written as `\n` or `\r`, and a
    /// backslash as two.
    pub git_diff: Option<&'static str>,
}

impl Package {
    /// This package: the lab with its experiments.
    pub const LAB: Self = crate::package!();

    /// [`Self::git_diff`] in its lines.
    pub fn difference(&self) -> Option<String> {
        let mut characters = self.git_diff?.chars();
        let mut text = String::new();
        while let Some(character) = characters.next() {
            text.push(match character {
                '\\' => match characters.next() {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    other => other.unwrap_or('\\'),
                },
                plain => plain,
            });
        }
        Some(text)
    }
}

/// The [`Package`] of the crate in which this is written.
///
/// The commit is that which the crate's build script gives to the compiler as
/// `NEURON_LAB_GIT_COMMIT`, with `NEURON_LAB_GIT_DIRTY` being `true` or `false` and
/// `NEURON_LAB_GIT_DIFF` as [`Package::git_diff`](crate::lab::store::record::Package::git_diff);
/// without them it is unknown.
///
/// ```
/// let package = neuron_lab::package!();
/// assert!(!package.name.is_empty());
/// ```
#[macro_export]
macro_rules! package {
    () => {
        $crate::lab::store::record::Package {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            git_commit: option_env!("NEURON_LAB_GIT_COMMIT"),
            git_dirty: option_env!("NEURON_LAB_GIT_DIRTY"),
            git_diff: option_env!("NEURON_LAB_GIT_DIFF"),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_has_its_lines_again() {
        let package = Package { git_diff: Some(r"# a\n+ b\\n\r\n"), ..Package::LAB };
        assert_eq!(package.difference().unwrap(), "# a\n+ b\\n\r\n");
        assert_eq!(Package { git_diff: None, ..package }.difference(), None);
    }
}
