//! Which libtorch computes.

use anyhow::{Result, ensure};

unsafe extern "C" {
    /// Of the library that was loaded: its major, minor and patch version, each a byte from the
    /// highest on.
    safe fn aoti_torch_abi_version() -> u64;
}

/// The version of the libtorch that the program was linked with, as its folder said.
pub fn version() -> &'static str {
    option_env!("NEURON_LAB_LIBTORCH_VERSION").unwrap_or("unknown")
}

/// Refuses to compute with another version than the program was linked with: what the two
/// call by one name need not be the same.
///
/// # Errors
/// One line with both versions.
pub fn check() -> Result<()> {
    compare(version(), aoti_torch_abi_version())
}

fn compare(linked: &str, loaded: u64) -> Result<()> {
    let [major, minor, patch, ..] = loaded.to_be_bytes();
    let loaded = format!("{major}.{minor}.{patch}");
    // Behind the numbers is how it was built: `2.13.0+cu130`, `2.13.0a0+git1234567`.
    let rest =
        linked.strip_prefix(&loaded).map(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let same = rest.is_some_and(|goes_on| !goes_on);
    ensure!(
        same || linked == "unknown",
        "libtorch {loaded} was loaded, and this program is made for {linked}: run scripts/setup and \
         build it again, and unset LD_PRELOAD"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_that_was_linked_will_do() {
        assert!(version().starts_with("2.") && check().is_ok(), "{}", version());
        let loaded = u64::from_be_bytes([2, 13, 1, 0, 0, 0, 0, 0]);
        for good in ["2.13.1", "2.13.1+cpu", "2.13.1a0+git1234567", "unknown"] {
            assert!(compare(good, loaded).is_ok(), "{good}");
        }
        for bad in ["2.13.0+cpu", "2.13.10", "2.9.1"] {
            let said = compare(bad, loaded).unwrap_err().to_string();
            assert!(
                said.starts_with("libtorch 2.13.1 was loaded, ") && said.contains(bad),
                "{said}"
            );
        }
    }
}
