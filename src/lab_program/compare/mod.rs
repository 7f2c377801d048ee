//! Runs side by side: two of them in every value, or groups of them by mean and spread over seeds.

pub mod curves;
pub mod diff;
pub mod figure;
pub mod grouped;
pub mod groups;
