//! Values of a configuration that can't be used, all of them and not only the first.

use anyhow::Result;

use crate::lab::error::{one_line, refuse};

/// Collects what is wrong with a configuration.
#[derive(Debug, Default)]
pub struct Refusals(Vec<String>);

impl Refusals {
    /// Notes a value that can't be used: the flag, its value and what is expected.
    pub fn add(&mut self, message: impl Into<String>) {
        let message = message.into();
        if !self.0.contains(&message) {
            self.0.push(message);
        }
    }

    /// Notes what `message` says, unless the value is good.
    pub fn unless(&mut self, good: bool, message: impl FnOnce() -> String) {
        if !good {
            self.add(message());
        }
    }

    /// Notes the error of a check that ends at the first value that can't be used.
    pub fn take<T>(&mut self, checked: Result<T>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(one_line(&error));
                None
            }
        }
    }

    /// Whether nothing was noted so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the checks.
    ///
    /// # Errors
    /// Exit code 2 with everything that was noted, on one line.
    pub fn finish(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(refuse(self.0.join("; "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::exit_status;

    #[test]
    fn every_refusal_is_on_the_one_line() {
        let mut refusals = Refusals::default();
        refusals.unless(true, || "--good 1".into());
        refusals.unless(false, || "--lr 0: expected a positive number".into());
        refusals.take::<()>(Err(refuse("--beta1 2: expected less than 1")));
        refusals.add("--lr 0: expected a positive number");
        let error = refusals.finish().unwrap_err();
        assert_eq!(exit_status(&error), 2);
        let expected = "--lr 0: expected a positive number; --beta1 2: expected less than 1";
        assert_eq!(error.to_string(), expected);
        assert!(Refusals::default().finish().is_ok());
    }
}
