//! `lab report`: one page with the figures, tables and provenance of runs.

pub mod chart;
pub mod command;
pub mod comparison;
pub mod content;
pub mod document;
pub mod escape;
pub mod html;
pub mod markdown;
pub mod plot;
