//! `lab report`: one page with the figures, tables and provenance of runs.

pub mod command;
pub mod markdown;
pub mod page;
