//! From a command line to a configuration: flags, presets, configuration files.

pub mod command;
pub mod config;
pub mod layers;
pub mod naming;
pub mod settings;
pub mod spec;

pub use command::Invocation;
pub use config::{Config, Settings};
pub use spec::{Absent, Action, ActionOption, ActionRequest, Preset, Spec};
