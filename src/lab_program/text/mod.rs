//! How tables, numbers, times and sizes are written for people.

pub mod table;
pub mod units;
