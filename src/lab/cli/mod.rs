//! From a command line to a configuration: flags, presets, configuration files.

pub mod parse;
pub mod settings;
